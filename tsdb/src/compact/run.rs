//! Merging blocks into one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::LabelSet;

use super::series::{Series, Source};
use super::symbols::merged_symbols;
use crate::block::{Block, BlockError, BlockMeta, BlockWriter, Compaction, SeriesEntry, Ulid};
use crate::chunk::dense::Level;
use crate::fs::Fs;

/// Which encodings a merged block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Style {
    /// Those of the field: chunks are copied where they need not be changed.
    Field,
    /// Floats [densely](crate::chunk::dense), histograms as in the field.
    Dense {
        /// Most samples of a dense chunk (1 ..= 65,535); a query decodes blocks of 256 of them.
        samples_per_chunk: u16,
        /// How small the chunks are to be, and how slow.
        level: Level,
    },
}

impl Style {
    /// Dense chunks of up to 2,000 samples.
    pub fn dense(level: Level) -> Self {
        Self::Dense { samples_per_chunk: 2000, level }
    }
}

impl Default for Style {
    fn default() -> Self {
        Self::dense(Level::Fast)
    }
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
    let mut series = Series::new(style);
    while let Some(labels) = next_labels(&cursors) {
        series.sources.clear();
        for cursor in &mut cursors {
            if let Some(source) = cursor.take(&labels)? {
                series.sources.push(source);
            }
        }
        series.write(&labels, &mut writer)?;
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
        Ok(Some(Source::new(self.block, deleted, entry.chunks)))
    }
}

fn next_labels(cursors: &[Cursor<'_>]) -> Option<LabelSet> {
    cursors.iter().filter_map(|c| c.next.as_ref()).map(|(_, entry)| &entry.labels).min().cloned()
}
