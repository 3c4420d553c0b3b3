//! What survives a restart: silences, and what receivers were told. One JSON file each, replaced whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why state could not be read or kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", .path.display())]
pub struct SnapshotError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Reads a file of state; none yet is the default.
///
/// # Errors
/// If the file is there but cannot be read or understood.
pub(crate) fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<T, SnapshotError> {
    let failed = |source| SnapshotError { action: "read", path: path.to_owned(), source };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| failed(e.into())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(e) => Err(failed(e)),
    }
}

/// Writes a file of state beside the old one, then puts it in its place: a crash leaves the one or the other.
///
/// # Errors
/// If the file cannot be written; the old one stays.
pub(crate) fn save<T: Serialize>(path: &Path, state: &T) -> Result<(), SnapshotError> {
    let failed = |source| SnapshotError { action: "write", path: path.to_owned(), source };
    let bytes = serde_json::to_vec(state).map_err(|e| failed(e.into()))?;
    let write = || -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let new = path.with_extension("json.new");
        let mut file = fs::File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_comes_back_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep").join("s.json");
        assert_eq!(load::<Vec<u8>>(&path).unwrap(), Vec::<u8>::new());
        save(&path, &vec![1u8, 2]).unwrap();
        assert_eq!(load::<Vec<u8>>(&path).unwrap(), [1, 2]);
        fs::write(&path, "[1,").unwrap();
        assert!(load::<Vec<u8>>(&path).unwrap_err().to_string().contains("s.json"));
    }
}
