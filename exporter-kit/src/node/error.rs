//! Why a collector is without data, or a setting without effect.

use std::io;
use std::path::{Path, PathBuf};

/// What keeps a node collector from being built or from collecting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A file or directory could not be read; the system's reason is the source.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A system call other than reading a file failed.
    #[error("{call} failed")]
    System {
        /// The call.
        call: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// A file does not have the form that the kernel documents.
    #[error("{file}: expected {expected}, found {found:?}")]
    Malformed {
        /// The file, as named below its root.
        file: &'static str,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The subsystem is not there or has nothing to say.
    #[error("no data: {reason}")]
    NoData {
        /// What is missing.
        reason: &'static str,
    },
    /// No collector has an option of this name.
    #[error("unknown option {0:?}")]
    UnknownOption(String),
    /// No collector has this name.
    #[error("missing collector: {0}")]
    UnknownCollector(String),
    /// A collector was asked for that is switched off.
    #[error("disabled collector: {0}")]
    DisabledCollector(String),
    /// An option's value is not usable.
    #[error("option {option}: {reason}")]
    BadOption {
        /// The option's full name.
        option: String,
        /// Why its value cannot be used.
        reason: String,
    },
}

impl NodeError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn malformed(file: &'static str, expected: &'static str, found: &str) -> Self {
        Self::Malformed { file, expected, found: found.chars().take(200).collect() }
    }

    /// Whether the system refused to let a file or directory be read.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Whether the process that a file tells about has ended.
    pub(super) fn is_gone(&self) -> bool {
        let gone = Some(rustix::io::Errno::SRCH.raw_os_error());
        matches!(self, Self::Read { source, .. } if source.raw_os_error() == gone)
    }

    /// Whether a file or directory was asked for that is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Makes "the file is not there" an absent value; other failures stay.
pub(super) trait Optional<T> {
    fn optional(self) -> Result<Option<T>, NodeError>;
}

impl<T> Optional<T> for Result<T, NodeError> {
    fn optional(self) -> Result<Option<T>, NodeError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
