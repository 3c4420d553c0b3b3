//! What blocks get of a series: the chunks that the original's head would have cut.
//!
//! Memory cuts chunks as the original does, by time and number of samples, but does not know how long its floats are as XOR
//! chunks. The original ends these before they outgrow a kilobyte, which only noisy floats do. Where encoding shows
//! that, chunks are cut anew from there on.

use metrics_core::Timestamp;

use super::closed_chunk::{ChunkData, ClosedChunk};
use super::open_floats::is_cut_due;
use super::series::{CutRule, end_of_range};
use crate::chunk::xor::XorAppender;
use crate::chunk::{ChunkError, EncodedChunk, Encoding};

/// Bytes of an XOR chunk that takes a sample more: a kilobyte without the longest sample.
const LAST_ROOM: usize = 1024 - 19;

/// Encodes chunks of one series, in order of time.
pub(super) fn encode(chunks: &[ClosedChunk], rule: CutRule) -> Result<Vec<EncodedChunk>, ChunkError> {
    let mut encoded = Vec::with_capacity(chunks.len());
    let mut rest = chunks;
    while let [chunk, others @ ..] = rest {
        let whole = chunk.encode()?;
        let is_ours = matches!(chunk.data, ChunkData::Floats(_));
        if is_ours && whole.bytes.len() > LAST_ROOM {
            let end = end_of_range(chunk.first, rule.chunk_range);
            let follows = |c: &&ClosedChunk| matches!(c.data, ChunkData::Floats(_)) && c.first < end;
            let run = 1 + others.iter().take_while(follows).count();
            cut_anew(&rest[..run], rule, &mut encoded)?;
            rest = &rest[run..];
        } else {
            encoded.push(whole);
            rest = others;
        }
    }
    Ok(encoded)
}

/// Cuts the floats of neighbouring chunks by all of the original's rules.
fn cut_anew(chunks: &[ClosedChunk], rule: CutRule, into: &mut Vec<EncodedChunk>) -> Result<(), ChunkError> {
    let mut samples = Vec::new();
    chunks.iter().try_for_each(|chunk| chunk.floats(&mut samples))?;
    let mut open: Option<Open> = None;
    for (timestamp, value) in samples {
        if open.as_mut().is_some_and(|open| open.is_full(timestamp)) {
            into.extend(open.take().map(Open::finish));
        }
        open.get_or_insert_with(|| Open::starting_at(timestamp, rule)).push(timestamp, value)?;
    }
    into.extend(open.map(Open::finish));
    Ok(())
}

/// A chunk that is being filled.
struct Open {
    chunk: XorAppender,
    first: Timestamp,
    last: Timestamp,
    cut_after: u32,
}

impl Open {
    fn starting_at(first: Timestamp, rule: CutRule) -> Self {
        Self { chunk: XorAppender::new(), first, last: first, cut_after: rule.cut_after(first) }
    }

    fn is_full(&mut self, timestamp: Timestamp) -> bool {
        self.chunk.len() > LAST_ROOM
            || is_cut_due(self.chunk.samples(), self.first, self.last, timestamp, &mut self.cut_after)
    }

    fn push(&mut self, timestamp: Timestamp, value: f64) -> Result<(), ChunkError> {
        self.last = timestamp;
        self.chunk.append(timestamp, value)
    }

    fn finish(self) -> EncodedChunk {
        let bytes = self.chunk.finish();
        EncodedChunk { min_time: self.first, max_time: self.last, encoding: Encoding::Xor, bytes }
    }
}

#[cfg(test)]
mod tests {
    use metrics_core::Value;

    use super::super::series::Series;
    use super::*;
    use crate::chunk::{decode_each, sample_count};

    const RULE: CutRule = CutRule { chunk_range: 7_200_000 };

    /// Floats whose bits are as hard to foresee as they come, at times that jitter.
    fn noise(samples: u64) -> Vec<(Timestamp, f64)> {
        let bits = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12;
        let sample = |i: u64| {
            let value = f64::from_bits(0x3ff0_0000_0000_0000 | bits(i + 1));
            (15_000 * i as i64 + (bits(7 * i + 3) % 900) as i64, value)
        };
        (0..samples).map(sample).collect()
    }

    #[test]
    fn chunks_of_noise_end_before_they_outgrow_a_kilobyte() {
        let (mut series, mut slab) = <(Series, _)>::default();
        let samples = noise(1500);
        for (t, v) in &samples {
            assert!(series.push_float(&mut slab, *t, *v, RULE));
        }
        let chunks = series.chunks(&slab, i64::MIN, i64::MAX);
        let encoded = encode(&chunks, RULE).unwrap();
        assert!(encoded.len() > chunks.len(), "{} {}", encoded.len(), chunks.len());
        let mut found = Vec::new();
        for chunk in &encoded {
            assert!(chunk.bytes.len() <= 1024, "{}", chunk.bytes.len());
            assert!(chunk.min_time / RULE.chunk_range == chunk.max_time / RULE.chunk_range);
            decode_each(chunk.encoding, &chunk.bytes, |t, value| found.push((t, value))).unwrap();
        }
        assert_eq!(found, samples.iter().map(|(t, v)| (*t, Value::Float(*v))).collect::<Vec<_>>());
        // Full ones are cut by their bytes, not by the number that fits.
        let sizes: Vec<u16> = encoded.iter().map(|c| sample_count(&c.bytes).unwrap()).collect();
        assert!(sizes.iter().any(|n| (90..119).contains(n)), "{sizes:?}");
    }

    #[test]
    fn chunks_that_are_short_enough_stay_as_they_are() {
        let (mut series, mut slab) = <(Series, _)>::default();
        for i in 0..1000 {
            assert!(series.push_float(&mut slab, i * 15_000, i as f64, RULE));
        }
        let chunks = series.chunks(&slab, i64::MIN, i64::MAX);
        let plain: Vec<_> = chunks.iter().map(|c| c.encode().unwrap()).collect();
        assert_eq!(encode(&chunks, RULE).unwrap(), plain);
    }
}
