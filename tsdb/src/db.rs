//! The store: owns head, blocks and the lock, and is the only place that orders them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::{Append, Batch, TimeRange, Timestamp};
use parking_lot::Mutex;

use crate::block::{
    Block, BlockMeta, BlockWriter, ChunkData as BlockChunk, TMP_CREATION, TMP_DELETION, Ulid,
};
use crate::chunk::{ChunkError, Encoding};
use crate::error::{Error, Warning};
use crate::fs::{FileError, Fs, Lock, OsFs};
use crate::head::{ChunkData, Head, HeadOptions};
use crate::options::Options;

/// How often [`Db::tick`] wants to be called when there is nothing special, in milliseconds.
const TICK: i64 = 60_000;
/// When it wants to be called again if readers kept it from finishing.
const RETRY: i64 = 1_000;

/// An open store.
///
/// Shared between threads as it is: appending, selecting and [`Db::tick`] take `&self`.
#[derive(Debug)]
pub struct Db {
    dir: PathBuf,
    fs: Arc<dyn Fs>,
    options: Options,
    pub(crate) head: Head,
    snapshot: Mutex<Snapshot>,
    /// One maintenance at a time, and what the last one left over.
    maintenance: Mutex<Maintenance>,
    warnings: Vec<Warning>,
    _lock: Box<dyn Lock>,
}

/// The blocks at one time. While it lives, the head keeps what was in it then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// Oldest first.
    pub(crate) blocks: Arc<Vec<Arc<Block>>>,
    /// Shared by all who came between two cuts.
    readers: Arc<()>,
}

#[derive(Debug, Default)]
struct Maintenance {
    /// Blocks have what is older than this, but readers from before may still need it in the head.
    truncation: Option<(Timestamp, Arc<()>)>,
}

impl Snapshot {
    /// Blocks with samples in the range.
    pub(crate) fn overlapping(&self, range: TimeRange) -> impl Iterator<Item = &Block> {
        self.blocks.iter().map(|b| &**b).filter(move |b| b.meta().range().overlaps(&range))
    }
}

impl Db {
    /// Opens the store in a directory, making the directory if it is missing, and reads its log.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it open, [`Error::File`] if files cannot be read or written.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::open_on(Arc::new(OsFs), dir.as_ref(), options)
    }

    /// As [`Db::open`], on a file system of the caller's.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_on(fs: Arc<dyn Fs>, dir: &Path, options: Options) -> Result<Self, Error> {
        if options.block_range <= 0 {
            let expected = "more than 0";
            return Err(Error::Option { name: "block_range", value: options.block_range, expected });
        }
        fs.create_dir_all(dir).map_err(FileError::io("create", dir))?;
        let lock = lock(&*fs, dir)?;
        let mut warnings = Vec::new();
        let blocks = open_blocks(&*fs, dir, &mut warnings)?;
        let head = Head::new(HeadOptions {
            chunk_range: options.block_range,
            max_series: options.max_series,
            max_exemplars: options.max_exemplars,
            durability: options.durability,
        });
        if let Some(end) = blocks.iter().map(|b| b.meta().max_time).max() {
            head.set_min_valid(end);
        }
        if options.log {
            let replayed = head.replay(&fs, &dir.join("wal"), options.wal)?;
            warnings.extend(replayed.damage.map(Warning::LogRepaired));
            warnings.extend(replayed.malformed.into_iter().map(Warning::LogRecord));
            if replayed.unknown > 0 {
                warnings.push(Warning::UnknownSeries { samples: replayed.unknown });
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            fs,
            options,
            head,
            snapshot: Mutex::new(Snapshot { blocks: Arc::new(blocks), readers: Arc::default() }),
            maintenance: Mutex::default(),
            warnings,
            _lock: lock,
        })
    }

    /// The store's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The settings that the store was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Trouble that was met and mended while opening; worth telling people.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Number of series in memory.
    pub fn head_series(&self) -> usize {
        self.head.series_count()
    }

    /// Time of the oldest and the newest sample in memory.
    pub fn head_range(&self) -> Option<TimeRange> {
        self.head.time_range()
    }

    /// The blocks, oldest first.
    pub fn blocks(&self) -> Vec<BlockMeta> {
        self.snapshot().blocks.iter().map(|b| b.meta().clone()).collect()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().clone()
    }

    /// Does what is due: cuts blocks from the head, compacts blocks, drops what has to leave, shrinks the log. Returns
    /// when to call it again; `now` in milliseconds.
    ///
    /// Works in the caller's thread, which may be one of its own: appending and selecting go on meanwhile.
    ///
    /// # Errors
    /// If files cannot be read or written. What was done stays done, and nothing is lost: call again.
    pub fn tick(&self, now: Timestamp) -> Result<Timestamp, Error> {
        let Some(mut maintenance) = self.maintenance.try_lock() else {
            return Ok(now.saturating_add(RETRY));
        };
        loop {
            if !self.finish_truncation(&mut maintenance)? {
                return Ok(now.saturating_add(RETRY));
            }
            if !self.head.is_cut_due() {
                break;
            }
            let Some(range) = self.head.next_block() else { break };
            if !self.cut(range, now, &mut maintenance)? {
                return Ok(now.saturating_add(RETRY));
            }
        }
        Ok(now.saturating_add(TICK))
    }

    /// Cuts everything from the head into blocks, however little it is. Returns whether the head is empty then: open
    /// batches, and readers from before, may need it for a while.
    ///
    /// # Errors
    /// As [`Db::tick`].
    pub fn flush(&self, now: Timestamp) -> Result<bool, Error> {
        let mut maintenance = self.maintenance.lock();
        while self.finish_truncation(&mut maintenance)? {
            let Some(range) = self.head.next_block() else { return Ok(true) };
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
        let mut snapshot = self.snapshot.lock();
        if let Some(block) = block {
            let mut blocks = (*snapshot.blocks).clone();
            blocks.push(Arc::new(block));
            blocks.sort_by_key(|b| b.meta().min_time);
            snapshot.blocks = Arc::new(blocks);
        }
        let earlier = std::mem::take(&mut snapshot.readers);
        maintenance.truncation = Some((end, earlier));
        Ok(true)
    }

    fn write_block(&self, range: TimeRange, now: Timestamp) -> Result<Option<Block>, Error> {
        let (series, symbols) = self.head.for_block(range);
        if series.is_empty() {
            return Ok(None);
        }
        let ulid = Ulid::at(u64::try_from(now).unwrap_or(0));
        let meta = BlockMeta::new(ulid, range.start, range.end.saturating_add(1));
        let symbols = symbols.iter().map(String::as_str);
        let mut writer = BlockWriter::create(self.fs.clone(), &self.dir, meta, symbols)?;
        for series in &series {
            let chunks = self.head.chunks(series, range);
            let encoded: Result<Vec<_>, ChunkError> = chunks
                .iter()
                .map(|chunk| match &chunk.data {
                    ChunkData::Encoded(encoding, bytes) => Ok(BlockChunk {
                        min_time: chunk.first,
                        max_time: chunk.last,
                        encoding: *encoding,
                        bytes,
                    }),
                    ChunkData::Histograms(_) => Err(ChunkError::Encoding { id: Encoding::Histogram.id() }),
                })
                .collect();
            let encoded =
                encoded.map_err(|source| Error::Chunk { series: series.labels.to_string(), source })?;
            writer.add_series(&series.labels, &encoded)?;
        }
        if writer.samples() == 0 {
            return Ok(None);
        }
        let (path, _) = writer.finish()?;
        Ok(Some(Block::open(&*self.fs, &path)?))
    }

    /// Truncates head and log as far as blocks reach. Returns whether nothing is left to do.
    fn finish_truncation(&self, maintenance: &mut Maintenance) -> Result<bool, Error> {
        if let Some((end, readers)) = &maintenance.truncation {
            // Ours is the last: whoever came before the cut has gone.
            if Arc::strong_count(readers) > 1 {
                return Ok(false);
            }
            self.head.truncate(*end);
            self.head.truncate_log(&self.fs, self.options.wal, *end)?;
            maintenance.truncation = None;
        }
        Ok(true)
    }
}

impl Append for Db {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(self.head.batch())
    }
}

/// Opens all blocks of a directory, oldest first, and clears away what an interrupted write or removal left.
fn open_blocks(fs: &dyn Fs, dir: &Path, warnings: &mut Vec<Warning>) -> Result<Vec<Arc<Block>>, Error> {
    let mut blocks = Vec::new();
    for name in fs.list(dir).map_err(FileError::io("list", dir))? {
        let path = dir.join(&name);
        if name.ends_with(TMP_CREATION) || name.ends_with(TMP_DELETION) {
            fs.remove_dir_all(&path).map_err(FileError::io("remove", &path))?;
        } else if name.parse::<Ulid>().is_ok() {
            match Block::open(fs, &path) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error) => warnings.push(Warning::Block(error)),
            }
        }
    }
    blocks.sort_by_key(|b| b.meta().min_time);
    Ok(blocks)
}

/// Takes the directory's lock and leaves this process' number in it, as the original does.
fn lock(fs: &dyn Fs, dir: &Path) -> Result<Box<dyn Lock>, Error> {
    let path = dir.join("lock");
    let lock = fs.lock(&path).map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock => {
            let pid =
                fs.read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok());
            Error::Locked { dir: dir.to_owned(), pid }
        }
        _ => FileError::io("lock", &path)(e).into(),
    })?;
    fs.create(&path)
        .and_then(|mut file| file.append(std::process::id().to_string().as_bytes()))
        .map_err(FileError::io("write", &path))?;
    Ok(lock)
}
