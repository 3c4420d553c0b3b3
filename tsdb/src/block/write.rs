//! Writing a block: under another name until all of it is durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::LabelSet;

use super::shared_times::WrittenTimes;
use super::{BlockError, BlockMeta, ChunkMeta, ChunkWriter, IndexWriter, Tombstones};
use crate::chunk::{ChunkError, EncodedChunk, Encoding, dense};
use crate::fs::{FileError, Fs};

/// The end of the name of a block that is being written. Leftovers of a crash can be removed.
pub const TMP_CREATION: &str = ".tmp-for-creation";

/// The end of the name of a block that is being removed. Leftovers of a crash can be removed.
pub const TMP_DELETION: &str = ".tmp-for-deletion";

/// A chunk of a series to be written.
#[derive(Debug, Clone, Copy)]
pub struct ChunkData<'a> {
    /// Time of its first sample.
    pub min_time: i64,
    /// Time of its last sample.
    pub max_time: i64,
    /// How to read it.
    pub encoding: Encoding,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl EncodedChunk {
    /// The chunk as a block takes it.
    pub fn as_data(&self) -> ChunkData<'_> {
        ChunkData {
            min_time: self.min_time,
            max_time: self.max_time,
            encoding: self.encoding,
            bytes: &self.bytes,
        }
    }
}

/// Writes a block, series after series. Dropped before [`BlockWriter::finish`], it leaves no block.
///
/// ```
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir()?;
/// use metrics_core::LabelSet;
/// use tsdb::block::{Block, BlockMeta, BlockWriter, ChunkData, Ulid};
/// use tsdb::chunk::{Encoding, xor::XorAppender};
/// use tsdb::fs::OsFs;
///
/// let labels = LabelSet::from_pairs([("__name__", "up"), ("job", "node")]);
/// let mut chunk = XorAppender::new();
/// chunk.append(1000, 1.0)?;
/// let bytes = chunk.finish();
///
/// let meta = BlockMeta::new(Ulid::at(2000), 0, 7_200_000);
/// let mut writer = BlockWriter::create(Arc::new(OsFs), dir.path(), meta, ["__name__", "job", "node", "up"])?;
/// writer.add_series(&labels, &[ChunkData { min_time: 1000, max_time: 1000, encoding: Encoding::Xor, bytes: &bytes }])?;
/// let (path, meta) = writer.finish()?;
///
/// let block = Block::open(&OsFs, &path)?;
/// let postings = block.index().postings("job", "node")?.expect("there is such a series");
/// let mut ids = Vec::new();
/// block.index().read_postings(postings, &mut ids)?;
/// assert_eq!(block.index().series(ids[0])?.labels, labels);
/// assert_eq!(meta.stats.num_samples, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BlockWriter {
    fs: Arc<dyn Fs>,
    parent: PathBuf,
    unfinished: PathBuf,
    meta: BlockMeta,
    chunks: Option<ChunkWriter>,
    index: Option<IndexWriter>,
    metas: Vec<ChunkMeta>,
    times: WrittenTimes,
    finished: bool,
}

impl BlockWriter {
    /// Starts a block in the data directory `parent`. Of `meta` all but the statistics is kept. All label names and
    /// values that will come are announced in `symbols`, sorted, each once; more than needed do no harm.
    ///
    /// # Errors
    /// If symbols are out of order or files cannot be created.
    pub fn create<'a>(
        fs: Arc<dyn Fs>,
        parent: &Path,
        meta: BlockMeta,
        symbols: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BlockError> {
        let unfinished = parent.join(format!("{}{TMP_CREATION}", meta.ulid));
        fs.create_dir_all(&unfinished).map_err(FileError::io("create", &unfinished))?;
        let mut writer = Self {
            fs: Arc::clone(&fs),
            parent: parent.to_owned(),
            meta: BlockMeta { stats: super::BlockStats::default(), ..meta },
            chunks: None,
            index: None,
            metas: Vec::new(),
            times: WrittenTimes::default(),
            finished: false,
            unfinished,
        };
        writer.chunks = Some(ChunkWriter::create(Arc::clone(&fs), &writer.unfinished.join("chunks"))?);
        writer.index = Some(IndexWriter::create(&*fs, &writer.unfinished.join("index"), symbols)?);
        Ok(writer)
    }

    /// Adds a series, in order of labels, with its chunks in order of time. A series without chunks is left out.
    /// Dense chunks whose times an earlier one has too are written without them.
    ///
    /// # Errors
    /// If something is out of order, a label was not announced, a dense chunk is damaged, or writing failed.
    pub fn add_series(&mut self, labels: &LabelSet, chunks: &[ChunkData<'_>]) -> Result<(), BlockError> {
        let (Some(chunk_writer), Some(index)) = (&mut self.chunks, &mut self.index) else { return Ok(()) };
        if chunks.is_empty() {
            return Ok(());
        }
        self.metas.clear();
        for c in chunks {
            let damaged = |source: ChunkError| BlockError::Chunk { series: labels.to_string(), source };
            let samples = c.encoding.sample_count(c.bytes).map_err(damaged)?;
            let reference = if c.encoding == Encoding::Dense {
                let parts = dense::split(c.bytes).map_err(damaged)?;
                self.times.write(c.bytes, parts, chunk_writer)?
            } else {
                chunk_writer.write(c.encoding, c.bytes)?
            };
            self.metas.push(ChunkMeta { reference, min_time: c.min_time, max_time: c.max_time });
            let stats = &mut self.meta.stats;
            stats.num_samples += u64::from(samples);
            if c.encoding.is_float() {
                stats.num_float_samples += u64::from(samples);
            } else {
                stats.num_histogram_samples += u64::from(samples);
            }
        }
        index.add_series(labels, &self.metas)?;
        self.meta.stats.num_series += 1;
        self.meta.stats.num_chunks += chunks.len() as u64;
        Ok(())
    }

    /// Samples added so far.
    pub fn samples(&self) -> u64 {
        self.meta.stats.num_samples
    }

    /// Makes the block durable under its name, and returns its directory and what it holds.
    ///
    /// # Errors
    /// If writing failed; then there is no block.
    pub fn finish(mut self) -> Result<(PathBuf, BlockMeta), BlockError> {
        if let Some(chunks) = self.chunks.take() {
            chunks.finish()?;
        }
        if let Some(index) = self.index.take() {
            index.finish()?;
        }
        self.meta.write(&*self.fs, &self.unfinished)?;
        Tombstones::default().write(&*self.fs, &self.unfinished)?;
        self.fs.sync_dir(&self.unfinished).map_err(FileError::io("sync", &self.unfinished))?;
        let path = self.parent.join(self.meta.ulid.to_string());
        self.fs.rename(&self.unfinished, &path).map_err(FileError::io("rename", &self.unfinished))?;
        self.finished = true;
        self.fs.sync_dir(&self.parent).map_err(FileError::io("sync", &self.parent))?;
        Ok((path, self.meta.clone()))
    }
}

impl Drop for BlockWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: what is left over is recognised by its name and removed on the next start.
            let _ = self.fs.remove_dir_all(&self.unfinished);
        }
    }
}

/// Removes a block. It has another name meanwhile, so that a crash leaves either a whole block or none.
///
/// # Errors
/// If a directory cannot be changed.
pub fn remove_block(fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
    let mut name = dir.as_os_str().to_owned();
    name.push(TMP_DELETION);
    let leaving = PathBuf::from(name);
    fs.rename(dir, &leaving).map_err(FileError::io("rename", dir))?;
    if let Some(parent) = dir.parent() {
        fs.sync_dir(parent).map_err(FileError::io("sync", parent))?;
    }
    fs.remove_dir_all(&leaving).map_err(FileError::io("remove", &leaving))
}
