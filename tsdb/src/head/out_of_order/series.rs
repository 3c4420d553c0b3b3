//! The late samples of one series: a small chunk in order of time that is open, and chunks that were closed.

use std::sync::Arc;

use metrics_core::{TimeRange, Timestamp, Value};

use crate::chunk::{ChunkEncoder, EncodedChunk, Encoding};
use crate::head::limits::heap_size;
use crate::head_chunks::HeadChunk;

/// The late samples of a series. Readers keep theirs while others add to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LateSeries {
    /// In order of time, each time once.
    open: Vec<(Timestamp, Value)>,
    closed: Vec<Arc<LateChunk>>,
    /// How many of the closed chunks, the last ones, are in no chunk file yet.
    unsaved: usize,
    /// Bytes of the closed chunks, and of what hangs on samples of the open one.
    bytes: usize,
}

/// Late samples that take no more between them. May overlap others of the series.
#[derive(Debug)]
pub(crate) struct LateChunk {
    pub(crate) min_time: Timestamp,
    pub(crate) max_time: Timestamp,
    pub(crate) encoding: Encoding,
    pub(crate) bytes: Arc<[u8]>,
}

impl From<EncodedChunk> for LateChunk {
    fn from(chunk: EncodedChunk) -> Self {
        let EncodedChunk { min_time, max_time, encoding, bytes } = chunk;
        Self { min_time, max_time, encoding, bytes: bytes.into() }
    }
}

impl From<&HeadChunk> for LateChunk {
    fn from(chunk: &HeadChunk) -> Self {
        let HeadChunk { min_time, max_time, encoding, bytes, .. } = chunk;
        Self { min_time: *min_time, max_time: *max_time, encoding: *encoding, bytes: bytes.clone() }
    }
}

impl LateSeries {
    /// Adds a sample to the open chunk and reports whether it was taken: a second one of a time is dropped, as far as
    /// that shows within the chunk.
    pub(super) fn insert(&mut self, timestamp: Timestamp, value: Value) -> bool {
        let at = self.open.partition_point(|(t, _)| *t < timestamp);
        if self.open.get(at).is_some_and(|(t, _)| *t == timestamp) {
            return false;
        }
        self.bytes += heap_size(&value);
        self.open.insert(at, (timestamp, value));
        true
    }

    /// Samples in the open chunk.
    pub(super) fn open_len(&self) -> usize {
        self.open.len()
    }

    /// Closes the open chunk: into several where histograms change their kind or were reset.
    pub(super) fn close(&mut self) {
        let chunks = encode(&self.open);
        self.unsaved += chunks.len();
        self.bytes += chunks.iter().map(|c| chunk_size(&c.bytes)).sum::<usize>();
        self.closed.extend(chunks.into_iter().map(|c| Arc::new(LateChunk::from(c))));
        self.clear_open();
    }

    /// Adds a chunk that a chunk file has.
    pub(super) fn adopt(&mut self, chunk: &HeadChunk) {
        let saved = self.closed.len() - self.unsaved;
        self.bytes += chunk_size(&chunk.bytes);
        self.closed.insert(saved, Arc::new(LateChunk::from(chunk)));
    }

    /// Closed chunks that are in no chunk file yet.
    pub(super) fn unsaved(&self) -> &[Arc<LateChunk>] {
        &self.closed[self.closed.len() - self.unsaved..]
    }

    /// Notes that the first so many of the unsaved chunks are in a chunk file.
    pub(super) fn set_saved(&mut self, chunks: usize) {
        self.unsaved = self.unsaved.saturating_sub(chunks);
    }

    /// Forgets what chunk files are said to have: the open chunk, and the unsaved ones but for the first `keep`.
    pub(super) fn forget_unsaved(&mut self, keep: usize) {
        self.clear_open();
        let gone = self.unsaved.saturating_sub(keep);
        self.bytes -=
            self.closed.drain(self.closed.len() - gone..).map(|c| chunk_size(&c.bytes)).sum::<usize>();
        self.unsaved -= gone;
    }

    fn clear_open(&mut self) {
        self.bytes -= self.open.iter().map(|(_, value)| heap_size(value)).sum::<usize>();
        self.open.clear();
    }

    /// Bytes of everything.
    pub(super) fn heap_size(&self) -> usize {
        /// An entry of a table, and counters.
        const ENTRY: usize = 5 * size_of::<usize>();
        ENTRY + size_of::<Self>() + self.open.capacity() * size_of::<(Timestamp, Value)>() + self.bytes
    }

    /// From the first to the last sample; `None` without samples.
    pub(crate) fn range(&self) -> Option<TimeRange> {
        let open =
            self.open.first().zip(self.open.last()).map(|(first, last)| TimeRange::new(first.0, last.0));
        let closed = self.closed.iter().map(|c| TimeRange::new(c.min_time, c.max_time));
        closed.chain(open).reduce(|a, b| TimeRange::new(a.start.min(b.start), a.end.max(b.end)))
    }

    /// Whether samples may lie in the range.
    pub(crate) fn may_have(&self, range: TimeRange) -> bool {
        self.range().is_some_and(|mine| mine.overlaps(&range))
    }

    /// All chunks in order of their start, the open one encoded; of equal starts the older first.
    pub(crate) fn chunks(&self) -> Vec<Arc<LateChunk>> {
        let open = encode(&self.open).into_iter().map(|c| Arc::new(LateChunk::from(c)));
        let mut all: Vec<_> = self.closed.iter().cloned().chain(open).collect();
        all.sort_by_key(|c| c.min_time);
        all
    }
}

/// Bytes of a closed chunk in a list.
fn chunk_size(bytes: &[u8]) -> usize {
    // Counters beside both of its allocations.
    size_of::<LateChunk>() + bytes.len() + 5 * size_of::<usize>()
}

fn encode(samples: &[(Timestamp, Value)]) -> Vec<EncodedChunk> {
    // The caller closes the chunk long before.
    let mut encoder = ChunkEncoder::new(u16::MAX);
    for (timestamp, value) in samples {
        // Kinds that are not known do not get into the head.
        let _ = encoder.push(*timestamp, value);
    }
    encoder.finish()
}
