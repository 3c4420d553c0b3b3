//! One series in all blocks that are merged.

use metrics_core::LabelSet;

use super::run::Style;
use super::samples::Samples;
use crate::block::{Block, BlockError, BlockWriter, ChunkData, ChunkMeta, Interval};
use crate::chunk::{ChunkEncoder, EncodedChunk, Encoding};

/// Most samples of a chunk of the field's that is encoded anew.
const SAMPLES_PER_CHUNK: u16 = 120;

/// A series in one block.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) block: &'a Block,
    deleted: &'a [Interval],
    chunks: Vec<ChunkMeta>,
}

impl<'a> Source<'a> {
    pub(super) fn new(block: &'a Block, deleted: &'a [Interval], chunks: Vec<ChunkMeta>) -> Self {
        Self { block, deleted, chunks }
    }

    pub(super) fn is_touched(&self, chunk: &ChunkMeta) -> bool {
        self.deleted.iter().any(|i| i.start <= chunk.max_time && chunk.min_time <= i.end)
    }

    pub(super) fn is_deleted(&self, timestamp: i64) -> bool {
        let behind = self.deleted.partition_point(|i| i.end < timestamp);
        self.deleted.get(behind).is_some_and(|i| i.start <= timestamp)
    }
}

/// A chunk, and the number of the source that it comes from.
pub(super) type Placed = (usize, ChunkMeta);

/// One series in all blocks that have it, and the buffers to write it with.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) sources: Vec<Source<'a>>,
    may_copy: bool,
    encoder: ChunkEncoder,
    samples: Samples,
}

impl<'a> Series<'a> {
    pub(super) fn new(style: Style) -> Self {
        let (may_copy, encoder) = match style {
            Style::Field => (true, ChunkEncoder::new(SAMPLES_PER_CHUNK)),
            Style::Dense { samples_per_chunk, level } => {
                (false, ChunkEncoder::dense(samples_per_chunk, level))
            }
        };
        Self { sources: Vec::new(), may_copy, encoder, samples: Samples::default() }
    }

    /// Writes the series: chunks that stand alone as they are if the style has them, those that overlap or were
    /// partly deleted encoded anew.
    pub(super) fn write(&mut self, labels: &LabelSet, writer: &mut BlockWriter) -> Result<(), BlockError> {
        let mut all: Vec<Placed> = Vec::new();
        for (i, source) in self.sources.iter().enumerate() {
            all.extend(source.chunks.iter().map(|c| (i, *c)));
        }
        all.sort_by_key(|(i, c)| (c.min_time, *i));
        let (mut anew, mut copied) = (Vec::new(), Vec::new());
        let mut rest = &all[..];
        while !rest.is_empty() {
            let (group, after) = rest.split_at(self.encoded_together(rest));
            match self.to_copy(group)? {
                Some(chunk) => copied.push((anew.len(), chunk)),
                None => {
                    self.samples.gather(&self.sources, group, labels)?;
                    anew.extend(self.samples.encode(&mut self.encoder, labels)?);
                }
            }
            rest = after;
        }
        writer.add_series(labels, &in_order(&copied, &anew))
    }

    /// How many chunks at the front are encoded together if they are not copied: one at least.
    fn encoded_together(&self, chunks: &[Placed]) -> usize {
        if self.may_copy { overlapping(chunks) } else { chunks.len() }
    }

    /// The chunk of a group that can be copied.
    fn to_copy(&self, group: &[Placed]) -> Result<Option<ChunkData<'a>>, BlockError> {
        let [(source, chunk)] = group else { return Ok(None) };
        let source = &self.sources[*source];
        if !self.may_copy || source.is_touched(chunk) {
            return Ok(None);
        }
        let (encoding, bytes) = source.block.chunk(chunk.reference)?;
        let (min_time, max_time) = (chunk.min_time, chunk.max_time);
        Ok((encoding != Encoding::Dense).then_some(ChunkData { min_time, max_time, encoding, bytes }))
    }
}

/// How many chunks at the front overlap each other, one at least; the chunks are in order of their start.
fn overlapping(chunks: &[Placed]) -> usize {
    let mut end = i64::MIN;
    let n = chunks.iter().take_while(|(_, c)| {
        let joins = end == i64::MIN || c.min_time <= end;
        end = end.max(c.max_time);
        joins
    });
    n.count().max(1)
}

/// Copied chunks among those encoded anew, so many of which come before each.
fn in_order<'a>(copied: &[(usize, ChunkData<'a>)], anew: &'a [EncodedChunk]) -> Vec<ChunkData<'a>> {
    let mut data = Vec::with_capacity(copied.len() + anew.len());
    let mut written = 0;
    for (before, chunk) in copied {
        data.extend(anew[written..*before].iter().map(EncodedChunk::as_data));
        data.push(*chunk);
        written = *before;
    }
    data.extend(anew[written..].iter().map(EncodedChunk::as_data));
    data
}
