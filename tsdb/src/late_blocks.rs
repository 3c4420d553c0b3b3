//! Blocks of late samples: from the head into blocks of their own, one for each block range in which there are any.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use metrics_core::{TimeRange, Timestamp};

use crate::Db;
use crate::block::{Block, BlockMeta, BlockWriter};
use crate::chunk::EncodedChunk;
use crate::db::name_at;
use crate::error::Error;
use crate::head::{LateAside, LateBlock};
use crate::maintenance::Maintenance;

impl Db {
    /// Writes blocks of all late samples in the head, and leaves these to be dropped.
    pub(crate) fn cut_late(&self, now: Timestamp, maintenance: &mut Maintenance) -> Result<(), Error> {
        if !self.head.has_late() {
            return self.remove_late_files(maintenance);
        }
        let (aside, metas) = self.write_late(&self.dir, now)?;
        let open = |meta: &BlockMeta| Block::open(&*self.fs, &self.dir.join(meta.ulid.to_string()));
        let blocks = metas.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        // At once, so that nobody finds samples twice or not at all.
        let earlier = {
            let mut snapshot = self.snapshot.lock();
            let mut all = (*snapshot.blocks).clone();
            all.extend(blocks.into_iter().map(Arc::new));
            all.sort_by_key(|b| b.meta().min_time);
            snapshot.blocks = Arc::new(all);
            snapshot.late_since = aside.generation;
            std::mem::take(&mut snapshot.readers)
        };
        maintenance.late.push((aside, earlier));
        maintenance.late_files = Some(aside);
        self.remove_late_files(maintenance)
    }

    /// Removes the files of late samples that blocks have. Readers do not need them; but whoever deletes samples from the
    /// blocks does not want these to come back from there.
    fn remove_late_files(&self, maintenance: &mut Maintenance) -> Result<(), Error> {
        if let Some(aside) = maintenance.late_files {
            self.head.remove_late_files(aside)?;
            maintenance.late_files = None;
        }
        Ok(())
    }

    /// Sets the late samples in the head aside and writes blocks of them below a directory.
    pub(crate) fn write_late(
        &self,
        dir: &Path,
        now: Timestamp,
    ) -> Result<(LateAside, Vec<BlockMeta>), Error> {
        let aside = self.head.set_late_aside()?;
        let since = self.snapshot().late_since;
        let mut blocks = Vec::new();
        for generation in self.head.late_aside(since) {
            let late = self
                .head
                .late_block(&generation)
                .map_err(|source| Error::Chunk { series: "late samples".to_owned(), source })?;
            for start in &late.starts {
                let end = start.saturating_add(self.options.block_range);
                blocks.extend(self.write_late_block(dir, &late, TimeRange::new(*start, end - 1), now)?);
            }
        }
        Ok((aside, blocks))
    }

    /// Writes a block of the late samples in an aligned range; `None` if there is none.
    fn write_late_block(
        &self,
        dir: &Path,
        late: &LateBlock,
        range: TimeRange,
        now: Timestamp,
    ) -> Result<Option<BlockMeta>, Error> {
        let mut series = Vec::new();
        let mut symbols = BTreeSet::new();
        for (labels, samples) in &late.series {
            let chunks = LateBlock::chunks(samples, range)
                .map_err(|source| Error::Chunk { series: labels.to_string(), source })?;
            if !chunks.is_empty() {
                symbols.extend(labels.iter().flat_map(|(name, value)| [name, value]));
                series.push((labels, chunks));
            }
        }
        if series.is_empty() {
            return Ok(None);
        }
        let mut meta = BlockMeta::new(name_at(now), range.start, range.end.saturating_add(1));
        meta.compaction.hints = vec![BlockMeta::FROM_OUT_OF_ORDER.to_owned()];
        let mut writer = BlockWriter::create(self.fs.clone(), dir, meta, symbols)?;
        for (labels, chunks) in series {
            let chunks: Vec<_> = chunks.iter().map(EncodedChunk::as_data).collect();
            writer.add_series(labels, &chunks)?;
        }
        let (_, meta) = writer.finish()?;
        Ok(Some(meta))
    }

    /// Drops late samples that blocks have, unless readers from before may need them. Returns whether none of them is left.
    pub(crate) fn finish_late(&self, maintenance: &mut Maintenance) -> Result<bool, Error> {
        self.remove_late_files(maintenance)?;
        while let Some((aside, readers)) = maintenance.late.first() {
            if Arc::strong_count(readers) > 1 {
                return Ok(false);
            }
            self.head.drop_late(*aside);
            maintenance.late.remove(0);
        }
        Ok(true)
    }
}
