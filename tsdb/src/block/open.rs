//! An open block.

use std::path::{Path, PathBuf};

use metrics_core::{Columns, LabelSet, TimeRange};

use super::{BlockError, BlockMeta, ChunkMeta, ChunkReader, Index, ReadChunkError, Tombstones};
use crate::chunk::Encoding;
use crate::fs::{FileError, Fs};

/// A block, open for reading. Its files are mapped or read once; threads may share it.
#[derive(Debug)]
pub struct Block {
    dir: PathBuf,
    meta: BlockMeta,
    index: Index,
    chunks: ChunkReader,
    tombstones: Tombstones,
    small_files: u64,
}

impl Block {
    /// Opens the block in a directory.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub fn open(fs: &dyn Fs, dir: &Path) -> Result<Self, FileError> {
        // A block without deletions may have no tombstones.
        let len = |name| fs.len(&dir.join(name)).unwrap_or(0);
        Ok(Self {
            small_files: len("meta.json") + len("tombstones"),
            meta: BlockMeta::read(fs, dir)?,
            index: Index::open(fs, &dir.join("index"))?,
            chunks: ChunkReader::open(fs, &dir.join("chunks"))?,
            tombstones: Tombstones::read(fs, dir)?,
            dir: dir.to_owned(),
        })
    }

    /// The block's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the block holds and was made from.
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// Label names and values, postings and series.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What was deleted.
    pub fn tombstones(&self) -> &Tombstones {
        &self.tombstones
    }

    /// Bytes that the block's files took when it was opened.
    pub fn size(&self) -> u64 {
        self.small_files + self.index.size() + self.chunks.size()
    }

    /// The encoding and the bytes of a chunk; its checksum is verified. A dense chunk may have left its times to
    /// another: [`Block::read_chunk`] knows where to look.
    ///
    /// # Errors
    /// If there is no such chunk or its checksum is wrong.
    pub fn chunk(&self, reference: u64) -> Result<(Encoding, &[u8]), FileError> {
        self.chunks.chunk(reference)
    }

    /// Decodes a chunk and appends its samples to the columns. Deleted ranges are not taken out.
    ///
    /// # Errors
    /// If the chunk is damaged; `labels` are only there for the error.
    pub fn read_chunk(
        &self,
        labels: &LabelSet,
        meta: &ChunkMeta,
        into: &mut Columns,
    ) -> Result<(), BlockError> {
        self.chunks.decode(meta.reference, into).map_err(|e| of_series(labels, e))
    }

    /// As [`Block::read_chunk`], for a reader who wants a range only: may append some samples more.
    pub(crate) fn read_chunk_in(
        &self,
        labels: &LabelSet,
        meta: &ChunkMeta,
        range: TimeRange,
        into: &mut Columns,
    ) -> Result<(), BlockError> {
        let (encoding, bytes) = self.chunk(meta.reference)?;
        if range.start <= meta.min_time && meta.max_time <= range.end {
            return self.decode_bytes(labels, (encoding, bytes), into);
        }
        self.chunks.decode_bytes_in(encoding, bytes, range, into).map_err(|e| of_series(labels, e))
    }

    /// As [`Block::read_chunk`], for bytes that came from [`Block::chunk`].
    pub(crate) fn decode_bytes(
        &self,
        labels: &LabelSet,
        (encoding, bytes): (Encoding, &[u8]),
        into: &mut Columns,
    ) -> Result<(), BlockError> {
        self.chunks.decode_bytes(encoding, bytes, into).map_err(|e| of_series(labels, e))
    }

    /// Replaces what is deleted from the block, on disk and here.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn write_tombstones(&mut self, fs: &dyn Fs, tombstones: Tombstones) -> Result<(), FileError> {
        tombstones.write(fs, &self.dir)?;
        self.meta.stats.num_tombstones = tombstones.len() as u64;
        self.meta.write(fs, &self.dir)?;
        self.tombstones = tombstones;
        Ok(())
    }
}

/// Names the series of which a chunk cannot be read.
fn of_series(labels: &LabelSet, error: ReadChunkError) -> BlockError {
    match error {
        ReadChunkError::File(error) => error.into(),
        ReadChunkError::Chunk(source) => BlockError::Chunk { series: labels.to_string(), source },
    }
}
