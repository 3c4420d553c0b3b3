//! Deleting: ranges of time of matching series, at once for readers, later on disk.

use std::sync::Arc;

use metrics_core::{Matcher, TimeRange, Timestamp};

use crate::Db;
use crate::block::{Block, BlockMeta, Tombstones};
use crate::error::Error;
use crate::fs::FileError;
use crate::postings_match::matching;

impl Db {
    /// Deletes the samples of matching series in a range. Readers that come later do not find them; the disk space comes
    /// back when blocks are compacted, or with [`Db::clean_deleted`].
    ///
    /// # Errors
    /// If a block cannot be read or a deletion not be written; some may have been made then, call again.
    pub fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), Error> {
        self.check_writable()?;
        // Compaction must not read a block while what is deleted from it grows.
        let mut maintenance = self.maintenance.lock();
        if self.head.has_late_in(range) {
            // Into blocks: only there deletions and late samples are told apart that come after them.
            self.cut_late(self.head.time_range().map_or(range.end, |head| head.end), &mut maintenance)?;
        }
        for block in self.snapshot().overlapping(range) {
            let mut tombstones = block.tombstones().clone();
            let mut is_changed = false;
            for id in matching(block.index(), matchers)? {
                if let Some(part) = covered(block, id, range)? {
                    tombstones.add(id.into(), part.start, part.end);
                    is_changed = true;
                }
            }
            if is_changed {
                self.delete_from_block(block, tombstones)?;
            }
        }
        Ok(self.head.delete(matchers, range)?)
    }

    fn delete_from_block(&self, block: &Block, tombstones: Tombstones) -> Result<(), Error> {
        let mut changed = Block::open(&*self.fs, block.dir())?;
        changed.write_tombstones(&*self.fs, tombstones)?;
        let mut snapshot = self.snapshot.lock();
        let mut blocks = (*snapshot.blocks).clone();
        let name = block.meta().ulid;
        if let Some(kept) = blocks.iter_mut().find(|b| b.meta().ulid == name) {
            *kept = Arc::new(changed);
        }
        snapshot.blocks = Arc::new(blocks);
        Ok(())
    }

    /// Rewrites the blocks from which something was deleted, so that it is gone from the disk.
    ///
    /// # Errors
    /// If files cannot be read or written.
    pub fn clean_deleted(&self, now: Timestamp) -> Result<(), Error> {
        self.check_writable()?;
        let _maintenance = self.maintenance.lock();
        for block in self.snapshot().blocks.iter().filter(|b| !b.tombstones().is_empty()) {
            self.rewrite_block(block, self.options.merged_chunks, now)?;
        }
        Ok(())
    }

    /// Puts hard links to all blocks into a directory, which must not exist yet and has to be on the same file system, and
    /// a block with what is in memory: a data directory of its own, that costs next to nothing.
    ///
    /// # Errors
    /// If files cannot be linked or written.
    pub fn backup(&self, dir: &std::path::Path, now: Timestamp) -> Result<Vec<BlockMeta>, Error> {
        let _maintenance = self.maintenance.lock();
        let fs = &*self.fs;
        fs.create_dir_all(dir).map_err(FileError::io("create", dir))?;
        let mut copied = Vec::new();
        for block in &*self.snapshot().blocks {
            let target = dir.join(block.meta().ulid.to_string());
            link_all(fs, block.dir(), &target)?;
            copied.push(block.meta().clone());
        }
        if let Some(range) = self.head.time_range()
            && let Some(meta) = self.write_head(dir, range, now)?
        {
            copied.push(meta);
        }
        copied.extend(self.write_late(dir, now)?.1);
        fs.sync_dir(dir).map_err(FileError::io("sync", dir))?;
        Ok(copied)
    }
}

/// The part of a range in which a series has chunks.
fn covered(block: &Block, id: u32, range: TimeRange) -> Result<Option<TimeRange>, FileError> {
    let mut chunks = Vec::new();
    block.index().chunks(id, &mut chunks)?;
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return Ok(None) };
    let part = TimeRange::new(range.start.max(first.min_time), range.end.min(last.max_time));
    Ok((!part.is_empty()).then_some(part))
}

/// Links the files of a block, directory by directory.
fn link_all(fs: &dyn crate::fs::Fs, from: &std::path::Path, to: &std::path::Path) -> Result<(), FileError> {
    let chunks = to.join("chunks");
    fs.create_dir_all(&chunks).map_err(FileError::io("create", &chunks))?;
    let link = |from: &std::path::Path, to: &std::path::Path| {
        fs.hard_link(from, to).map_err(FileError::io("link", from))
    };
    let sources = from.join("chunks");
    for name in fs.list(&sources).map_err(FileError::io("list", &sources))? {
        link(&sources.join(&name), &chunks.join(&name))?;
    }
    for name in ["index", "meta.json", "tombstones"] {
        let file = from.join(name);
        if fs.exists(&file) {
            link(&file, &to.join(name))?;
        }
    }
    fs.sync_dir(&chunks).map_err(FileError::io("sync", &chunks))?;
    fs.sync_dir(to).map_err(FileError::io("sync", to))
}
