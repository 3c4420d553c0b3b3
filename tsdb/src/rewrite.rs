//! Rewriting blocks in other encodings.

use metrics_core::Timestamp;

use crate::Db;
use crate::block::{Block, BlockMeta, Ulid};
use crate::compact::{Style, merge};
use crate::db::name_at;
use crate::error::Error;

impl Db {
    /// Rewrites blocks so that their chunks have the encodings of a style, one after the other, and returns what they
    /// became; blocks that the store does not have are passed over. Answers stay the same to the bit, and what was
    /// deleted is gone. Readers that have the old blocks open keep them.
    ///
    /// # Errors
    /// If files cannot be read or written. Blocks that were rewritten stay so, and nothing is lost.
    pub fn rewrite(&self, names: &[Ulid], style: Style, now: Timestamp) -> Result<Vec<BlockMeta>, Error> {
        self.check_writable()?;
        let _maintenance = self.maintenance.lock();
        let mut rewritten = Vec::new();
        for block in self.snapshot().blocks.iter().filter(|b| names.contains(&b.meta().ulid)) {
            rewritten.extend(self.rewrite_block(block, style, now)?);
        }
        Ok(rewritten)
    }

    /// Puts a new block in the place of one; `None` if all of it was deleted.
    pub(crate) fn rewrite_block(
        &self,
        block: &Block,
        style: Style,
        now: Timestamp,
    ) -> Result<Option<BlockMeta>, Error> {
        let merged = merge(&self.fs, &self.dir, &[block], name_at(now), style)?;
        let rewritten = merged.map(|(path, _)| Block::open(&*self.fs, &path)).transpose()?;
        let meta = rewritten.as_ref().map(|b| b.meta().clone());
        self.replace_blocks(&[block.meta().ulid], rewritten)?;
        Ok(meta)
    }
}
