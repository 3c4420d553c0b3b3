//! The open chunk of a series of native histograms.

use std::mem::discriminant;
use std::sync::Arc;

use metrics_core::{Timestamp, Value};

use super::series::{ChunkData, ClosedChunk, SAMPLES_PER_CHUNK};
use crate::chunk::{ChunkEncoder, ChunkError, EncodedChunk};

/// Histograms that were appended since the last cut, all of one kind.
#[derive(Debug, Clone)]
pub(super) struct OpenHistograms {
    samples: Vec<(Timestamp, Value)>,
    next_cut: Timestamp,
}

impl OpenHistograms {
    /// An open chunk that is cut at `next_cut` at the latest.
    pub(super) fn new(next_cut: Timestamp) -> Self {
        Self { samples: Vec::new(), next_cut }
    }

    /// Adds a sample; the caller has asked [`OpenHistograms::is_cut_due`].
    pub(super) fn push(&mut self, timestamp: Timestamp, value: Value) {
        self.samples.push((timestamp, value));
    }

    /// Whether the sample belongs into a new chunk: at the end of the block range, when this one is full, and
    /// when the kind changes.
    pub(super) fn is_cut_due(&self, timestamp: Timestamp, value: &Value) -> bool {
        timestamp >= self.next_cut
            || self.samples.len() >= usize::from(SAMPLES_PER_CHUNK)
            || self.samples.last().is_some_and(|(_, v)| discriminant(v) != discriminant(value))
    }

    /// The newest sample.
    pub(super) fn last(&self) -> Option<&Value> {
        self.samples.last().map(|(_, v)| v)
    }

    /// Time of the newest sample.
    pub(super) fn last_time(&self) -> Option<Timestamp> {
        self.samples.last().map(|(t, _)| *t)
    }

    /// Time of the oldest sample.
    pub(super) fn first_time(&self) -> Option<Timestamp> {
        self.samples.first().map(|(t, _)| *t)
    }

    /// What is here, copied as it is.
    pub(super) fn to_chunk(&self) -> Option<ClosedChunk> {
        let (first, last) = (self.first_time()?, self.last_time()?);
        Some(ClosedChunk {
            first,
            last,
            samples: self.samples.len() as u16,
            data: ChunkData::Histograms(Arc::from(self.samples.as_slice())),
        })
    }

    /// What is here, encoded; several chunks where counters were reset.
    pub(super) fn encode(&self) -> Result<Vec<EncodedChunk>, ChunkError> {
        encode_histograms(&self.samples)
    }
}

/// Encodes samples of one series in order of time.
pub(super) fn encode_histograms(samples: &[(Timestamp, Value)]) -> Result<Vec<EncodedChunk>, ChunkError> {
    let mut encoder = ChunkEncoder::new(SAMPLES_PER_CHUNK);
    for (timestamp, value) in samples {
        encoder.push(*timestamp, value)?;
    }
    Ok(encoder.finish())
}
