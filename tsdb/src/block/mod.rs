//! Blocks: immutable directories that hold the samples of a stretch of time.
//!
//! A block is `meta.json`, an `index`, `chunks/000001` and on, and `tombstones`. One file section per source file here;
//! layouts: Prometheus' `tsdb/docs/format/{index,chunks,tombstones}.md`. Every offset and length that a file states is
//! checked before it is followed: a damaged file gives an error that names it and the place.

mod chunk_file;
mod index_read;
mod index_write;
mod meta;
mod offset_table;
mod open;
mod shared_times;
mod symbols;
mod tombstones;
mod ulid;
mod write;

pub use chunk_file::{ChunkReader, ChunkWriter, ReadChunkError};
pub use index_read::{ChunkMeta, Index, LabelValue, PostingsRef, SeriesEntry};
pub use index_write::IndexWriter;
pub use meta::{BlockDescription, BlockMeta, BlockStats, Compaction};
pub use open::Block;
pub use tombstones::{Interval, Tombstones};
pub use ulid::{ParseUlidError, Ulid};
pub use write::{BlockWriter, ChunkData, TMP_CREATION, TMP_DELETION, remove_block};

use crate::chunk::ChunkError;
use crate::fs::FileError;

/// Why a block cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// A file failed or is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// Series must come in order of their labels, each once.
    #[error("series {series} out of order, after {last}")]
    SeriesOrder {
        /// The series refused.
        series: String,
        /// The series before it.
        last: String,
    },
    /// Symbols must come in order, each once.
    #[error("symbol {symbol:?} out of order")]
    SymbolOrder {
        /// The symbol refused.
        symbol: String,
    },
    /// A label's name or value was not among the symbols.
    #[error("symbol {symbol:?} was not announced")]
    UnknownSymbol {
        /// The name or value.
        symbol: String,
    },
    /// The chunks of a series must not overlap and must come in order of time.
    #[error("chunk of series {series} at {min_time} overlaps the one before it")]
    ChunkOrder {
        /// The series.
        series: String,
        /// First time of the chunk refused.
        min_time: i64,
    },
    /// A chunk cannot be read.
    #[error("chunk of series {series}")]
    Chunk {
        /// The series.
        series: String,
        /// What is wrong with it.
        source: ChunkError,
    },
    /// The index would grow beyond what its references can express.
    #[error("{what} does not fit into an index")]
    TooLarge {
        /// The section that is too large.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests;
