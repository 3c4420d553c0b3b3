//! The store: owns head, blocks and the lock, and is the only place that orders them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::{Append, Batch, TimeRange, Timestamp};
use parking_lot::Mutex;

use crate::block::{Block, BlockMeta, TMP_CREATION, TMP_DELETION, Ulid, remove_block};
use crate::error::{Error, Warning};
use crate::fs::{FileError, Fs, Lock, OsFs};
use crate::head::{AppendCounts, Head, HeadOptions, Limits, Replayed};
use crate::head_chunks::{self, HEAD_CHUNKS, Loaded};
use crate::maintenance::Maintenance;
use crate::options::Options;
use crate::retention::{Retention, leaving};
use crate::series_cache::SeriesCache;

/// The directory of the write-ahead log.
pub(crate) const LOG: &str = "wal";

/// An open store.
///
/// Shared between threads as it is: appending, selecting and [`Db::tick`] take `&self`.
#[derive(Debug)]
pub struct Db {
    pub(crate) dir: PathBuf,
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) options: Options,
    pub(crate) head: Head,
    pub(crate) snapshot: Mutex<Snapshot>,
    /// Series of the blocks that queries asked for.
    pub(crate) series_cache: SeriesCache,
    /// One maintenance at a time, and what the last one left over.
    pub(crate) maintenance: Mutex<Maintenance>,
    warnings: Vec<Warning>,
    is_read_only: bool,
    _lock: Option<Box<dyn Lock>>,
}

/// The blocks at one time. While it lives, the head keeps what was in it then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// Oldest first.
    pub(crate) blocks: Arc<Vec<Arc<Block>>>,
    /// Shared by all who came between two cuts.
    pub(crate) readers: Arc<()>,
    /// Late samples of earlier generations are in the blocks.
    pub(crate) late_since: u64,
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
        Self::open_as(fs, dir, options, false)
    }

    /// Opens a store for reading: takes no lock and changes nothing, so that it works beside a process that writes and
    /// on a file system that is read only. Sees what was there when it was opened.
    ///
    /// # Errors
    /// [`Error::File`] if files cannot be read.
    pub fn open_read_only(dir: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::open_as(Arc::new(OsFs), dir.as_ref(), options, true)
    }

    fn open_as(fs: Arc<dyn Fs>, dir: &Path, options: Options, is_read_only: bool) -> Result<Self, Error> {
        if options.block_range <= 0 {
            let expected = "more than 0";
            return Err(Error::Option { name: "block_range", value: options.block_range, expected });
        }
        let lock = if is_read_only {
            None
        } else {
            fs.create_dir_all(dir).map_err(FileError::io("create", dir))?;
            Some(lock(&*fs, dir)?)
        };
        let mut warnings = Vec::new();
        let blocks = open_blocks(&*fs, dir, is_read_only, &mut warnings)?;
        let mut head = new_head(&options, is_read_only, &blocks);
        if options.log {
            let log = dir.join(LOG);
            let mut from = None;
            if options.snapshot {
                match head.load_snapshot(&*fs, dir, &log, options.threads) {
                    Ok(position) => from = position,
                    Err(error) => {
                        warnings.push(Warning::Snapshot(error));
                        // What was loaded before the error goes.
                        head = new_head(&options, is_read_only, &blocks);
                    }
                }
            }
            let replayed = head.replay(&fs, &log, options.wal, from, options.threads)?;
            let chunks = load_head_chunks(&head, &*fs, dir, is_read_only, &mut warnings)?;
            let late = head.replay_late(&fs, dir, options.wal, chunks)?;
            for replayed in [replayed, late] {
                warn_of(replayed, is_read_only, &mut warnings);
            }
            head.reset_counts();
        }
        Ok(Self {
            dir: dir.to_owned(),
            fs,
            series_cache: SeriesCache::new(options.series_cache),
            options,
            head,
            snapshot: Mutex::new(Snapshot { blocks: Arc::new(blocks), ..Snapshot::default() }),
            maintenance: Mutex::default(),
            warnings,
            is_read_only,
            _lock: lock,
        })
    }

    /// Leaves a snapshot of what is in memory and closes the store, so that the next [`Db::open`] need not read the log.
    ///
    /// Dropping a store without this loses nothing: opening it takes longer then. Stores that are shared can call
    /// [`Db::write_snapshot`] as the last thing instead.
    ///
    /// # Errors
    /// If the snapshot cannot be written; everything is in the log all the same.
    pub fn close(self) -> Result<(), Error> {
        if self.options.snapshot && !self.is_read_only { self.write_snapshot() } else { Ok(()) }
    }

    /// Writes a snapshot of what is in memory, in the place of the last. Appending and selecting go on meanwhile; what comes
    /// after it is read from the log. Does nothing without a log.
    ///
    /// # Errors
    /// If it cannot be written; the last snapshot is there still.
    pub fn write_snapshot(&self) -> Result<(), Error> {
        self.check_writable()?;
        // No truncation meanwhile.
        let _maintenance = self.maintenance.lock();
        self.head.write_snapshot(&*self.fs, &self.dir)?;
        Ok(())
    }

    /// Changes [`Options::out_of_order_window`] for batches that begin from now on; in milliseconds, 0 refuses late
    /// samples. What was taken before stays.
    ///
    /// # Errors
    /// If the log of late samples cannot be begun.
    pub fn set_out_of_order_window(&self, window: i64) -> Result<(), Error> {
        self.check_writable()?;
        let log = self.options.log.then_some((&self.fs, &*self.dir, self.options.wal));
        Ok(self.head.set_window(window, log)?)
    }

    /// What was appended and refused since the store was opened.
    pub fn append_counts(&self) -> AppendCounts {
        self.head.append_counts()
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

    /// Bytes that are taken in memory by series with their index, samples, late ones too, exemplars and metadata. The store
    /// keeps this account itself; what the allocator needs beside it is not in it.
    pub fn head_bytes(&self) -> usize {
        self.head.bytes()
    }

    /// Time of the oldest and the newest sample in memory.
    pub fn head_range(&self) -> Option<TimeRange> {
        self.head.time_range()
    }

    /// The blocks, oldest first.
    pub fn blocks(&self) -> Vec<BlockMeta> {
        self.snapshot().blocks.iter().map(|b| b.meta().clone()).collect()
    }

    /// Refuses what would change a store that is open for reading.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.is_read_only { Err(Error::ReadOnly) } else { Ok(()) }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().clone()
    }
}

impl Append for Db {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(self.head.batch())
    }
}

/// A head that takes what is newer than the blocks.
fn new_head(options: &Options, is_read_only: bool, blocks: &[Arc<Block>]) -> Head {
    let head = Head::new(head_options(options, is_read_only));
    // Blocks of late samples say nothing about what is still to come.
    let in_order = blocks.iter().filter(|b| !b.meta().is_from_out_of_order());
    if let Some(end) = in_order.map(|b| b.meta().max_time).max() {
        head.set_min_valid(end);
    }
    head
}

/// Opens all blocks of a directory, oldest first, and clears away what an interrupted write or removal left.
fn open_blocks(
    fs: &dyn Fs,
    dir: &Path,
    is_read_only: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Arc<Block>>, Error> {
    let mut blocks = Vec::new();
    for name in fs.list(dir).map_err(FileError::io("list", dir))? {
        let path = dir.join(&name);
        if name.ends_with(TMP_CREATION) || name.ends_with(TMP_DELETION) {
            if !is_read_only {
                fs.remove_dir_all(&path).map_err(FileError::io("remove", &path))?;
            }
        } else if name.parse::<Ulid>().is_ok() {
            match Block::open(fs, &path) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error) => warnings.push(Warning::Block(error)),
            }
        }
    }
    // A crash between writing a merged block and removing its parents leaves both.
    let metas: Vec<_> = blocks.iter().map(|b: &Arc<Block>| (b.meta().clone(), b.size())).collect();
    let replaced = leaving(&metas, Retention::default(), 0);
    for block in blocks.extract_if(.., |b| replaced.contains(&b.meta().ulid)) {
        if !is_read_only {
            remove_block(fs, block.dir())?;
        }
    }
    blocks.sort_by_key(|b| b.meta().min_time);
    Ok(blocks)
}

/// What concerns the samples in memory.
pub(crate) fn head_options(options: &Options, is_read_only: bool) -> HeadOptions {
    HeadOptions {
        is_read_only,
        chunk_range: options.block_range,
        limits: Limits {
            max_series: options.max_series,
            max_bytes: options.max_head_bytes,
            labels: options.label_limits,
        },
        max_exemplars: options.max_exemplars,
        durability: options.durability,
        late_window: options.out_of_order_window,
        late_chunk_samples: options.out_of_order_chunk_samples.into(),
    }
}

/// Reads the head's chunk files, cuts them off where they are damaged, and takes what the log lacks. Late samples are left
/// to the caller.
fn load_head_chunks(
    head: &Head,
    fs: &dyn Fs,
    dir: &Path,
    is_read_only: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Loaded, Error> {
    let dir = dir.join(HEAD_CHUNKS);
    let mut loaded = head.load_chunks(fs, &dir)?;
    if !is_read_only {
        head_chunks::repair(fs, &dir, &loaded)?;
    }
    warnings.extend(loaded.damage.take().map(Warning::HeadChunks));
    warnings.extend(head.take_chunks_behind_log(&dir, &loaded)?.map(Warning::HeadChunks));
    Ok(loaded)
}

/// Tells what went wrong when a log was read.
fn warn_of(replayed: Replayed, is_read_only: bool, warnings: &mut Vec<Warning>) {
    let damaged = if is_read_only { Warning::LogDamaged } else { Warning::LogRepaired };
    warnings.extend(replayed.damage.map(damaged));
    warnings.extend(replayed.malformed.into_iter().map(Warning::LogRecord));
    if replayed.unknown > 0 {
        warnings.push(Warning::UnknownSeries { samples: replayed.unknown });
    }
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

/// A name for a block that is made now.
pub(crate) fn name_at(now: Timestamp) -> Ulid {
    Ulid::at(u64::try_from(now).unwrap_or(0))
}
