//! The store: owns head, blocks and the lock, and is the only place that orders them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::{Append, Batch};

use crate::error::{Error, Warning};
use crate::fs::{FileError, Fs, Lock, OsFs};
use crate::head::{Head, HeadOptions};
use crate::options::Options;

/// An open store.
#[derive(Debug)]
pub struct Db {
    dir: PathBuf,
    options: Options,
    pub(crate) head: Head,
    warnings: Vec<Warning>,
    _lock: Box<dyn Lock>,
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
        let head = Head::new(HeadOptions {
            chunk_range: options.block_range,
            max_series: options.max_series,
            max_exemplars: options.max_exemplars,
            durability: options.durability,
        });
        let mut warnings = Vec::new();
        if options.log {
            let replayed = head.replay(&fs, &dir.join("wal"), options.wal)?;
            warnings.extend(replayed.damage.map(Warning::LogRepaired));
            warnings.extend(replayed.malformed.into_iter().map(Warning::LogRecord));
            if replayed.unknown > 0 {
                warnings.push(Warning::UnknownSeries { samples: replayed.unknown });
            }
        }
        Ok(Self { dir: dir.to_owned(), options, head, warnings, _lock: lock })
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
}

impl Append for Db {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(self.head.batch())
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
