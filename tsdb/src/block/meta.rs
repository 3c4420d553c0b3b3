//! `meta.json`: what a block holds and what it was made from.

use std::path::Path;

use metrics_core::TimeRange;
use serde::{Deserialize, Serialize};

use super::Ulid;
use crate::fs::{FileError, Fs};

const NAME: &str = "meta.json";

/// The only version of the format.
const VERSION: u32 = 1;

/// What a block holds and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockMeta {
    /// The block's name.
    pub ulid: Ulid,
    /// First millisecond that the block covers.
    pub min_time: i64,
    /// The millisecond after the last one that the block covers.
    pub max_time: i64,
    /// How much is in it.
    #[serde(default)]
    pub stats: BlockStats,
    /// What it was made from.
    #[serde(default)]
    pub compaction: Compaction,
    /// Version of the format.
    #[serde(default)]
    pub version: u32,
}

/// How much is in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockStats {
    /// Samples of all kinds.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_samples: u64,
    /// Samples that are floats.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_float_samples: u64,
    /// Samples that are native histograms.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_histogram_samples: u64,
    /// Series.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_series: u64,
    /// Chunks.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_chunks: u64,
    /// Deleted ranges.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_tombstones: u64,
}

/// What a block was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Compaction {
    /// 1 for a block from the head; each merge adds one.
    #[serde(default)]
    pub level: u32,
    /// All blocks from the head that went into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Ulid>,
    /// Nothing is in it any more: delete it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletable: bool,
    /// The blocks that were merged into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<BlockDescription>,
    /// Merging it with others failed; it is left alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// More about how it came about, such as `from-out-of-order`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// A block's name and range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockDescription {
    /// The block's name.
    pub ulid: Ulid,
    /// First millisecond that the block covers.
    pub min_time: i64,
    /// The millisecond after the last one that the block covers.
    pub max_time: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl BlockMeta {
    /// The hint on blocks made of late samples.
    pub const FROM_OUT_OF_ORDER: &str = "from-out-of-order";

    /// Of a block from the head that covers `min_time .. max_time`.
    pub fn new(ulid: Ulid, min_time: i64, max_time: i64) -> Self {
        Self {
            ulid,
            min_time,
            max_time,
            stats: BlockStats::default(),
            compaction: Compaction { level: 1, sources: vec![ulid], ..Compaction::default() },
            version: VERSION,
        }
    }

    /// The block's name and range.
    pub fn description(&self) -> BlockDescription {
        BlockDescription { ulid: self.ulid, min_time: self.min_time, max_time: self.max_time }
    }

    /// The range of the block's samples, both ends included.
    pub fn range(&self) -> TimeRange {
        TimeRange::new(self.min_time, self.max_time.saturating_sub(1))
    }

    /// Whether late samples went into it.
    pub fn is_from_out_of_order(&self) -> bool {
        self.compaction.hints.iter().any(|h| h == Self::FROM_OUT_OF_ORDER)
    }

    /// Reads the file of a block.
    ///
    /// # Errors
    /// If it cannot be read, is not JSON of a block or of another version.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, FileError> {
        let path = dir.join(NAME);
        let bytes = fs.read(&path).map_err(FileError::io("read", &path))?;
        let meta: Self = serde_json::from_slice(&bytes).map_err(|e| {
            FileError::damaged(&path, line_offset(&bytes, e.line(), e.column()), e.to_string())
        })?;
        if meta.version != VERSION {
            return Err(FileError::damaged(&path, 0, format!("version {} is not known", meta.version)));
        }
        Ok(meta)
    }

    /// Writes the file of a block, replacing what was there in one step.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
        let path = dir.join(NAME);
        let mut text = Vec::new();
        // The field's indentation, so that files can be compared.
        let format = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, format);
        self.serialize(&mut serializer).map_err(|e| FileError::io("write", &path)(e.into()))?;
        replace(fs, dir, NAME, &text)
    }
}

/// Puts a whole file in the place of another, durably.
pub(super) fn replace(fs: &dyn Fs, dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    let path = dir.join(name);
    let unfinished = dir.join(format!("{name}.tmp"));
    let mut file = fs.create(&unfinished).map_err(FileError::io("create", &unfinished))?;
    file.append(bytes).map_err(FileError::io("write", &unfinished))?;
    file.sync().map_err(FileError::io("sync", &unfinished))?;
    drop(file);
    fs.rename(&unfinished, &path).map_err(FileError::io("rename", &unfinished))?;
    fs.sync_dir(dir).map_err(FileError::io("sync", dir))
}

/// Where a line and column, both counted from one, lie in a text.
fn line_offset(text: &[u8], line: usize, column: usize) -> u64 {
    let before: usize =
        text.split_inclusive(|b| *b == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column.saturating_sub(1)) as u64
}
