//! Writing a log: records into fragments, fragments into pages, one write a commit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::compress::Compressor;
use super::dense_record::DenseEncoder;
use super::record::{FloatSample, put_samples};
use super::sample_block::SampleBlock;
use super::segment::{Compression, FIRST, FRAGMENT_HEADER, FULL, LAST, MIDDLE, PAGE, segment_path, segments};
use crate::fs::{File, FileError, Fs, Syncer};

/// How a log is written.
#[derive(Debug, Clone, Copy)]
pub struct WalOptions {
    /// Bytes at which a new segment is begun, rounded down to whole pages of 32 KiB. Default 128 MiB.
    pub segment_size: u64,
    /// How records are compressed. Default snappy.
    pub compression: Compression,
    /// What records of float samples look like. Default [`LogStyle::Dense`]. Both are read, in one log too.
    pub style: LogStyle,
}

/// What records of float samples look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogStyle {
    /// As Prometheus writes and reads them: eleven bytes a sample, nine or ten once compressed. For a directory that Prometheus
    /// is to open, whenever that may be.
    Field,
    /// Ours: two or three bytes a sample where values are decimals, as most are. Prometheus steps over such records, and
    /// so finds none of their samples: what it is to see has to be in blocks first, as after [`Db::flush`](crate::Db::flush).
    #[default]
    Dense,
}

impl Default for WalOptions {
    fn default() -> Self {
        let segment_size = 128 * 1024 * 1024;
        Self { segment_size, compression: Compression::default(), style: LogStyle::default() }
    }
}

/// A log open for writing.
///
/// [`Wal::log`] collects records, [`Wal::flush`] hands them to the system in one write, [`Wal::sync`] makes them
/// durable. Read a log to its end, and [`repair`](super::repair) it where needed, before it is opened.
#[derive(Debug)]
pub struct Wal {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: WalOptions,
    segment: u32,
    file: Box<dyn File>,
    /// Bytes of the segment that the system has.
    written: u64,
    /// Fragments that follow them.
    pending: Vec<u8>,
    compressor: Compressor,
    compressed: Vec<u8>,
    dense: DenseEncoder,
    /// Taken out meanwhile, as it lends what it made.
    samples: Option<Box<SampleBlock>>,
    /// A record of samples that is being made.
    record: Vec<u8>,
    /// Set when nobody knows what the file holds.
    poisoned: Arc<AtomicBool>,
}

/// Makes durable what was written to a log, beside those who go on writing it.
#[derive(Debug)]
pub(crate) struct SyncPoint {
    path: PathBuf,
    file: Arc<dyn Syncer>,
    poisoned: Arc<AtomicBool>,
}

impl SyncPoint {
    /// Makes durable all that was written when [`Wal::sync_point`] was called, and maybe more.
    ///
    /// # Errors
    /// If the sync failed; the log is poisoned then. Also if another sync failed meanwhile, since the system tells but one
    /// of those who wait.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        let result = self.file.sync();
        if result.is_err() {
            self.poisoned.store(true, Ordering::Release);
        } else if self.poisoned.load(Ordering::Acquire) {
            return Err(FileError::Poisoned { path: self.path.clone() });
        }
        result.map_err(FileError::io("sync", &self.path))
    }
}

impl Wal {
    /// Opens a log for writing, in a new segment after the existing ones.
    ///
    /// # Errors
    /// If the directory cannot be read or the segment not be created.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path, options: WalOptions) -> Result<Self, FileError> {
        fs.create_dir_all(dir).map_err(FileError::io("create", dir))?;
        let segment = segments(&*fs, dir)?.last().map_or(0, |last| last.number + 1);
        let file = create_segment(&*fs, dir, segment)?;
        Ok(Self {
            fs,
            dir: dir.to_owned(),
            options,
            segment,
            file,
            written: 0,
            pending: Vec::new(),
            compressor: Compressor::new(),
            compressed: Vec::new(),
            dense: DenseEncoder::default(),
            samples: None,
            record: Vec::new(),
            poisoned: Arc::default(),
        })
    }

    /// The directory of the log.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The number of the segment being written.
    pub fn segment(&self) -> u32 {
        self.segment
    }

    /// Bytes of the segment being written, those that wait for [`Wal::flush`] included.
    pub fn offset(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Bytes that wait for [`Wal::flush`].
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Adds a record. It is written by the next [`Wal::flush`], unless the segment is full before.
    ///
    /// # Errors
    /// If a full segment could not be written and closed.
    pub fn log(&mut self, record: &[u8]) -> Result<(), FileError> {
        self.check()?;
        // Taken out meanwhile, as it lends the compressed bytes.
        let mut room = std::mem::take(&mut self.compressed);
        let (bytes, compression) = self.compressor.compress(self.options.compression, record, &mut room);
        let result = self.make_room(bytes.len());
        if result.is_ok() {
            self.put(bytes, compression);
        }
        self.compressed = room;
        result
    }

    /// Adds a record of samples, in the style of [`WalOptions::style`].
    ///
    /// # Errors
    /// As [`Wal::log`].
    pub fn log_samples(&mut self, samples: &[FloatSample]) -> Result<(), FileError> {
        match (self.options.style, self.options.compression) {
            (LogStyle::Dense, _) => self.log_dense(samples),
            (LogStyle::Field, Compression::Snappy) => self.log_snappy(samples),
            (LogStyle::Field, _) => {
                let mut record = std::mem::take(&mut self.record);
                record.clear();
                put_samples(&mut record, samples.iter().copied());
                let result = self.log(&record);
                self.record = record;
                result
            }
        }
    }

    /// As [`Wal::log`], but the record is compressed while it is made.
    fn log_snappy(&mut self, samples: &[FloatSample]) -> Result<(), FileError> {
        self.check()?;
        let mut encoder = self.samples.take().unwrap_or_default();
        let (bytes, compression) = encoder.encode(samples).smaller();
        let result = self.make_room(bytes.len());
        if result.is_ok() {
            self.put(bytes, compression);
        }
        self.samples = Some(encoder);
        result
    }

    fn log_dense(&mut self, samples: &[FloatSample]) -> Result<(), FileError> {
        self.check()?;
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        self.dense.encode(&mut record, samples);
        let segment = self.segment;
        let result = self.make_room(record.len());
        if result.is_ok() {
            if self.segment != segment {
                // In a new segment there is nothing yet that values could differ from.
                record.clear();
                self.dense.encode(&mut record, samples);
            }
            // Compression would find little more.
            self.put(&record, Compression::None);
        }
        self.record = record;
        result
    }

    /// Hands all records to the system: they survive the end of this process, not that of the power.
    ///
    /// # Errors
    /// If the write failed. The records are dropped; the log stays usable if the file could be cut back to where
    /// it was, and is poisoned otherwise.
    pub fn flush(&mut self) -> Result<(), FileError> {
        self.check()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        let result = self.file.append(&self.pending);
        match result {
            Ok(()) => {
                self.written += self.pending.len() as u64;
                self.pending.clear();
                Ok(())
            }
            Err(e) => {
                self.discard();
                if self.file.truncate(self.written).is_err() {
                    self.poison();
                }
                Err(FileError::io("write", self.path())(e))
            }
        }
    }

    /// Drops records that were logged since the last [`Wal::flush`].
    pub fn discard(&mut self) {
        self.pending.clear();
        self.dense.forget();
    }

    /// Where the log ends, for [`Wal::cut_back`].
    pub(crate) fn mark(&self) -> (u32, u64) {
        (self.segment, self.written)
    }

    /// Takes back what was written since a mark, as far as it is in the last segment.
    pub(crate) fn cut_back(&mut self, (segment, written): (u32, u64)) {
        self.discard();
        let end = if segment == self.segment { written } else { 0 };
        if end < self.written {
            if self.file.truncate(end).is_err() {
                self.poison();
            }
            self.written = end;
        }
    }

    /// Makes all records durable.
    ///
    /// # Errors
    /// If writing or syncing failed; after a failed sync the log is poisoned.
    pub fn sync(&mut self) -> Result<(), FileError> {
        self.flush()?;
        let result = self.file.sync();
        self.poison_on_error(result)
    }

    /// A way to make durable what was flushed, without keeping others from writing.
    ///
    /// # Errors
    /// If the log is poisoned, or the system refused.
    pub(crate) fn sync_point(&self) -> Result<SyncPoint, FileError> {
        self.check()?;
        let path = self.path();
        // Segments before this one were synced when they were full.
        let file = self.file.syncer().map_err(FileError::io("sync", &path))?;
        Ok(SyncPoint { path, file, poisoned: self.poisoned.clone() })
    }

    /// Syncs the segment and starts the next one.
    ///
    /// # Errors
    /// If writing, syncing or creating failed.
    pub fn next_segment(&mut self) -> Result<u32, FileError> {
        self.sync()?;
        let file = create_segment(&*self.fs, &self.dir, self.segment + 1)?;
        self.file = file;
        self.segment += 1;
        self.written = 0;
        self.dense.forget();
        Ok(self.segment)
    }

    /// Removes all segments before a number.
    ///
    /// # Errors
    /// If a file could not be removed.
    pub fn truncate_before(&mut self, segment: u32) -> Result<(), FileError> {
        for old in segments(&*self.fs, &self.dir)? {
            if old.number >= segment.min(self.segment) {
                break;
            }
            self.fs.remove_file(&old.path).map_err(FileError::io("remove", &old.path))?;
        }
        self.fs.sync_dir(&self.dir).map_err(FileError::io("sync", &self.dir))
    }

    fn check(&self) -> Result<(), FileError> {
        if self.is_poisoned() { Err(FileError::Poisoned { path: self.path() }) } else { Ok(()) }
    }

    fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    fn path(&self) -> PathBuf {
        segment_path(&self.dir, self.segment)
    }

    fn poison_on_error(&mut self, result: std::io::Result<()>) -> Result<(), FileError> {
        result.map_err(|e| {
            self.poison();
            FileError::io("sync", self.path())(e)
        })
    }

    /// Starts the next segment if a record does not fit into this one.
    fn make_room(&mut self, len: usize) -> Result<(), FileError> {
        if len > self.room_in_segment() && self.offset() > 0 {
            self.next_segment()?;
        }
        Ok(())
    }

    /// Cuts a record into fragments.
    fn put(&mut self, record: &[u8], compression: Compression) {
        let mut rest = record;
        let mut kind = FIRST;
        loop {
            let in_page = (self.offset() % PAGE as u64) as usize;
            let mut room = PAGE - in_page;
            if room < FRAGMENT_HEADER {
                self.pending.resize(self.pending.len() + room, 0);
                room = PAGE;
            }
            let (part, after) = rest.split_at(rest.len().min(room - FRAGMENT_HEADER));
            rest = after;
            let this = match (kind, rest.is_empty()) {
                (FIRST, true) => FULL,
                (_, true) => LAST,
                (kind, false) => kind,
            };
            self.pending.push(this | compression.mask());
            // A page has 32 KiB, so its parts have lengths of two bytes.
            self.pending.extend_from_slice(&(part.len() as u16).to_be_bytes());
            self.pending.extend_from_slice(&crc32c::crc32c(part).to_be_bytes());
            self.pending.extend_from_slice(part);
            if rest.is_empty() {
                return;
            }
            kind = MIDDLE;
        }
    }

    /// Bytes of a record that still fit into the segment.
    fn room_in_segment(&self) -> usize {
        let pages = (self.options.segment_size / PAGE as u64).max(1);
        let page = self.offset() / PAGE as u64;
        let in_page = (self.offset() % PAGE as u64) as usize;
        let this_page = (PAGE - in_page).saturating_sub(FRAGMENT_HEADER);
        let other_pages = pages.saturating_sub(page + 1) as usize * (PAGE - FRAGMENT_HEADER);
        if page < pages { this_page + other_pages } else { 0 }
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        // Best effort, as there is nobody to tell: whoever needs to know calls `sync` first.
        if !self.is_poisoned() {
            let _ = self.sync();
        }
    }
}

fn create_segment(fs: &dyn Fs, dir: &Path, number: u32) -> Result<Box<dyn File>, FileError> {
    let path = segment_path(dir, number);
    let file = fs.create(&path).map_err(FileError::io("create", &path))?;
    fs.sync_dir(dir).map_err(FileError::io("sync", dir))?;
    Ok(file)
}
