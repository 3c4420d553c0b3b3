//! Samples of one series, of any kind, into chunks.

use metrics_core::Value;

use super::histogram_run::{Candidate, Offer, Run, RunEnd};
use super::xor::XorAppender;
use super::{ChunkError, Encoding, dense};

/// A finished chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedChunk {
    /// Time of its first sample.
    pub min_time: i64,
    /// Time of its last sample.
    pub max_time: i64,
    /// How to read it.
    pub encoding: Encoding,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Turns the samples of one series, in order of time, into chunks of the field's encodings.
///
/// A new chunk begins when the last one is full, when the kind of sample changes, at a counter reset of histograms, and
/// where the caller asks for one.
///
/// ```
/// use metrics_core::Value;
/// use tsdb::chunk::ChunkEncoder;
/// let mut encoder = ChunkEncoder::new(120);
/// for i in 0..200 {
///     encoder.push(i * 1000, &Value::Float(0.5))?;
/// }
/// let chunks = encoder.finish();
/// assert_eq!(chunks.iter().map(|c| c.min_time).collect::<Vec<_>>(), [0, 120_000]);
/// # Ok::<(), tsdb::chunk::ChunkError>(())
/// ```
#[derive(Debug)]
pub struct ChunkEncoder {
    samples_per_chunk: usize,
    dense: Option<dense::Encoder>,
    open: Open,
    /// The run before, as far as the next may follow it.
    integers_before: Option<RunEnd<u64>>,
    floats_before: Option<RunEnd<f64>>,
    done: Vec<EncodedChunk>,
}

/// The chunk that samples go into.
#[derive(Debug)]
enum Open {
    Nothing,
    Floats { min_time: i64, max_time: i64, chunk: XorAppender },
    Dense { timestamps: Vec<i64>, values: Vec<f64> },
    Integers(Run<u64>),
    FloatHistograms(Run<f64>),
}

/// How far a chunk has come that is still open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenSize {
    /// Time of its first sample.
    pub(crate) first: i64,
    /// Time of its last sample.
    pub(crate) last: i64,
    pub(crate) samples: u16,
    pub(crate) bytes: usize,
}

impl ChunkEncoder {
    /// Begins, with chunks of at most so many samples (1 ..= 65,535); the field takes 120.
    pub fn new(samples_per_chunk: u16) -> Self {
        Self {
            samples_per_chunk: usize::from(samples_per_chunk.max(1)),
            dense: None,
            open: Open::Nothing,
            integers_before: None,
            floats_before: None,
            done: Vec::new(),
        }
    }

    /// As [`ChunkEncoder::new`], with [dense](dense) chunks of floats where they are shorter.
    pub fn dense(samples_per_chunk: u16, level: dense::Level) -> Self {
        Self { dense: Some(dense::Encoder::new(level)), ..Self::new(samples_per_chunk) }
    }

    /// Adds a sample; its time must be above that of the last one.
    ///
    /// # Errors
    /// None for kinds of samples that are known here.
    pub fn push(&mut self, timestamp: i64, value: &Value) -> Result<(), ChunkError> {
        if self.open_samples() >= self.samples_per_chunk {
            self.cut();
        }
        match value {
            Value::Float(v) => self.push_float(timestamp, *v),
            Value::Histogram(h) => self.push_integers(Candidate::of_integers(timestamp, h)),
            Value::FloatHistogram(h) => self.push_float_histogram(Candidate::of_floats(timestamp, h)),
            _ => Err(ChunkError::Kind),
        }
    }

    /// Adds a float; see [`ChunkEncoder::push`].
    ///
    /// # Errors
    /// As [`ChunkEncoder::push`].
    pub fn push_float(&mut self, timestamp: i64, value: f64) -> Result<(), ChunkError> {
        let is_floats = matches!(self.open, Open::Floats { .. } | Open::Dense { .. });
        if self.open_samples() >= self.samples_per_chunk || !is_floats {
            self.cut();
            self.open = if self.dense.is_some() {
                Open::Dense { timestamps: Vec::new(), values: Vec::new() }
            } else {
                Open::Floats { min_time: timestamp, max_time: timestamp, chunk: XorAppender::new() }
            };
        }
        match &mut self.open {
            Open::Floats { max_time, chunk, .. } => {
                chunk.append(timestamp, value)?;
                *max_time = timestamp;
            }
            Open::Dense { timestamps, values } => {
                timestamps.push(timestamp);
                values.push(value);
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds floats in order of time; see [`ChunkEncoder::push`].
    ///
    /// # Errors
    /// As [`ChunkEncoder::push`].
    pub fn push_floats(&mut self, timestamps: &[i64], values: &[f64]) -> Result<(), ChunkError> {
        let (mut times, mut values) = (timestamps, values);
        loop {
            // Dense chunks take as many at once as they have room for.
            if let Open::Dense { timestamps, values: open } = &mut self.open {
                let room =
                    self.samples_per_chunk.saturating_sub(open.len()).min(times.len()).min(values.len());
                timestamps.extend_from_slice(&times[..room]);
                open.extend_from_slice(&values[..room]);
                (times, values) = (&times[room..], &values[room..]);
            }
            let (Some((t, after)), Some((v, others))) = (times.split_first(), values.split_first()) else {
                return Ok(());
            };
            self.push_float(*t, *v)?;
            (times, values) = (after, others);
        }
    }

    /// Ends the open chunk; the next sample begins another.
    pub fn cut(&mut self) {
        let chunk = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Floats { min_time, max_time, chunk } => {
                (self.integers_before, self.floats_before) = (None, None);
                EncodedChunk { min_time, max_time, encoding: Encoding::Xor, bytes: chunk.finish() }
            }
            Open::Dense { timestamps, values } => {
                (self.integers_before, self.floats_before) = (None, None);
                self.done.extend(self.dense.as_mut().and_then(|d| d.encode(&timestamps, &values)));
                return;
            }
            Open::Integers(run) => {
                let chunk = integer_chunk(&run);
                (self.integers_before, self.floats_before) = (Some(run.into_end()), None);
                chunk
            }
            Open::FloatHistograms(run) => {
                let chunk = float_chunk(&run);
                (self.integers_before, self.floats_before) = (None, Some(run.into_end()));
                chunk
            }
        };
        self.done.push(chunk);
    }

    /// Takes the chunks that were ended, in order.
    pub(crate) fn take_done(&mut self) -> Vec<EncodedChunk> {
        std::mem::take(&mut self.done)
    }

    /// A copy of the open chunk, if that is one of histograms.
    pub(crate) fn open_histogram_chunk(&self) -> Option<EncodedChunk> {
        match &self.open {
            Open::Integers(run) => Some(integer_chunk(run)),
            Open::FloatHistograms(run) => Some(float_chunk(run)),
            _ => None,
        }
    }

    /// What the open chunk has come to, if that is one of histograms.
    pub(crate) fn open_histograms(&self) -> Option<OpenSize> {
        let ((first, last), samples, bytes) = match &self.open {
            Open::Integers(run) => (run.ends(), run.samples(), run.len_bytes()),
            Open::FloatHistograms(run) => (run.ends(), run.samples(), run.len_bytes()),
            _ => return None,
        };
        Some(OpenSize { first, last, samples, bytes })
    }

    /// Ends the open chunk and returns all chunks in order.
    pub fn finish(mut self) -> Vec<EncodedChunk> {
        self.take()
    }

    /// As [`ChunkEncoder::finish`], ready for another series then.
    pub fn take(&mut self) -> Vec<EncodedChunk> {
        self.cut();
        (self.integers_before, self.floats_before) = (None, None);
        std::mem::take(&mut self.done)
    }

    /// Samples in the open chunk.
    fn open_samples(&self) -> usize {
        match &self.open {
            Open::Nothing => 0,
            Open::Floats { chunk, .. } => usize::from(chunk.samples()),
            Open::Dense { timestamps, .. } => timestamps.len(),
            Open::Integers(run) => usize::from(run.samples()),
            Open::FloatHistograms(run) => usize::from(run.samples()),
        }
    }

    fn push_integers(&mut self, candidate: Candidate<u64>) -> Result<(), ChunkError> {
        let next = match &mut self.open {
            Open::Integers(run) => match run.offer(candidate)? {
                Offer::Taken => return Ok(()),
                Offer::Refused(next) => {
                    self.cut();
                    next
                }
            },
            _ => {
                self.cut();
                Run::start(candidate, self.integers_before.as_ref())
            }
        };
        self.open = Open::Integers(next);
        Ok(())
    }

    fn push_float_histogram(&mut self, candidate: Candidate<f64>) -> Result<(), ChunkError> {
        let next = match &mut self.open {
            Open::FloatHistograms(run) => match run.offer(candidate)? {
                Offer::Taken => return Ok(()),
                Offer::Refused(next) => {
                    self.cut();
                    next
                }
            },
            _ => {
                self.cut();
                Run::start(candidate, self.floats_before.as_ref())
            }
        };
        self.open = Open::FloatHistograms(next);
        Ok(())
    }
}

fn integer_chunk(run: &Run<u64>) -> EncodedChunk {
    let (min_time, max_time) = run.ends();
    EncodedChunk { min_time, max_time, encoding: Encoding::Histogram, bytes: run.chunk() }
}

fn float_chunk(run: &Run<f64>) -> EncodedChunk {
    let (min_time, max_time) = run.ends();
    EncodedChunk { min_time, max_time, encoding: Encoding::FloatHistogram, bytes: run.chunk() }
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
