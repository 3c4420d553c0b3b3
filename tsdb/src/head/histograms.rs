//! The open chunk of a series of native histograms.

use std::mem::discriminant;

use metrics_core::{Timestamp, Value};

use super::limits::heap_size;
use super::series::{CutRule, end_of_range};
use crate::chunk::{ChunkEncoder, ChunkError, EncodedChunk};

/// Bytes per chunk aimed at.
const TARGET_BYTES: usize = 1024;

/// Samples that a chunk has at least unless the block range ends: a single histogram may be longer than a chunk should.
const LEAST_SAMPLES: u16 = 10;

/// Histograms of one kind, encoded as they come, and where their chunk ends.
#[derive(Debug)]
pub(super) struct OpenHistograms {
    encoder: ChunkEncoder,
    newest: Value,
    /// The end of the block range in which the open chunk began.
    range_end: Timestamp,
    /// When a new chunk is due at the latest.
    cut_at: Timestamp,
    /// Whether `cut_at` was planned from the rate at which the chunk fills.
    is_planned: bool,
}

impl OpenHistograms {
    /// An open chunk of one histogram.
    ///
    /// # Errors
    /// If the value is no histogram.
    pub(super) fn new(timestamp: Timestamp, value: Value, rule: CutRule) -> Result<Self, ChunkError> {
        let mut encoder = ChunkEncoder::new(u16::MAX);
        encoder.push(timestamp, &value)?;
        let range_end = end_of_range(timestamp, rule.chunk_range);
        Ok(Self { encoder, newest: value, range_end, cut_at: range_end, is_planned: false })
    }

    /// Whether the value is of the kind that is here.
    pub(super) fn is_kind_of(&self, value: &Value) -> bool {
        discriminant(&self.newest) == discriminant(value)
    }

    /// Adds a histogram of the same kind and returns the chunk that ended before it, if one did.
    ///
    /// # Errors
    /// None: what was written here can be read.
    pub(super) fn push(
        &mut self,
        timestamp: Timestamp,
        value: Value,
        rule: CutRule,
    ) -> Result<Vec<EncodedChunk>, ChunkError> {
        if self.is_cut_due(timestamp) {
            self.encoder.cut();
            self.is_planned = false;
        }
        self.encoder.push(timestamp, &value)?;
        self.newest = value;
        let ended = self.encoder.take_done();
        if !ended.is_empty() {
            // A chunk that a counter reset began is not planned again if the one before it was: the original does so, and
            // where chunks end shows in the empty buckets that histograms of one chunk share.
            self.range_end = end_of_range(timestamp, rule.chunk_range);
            self.cut_at = self.range_end;
        }
        Ok(ended)
    }

    /// As the original: when a quarter is full, the rest of the block range is shared out evenly; a chunk that fills
    /// faster than foreseen is cut at twice its size.
    fn is_cut_due(&mut self, timestamp: Timestamp) -> bool {
        let Some(open) = self.encoder.open_histograms() else { return false };
        let bytes = open.bytes;
        if !self.is_planned && bytes >= TARGET_BYTES / 4 {
            let elapsed = open.last.saturating_sub(open.first).saturating_add(1);
            self.cut_at = share_out(open.first, elapsed, self.cut_at, TARGET_BYTES as f64 / bytes as f64);
            self.is_planned = true;
        }
        let is_full = timestamp >= self.cut_at || bytes >= 2 * TARGET_BYTES;
        is_full && (open.samples >= LEAST_SAMPLES || timestamp >= self.range_end)
    }

    /// Bytes of the chunk and the newest sample, nearly.
    pub(super) fn size(&self) -> usize {
        let chunk = self.encoder.open_histograms().map_or(0, |open| open.bytes);
        size_of::<Self>() + chunk + heap_size(&self.newest)
    }

    /// The newest sample.
    pub(super) fn newest(&self) -> &Value {
        &self.newest
    }

    /// Time of the newest sample.
    pub(super) fn last_time(&self) -> Option<Timestamp> {
        self.encoder.open_histograms().map(|open| open.last)
    }

    /// Time of the oldest sample.
    pub(super) fn first_time(&self) -> Option<Timestamp> {
        self.encoder.open_histograms().map(|open| open.first)
    }

    /// A copy of the chunk, as if it were closed now.
    pub(super) fn to_chunk(&self) -> Option<EncodedChunk> {
        self.encoder.open_histogram_chunk()
    }
}

/// When to cut a chunk that began at `first` and has been filled to one part in `ratio` in `elapsed` milliseconds, so that
/// equal chunks fill the time until `end`.
fn share_out(first: Timestamp, elapsed: i64, end: Timestamp, ratio: f64) -> Timestamp {
    let rest = end.saturating_sub(first) as f64;
    let chunks = rest / (elapsed as f64 * ratio);
    if chunks <= 1.0 { end } else { (first as f64 + rest / chunks.floor()) as Timestamp }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use metrics_core::{Histogram, Span};

    use super::*;
    use crate::chunk::sample_count;

    const HOUR: i64 = 3_600_000;
    const RULE: CutRule = CutRule { chunk_range: 2 * HOUR };

    /// A histogram of so many buckets, with counts that are hard to foresee.
    fn histogram(i: i64, buckets: u32) -> Value {
        let counts = (0..buckets).map(|b| 1000 * i + (i * i * 7919 + i64::from(b) * 104_729) % 997);
        let counts: Vec<i64> = counts.collect();
        let before = [0].into_iter().chain(counts.iter().copied());
        Value::Histogram(Arc::new(Histogram {
            count: counts.iter().sum::<i64>() as u64,
            sum: i as f64,
            positive_spans: vec![Span { offset: 0, length: buckets }],
            positive_buckets: counts.iter().zip(before).map(|(now, before)| now - before).collect(),
            ..Histogram::default()
        }))
    }

    /// Samples per chunk of histograms that come every 15 seconds.
    fn sizes(samples: i64, buckets: u32) -> Vec<u16> {
        let mut open = OpenHistograms::new(0, histogram(1, buckets), RULE).unwrap();
        let mut chunks = Vec::new();
        for i in 1..samples {
            chunks.extend(open.push(i * 15_000, histogram(i + 1, buckets), RULE).unwrap());
        }
        chunks.extend(open.to_chunk());
        chunks.iter().map(|c| sample_count(&c.bytes).unwrap()).collect()
    }

    #[test]
    fn chunks_of_equal_size_fill_the_block_range() {
        let sizes = sizes(481, 8);
        let (last, full) = sizes.split_last().unwrap();
        assert_eq!(*last, 1, "the range ends before the last histogram");
        assert_eq!(full.iter().sum::<u16>(), 480);
        assert!(full.len() > 3 && full.iter().max().unwrap() - full.iter().min().unwrap() <= 2, "{full:?}");
    }

    #[test]
    fn large_histograms_come_ten_at_a_time() {
        assert_eq!(sizes(30, 2000), [10, 10, 10]);
    }
}
