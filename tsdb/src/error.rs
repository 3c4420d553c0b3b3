//! What can go wrong with a store, and what went wrong but was mended.

use std::path::PathBuf;

use crate::block::BlockError;
use crate::chunk::ChunkError;
use crate::fs::FileError;

/// Why a store could not be opened, maintained or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the directory open.
    #[error("{} is in use{}", .dir.display(), .pid.map(|p| format!(" by process {p}")).unwrap_or_default())]
    Locked {
        /// The store's directory.
        dir: PathBuf,
        /// Who has it, if they said so.
        pid: Option<u32>,
    },
    /// A file could not be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// A block could not be read or written.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A chunk could not be decoded.
    #[error("cannot decode a chunk of {series}")]
    Chunk {
        /// The series' labels.
        series: String,
        /// What is wrong with it.
        source: ChunkError,
    },
    /// The store was opened for reading.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// An option has no meaning.
    #[error("option {name} is {value}, must be {expected}")]
    Option {
        /// The option's field.
        name: &'static str,
        /// What was given.
        value: i64,
        /// What would do.
        expected: &'static str,
    },
}

/// Trouble that did not keep a store from opening. The samples named are lost, all others are there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The write-ahead log ended in the middle of a record, as after a power cut, and was cut off there.
    #[error("the write-ahead log was cut off where it was damaged")]
    LogRepaired(#[source] FileError),
    /// The write-ahead log is damaged; what comes behind the damage is not read. Of stores open for reading only.
    #[error("the write-ahead log is damaged and was read up to there")]
    LogDamaged(#[source] FileError),
    /// A record of the log was whole but made no sense and was left out.
    #[error("a record of the write-ahead log was left out")]
    LogRecord(#[source] FileError),
    /// The snapshot of the memory is damaged, of another version, or does not belong to the log; the log was read in full
    /// instead, and nothing is lost.
    #[error("the snapshot was left out and the whole write-ahead log read")]
    Snapshot(#[source] FileError),
    /// The log had samples of series that it does not name.
    #[error("{samples} samples of unknown series in the write-ahead log were left out")]
    UnknownSeries {
        /// How many.
        samples: u64,
    },
    /// A chunk file of the head was damaged and cut off there. What it had is in the logs, too.
    #[error("the head's chunk files were read up to where they are damaged")]
    HeadChunks(#[source] FileError),
    /// A block could not be opened and is left out; its directory is untouched.
    #[error("a block was left out")]
    Block(#[source] FileError),
}
