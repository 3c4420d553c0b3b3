//! Writing dense chunks, and whether they are what was meant.

use super::header::{Header, Times};
use super::values::ValueWriter;
use super::{Level, MAX_SAMPLES, decode, times};
use crate::chunk::xor::XorAppender;
use crate::chunk::{EncodedChunk, Encoding};

/// Bytes a sample above which an XOR chunk may be shorter.
const POOR: usize = 3;

/// Writes chunks; keeps its buffers from one to the next.
#[derive(Debug, Default)]
pub struct Encoder {
    level: Level,
    values: ValueWriter,
    /// The times written last, and how: many series of a target have the same.
    timestamps: Vec<i64>,
    times: Vec<u8>,
    times_form: Option<Times>,
    body: Vec<u8>,
    read_times: Vec<i64>,
    read_values: Vec<f64>,
}

/// Encodes samples in order of time: dense, or as XOR if that is shorter by far. `None` without samples or with more
/// than [`MAX_SAMPLES`].
///
/// ```
/// use tsdb::chunk::{Encoding, dense};
/// let times: Vec<i64> = (0..1000).map(|i| 1_700_000_000_000 + i * 15_000).collect();
/// let values: Vec<f64> = (0..1000).map(|i| (i * i % 97) as f64 / 100.0).collect();
/// let chunk = dense::encode(&times, &values).expect("there are samples");
/// assert_eq!(chunk.encoding, Encoding::Dense);
/// assert!(chunk.bytes.len() < 1100);
/// let (mut t, mut v) = (Vec::new(), Vec::new());
/// dense::decode(&chunk.bytes, &mut t, &mut v)?;
/// assert_eq!((t, v), (times, values));
/// # Ok::<(), tsdb::chunk::ChunkError>(())
/// ```
pub fn encode(timestamps: &[i64], values: &[f64]) -> Option<EncodedChunk> {
    Encoder::default().encode(timestamps, values)
}

impl Encoder {
    /// An encoder that spends so much time.
    pub fn new(level: Level) -> Self {
        Self { level, ..Self::default() }
    }

    /// As [`encode`].
    pub fn encode(&mut self, timestamps: &[i64], values: &[f64]) -> Option<EncodedChunk> {
        if timestamps.is_empty() || timestamps.len() > MAX_SAMPLES || timestamps.len() != values.len() {
            return None;
        }
        let dense = self.encode_dense(timestamps, values);
        self.choose(dense, timestamps, values)
    }

    /// The dense chunk, unless it is not what was meant or an XOR chunk is shorter.
    pub(super) fn choose(
        &mut self,
        dense: Vec<u8>,
        timestamps: &[i64],
        values: &[f64],
    ) -> Option<EncodedChunk> {
        let (min_time, max_time) = (*timestamps.first()?, *timestamps.last()?);
        let is_good = self.is_equal(&dense, timestamps, values);
        if is_good && dense.len() <= POOR * values.len() {
            return Some(EncodedChunk { min_time, max_time, encoding: Encoding::Dense, bytes: dense });
        }
        let mut xor = XorAppender::new();
        for (t, v) in timestamps.iter().zip(values) {
            xor.append(*t, *v).ok()?;
        }
        let (encoding, bytes) = if is_good && dense.len() < xor.len() {
            (Encoding::Dense, dense)
        } else {
            (Encoding::Xor, xor.finish())
        };
        Some(EncodedChunk { min_time, max_time, encoding, bytes })
    }

    /// Whether a chunk decodes to exactly these samples.
    pub(super) fn is_equal(&mut self, chunk: &[u8], timestamps: &[i64], values: &[f64]) -> bool {
        let (t, v) = (&mut self.read_times, &mut self.read_values);
        t.clear();
        v.clear();
        decode(chunk, t, v).is_ok()
            && t == timestamps
            && v.len() == values.len()
            && v.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits())
    }

    /// Samples, of which there is one at least, without a look at what else could be done.
    pub(super) fn encode_dense(&mut self, timestamps: &[i64], values: &[f64]) -> Vec<u8> {
        let times = self.write_times(timestamps);
        self.body.clear();
        let written = self.values.put(&mut self.body, values, self.level);
        let header = Header {
            // At most 65,535 samples: checked by the caller.
            samples: timestamps.len() as u16,
            min_delta: written.min_delta,
            times,
            values: written.values,
            is_corrected: written.is_corrected,
            has_unit: written.has_unit,
            exponent: written.exponent,
        };
        debug_assert_ne!(header.times, Times::Elsewhere, "only blocks have neighbours");
        let mut chunk = Vec::with_capacity(16 + self.times.len() + self.body.len());
        header.put(&mut chunk);
        chunk.extend_from_slice(&self.times);
        chunk.extend_from_slice(&self.body);
        chunk
    }

    /// Writes times, unless they are those written last.
    fn write_times(&mut self, timestamps: &[i64]) -> Times {
        match self.times_form {
            Some(form) if self.timestamps == timestamps => form,
            _ => {
                self.timestamps.clear();
                self.timestamps.extend_from_slice(timestamps);
                self.times.clear();
                *self.times_form.insert(times::put(&mut self.times, timestamps))
            }
        }
    }
}
