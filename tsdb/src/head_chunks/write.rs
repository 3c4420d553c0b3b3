//! Writing chunk files of the head, and letting go of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::Timestamp;

use super::{FILE_SIZE, HEADER, HeadChunkFile, LATE, MAGIC, VERSION, file_path};
use crate::chunk::EncodedChunk;
use crate::codec::put_bytes;
use crate::fs::{File, FileError, Fs};

/// Appends chunks to the files of a directory. The directory is made with the first chunk.
#[derive(Debug)]
pub struct HeadChunkWriter {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    /// All files, oldest first; the last is `open` if there is one.
    files: Vec<HeadChunkFile>,
    open: Option<OpenFile>,
    last_number: u32,
    pending: Vec<u8>,
    file_size: u64,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    file: Box<dyn File>,
    /// Bytes that the system has.
    written: u64,
}

impl HeadChunkWriter {
    /// Goes on behind the files that [`load`](super::load) found.
    pub fn new(fs: Arc<dyn Fs>, dir: &Path, files: Vec<HeadChunkFile>) -> Self {
        let last_number = files.last().map_or(0, |f| f.number);
        let (open, pending) = (None, Vec::new());
        Self { fs, dir: dir.to_owned(), files, open, last_number, pending, file_size: FILE_SIZE }
    }

    /// Begins new files at another size in bytes.
    #[must_use]
    pub fn file_size(mut self, bytes: u64) -> Self {
        self.file_size = bytes.min(FILE_SIZE);
        self
    }

    /// Adds a chunk and returns its reference, which holds once [`HeadChunkWriter::flush`] has succeeded.
    ///
    /// # Errors
    /// If a full file could not be finished or the next not be begun.
    pub fn add(&mut self, series: u64, chunk: &EncodedChunk, is_late: bool) -> Result<u64, FileError> {
        let start = self.pending.len();
        self.put(series, chunk, is_late);
        let len = (self.pending.len() - start) as u64;
        let room = self.open.as_ref().map_or(0, |o| self.file_size.saturating_sub(o.written + start as u64));
        if len > room {
            let record = self.pending.split_off(start);
            self.begin_file()?;
            self.pending.extend_from_slice(&record);
        }
        let end = self.open.as_ref().map_or(0, |o| o.written) + self.pending.len() as u64;
        if let Some(file) = self.files.last_mut() {
            file.note(chunk.max_time, is_late);
        }
        Ok(u64::from(self.last_number) << 32 | (end - len))
    }

    fn put(&mut self, series: u64, chunk: &EncodedChunk, is_late: bool) {
        let buf = &mut self.pending;
        let start = buf.len();
        buf.extend_from_slice(&series.to_be_bytes());
        buf.extend_from_slice(&chunk.min_time.to_be_bytes());
        buf.extend_from_slice(&chunk.max_time.to_be_bytes());
        buf.push(chunk.encoding.id() | if is_late { LATE } else { 0 });
        put_bytes(buf, &chunk.bytes);
        let crc = crc32c::crc32c(&buf[start..]);
        buf.extend_from_slice(&crc.to_be_bytes());
    }

    /// Hands all chunks to the system.
    ///
    /// # Errors
    /// If writing failed. The chunks added since the last flush are not in the files then; what follows goes into a new
    /// file.
    pub fn flush(&mut self) -> Result<(), FileError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let result = open.file.append(&self.pending);
        let len = std::mem::take(&mut self.pending).len() as u64;
        match result {
            Ok(()) => {
                open.written += len;
                Ok(())
            }
            Err(e) => {
                let error = FileError::io("write", &open.path)(e);
                self.abandon();
                Err(error)
            }
        }
    }

    /// Forgets the chunks that were added since the last flush.
    pub fn discard(&mut self) {
        // A file that was just begun still needs its header.
        let header = self.open.as_ref().is_some_and(|open| open.written == 0);
        self.pending.truncate(if header { HEADER } else { 0 });
    }

    /// Ends the open file after a failed write, without what was written last.
    fn abandon(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        // A reader stops at a torn record and finds all before it, so nothing depends on these succeeding.
        if open.written == 0 && self.fs.remove_file(&open.path).is_ok() {
            self.files.pop();
            self.last_number -= 1;
        } else {
            let _ = open.file.truncate(open.written);
        }
    }

    /// Ends the open file. Returns the number from which on files will have what is added from now on.
    ///
    /// # Errors
    /// If the file could not be written.
    pub fn end_file(&mut self) -> Result<u32, FileError> {
        self.flush()?;
        if let Some(mut open) = self.open.take() {
            open.file.sync().map_err(FileError::io("sync", &open.path))?;
        }
        Ok(self.last_number + 1)
    }

    /// Removes files, oldest first, as long as all chunks in them are obsolete: those that did not come late end before
    /// `mint`, and those that did are in a file before `late`.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn remove_obsolete(&mut self, mint: Timestamp, late: u32) -> Result<(), FileError> {
        let is_obsolete = |f: &HeadChunkFile| f.newest < mint && (!f.has_late || f.number < late);
        let closed = self.files.len() - usize::from(self.open.is_some());
        let gone = self.files[..closed].iter().take_while(|f| is_obsolete(f)).count();
        if gone == 0 {
            return Ok(());
        }
        for _ in 0..gone {
            let path = file_path(&self.dir, self.files[0].number);
            self.fs.remove_file(&path).map_err(FileError::io("remove", &path))?;
            self.files.remove(0);
        }
        self.fs.sync_dir(&self.dir).map_err(FileError::io("sync", &self.dir))
    }

    fn begin_file(&mut self) -> Result<(), FileError> {
        self.end_file()?;
        if self.files.is_empty() {
            self.fs.create_dir_all(&self.dir).map_err(FileError::io("create", &self.dir))?;
        }
        let number = self.last_number + 1;
        let path = file_path(&self.dir, number);
        let file = self.fs.create(&path).map_err(FileError::io("create", &path))?;
        // Counted from here, so that no file is written over that may be there after all.
        self.last_number = number;
        self.files.push(HeadChunkFile::empty(number));
        self.fs.sync_dir(&self.dir).map_err(FileError::io("sync", &self.dir))?;
        self.open = Some(OpenFile { path, file, written: 0 });
        self.pending.extend_from_slice(&MAGIC.to_be_bytes());
        self.pending.extend_from_slice(&[VERSION, 0, 0, 0]);
        debug_assert_eq!(self.pending.len(), HEADER);
        Ok(())
    }
}
