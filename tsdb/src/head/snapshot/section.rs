//! What a snapshot's file is made of: sections, each with a kind, a length and a checksum.

use std::path::{Path, PathBuf};

use crate::codec::{Malformed, Reader};
use crate::fs::{File, FileBytes, FileError, Fs};
use crate::wal::RecordError;

const MAGIC: &[u8; 8] = b"PULLHEAD";
/// Raised whenever anything in the file changes, the bytes of chunks in memory included: other versions are not read.
pub(super) const VERSION: u8 = 1;
const FILE_HEADER: usize = MAGIC.len() + 1;

/// Before a section: its kind, the length of what it holds (4), the CRC32C of kind and that (4).
const HEADER: usize = 9;

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Where in the log to go on, and the next slot. The first section.
    Position = 1,
    /// Label pairs, in the order of their ids.
    Pairs = 2,
    /// Labels of series.
    Series = 3,
    /// Chunks of series.
    Chunks = 4,
    /// A record of metadata, as in the log.
    Metadata = 5,
    /// A record of exemplars, as in the log.
    Exemplars = 6,
    /// A record of deletions, as in the log.
    Tombstones = 7,
    /// Numbers by which the log knows series.
    References = 8,
    /// How many sections there are before this, the last one.
    End = 9,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        use Kind::{Chunks, End, Exemplars, Metadata, Pairs, Position, References, Series, Tombstones};
        [Position, Pairs, Series, Chunks, Metadata, Exemplars, Tombstones, References, End]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Bytes that are collected before they are written.
const WRITE_SIZE: usize = 1 << 20;

/// A file of sections that is being written.
pub(super) struct SectionWriter {
    path: PathBuf,
    file: Box<dyn File>,
    pending: Vec<u8>,
    count: u32,
}

impl SectionWriter {
    pub(super) fn create(fs: &dyn Fs, path: &Path) -> Result<Self, FileError> {
        let file = fs.create(path).map_err(FileError::io("create", path))?;
        let mut pending = MAGIC.to_vec();
        pending.push(VERSION);
        Ok(Self { path: path.to_owned(), file, pending, count: 0 })
    }

    /// Adds a section.
    pub(super) fn put(&mut self, kind: Kind, payload: &[u8]) -> Result<(), FileError> {
        // Sections are cut long before.
        let len = u32::try_from(payload.len())
            .map_err(|_| FileError::damaged(&self.path, 0, "a section of the snapshot would have 4 GiB"))?;
        self.pending.push(kind as u8);
        self.pending.extend_from_slice(&len.to_be_bytes());
        self.pending.extend_from_slice(&checksum(kind as u8, payload).to_be_bytes());
        self.pending.extend_from_slice(payload);
        self.count += 1;
        if self.pending.len() >= WRITE_SIZE { self.write() } else { Ok(()) }
    }

    /// Adds the last section and makes everything durable.
    pub(super) fn finish(mut self) -> Result<(), FileError> {
        let count = self.count;
        self.put(Kind::End, &count.to_be_bytes())?;
        self.write()?;
        self.file.sync().map_err(FileError::io("sync", &self.path))
    }

    fn write(&mut self) -> Result<(), FileError> {
        let result = self.file.append(&self.pending);
        self.pending.clear();
        result.map_err(FileError::io("write", &self.path))
    }
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[kind]), payload)
}

/// A file of sections that was read.
#[derive(Debug)]
pub(super) struct SectionFile {
    pub(super) path: PathBuf,
    bytes: FileBytes,
}

/// A section of a file; what it holds has not been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) kind: Kind,
    file: &'a SectionFile,
    start: usize,
    len: usize,
    crc: u32,
}

impl SectionFile {
    pub(super) fn open(fs: &dyn Fs, path: &Path) -> Result<Self, FileError> {
        let bytes = fs.map(path).map_err(FileError::io("read", path))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// The sections without the last, which tells whether they are all there.
    pub(super) fn sections(&self) -> Result<Vec<Section<'_>>, FileError> {
        match self.bytes.get(..FILE_HEADER).and_then(<[u8]>::split_last) {
            Some((version, magic)) if magic == MAGIC => {
                if *version != VERSION {
                    let what = format!("a snapshot of version {version}, {VERSION} is read");
                    return Err(self.damaged(MAGIC.len(), &what));
                }
            }
            _ => return Err(self.damaged(0, "not a snapshot")),
        }
        let mut sections = Vec::new();
        let mut at = FILE_HEADER;
        loop {
            let section = self.section(at)?;
            at = section.start + section.len;
            if section.kind != Kind::End {
                sections.push(section);
                continue;
            }
            let count = u32::try_from(sections.len()).unwrap_or(u32::MAX);
            if section.payload()? != count.to_be_bytes() {
                return Err(self.damaged(section.start, "sections are missing"));
            }
            if at != self.bytes.len() {
                return Err(self.damaged(at, "more than the last section"));
            }
            return Ok(sections);
        }
    }

    fn section(&self, at: usize) -> Result<Section<'_>, FileError> {
        let header = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<HEADER>);
        let Some([kind, l0, l1, l2, l3, c0, c1, c2, c3]) = header.copied() else {
            return Err(self.damaged(at, "the snapshot ends before its last section"));
        };
        let kind = Kind::of(kind).ok_or_else(|| self.damaged(at, "a section of an unknown kind"))?;
        let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let start = at + HEADER;
        if len > self.bytes.len() - start {
            return Err(self.damaged(at, "a section that is longer than the rest of the snapshot"));
        }
        Ok(Section { kind, file: self, start, len, crc: u32::from_be_bytes([c0, c1, c2, c3]) })
    }

    /// The error of something wrong at a place of the file.
    #[cold]
    pub(super) fn damaged(&self, at: usize, what: &str) -> FileError {
        FileError::damaged(&self.path, at as u64, what)
    }
}

impl<'a> Section<'a> {
    /// What the section holds, its checksum verified.
    pub(super) fn payload(&self) -> Result<&'a [u8], FileError> {
        let payload = &self.file.bytes[self.start..self.start + self.len];
        if checksum(self.kind as u8, payload) == self.crc {
            Ok(payload)
        } else {
            Err(self.file.damaged(self.start, "a section with a wrong checksum"))
        }
    }

    /// Reads what the section holds, to its end.
    pub(super) fn read<T, E: Into<Trouble>>(
        &self,
        parse: impl FnOnce(&mut Reader<'a>) -> Result<T, E>,
    ) -> Result<T, FileError> {
        let mut reader = Reader::new(self.payload()?);
        let result = parse(&mut reader).map_err(|e| {
            let Trouble { at, what } = e.into();
            self.file.damaged(self.start + at, &what)
        })?;
        if reader.is_empty() {
            Ok(result)
        } else {
            Err(self.file.damaged(self.start + reader.position(), "more than the section should hold"))
        }
    }
}

/// What is wrong with what a section holds, and at which byte of that.
pub(super) struct Trouble {
    pub(super) at: usize,
    pub(super) what: String,
}

impl From<Malformed> for Trouble {
    fn from(m: Malformed) -> Self {
        Self { at: m.at, what: format!("expected {}", m.expected) }
    }
}

impl From<RecordError> for Trouble {
    fn from(e: RecordError) -> Self {
        Self { at: e.offset, what: format!("expected {}", e.expected) }
    }
}
