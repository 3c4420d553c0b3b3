//! Blocks from samples, without a store around them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::{Append, Batch, TimeRange, Timestamp};

use crate::block::BlockMeta;
use crate::db::head_options;
use crate::error::Error;
use crate::fs::{Fs, OsFs};
use crate::head::Head;
use crate::maintenance::write_head;
use crate::options::Options;

/// Collects samples in memory and writes them as one block: for imports, and for blocks to try things on.
///
/// Samples come in batches as into a store, and are refused as there. The block's chunks have the field's encodings;
/// [`compact::merge`](crate::compact::merge) makes them dense.
///
/// ```
/// use metrics_core::{Append, LabelSet, SeriesRef};
/// # let dir = tempfile::tempdir()?;
/// let builder = tsdb::BlockBuilder::new(dir.path(), 2 * 3600 * 1000);
/// let mut batch = builder.batch();
/// let up = LabelSet::from_pairs([("__name__", "up"), ("job", "node")]);
/// batch.append_float(SeriesRef::UNKNOWN, &up, 1_000, 1.0)?;
/// batch.commit()?;
/// let block = builder.finish(5_000)?.expect("there are samples");
/// assert_eq!((block.min_time, block.max_time, block.stats.num_samples), (1_000, 1_001, 1));
/// assert!(dir.path().join(block.ulid.to_string()).join("index").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BlockBuilder {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    head: Head,
}

impl BlockBuilder {
    /// For a block below the directory, which is made if it is missing. Samples that are more than half of `range`
    /// milliseconds older than the newest are refused.
    pub fn new(dir: impl AsRef<Path>, range: i64) -> Self {
        Self::new_on(Arc::new(OsFs), dir.as_ref(), range)
    }

    /// As [`BlockBuilder::new`], on a file system of the caller's.
    pub fn new_on(fs: Arc<dyn Fs>, dir: &Path, range: i64) -> Self {
        let options = Options { block_range: range, max_exemplars: 0, ..Options::default() };
        Self { fs, dir: dir.to_owned(), head: Head::new(head_options(&options, false)) }
    }

    /// Time of the oldest and the newest sample.
    pub fn range(&self) -> Option<TimeRange> {
        self.head.time_range()
    }

    /// Writes the block, which covers the time from the oldest to the newest sample; `None` without samples. `now`, in
    /// milliseconds, goes into its name.
    ///
    /// # Errors
    /// If files cannot be written; then there is no block.
    pub fn finish(self, now: Timestamp) -> Result<Option<BlockMeta>, Error> {
        let Some(range) = self.head.time_range() else { return Ok(None) };
        write_head(&self.head, &self.fs, &self.dir, range, now)
    }
}

impl Append for BlockBuilder {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(self.head.batch())
    }
}
