//! What segment files are made of: names, pages, fragments.

use std::io;
use std::path::{Path, PathBuf};

use crate::fs::{FileError, Fs};

/// Bytes of a page. A fragment never crosses its end.
pub(super) const PAGE: usize = 32 * 1024;

/// Bytes before a fragment: kind and compression, length (2), CRC32C of the fragment (4).
pub(super) const FRAGMENT_HEADER: usize = 7;

/// The rest of the page is zero.
pub(super) const PAGE_END: u8 = 0;
/// A whole record.
pub(super) const FULL: u8 = 1;
/// The first fragment of a record.
pub(super) const FIRST: u8 = 2;
/// Neither the first nor the last.
pub(super) const MIDDLE: u8 = 3;
/// The last fragment of a record.
pub(super) const LAST: u8 = 4;
/// The bits of the first byte that hold the kind of the fragment.
pub(super) const KIND_MASK: u8 = 0b111;

/// How records are compressed. Records that would not shrink are written as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// Snappy blocks: the field's default.
    #[default]
    Snappy,
    /// Zstandard, smaller and slower.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// The bit that marks a compressed fragment.
    pub(super) fn mask(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Snappy => 1 << 3,
            #[cfg(feature = "zstd")]
            Self::Zstd => 1 << 4,
        }
    }

    /// The compression that a fragment's first byte names.
    pub(super) fn of(header: u8) -> Option<Self> {
        match header & !KIND_MASK {
            0 => Some(Self::None),
            m if m == Self::Snappy.mask() => Some(Self::Snappy),
            #[cfg(feature = "zstd")]
            m if m == Self::Zstd.mask() => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A segment and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its number; the next segment has the next number.
    pub number: u32,
    /// Its file.
    pub path: PathBuf,
}

/// The file of a segment.
pub fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}"))
}

/// The segments of a log in order; none if there is no such directory.
///
/// # Errors
/// If the directory cannot be read, or numbers are missing between the first and the last.
pub fn segments(fs: &dyn Fs, dir: &Path) -> Result<Vec<SegmentFile>, FileError> {
    let names = match fs.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(FileError::io("list", dir)(e)),
    };
    let mut found: Vec<SegmentFile> = names
        .iter()
        .filter_map(|name| {
            let number = name.bytes().all(|b| b.is_ascii_digit()).then(|| name.parse().ok())??;
            Some(SegmentFile { number, path: dir.join(name) })
        })
        .collect();
    found.sort_unstable_by_key(|s| s.number);
    for pair in found.windows(2) {
        if pair[0].number + 1 != pair[1].number {
            let missing = pair[0].number + 1;
            return Err(FileError::damaged(dir, 0, format!("segment {missing:08} is missing")));
        }
    }
    Ok(found)
}
