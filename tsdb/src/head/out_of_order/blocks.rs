//! What blocks of late samples are made of, and letting go of what blocks have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics_core::{LabelSet, TimeRange, Timestamp, Value};

use super::{Generation, LateChunk, LateSeries};
use crate::chain::{Pick, chain, forget_reset};
use crate::chunk::{ChunkEncoder, ChunkError, EncodedChunk, decode_each};
use crate::fs::FileError;
use crate::head::Head;
use crate::head::series::{SAMPLES_PER_CHUNK, end_of_range};

/// The late samples of a generation, by series in order of labels.
#[derive(Debug)]
pub(crate) struct LateBlock {
    /// Each a series and its samples in order of time.
    pub(crate) series: Vec<(LabelSet, Vec<(Timestamp, Value)>)>,
    /// Starts of the aligned ranges in which there are samples.
    pub(crate) starts: BTreeSet<Timestamp>,
}

/// How far late samples were set aside: what is before these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LateAside {
    pub(crate) generation: u64,
    /// Segment of the log of late samples.
    pub(super) segment: u32,
    /// Chunk file of the head.
    pub(super) file: u32,
}

impl Head {
    /// Sets late samples aside for compaction, so that later ones come into files of their own.
    pub(crate) fn set_late_aside(&self) -> Result<LateAside, FileError> {
        let mut log = self.commit.lock();
        if !self.late.generations.read().current.series.is_empty() {
            log.late.set_aside()?;
            self.late.set_aside();
        }
        let (segment, file) = log.late.aside();
        Ok(LateAside { generation: self.late.generations.read().current.number, segment, file })
    }

    /// Generations that were set aside, from a number on.
    pub(crate) fn late_aside(&self, since: u64) -> Vec<Arc<Generation>> {
        self.late.leaving(since)
    }

    /// What the blocks of a generation are made of.
    pub(crate) fn late_block(&self, generation: &Generation) -> Result<LateBlock, ChunkError> {
        let index = self.index.read();
        let named = generation.series.iter().map(|(slot, late)| (index.labels(*slot), late));
        let mut named: Vec<(LabelSet, &Arc<LateSeries>)> = named.collect();
        drop(index);
        named.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut block = LateBlock { series: Vec::with_capacity(named.len()), starts: BTreeSet::new() };
        let range = self.rule.chunk_range;
        for (labels, late) in named {
            let samples = merged(&late.chunks())?;
            block.starts.extend(samples.iter().map(|(t, _)| end_of_range(*t, range).saturating_sub(range)));
            block.series.push((labels, samples));
        }
        Ok(block)
    }

    /// Lets go of what blocks have, in memory.
    pub(crate) fn drop_late(&self, aside: LateAside) {
        self.late.drop_before(aside.generation);
    }

    /// Lets go of what blocks have, on disk.
    pub(crate) fn remove_late_files(&self, aside: LateAside) -> Result<(), FileError> {
        let mint = self.times.min.load(Ordering::Acquire);
        self.commit.lock().late.remove(aside, mint)
    }

    /// Whether the head has late samples.
    pub(crate) fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Whether late samples should not wait for others to be cut into blocks.
    pub(crate) fn is_late_cut_due(&self) -> bool {
        self.has_late() && self.commit.lock().late.is_suspended()
    }

    /// Whether the head has late samples in a range.
    pub(crate) fn has_late_in(&self, range: TimeRange) -> bool {
        self.late.read().is_some_and(|all| all.overlaps(range))
    }
}

impl LateBlock {
    /// Chunks of a series' samples in a range.
    pub(crate) fn chunks(
        samples: &[(Timestamp, Value)],
        range: TimeRange,
    ) -> Result<Vec<EncodedChunk>, ChunkError> {
        let from = samples.partition_point(|(t, _)| *t < range.start);
        let to = samples.partition_point(|(t, _)| *t <= range.end);
        let mut encoder = ChunkEncoder::new(SAMPLES_PER_CHUNK);
        for (timestamp, value) in samples.get(from..to).unwrap_or_default() {
            encoder.push(*timestamp, value)?;
        }
        Ok(encoder.finish())
    }
}

/// The samples of chunks that may overlap, in order of time.
fn merged(chunks: &[Arc<LateChunk>]) -> Result<Vec<(Timestamp, Value)>, ChunkError> {
    let mut sources = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut samples = Vec::new();
        decode_each(chunk.encoding, &chunk.bytes, |t, value| samples.push((t, value)))?;
        sources.push(samples);
    }
    let times: Vec<Vec<Timestamp>> =
        sources.iter().map(|samples| samples.iter().map(|(t, _)| *t).collect()).collect();
    let times: Vec<&[Timestamp]> = times.iter().map(Vec::as_slice).collect();
    let pick = |pick: Pick| {
        let (timestamp, mut value) = sources[pick.source][pick.at].clone();
        if !pick.is_consecutive {
            forget_reset(&mut value);
        }
        (timestamp, value)
    };
    Ok(chain(&times).into_iter().map(pick).collect())
}
