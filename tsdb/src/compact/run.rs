//! Merging blocks into one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::{LabelSet, Value};

use super::symbols::merged_symbols;
use crate::block::{
    Block, BlockError, BlockMeta, BlockWriter, ChunkData, ChunkMeta, Compaction, Interval, SeriesEntry, Ulid,
};
use crate::chunk::{self, ChunkEncoder, EncodedChunk};
use crate::fs::Fs;

/// Most samples of a chunk that is encoded anew, as in the field.
const SAMPLES_PER_CHUNK: u16 = 120;

/// Which encodings a merged block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Style {
    /// Those of the field: chunks are copied where they need not be changed.
    #[default]
    Field,
    /// Floats [densely](crate::chunk::dense), in chunks of up to so many samples (1 ..= 65,535). Histograms as in
    /// the field.
    Dense {
        /// Most samples of a dense chunk.
        samples_per_chunk: u16,
    },
}

/// Merges blocks into a new one in the data directory `parent`, without what was deleted from them. The blocks may
/// overlap: of several samples of a series at one time, that of the first block is kept. The blocks stay; when the new
/// one is open, remove them.
///
/// `None` if nothing is left of the blocks.
///
/// # Errors
/// If a block is damaged or the new one cannot be written; then there is no new block.
pub fn merge(
    fs: &Arc<dyn Fs>,
    parent: &Path,
    blocks: &[&Block],
    name: Ulid,
    style: Style,
) -> Result<Option<(PathBuf, BlockMeta)>, BlockError> {
    let Some(meta) = merged_meta(blocks, name) else { return Ok(None) };
    let symbols = merged_symbols(blocks)?;
    let mut writer = BlockWriter::create(Arc::clone(fs), parent, meta, symbols.iter().copied())?;
    let mut cursors = blocks.iter().map(|b| Cursor::new(b)).collect::<Result<Vec<_>, _>>()?;
    let mut series = Series::default();
    while let Some(labels) = next_labels(&cursors) {
        series.sources.clear();
        for cursor in &mut cursors {
            if let Some(source) = cursor.take(&labels)? {
                series.sources.push(source);
            }
        }
        series.write(&labels, style, &mut writer)?;
    }
    if writer.samples() == 0 { Ok(None) } else { writer.finish().map(Some) }
}

/// What the new block is made from; `None` without blocks.
fn merged_meta(blocks: &[&Block], name: Ulid) -> Option<BlockMeta> {
    let metas = || blocks.iter().map(|b| b.meta());
    let mut meta =
        BlockMeta::new(name, metas().map(|m| m.min_time).min()?, metas().map(|m| m.max_time).max()?);
    let sources: BTreeSet<Ulid> = metas().flat_map(|m| m.compaction.sources.iter().copied()).collect();
    let hints = if metas().all(BlockMeta::is_from_out_of_order) {
        vec![BlockMeta::FROM_OUT_OF_ORDER.to_owned()]
    } else {
        Vec::new()
    };
    meta.compaction = Compaction {
        level: metas().map(|m| m.compaction.level).max()? + 1,
        sources: sources.into_iter().collect(),
        parents: metas().map(BlockMeta::description).collect(),
        hints,
        ..Compaction::default()
    };
    Some(meta)
}

/// The series of one block, in order.
struct Cursor<'a> {
    block: &'a Block,
    ids: std::vec::IntoIter<u32>,
    /// The series to come next.
    next: Option<(u32, SeriesEntry)>,
}

impl<'a> Cursor<'a> {
    fn new(block: &'a Block) -> Result<Self, BlockError> {
        let mut ids = Vec::new();
        block.index().all_postings(&mut ids)?;
        let mut cursor = Self { block, ids: ids.into_iter(), next: None };
        cursor.advance()?;
        Ok(cursor)
    }

    fn advance(&mut self) -> Result<(), BlockError> {
        self.next = match self.ids.next() {
            Some(id) => Some((id, self.block.index().series(id)?)),
            None => None,
        };
        Ok(())
    }

    /// The series of these labels, if it comes next.
    fn take(&mut self, labels: &LabelSet) -> Result<Option<Source<'a>>, BlockError> {
        let Some((id, entry)) = self.next.take_if(|(_, entry)| entry.labels == *labels) else {
            return Ok(None);
        };
        self.advance()?;
        let deleted = self.block.tombstones().of(u64::from(id));
        Ok(Some(Source { block: self.block, deleted, chunks: entry.chunks }))
    }
}

fn next_labels(cursors: &[Cursor<'_>]) -> Option<LabelSet> {
    cursors.iter().filter_map(|c| c.next.as_ref()).map(|(_, entry)| &entry.labels).min().cloned()
}

/// A series in one block.
struct Source<'a> {
    block: &'a Block,
    deleted: &'a [Interval],
    chunks: Vec<ChunkMeta>,
}

impl Source<'_> {
    fn is_touched(&self, chunk: &ChunkMeta) -> bool {
        self.deleted.iter().any(|i| i.start <= chunk.max_time && chunk.min_time <= i.end)
    }

    fn is_deleted(&self, timestamp: i64) -> bool {
        let behind = self.deleted.partition_point(|i| i.end < timestamp);
        self.deleted.get(behind).is_some_and(|i| i.start <= timestamp)
    }
}

/// One series in all blocks that have it.
#[derive(Default)]
struct Series<'a> {
    sources: Vec<Source<'a>>,
    samples: Vec<(i64, usize, Value)>,
}

impl Series<'_> {
    /// Writes the series: chunks that stand alone as they are, those that overlap or were partly deleted encoded anew.
    fn write(&mut self, labels: &LabelSet, style: Style, writer: &mut BlockWriter) -> Result<(), BlockError> {
        let mut all: Vec<(usize, ChunkMeta)> = Vec::new();
        for (i, source) in self.sources.iter().enumerate() {
            all.extend(source.chunks.iter().map(|c| (i, *c)));
        }
        all.sort_by_key(|(i, c)| (c.min_time, *i));
        if let Style::Dense { samples_per_chunk } = style {
            let encoder = ChunkEncoder::dense(samples_per_chunk);
            let anew = encode_anew(&self.sources, &all, labels, encoder, &mut self.samples)?;
            let data: Vec<_> = anew.iter().map(EncodedChunk::as_data).collect();
            return writer.add_series(labels, &data);
        }
        let mut anew: Vec<EncodedChunk> = Vec::new();
        // Chunks to copy, and how many of those encoded anew come before each.
        let mut copied: Vec<(usize, ChunkData<'_>)> = Vec::new();
        let mut rest = &all[..];
        while let Some(((source, chunk), _)) = rest.split_first() {
            let (group, after) = rest.split_at(overlapping(rest));
            rest = after;
            let source = &self.sources[*source];
            if group.len() == 1 && !source.is_touched(chunk) {
                let (encoding, bytes) = source.block.chunk(chunk.reference)?;
                let (min_time, max_time) = (chunk.min_time, chunk.max_time);
                copied.push((anew.len(), ChunkData { min_time, max_time, encoding, bytes }));
            } else {
                let sources = &self.sources;
                let encoder = ChunkEncoder::new(SAMPLES_PER_CHUNK);
                anew.extend(encode_anew(sources, group, labels, encoder, &mut self.samples)?);
            }
        }
        let mut data = Vec::with_capacity(copied.len() + anew.len());
        let mut anew = anew.iter().enumerate().peekable();
        for (before, chunk) in copied {
            while let Some((_, c)) = anew.next_if(|(i, _)| *i < before) {
                data.push(c.as_data());
            }
            data.push(chunk);
        }
        data.extend(anew.map(|(_, c)| c.as_data()));
        writer.add_series(labels, &data)
    }
}

/// How many chunks at the front overlap each other, one at least; the chunks are in order of their start.
fn overlapping(chunks: &[(usize, ChunkMeta)]) -> usize {
    let mut end = i64::MIN;
    let n = chunks.iter().take_while(|(_, c)| {
        let joins = end == i64::MIN || c.min_time <= end;
        end = end.max(c.max_time);
        joins
    });
    n.count().max(1)
}

/// Decodes chunks and encodes what is left of them in order of time.
fn encode_anew(
    sources: &[Source<'_>],
    group: &[(usize, ChunkMeta)],
    labels: &LabelSet,
    mut encoder: ChunkEncoder,
    samples: &mut Vec<(i64, usize, Value)>,
) -> Result<Vec<EncodedChunk>, BlockError> {
    let damaged = |source| BlockError::Chunk { series: labels.to_string(), source };
    samples.clear();
    for (i, meta) in group {
        let source = &sources[*i];
        let (encoding, bytes) = source.block.chunk(meta.reference)?;
        chunk::decode_each(encoding, bytes, |t, value| {
            if !source.is_deleted(t) {
                samples.push((t, *i, value));
            }
        })
        .map_err(damaged)?;
    }
    samples.sort_by_key(|(t, i, _)| (*t, *i));
    samples.dedup_by_key(|(t, _, _)| *t);
    for (t, _, value) in samples.drain(..) {
        encoder.push(t, &value).map_err(damaged)?;
    }
    Ok(encoder.finish())
}
