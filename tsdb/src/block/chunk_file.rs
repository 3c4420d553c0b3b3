//! Files of chunks: `chunks/000001` and on, up to 512 MiB each.
//!
//! A chunk's reference is its file (counted from 0, upper 32 bits) and its place in it (lower 32 bits).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::{Columns, TimeRange};

use super::shared_times::DecodedTimes;
use crate::chunk::{self, ChunkError, Encoding, dense, xor};
use crate::codec::{Reader, put_uvarint};
use crate::fs::{File, FileBytes, FileError, Fs};

const MAGIC: u32 = 0x85BD_40DD;
const VERSION: u8 = 1;

/// Magic number, version and padding.
const HEADER: usize = 8;

/// Bytes at which a new file is begun.
const FILE_SIZE: u64 = 512 * 1024 * 1024;

/// Bytes that are collected before they are written.
const WRITE_SIZE: usize = 1 << 20;

/// Most bytes around a chunk's data: length, encoding, checksum.
const FRAME: u64 = 5 + 1 + 4;

/// The chunks of a block, by reference.
#[derive(Debug)]
pub struct ChunkReader {
    files: Vec<(PathBuf, FileBytes)>,
    times: DecodedTimes,
}

/// Why a chunk of a block cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadChunkError {
    /// Its file is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its bytes are not what the encoding says.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
}

impl ChunkReader {
    /// Opens all files in a directory.
    ///
    /// # Errors
    /// If a file cannot be read or is not one of chunks.
    pub fn open(fs: &dyn Fs, dir: &Path) -> Result<Self, FileError> {
        let names = fs.list(dir).map_err(FileError::io("list", dir))?;
        let mut files = Vec::new();
        for name in names.iter().filter(|n| n.parse::<u64>().is_ok()) {
            let path = dir.join(name);
            let bytes = fs.map(&path).map_err(FileError::io("read", &path))?;
            check_header(&bytes).map_err(|what| FileError::damaged(&path, 0, what))?;
            files.push((path, bytes));
        }
        Ok(Self { files, times: DecodedTimes::default() })
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// The encoding and the bytes of a chunk; its checksum is verified. A dense chunk may have left its times to
    /// another: [`ChunkReader::decode`] knows where to look.
    ///
    /// # Errors
    /// If there is no such chunk or its checksum is wrong.
    pub fn chunk(&self, reference: u64) -> Result<(Encoding, &[u8]), FileError> {
        let (file, at) = ((reference >> 32) as usize, (reference & 0xffff_ffff) as usize);
        let Some((path, bytes)) = self.files.get(file) else {
            let dir = self.files.first().and_then(|(path, _)| path.parent()).unwrap_or(Path::new("chunks"));
            let path = dir.join(format!("{:06}", file + 1));
            return Err(FileError::damaged(path, at as u64, "a referenced chunk file is missing"));
        };
        let frame =
            frame(bytes, at).ok_or_else(|| FileError::damaged(path, at as u64, "a chunk is cut off"))?;
        if crc32c::crc32c(frame.checked) != frame.crc {
            return Err(FileError::damaged(path, at as u64, "a chunk with a wrong checksum"));
        }
        let encoding = Encoding::from_id(frame.checked[0])
            .map_err(|e: ChunkError| FileError::damaged(path, at as u64, e.to_string()))?;
        Ok((encoding, &frame.checked[1..]))
    }
}

impl ChunkReader {
    /// Decodes a chunk and appends its samples to the columns.
    ///
    /// # Errors
    /// If the file or the chunk is damaged; the columns then hold what they held, or more samples.
    pub fn decode(&self, reference: u64, into: &mut Columns) -> Result<(), ReadChunkError> {
        let (encoding, bytes) = self.chunk(reference)?;
        self.decode_bytes(encoding, bytes, into)
    }

    /// As [`ChunkReader::decode`], for bytes that came from [`ChunkReader::chunk`].
    pub(crate) fn decode_bytes(
        &self,
        encoding: Encoding,
        bytes: &[u8],
        into: &mut Columns,
    ) -> Result<(), ReadChunkError> {
        match encoding {
            Encoding::Dense => self.decode_dense(bytes, None, into),
            _ => Ok(chunk::decode(encoding, bytes, into)?),
        }
    }

    /// As [`ChunkReader::decode_bytes`], for a reader who wants a range only: may append some samples more.
    pub(crate) fn decode_bytes_in(
        &self,
        encoding: Encoding,
        bytes: &[u8],
        range: TimeRange,
        into: &mut Columns,
    ) -> Result<(), ReadChunkError> {
        match encoding {
            Encoding::Dense => self.decode_dense(bytes, Some(range), into),
            Encoding::Xor => {
                let floats = &mut into.floats;
                Ok(xor::decode_until(bytes, range.end, &mut floats.timestamps, &mut floats.values)?)
            }
            _ => Ok(chunk::decode(encoding, bytes, into)?),
        }
    }

    fn decode_dense(
        &self,
        bytes: &[u8],
        range: Option<TimeRange>,
        into: &mut Columns,
    ) -> Result<(), ReadChunkError> {
        let floats = &mut into.floats;
        dense::decode_in(bytes, range, &mut floats.timestamps, &mut floats.values, |holder| {
            self.times.get(holder, || self.decode_times(holder))
        })
    }

    /// The times of the chunk that another refers to.
    fn decode_times(&self, holder: u64) -> Result<Vec<i64>, ReadChunkError> {
        match self.chunk(holder)? {
            (Encoding::Dense, bytes) => Ok(dense::decode_times(bytes)?),
            _ => Err(ChunkError::TimesElsewhere { reference: holder }.into()),
        }
    }
}

/// A chunk as it lies in a file.
struct Frame<'a> {
    /// Encoding and data: never empty.
    checked: &'a [u8],
    crc: u32,
}

fn frame(bytes: &[u8], at: usize) -> Option<Frame<'_>> {
    let mut r = Reader::new(bytes.get(at..).filter(|_| at >= HEADER)?);
    let len = usize::try_from(r.uvarint().ok()?).ok()?;
    let checked = r.take(len.checked_add(1)?, "a chunk").ok()?;
    Some(Frame { checked, crc: r.u32().ok()? })
}

fn check_header(bytes: &[u8]) -> Result<(), &'static str> {
    let mut r = Reader::new(bytes);
    match (r.u32(), r.u8(), r.take(3, "padding")) {
        (Ok(MAGIC), Ok(VERSION), Ok(_)) => Ok(()),
        (Ok(MAGIC), Ok(_), _) => Err("an unknown version of chunk files"),
        _ => Err("not a chunk file"),
    }
}

/// Writes files of chunks.
#[derive(Debug)]
pub struct ChunkWriter {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    file: Option<(PathBuf, Box<dyn File>)>,
    /// Files begun so far.
    files: u64,
    /// Place in the file, pending bytes included.
    at: u64,
    pending: Vec<u8>,
    file_size: u64,
}

impl ChunkWriter {
    /// Starts in an empty directory, which is created.
    ///
    /// # Errors
    /// If the directory cannot be created.
    pub fn create(fs: Arc<dyn Fs>, dir: &Path) -> Result<Self, FileError> {
        fs.create_dir_all(dir).map_err(FileError::io("create", dir))?;
        Ok(Self {
            fs,
            dir: dir.to_owned(),
            file: None,
            files: 0,
            at: 0,
            pending: Vec::new(),
            file_size: FILE_SIZE,
        })
    }

    /// Begins new files at another size; at most 4 GiB, which references can express.
    #[must_use]
    pub fn file_size(mut self, bytes: u64) -> Self {
        self.file_size = bytes.min(u64::from(u32::MAX));
        self
    }

    /// Adds a chunk and returns its reference.
    ///
    /// # Errors
    /// If writing failed.
    pub fn write(&mut self, encoding: Encoding, data: &[u8]) -> Result<u64, FileError> {
        let needed = data.len() as u64 + FRAME;
        if self.file.is_none() || (self.at > HEADER as u64 && self.at + needed > self.file_size) {
            self.next_file()?;
        }
        let reference = ((self.files - 1) << 32) | self.at;
        let before = self.pending.len();
        put_uvarint(&mut self.pending, data.len() as u64);
        let checked = self.pending.len();
        self.pending.push(encoding.id());
        self.pending.extend_from_slice(data);
        let crc = crc32c::crc32c(&self.pending[checked..]);
        self.pending.extend_from_slice(&crc.to_be_bytes());
        self.at += (self.pending.len() - before) as u64;
        if self.pending.len() >= WRITE_SIZE {
            self.flush()?;
        }
        Ok(reference)
    }

    /// Writes what is pending and makes all files durable.
    ///
    /// # Errors
    /// If writing or syncing failed.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.finish_file()?;
        self.fs.sync_dir(&self.dir).map_err(FileError::io("sync", &self.dir))
    }

    fn next_file(&mut self) -> Result<(), FileError> {
        self.finish_file()?;
        self.files += 1;
        let path = self.dir.join(format!("{:06}", self.files));
        let file = self.fs.create(&path).map_err(FileError::io("create", &path))?;
        self.file = Some((path, file));
        self.pending.extend_from_slice(&MAGIC.to_be_bytes());
        self.pending.extend_from_slice(&[VERSION, 0, 0, 0]);
        self.at = HEADER as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FileError> {
        if let Some((path, file)) = &mut self.file {
            file.append(&self.pending).map_err(FileError::io("write", &*path))?;
        }
        self.pending.clear();
        Ok(())
    }

    fn finish_file(&mut self) -> Result<(), FileError> {
        self.flush()?;
        if let Some((path, mut file)) = self.file.take() {
            file.sync().map_err(FileError::io("sync", path))?;
        }
        Ok(())
    }
}
