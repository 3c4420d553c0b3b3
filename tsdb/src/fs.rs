//! The file system seam: everything that must reach the disk, in order, goes through [`Fs`].
//!
//! [`OsFs`] is the real one. Tests put another in its place that forgets what was not synced, fails or fills up.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What went wrong with a file of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused; its reason is the source.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file does not hold what its format demands.
    #[error("{} is damaged at byte {offset}: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// An earlier write or sync failed, so nobody knows what the disk holds; reopen the store.
    #[error("{} can no longer be written after a failed write or sync", .path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    /// Turns the system's reason into an error that names the file.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// A file that breaks its format.
    pub fn damaged(path: impl Into<PathBuf>, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), offset, what: what.into() }
    }
}

/// A file system. Calls order themselves as they are made; only what was synced survives a power cut:
/// a file's bytes by [`File::sync`], its name and its absence by [`Fs::sync_dir`] of the directory.
pub trait Fs: fmt::Debug + Send + Sync {
    /// Creates a directory and its parents, durably; fine if it exists.
    ///
    /// # Errors
    /// The system's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Opens an empty file for appending, emptying what was there.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// All bytes of a file, read now.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// All bytes of a file that does not change any more, paged in when touched where that is possible.
    ///
    /// # Errors
    /// The system's.
    fn map(&self, path: &Path) -> io::Result<FileBytes> {
        self.read(path).map(FileBytes::from)
    }

    /// Names of the entries of a directory, sorted.
    ///
    /// # Errors
    /// The system's; `NotFound` if there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Length of a file in bytes.
    ///
    /// # Errors
    /// The system's.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Whether there is such a file or directory.
    fn exists(&self, path: &Path) -> bool;

    /// Cuts a file to a length and syncs it.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;

    /// Gives a file or directory another name, replacing a file that has it.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name.
    ///
    /// # Errors
    /// The system's.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all below it.
    ///
    /// # Errors
    /// The system's.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on a file, creating it; dropping the lock releases it and removes the file.
    ///
    /// # Errors
    /// `WouldBlock` if somebody holds it, otherwise the system's.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
}

/// A file that is being written.
pub trait File: fmt::Debug + Send {
    /// Writes all bytes at the end.
    ///
    /// # Errors
    /// The system's; some of the bytes may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Overwrites bytes that were written before.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file, so that the next append starts there.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Makes the bytes durable.
    ///
    /// # Errors
    /// The system's. Nobody knows then what the disk holds.
    fn sync(&mut self) -> io::Result<()>;

    /// A handle that makes bytes durable while others are appended.
    ///
    /// # Errors
    /// The system's.
    fn syncer(&self) -> io::Result<Arc<dyn Syncer>>;
}

/// Makes the bytes of a file durable that somebody else is writing.
pub trait Syncer: fmt::Debug + Send + Sync {
    /// Makes durable what was written before the call.
    ///
    /// # Errors
    /// The system's. Nobody knows then what the disk holds.
    fn sync(&self) -> io::Result<()>;
}

/// An exclusive lock, released when dropped.
pub trait Lock: fmt::Debug + Send + Sync {}

/// A file's bytes, mapped or read.
#[derive(Debug)]
pub struct FileBytes(Source);

#[derive(Debug)]
enum Source {
    Read(Vec<u8>),
    #[cfg(feature = "mmap")]
    Mapped(crate::mmap::Mapped),
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Source::Read(bytes))
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Source::Read(bytes) => bytes,
            #[cfg(feature = "mmap")]
            Source::Mapped(map) => map.bytes(),
        }
    }
}

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFs;

impl Fs for OsFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = dir.ancestors().take_while(|d| !d.exists()).collect();
        fs::create_dir_all(dir)?;
        for created in missing.iter().rev() {
            // The parent of a relative name of one part is empty and means the current directory.
            let parent = created.parent().filter(|p| !p.as_os_str().is_empty());
            self.sync_dir(parent.unwrap_or(Path::new(".")))?;
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(OsFile { file, len: 0 }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    #[cfg(feature = "mmap")]
    fn map(&self, path: &Path) -> io::Result<FileBytes> {
        let file = fs::File::open(path)?;
        // An empty file cannot be mapped.
        if file.metadata()?.len() == 0 {
            return Ok(FileBytes::from(Vec::new()));
        }
        crate::mmap::Mapped::new(&file).map(|map| FileBytes(Source::Mapped(map)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // Names that are not UTF-8 are none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        fs::metadata(path).map(|m| m.len())
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        // The original locks the same file in the same way, so that the two never share a directory.
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(OsLock { _file: file, path: path.to_owned() }))
    }
}

#[derive(Debug)]
struct OsFile {
    file: fs::File,
    len: u64,
}

impl File for OsFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // At our own offset: after a failed write the file's cursor is anywhere.
        self.file.write_all_at(bytes, self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.len = len;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.sync_data()
    }

    fn syncer(&self) -> io::Result<Arc<dyn Syncer>> {
        Ok(Arc::new(OsSyncer(self.file.try_clone()?)))
    }
}

#[derive(Debug)]
struct OsSyncer(fs::File);

impl Syncer for OsSyncer {
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[derive(Debug)]
struct OsLock {
    _file: fs::File,
    path: PathBuf,
}

impl Lock for OsLock {}

impl Drop for OsLock {
    fn drop(&mut self) {
        // Best effort, as there is nobody to tell; a left file does not hold a lock.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = OsFs.lock(&path).unwrap();
        assert_eq!(OsFs.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(lock);
        assert!(!OsFs.exists(&path));
        OsFs.lock(&path).unwrap();
    }

    #[test]
    fn appends_go_on_after_a_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut file = OsFs.create(&path).unwrap();
        file.append(b"hello world").unwrap();
        file.truncate(5).unwrap();
        file.append(b"!").unwrap();
        file.write_at(0, b"H").unwrap();
        file.sync().unwrap();
        assert_eq!(OsFs.read(&path).unwrap(), b"Hello!");
        assert_eq!(&*OsFs.map(&path).unwrap(), b"Hello!");
        OsFs.create(&path).unwrap();
        assert_eq!(&*OsFs.map(&path).unwrap(), b"");
    }
}
