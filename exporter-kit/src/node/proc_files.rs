//! Where the kernel's files are, and how their short texts are read.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::NodeError;
use super::error::Optional;

/// The folders under which the host's pseudo file systems are found; others than the defaults when the host's are
/// mounted into a container, or in tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Normally `/proc`.
    pub procfs: PathBuf,
    /// Normally `/sys`.
    pub sysfs: PathBuf,
    /// Normally `/`; stripped from mount points.
    pub rootfs: PathBuf,
    /// Normally `/run/udev/data`.
    pub udev_data: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            procfs: PathBuf::from("/proc"),
            sysfs: PathBuf::from("/sys"),
            rootfs: PathBuf::from("/"),
            udev_data: PathBuf::from("/run/udev/data"),
        }
    }
}

impl Roots {
    pub(super) fn proc(&self, name: &str) -> PathBuf {
        self.procfs.join(name)
    }

    pub(super) fn sys(&self, name: &str) -> PathBuf {
        self.sysfs.join(name)
    }

    /// The place below the root file system of a path that the host sees as absolute.
    pub(super) fn below_rootfs(&self, path: &str) -> PathBuf {
        self.rootfs.join(path.trim_start_matches('/'))
    }

    /// How the host sees a path that begins with the root file system's mount point.
    pub(super) fn strip_rootfs<'a>(&self, path: &'a str) -> &'a str {
        let root = self.rootfs.to_str().unwrap_or("/");
        if root == "/" {
            return path;
        }
        match path.strip_prefix(root) {
            Some("") => "/",
            Some(stripped) => stripped,
            None => path,
        }
    }

    pub(super) fn read_proc(&self, name: &str) -> Result<String, NodeError> {
        read(&self.proc(name))
    }
}

/// A whole file as text; bytes that are not UTF-8 become U+FFFD.
pub(super) fn read(path: &Path) -> Result<String, NodeError> {
    // Pseudo files have no size to ask for, so asking is left out: a scrape reads hundreds of them.
    let mut bytes = Vec::with_capacity(SHORT);
    let mut file = File::open(path).map_err(|source| NodeError::read(path, source))?;
    file.read_to_end(&mut bytes).map_err(|source| NodeError::read(path, source))?;
    Ok(text(bytes))
}

/// A short file's text without white space around it: an attribute of sysfs, which gives all it has at once.
pub(super) fn read_trimmed(path: &Path) -> Result<String, NodeError> {
    let mut bytes = [0; SHORT];
    let mut file = File::open(path).map_err(|source| NodeError::read(path, source))?;
    let length = file.read(&mut bytes).map_err(|source| NodeError::read(path, source))?;
    Ok(text(bytes.get(..length).unwrap_or_default().trim_ascii().to_vec()))
}

/// The size of a page, beyond which no attribute of sysfs goes.
const SHORT: usize = 4096;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// A file that holds one whole number.
pub(super) fn read_u64(path: &Path) -> Result<u64, NodeError> {
    let text = read_trimmed(path)?;
    text.parse().map_err(|_| NodeError::malformed("file of one number", "a whole number", &text))
}

/// A file that holds one whole number, maybe negative.
pub(super) fn read_i64(path: &Path) -> Result<i64, NodeError> {
    let text = read_trimmed(path)?;
    text.parse().map_err(|_| NodeError::malformed("file of one number", "a whole number", &text))
}

/// The names in a directory, sorted; none if it is not there.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, NodeError> {
    let entries = fs::read_dir(directory).map_err(|source| NodeError::read(directory, source)).optional()?;
    let mut names = Vec::new();
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(|source| NodeError::read(directory, source))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The names in a directory that are a prefix followed by at least one digit, sorted.
pub(super) fn numbered(directory: &Path, prefix: &str) -> Result<Vec<String>, NodeError> {
    let mut names = names(directory)?;
    names.retain(|name| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    Ok(names)
}

/// A whole number in a field of a file.
pub(super) fn number(file: &'static str, text: &str) -> Result<u64, NodeError> {
    text.parse().map_err(|_| NodeError::malformed(file, "a whole number", text))
}

/// A decimal number in a field of a file.
pub(super) fn decimal(file: &'static str, text: &str) -> Result<f64, NodeError> {
    text.parse().map_err(|_| NodeError::malformed(file, "a number", text))
}

/// Whole numbers of the kernel's list form, such as `1,3-5,9`.
pub(super) fn number_list(file: &'static str, text: &str) -> Result<Vec<u32>, NodeError> {
    let mut numbers = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bound = |text: &str| text.parse::<u16>().map_err(|_| NodeError::malformed(file, "a range", part));
        let (first, last) = (bound(first)?, bound(last)?);
        numbers.extend((first..=last).map(u32::from));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ranges() {
        assert_eq!(number_list("isolated", "1,3-5,9\n").unwrap(), [1, 3, 4, 5, 9]);
        assert!(number_list("isolated", "\n").unwrap().is_empty());
        assert!(number_list("isolated", "1-x").is_err());
        assert!(number_list("isolated", "0-4294967295").is_err());
    }

    #[test]
    fn mount_points_lose_the_root_prefix() {
        let roots = Roots { rootfs: PathBuf::from("/host"), ..Roots::default() };
        assert_eq!(roots.strip_rootfs("/host"), "/");
        assert_eq!(roots.strip_rootfs("/host/boot"), "/boot");
        assert_eq!(Roots::default().strip_rootfs("/boot"), "/boot");
        assert_eq!(roots.below_rootfs("/boot"), PathBuf::from("/host/boot"));
    }
}
