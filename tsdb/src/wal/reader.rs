//! Reading a log: pages into fragments, fragments into records; and cutting off what a crash left torn.

use std::path::{Path, PathBuf};

use super::compress::Decompressor;
use super::segment::{
    Compression, FIRST, FRAGMENT_HEADER, FULL, KIND_MASK, LAST, MIDDLE, PAGE, PAGE_END, segments,
};
use crate::fs::{FileBytes, FileError, Fs};

/// The records of one segment, in order.
#[derive(Debug)]
pub struct SegmentReader {
    path: PathBuf,
    bytes: FileBytes,
    at: usize,
    /// Behind the last record that was whole.
    whole: usize,
    joined: Vec<u8>,
    codec: Decompressor,
}

/// One fragment and the place behind it.
struct Fragment {
    header: u8,
    start: usize,
    end: usize,
}

impl SegmentReader {
    /// Opens a segment. It must not be written meanwhile.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self, FileError> {
        let bytes = fs.map(path).map_err(FileError::io("read", path))?;
        Ok(Self::new(path, bytes))
    }

    /// Reads a segment from its bytes.
    pub fn new(path: &Path, bytes: FileBytes) -> Self {
        Self {
            path: path.to_owned(),
            bytes,
            at: 0,
            whole: 0,
            joined: Vec::new(),
            codec: Decompressor::default(),
        }
    }

    /// Bytes of the segment up to the end of the last record returned.
    pub fn offset(&self) -> u64 {
        self.whole as u64
    }

    /// Length of the segment in bytes.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether the segment has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next record, or `None` at the end of the segment.
    ///
    /// # Errors
    /// [`FileError::Damaged`] where the segment is torn or damaged, with the place; the records behind it cannot
    /// be reached. Call not again after an error.
    #[allow(clippy::should_implement_trait)] // the record borrows from the reader
    pub fn next(&mut self) -> Result<Option<&[u8]>, FileError> {
        self.joined.clear();
        let Some(first) = self.fragment()? else { return Ok(None) };
        let compression = Compression::of(first.header)
            .ok_or_else(|| self.damaged(first.start - FRAGMENT_HEADER, "unknown record compression"))?;
        let begun = first.start - FRAGMENT_HEADER;
        let (start, end, joined) = match first.header & KIND_MASK {
            FULL => (first.start, first.end, false),
            FIRST => {
                self.join(first)?;
                (0, self.joined.len(), true)
            }
            _ => return Err(self.damaged(begun, "a fragment without its first")),
        };
        self.whole = self.at;
        let record = if joined { &self.joined[start..end] } else { &self.bytes[start..end] };
        match self.codec.decompress(compression, record) {
            Some(record) => Ok(Some(record)),
            None => Err(FileError::damaged(&self.path, begun as u64, "a record that cannot be decompressed")),
        }
    }

    /// Collects the other fragments of a record.
    fn join(&mut self, first: Fragment) -> Result<(), FileError> {
        let mut next = first;
        loop {
            self.joined.extend_from_slice(&self.bytes[next.start..next.end]);
            if next.header & KIND_MASK == LAST {
                return Ok(());
            }
            let begun = self.at;
            next = self.fragment()?.ok_or_else(|| self.damaged(begun, "the last record is torn"))?;
            if !matches!(next.header & KIND_MASK, MIDDLE | LAST) {
                return Err(self.damaged(next.start - FRAGMENT_HEADER, "a record within a record"));
            }
        }
    }

    /// The next fragment behind the padding, or `None` at the end.
    fn fragment(&mut self) -> Result<Option<Fragment>, FileError> {
        loop {
            let Some(header) = self.bytes.get(self.at).copied() else { return Ok(None) };
            let page_end = ((self.at / PAGE) + 1) * PAGE;
            if header & KIND_MASK == PAGE_END {
                let end = page_end.min(self.bytes.len());
                if let Some(stray) = self.bytes[self.at..end].iter().position(|b| *b != 0) {
                    return Err(self.damaged(self.at + stray, "padding that is not zero"));
                }
                self.at = end;
                continue;
            }
            let head = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<FRAGMENT_HEADER>);
            let Some([_, l0, l1, c0, c1, c2, c3]) = head.copied() else {
                return Err(self.damaged(self.at, "a torn fragment header"));
            };
            let start = self.at + FRAGMENT_HEADER;
            let end = start + usize::from(u16::from_be_bytes([l0, l1]));
            if end > page_end {
                return Err(self.damaged(self.at, "a fragment that crosses its page"));
            }
            let Some(part) = self.bytes.get(start..end) else {
                return Err(self.damaged(self.at, "a torn fragment"));
            };
            let crc = u32::from_be_bytes([c0, c1, c2, c3]);
            if crc32c::crc32c(part) != crc {
                return Err(self.damaged(self.at, "a fragment with a wrong checksum"));
            }
            self.at = end;
            return Ok(Some(Fragment { header, start, end }));
        }
    }

    #[cold]
    fn damaged(&self, at: usize, what: &str) -> FileError {
        FileError::damaged(&self.path, at as u64, what)
    }
}

/// Cuts a log off behind the last whole record of a damaged segment and removes the segments that follow: what
/// comes after a gap may refer to what was in it.
///
/// # Errors
/// If `damage` is not [`FileError::Damaged`] of a segment in `dir` (it is handed back), or a file cannot be
/// changed.
pub fn repair(fs: &dyn Fs, dir: &Path, damage: FileError) -> Result<(), FileError> {
    let FileError::Damaged { path, .. } = &damage else { return Err(damage) };
    let all = segments(fs, dir)?;
    let Some(position) = all.iter().position(|s| s.path == *path) else { return Err(damage) };
    // From the end, so that an interrupted repair leaves no hole in the numbers.
    for later in all[position + 1..].iter().rev() {
        fs.remove_file(&later.path).map_err(FileError::io("remove", &later.path))?;
    }
    fs.sync_dir(dir).map_err(FileError::io("sync", dir))?;
    let whole = {
        let mut reader = SegmentReader::open(fs, path)?;
        while let Ok(Some(_)) = reader.next() {}
        reader.offset()
    };
    fs.truncate(path, whole).map_err(FileError::io("truncate", path))
}
