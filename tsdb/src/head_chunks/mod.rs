//! Chunk files of the head: chunks that left memory before they came into a block.
//!
//! `chunks_head/000001` and on, up to 128 MiB each. A file begins with a magic number and a version; then follow
//! records of series, first and last time, encoding, data and CRC32C. The highest bit of the encoding marks chunks of
//! late samples. A chunk's reference is the number of its file (upper 32 bits) and its place there (lower 32 bits).
//! Layout: Prometheus' `tsdb/docs/format/head_chunks.md`.
//!
//! The files save work, not samples: whatever is in them is in a log too, until it is in a block. Where the log is damaged
//! they may have more. So they are synced only
//! when they are full, and a damaged file is cut off at the damage.

mod read;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics_core::Timestamp;

use crate::chunk::Encoding;
use crate::fs::FileError;

pub use read::{Loaded, load, read_file, repair};
pub use write::HeadChunkWriter;

/// The directory of the files, in a data directory.
pub const HEAD_CHUNKS: &str = "chunks_head";

const MAGIC: u32 = 0x0130_BC91;
const VERSION: u8 = 1;

/// Magic number, version and padding.
const HEADER: usize = 8;

/// Bytes at which a new file is begun.
const FILE_SIZE: u64 = 128 * 1024 * 1024;

/// The bit of the encoding that marks a chunk of late samples.
const LATE: u8 = 0x80;

/// A chunk of a series in the head, as it lies in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadChunk {
    /// Where it lies.
    pub reference: u64,
    /// The series' number in the log.
    pub series: u64,
    /// Time of its first sample.
    pub min_time: Timestamp,
    /// Time of its last sample.
    pub max_time: Timestamp,
    /// How to read it.
    pub encoding: Encoding,
    /// Whether its samples came late, out of the order of their series.
    pub is_late: bool,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

impl HeadChunk {
    /// The error of a chunk that is whole but cannot be decoded, given the directory of its file.
    pub(crate) fn damaged(&self, dir: &Path, what: String) -> FileError {
        let (file, offset) = ((self.reference >> 32) as u32, self.reference & u64::from(u32::MAX));
        FileError::damaged(file_path(dir, file), offset, what)
    }
}

/// What is known of a file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadChunkFile {
    /// Its number; the next file has the next number.
    pub number: u32,
    /// Time of the newest sample that did not come late; [`Timestamp::MIN`] if there is none.
    pub newest: Timestamp,
    /// Whether it has chunks of late samples.
    pub has_late: bool,
}

impl HeadChunkFile {
    fn empty(number: u32) -> Self {
        Self { number, newest: Timestamp::MIN, has_late: false }
    }

    fn note(&mut self, max_time: Timestamp, is_late: bool) {
        if is_late {
            self.has_late = true;
        } else {
            self.newest = self.newest.max(max_time);
        }
    }
}

/// The path of a file.
fn file_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}"))
}

#[cfg(test)]
mod tests;
