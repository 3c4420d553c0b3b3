//! Snapshots: all that the head knows, in one file, so that a start after a clean end need not read the log.
//!
//! A snapshot names the segment of the log from which on it has to be completed. It need not be of one moment: what is
//! written meanwhile is in the log from that segment on, and samples and deletions that the snapshot has already are taken only
//! once. Whatever is wrong with it, the log has everything, so that a snapshot is only ever a shorter way. The layout is drawn
//! in `docs/format.md`.

mod chunks;
mod names;
mod read;
mod section;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(super) use chunks::KeptChunks;

use crate::fs::{FileError, Fs};

/// The file in the directory of the store. Prometheus, whose own are directories named `chunk_snapshot.…`, leaves it alone.
const NAME: &str = "head_snapshot";
const UNFINISHED: &str = "head_snapshot.tmp";

/// The file of a store's snapshot.
fn path_in(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// Removes the snapshot of a store, and what is left of one that was not finished.
///
/// # Errors
/// If a file cannot be removed.
pub(crate) fn remove(fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
    let mut is_changed = false;
    for path in [dir.join(NAME), dir.join(UNFINISHED)] {
        if fs.exists(&path) {
            fs.remove_file(&path).map_err(FileError::io("remove", &path))?;
            is_changed = true;
        }
    }
    if is_changed { fs.sync_dir(dir).map_err(FileError::io("sync", dir)) } else { Ok(()) }
}
