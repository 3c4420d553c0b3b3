//! What has to be done now and then: head to blocks, blocks to larger blocks, and out.

use std::path::Path;
use std::sync::Arc;

use metrics_core::{TimeRange, Timestamp};

use crate::Db;
use crate::block::{Block, BlockMeta, BlockWriter, Ulid, remove_block};
use crate::chunk::EncodedChunk;
use crate::compact::{level_ranges, merge, plan};
use crate::db::{LOG, name_at};
use crate::error::Error;
use crate::fs::{FileError, Fs};
use crate::head::{Head, LATE_LOG, LateAside, snapshot};
use crate::head_chunks::HEAD_CHUNKS;
use crate::retention::{Retention, leaving};
use crate::wal;

/// How often [`Db::tick`] wants to be called when there is nothing special, in milliseconds.
const TICK: i64 = 60_000;
/// When it wants to be called again if readers or batches kept it from finishing.
const RETRY: i64 = 1_000;
/// How many blocks of a level make one of the next.
const LEVEL_FACTOR: i64 = 3;

/// What the last call left over.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    /// Blocks have what is older than this, but readers from before may still need it in the head.
    truncation: Option<(Timestamp, Arc<()>)>,
    /// Blocks have late samples that readers from before may still need in the head.
    pub(crate) late: Vec<(LateAside, Arc<()>)>,
    /// Files of late samples that could not be removed.
    pub(crate) late_files: Option<LateAside>,
}

impl Db {
    /// Does what is due: cuts blocks from the head, early where [`Options::max_head_bytes`](crate::Options::max_head_bytes) is near, compacts blocks, drops what has to leave, shrinks the log. Returns
    /// when to call it again; `now` in milliseconds.
    ///
    /// Works in the caller's thread, which may be one of its own: appending and selecting go on meanwhile.
    ///
    /// # Errors
    /// If files cannot be read or written. What was done stays done, and nothing is lost: call again.
    pub fn tick(&self, now: Timestamp) -> Result<Timestamp, Error> {
        self.check_writable()?;
        let Some(mut maintenance) = self.maintenance.try_lock() else {
            return Ok(now.saturating_add(RETRY));
        };
        let mut has_cut = false;
        loop {
            if !self.finish_truncation(&mut maintenance)? {
                return Ok(now.saturating_add(RETRY));
            }
            let due =
                if self.head.is_cut_due() { self.head.next_block() } else { self.head.next_early_block() };
            let Some(range) = due else { break };
            if !self.cut(range, now, &mut maintenance)? {
                return Ok(now.saturating_add(RETRY));
            }
            has_cut = true;
        }
        // As the original: late samples leave the head with others.
        if has_cut || self.head.is_late_cut_due() {
            self.cut_late(now, &mut maintenance)?;
        }
        let is_finished = self.finish_late(&mut maintenance)?;
        // What is too old need not be merged, and must leave even if merging fails.
        self.retain()?;
        self.compact(now)?;
        Ok(now.saturating_add(if is_finished { TICK } else { RETRY }))
    }

    /// Cuts everything from the head into blocks, however little it is. Returns whether the head is empty then: open
    /// batches, and readers from before, may need it for a while.
    ///
    /// # Errors
    /// As [`Db::tick`].
    pub fn flush(&self, now: Timestamp) -> Result<bool, Error> {
        self.check_writable()?;
        let mut maintenance = self.maintenance.lock();
        self.cut_late(now, &mut maintenance)?;
        while self.finish_truncation(&mut maintenance)? {
            let Some(range) = self.head.next_block() else { return self.finish_late(&mut maintenance) };
            if !self.cut(range, now, &mut maintenance)? {
                break;
            }
        }
        Ok(false)
    }

    /// Writes a block of what the head has in a range, and leaves the head to be truncated. Returns whether it could:
    /// batches that started earlier may still bring samples.
    fn cut(&self, range: TimeRange, now: Timestamp, maintenance: &mut Maintenance) -> Result<bool, Error> {
        let end = range.end.saturating_add(1);
        if !self.head.close_before(end) {
            return Ok(false);
        }
        let block = self.write_block(range, now)?;
        self.replace_blocks(&[], block)?;
        // Who comes from here on finds the block; who came before may still read the head.
        let earlier = std::mem::take(&mut self.snapshot.lock().readers);
        maintenance.truncation = Some((end, earlier));
        Ok(true)
    }

    fn write_block(&self, range: TimeRange, now: Timestamp) -> Result<Option<Block>, Error> {
        let Some(meta) = self.write_head(&self.dir, range, now)? else { return Ok(None) };
        Ok(Some(Block::open(&*self.fs, &self.dir.join(meta.ulid.to_string()))?))
    }

    /// Writes what the head has in a range as a block below a directory.
    pub(crate) fn write_head(
        &self,
        dir: &Path,
        range: TimeRange,
        now: Timestamp,
    ) -> Result<Option<BlockMeta>, Error> {
        write_head(&self.head, &self.fs, dir, range, now)
    }

    /// Merges blocks as long as there are some to merge.
    fn compact(&self, now: Timestamp) -> Result<(), Error> {
        let ranges = level_ranges(self.options.block_range, LEVEL_FACTOR, self.options.max_block_range);
        loop {
            let blocks = self.snapshot().blocks;
            let names = plan(&mergeable(&blocks), &ranges);
            if names.is_empty() {
                return Ok(());
            }
            let parents: Vec<&Block> =
                blocks.iter().map(|b| &**b).filter(|b| names.contains(&b.meta().ulid)).collect();
            let merged = match merge(&self.fs, &self.dir, &parents, name_at(now), self.options.merged_chunks)?
            {
                Some((path, _)) => Some(Block::open(&*self.fs, &path)?),
                None => None,
            };
            self.replace_blocks(&names, merged)?;
        }
    }

    /// Drops blocks that are too old or too many.
    fn retain(&self) -> Result<(), Error> {
        let blocks = self.snapshot().blocks;
        let sizes: Vec<_> = blocks.iter().map(|b| (b.meta().clone(), b.size())).collect();
        let limits = Retention { age: self.options.retention, bytes: self.options.retention_size };
        let head = if limits.bytes.is_some() { self.log_size()? } else { 0 };
        self.replace_blocks(&leaving(&sizes, limits, head), None)
    }

    /// Bytes that the logs take, with the head's chunk files.
    fn log_size(&self) -> Result<u64, FileError> {
        let mut sum = 0;
        for dir in [LOG, LATE_LOG, HEAD_CHUNKS] {
            for file in wal::segments(&*self.fs, &self.dir.join(dir))? {
                sum += self.fs.len(&file.path).map_err(FileError::io("measure", &file.path))?;
            }
        }
        Ok(sum)
    }

    /// Puts a block in the place of others; readers that have these open keep them.
    pub(crate) fn replace_blocks(&self, names: &[Ulid], by: Option<Block>) -> Result<(), Error> {
        if names.is_empty() && by.is_none() {
            return Ok(());
        }
        let leaving: Vec<Arc<Block>> = {
            let mut snapshot = self.snapshot.lock();
            let mut blocks = (*snapshot.blocks).clone();
            let leaving = blocks.extract_if(.., |b| names.contains(&b.meta().ulid)).collect();
            blocks.extend(by.map(Arc::new));
            blocks.sort_by_key(|b| b.meta().min_time);
            snapshot.blocks = Arc::new(blocks);
            leaving
        };
        leaving.iter().try_for_each(|b| remove_block(&*self.fs, b.dir()).map_err(Error::from))
    }

    /// Truncates head and log as far as blocks reach. Returns whether nothing is left to do.
    fn finish_truncation(&self, maintenance: &mut Maintenance) -> Result<bool, Error> {
        if let Some((end, readers)) = &maintenance.truncation {
            // Ours is the last: whoever came before the cut has gone.
            if Arc::strong_count(readers) > 1 {
                return Ok(false);
            }
            // It is about what leaves now, and the log is to lose what could complete it.
            snapshot::remove(&*self.fs, &self.dir)?;
            self.head.truncate(*end);
            self.head.truncate_log(&self.fs, self.options.wal, *end)?;
            maintenance.truncation = None;
        }
        Ok(true)
    }
}

/// Writes what a head has in a range as a block below a directory; `None` if it has nothing there.
pub(crate) fn write_head(
    head: &Head,
    fs: &Arc<dyn Fs>,
    dir: &Path,
    range: TimeRange,
    now: Timestamp,
) -> Result<Option<BlockMeta>, Error> {
    let (series, symbols) = head.for_block(range);
    if series.is_empty() {
        return Ok(None);
    }
    let meta = BlockMeta::new(name_at(now), range.start, range.end.saturating_add(1));
    let symbols = symbols.iter().map(String::as_str);
    let mut writer = BlockWriter::create(Arc::clone(fs), dir, meta, symbols)?;
    for series in &series {
        let chunks = head
            .chunks(series, range)
            .map_err(|source| Error::Chunk { series: series.labels.to_string(), source })?;
        let chunks: Vec<_> = chunks.iter().map(EncodedChunk::as_data).collect();
        writer.add_series(&series.labels, &chunks)?;
    }
    if writer.samples() == 0 {
        return Ok(None);
    }
    let (_, meta) = writer.finish()?;
    Ok(Some(meta))
}

/// Blocks without those of late samples from a time of which the head still has others: merged with blocks that are
/// in order, they would say that the head's samples of that time are in blocks, too.
fn mergeable(blocks: &[Arc<Block>]) -> Vec<BlockMeta> {
    let metas = || blocks.iter().map(|b| b.meta());
    let in_order = metas().filter(|m| !m.is_from_out_of_order()).map(|m| m.max_time).max();
    metas().filter(|m| !m.is_from_out_of_order() || Some(m.max_time) <= in_order).cloned().collect()
}
