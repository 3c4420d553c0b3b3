//! Reading an index: label names and values, postings, series.

use std::path::{Path, PathBuf};

use metrics_core::LabelSet;

use super::offset_table::OffsetTable;
use super::symbols::Symbols;
use crate::codec::{Malformed, Reader};
use crate::fs::{FileBytes, FileError, Fs};

pub(super) const MAGIC: u32 = 0xBAAA_D700;

/// Magic number and version.
pub(super) const HEADER: usize = 5;

/// Six references and a checksum, at the end of the file.
const CONTENTS: usize = 6 * 8 + 4;

/// Series start at multiples of this; their ids are the multiple.
pub(super) const SERIES_ALIGN: u64 = 16;

/// One chunk of a series: where it is and which stretch of time it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkMeta {
    /// Where the chunk lies; see [`ChunkReader`](super::ChunkReader).
    pub reference: u64,
    /// Time of its first sample.
    pub min_time: i64,
    /// Time of its last sample.
    pub max_time: i64,
}

/// A series of an index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeriesEntry {
    /// Its labels.
    pub labels: LabelSet,
    /// Its chunks, in order of time.
    pub chunks: Vec<ChunkMeta>,
}

/// Where a list of series lies in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingsRef(u64);

/// A value of a label, and which series have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelValue<'a> {
    /// The value.
    pub value: &'a str,
    /// Where the ids of the series are; see [`Index::read_postings`].
    pub postings: PostingsRef,
}

/// An open index.
///
/// Series go by ids that rise in the order of their labels.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    bytes: FileBytes,
    version: u8,
    symbols: Symbols,
    table: OffsetTable,
}

impl Index {
    /// Opens the file, and verifies the parts that everything else hangs on: table of contents, symbols and the
    /// table of postings.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged there or of a later version.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self, FileError> {
        let bytes = fs.map(path).map_err(FileError::io("read", path))?;
        let damaged = |at: u64, what: &str| FileError::damaged(path, at, what);
        let mut header = Reader::new(&bytes);
        if header.u32() != Ok(MAGIC) {
            return Err(damaged(0, "not an index"));
        }
        let version = match header.u8() {
            // Version 3 differs from 2 in nothing that is read here.
            Ok(version @ 1..=3) => version,
            _ => return Err(damaged(4, "an unknown version of the index")),
        };
        let contents = contents(&bytes).map_err(|(at, what)| damaged(at, what))?;
        let in_section = |start: u64| move |m: Malformed| damaged(start + m.at as u64, m.expected);

        let symbols_at = contents.symbols;
        let section = section(&bytes, symbols_at).map_err(|what| damaged(symbols_at, what))?;
        let symbols =
            Symbols::read(section, symbols_at + 4, version == 1).map_err(in_section(symbols_at + 4))?;

        let table_at = contents.postings_table;
        let section = self::section(&bytes, table_at).map_err(|what| damaged(table_at, what))?;
        let table = OffsetTable::read(section, table_at as usize + 4, version > 1)
            .map_err(in_section(table_at + 4))?;
        Ok(Self { path: path.to_owned(), bytes, version, symbols, table })
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Version of the format, 1 to 3.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// All label names, in order.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.table.names()
    }

    /// Number of values of a label.
    pub fn label_value_count(&self, name: &str) -> usize {
        if name.is_empty() { 0 } else { self.table.count(name) }
    }

    /// All values of a label, in order.
    ///
    /// # Errors
    /// If the table was damaged since it was verified.
    pub fn label_values(&self, name: &str) -> impl Iterator<Item = Result<LabelValue<'_>, FileError>> {
        self.table.entries(&self.bytes, name).map(|entry| {
            let entry = entry.map_err(|m| self.damaged(m))?;
            Ok(LabelValue { value: entry.value, postings: PostingsRef(entry.postings) })
        })
    }

    /// All names and values that occur in labels, in order.
    ///
    /// # Errors
    /// If the table was damaged since it was verified.
    pub fn symbols(&self) -> impl Iterator<Item = Result<&str, FileError>> {
        self.symbols.iter(&self.bytes).map(|s| s.map_err(|m| self.damaged(m)))
    }

    /// Number of names and values that occur in labels.
    pub fn symbol_count(&self) -> u32 {
        self.symbols.len()
    }

    /// Where the series with a label value are listed, if there are any.
    ///
    /// # Errors
    /// If the table was damaged since it was verified.
    pub fn postings(&self, name: &str, value: &str) -> Result<Option<PostingsRef>, FileError> {
        let entry = self.table.find(&self.bytes, name, value).map_err(|m| self.damaged(m))?;
        Ok(entry.map(|e| PostingsRef(e.postings)))
    }

    /// Appends the ids of all series, in order.
    ///
    /// # Errors
    /// If the list is damaged.
    pub fn all_postings(&self, into: &mut Vec<u32>) -> Result<(), FileError> {
        // The field lists all series under the empty name and value.
        match self.postings("", "")? {
            Some(list) => self.read_postings(list, into),
            None => Ok(()),
        }
    }

    /// Number of series in a list.
    ///
    /// # Errors
    /// If the list is damaged.
    pub fn postings_len(&self, list: PostingsRef) -> Result<usize, FileError> {
        self.postings_bytes(list).map(|ids| ids.len() / 4)
    }

    /// Appends the ids of a list, in order.
    ///
    /// # Errors
    /// If the list is damaged.
    pub fn read_postings(&self, list: PostingsRef, into: &mut Vec<u32>) -> Result<(), FileError> {
        let ids = self.postings_bytes(list)?;
        into.extend(ids.as_chunks::<4>().0.iter().map(|id| u32::from_be_bytes(*id)));
        Ok(())
    }

    /// The list's ids, four bytes each.
    fn postings_bytes(&self, list: PostingsRef) -> Result<&[u8], FileError> {
        let bytes = section(&self.bytes, list.0).map_err(|what| self.damaged_at(list.0, what))?;
        match bytes.split_first_chunk::<4>() {
            Some((count, ids)) if u64::from(u32::from_be_bytes(*count)) * 4 == ids.len() as u64 => Ok(ids),
            _ => Err(self.damaged_at(list.0, "a list whose length and number of ids differ")),
        }
    }

    /// The labels and chunks of a series.
    ///
    /// # Errors
    /// If there is no series of that id or it is damaged.
    pub fn series(&self, id: u32) -> Result<SeriesEntry, FileError> {
        let mut entry = SeriesEntry::default();
        entry.labels = self.read_series(id, Some(&mut entry.chunks))?;
        Ok(entry)
    }

    /// The labels of a series.
    ///
    /// # Errors
    /// As [`Index::series`].
    pub fn labels(&self, id: u32) -> Result<LabelSet, FileError> {
        self.read_series(id, None)
    }

    /// The chunks of a series, without its labels; `into` is cleared first.
    ///
    /// # Errors
    /// As [`Index::series`].
    pub fn chunks(&self, id: u32, into: &mut Vec<ChunkMeta>) -> Result<(), FileError> {
        let (mut r, at) = self.series_reader(id)?;
        self.skip_labels(&mut r).and_then(|()| read_chunks(&mut r, into)).map_err(|m| self.in_series(at, m))
    }

    fn read_series(&self, id: u32, chunks: Option<&mut Vec<ChunkMeta>>) -> Result<LabelSet, FileError> {
        let (mut r, at) = self.series_reader(id)?;
        let read = || {
            let labels = self.read_labels(&mut r)?;
            if let Some(chunks) = chunks {
                read_chunks(&mut r, chunks)?;
            }
            Ok(labels)
        };
        read().map_err(|m| self.in_series(at, m))
    }

    /// A reader of a series' entry, verified, and where the entry lies.
    fn series_reader(&self, id: u32) -> Result<(Reader<'_>, u64), FileError> {
        let at = if self.version == 1 { u64::from(id) } else { u64::from(id) * SERIES_ALIGN };
        let entry = (|| {
            let mut r = Reader::new(self.bytes.get(usize::try_from(at).ok()?..)?);
            let body = r.bytes().ok()?;
            let crc = r.u32().ok()?;
            Some((body, crc))
        })();
        match entry {
            Some((body, crc)) if crc32c::crc32c(body) == crc => Ok((Reader::new(body), at)),
            Some(_) => Err(self.damaged_at(at, "a series with a wrong checksum")),
            None => Err(self.damaged_at(at, "a series is cut off")),
        }
    }

    fn read_labels(&self, r: &mut Reader<'_>) -> Result<LabelSet, Malformed> {
        let count = r.count(2)?;
        let mut pairs = [("", ""); 32];
        if let Some(pairs) = pairs.get_mut(..count) {
            for pair in &mut *pairs {
                *pair = (self.symbol(r)?, self.symbol(r)?);
            }
            return in_order(r, pairs);
        }
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((self.symbol(r)?, self.symbol(r)?));
        }
        in_order(r, &pairs)
    }

    fn skip_labels(&self, r: &mut Reader<'_>) -> Result<(), Malformed> {
        for _ in 0..2 * r.count(2)? {
            r.uvarint()?;
        }
        Ok(())
    }

    #[inline]
    fn symbol(&self, r: &mut Reader<'_>) -> Result<&str, Malformed> {
        let reference = u32::try_from(r.uvarint()?).map_err(|_| r.malformed("a reference of 32 bits"))?;
        self.symbols.get(&self.bytes, reference)
    }

    #[cold]
    fn in_series(&self, at: u64, m: Malformed) -> FileError {
        self.damaged_at(at + m.at as u64, m.expected)
    }

    #[cold]
    fn damaged(&self, m: Malformed) -> FileError {
        self.damaged_at(m.at as u64, m.expected)
    }

    #[cold]
    fn damaged_at(&self, at: u64, what: &str) -> FileError {
        FileError::damaged(&self.path, at, what)
    }
}

fn in_order(r: &Reader<'_>, pairs: &[(&str, &str)]) -> Result<LabelSet, Malformed> {
    if pairs.windows(2).all(|w| w[0].0 < w[1].0) {
        Ok(LabelSet::from_sorted(pairs.iter().copied()))
    } else {
        Err(r.malformed("labels in order"))
    }
}

fn read_chunks(r: &mut Reader<'_>, into: &mut Vec<ChunkMeta>) -> Result<(), Malformed> {
    into.clear();
    let count = r.count(3)?;
    into.reserve(count);
    let (mut time, mut reference) = (0i64, 0u64);
    for i in 0..count {
        // The first time is signed, the others are distances.
        let min_time = if i == 0 { r.varint()? } else { time.wrapping_add(r.uvarint()? as i64) };
        let max_time = min_time.wrapping_add(r.uvarint()? as i64);
        reference = if i == 0 { r.uvarint()? } else { reference.wrapping_add_signed(r.varint()?) };
        if max_time < min_time || (i > 0 && min_time <= time) {
            return Err(r.malformed("chunks in order of time"));
        }
        time = max_time;
        into.push(ChunkMeta { reference, min_time, max_time });
    }
    Ok(())
}

/// The references at the end of the file that are needed.
struct Contents {
    symbols: u64,
    postings_table: u64,
}

fn contents(bytes: &[u8]) -> Result<Contents, (u64, &'static str)> {
    let at =
        bytes.len().checked_sub(CONTENTS).filter(|at| *at >= HEADER).ok_or((0, "an index is cut off"))?;
    let (body, crc) = bytes[at..].split_at(CONTENTS - 4);
    if crc32c::crc32c(body).to_be_bytes() != crc {
        return Err((at as u64, "a table of contents with a wrong checksum"));
    }
    let reference = |i: usize| {
        let mut r = Reader::new(&body[i * 8..]);
        r.u64().map_err(|_| (at as u64, "a table of contents is cut off"))
    };
    Ok(Contents { symbols: reference(0)?, postings_table: reference(5)? })
}

/// A section: its length, its bytes, their checksum.
fn section(bytes: &[u8], at: u64) -> Result<&[u8], &'static str> {
    const CUT: &str = "a section is cut off";
    let at = usize::try_from(at).map_err(|_| CUT)?;
    let mut r = Reader::new(bytes.get(at..).ok_or(CUT)?);
    let len = r.u32().map_err(|_| CUT)?;
    let body = r.take(len as usize, CUT).map_err(|_| CUT)?;
    if r.u32().map_err(|_| CUT)? == crc32c::crc32c(body) {
        Ok(body)
    } else {
        Err("a section with a wrong checksum")
    }
}
