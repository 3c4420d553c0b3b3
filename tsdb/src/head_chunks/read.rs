//! Reading chunk files of the head, and cutting off what a crash left torn.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{HEADER, HeadChunk, HeadChunkFile, LATE, MAGIC, VERSION, file_path};
use crate::chunk::Encoding;
use crate::codec::{Malformed, Reader};
use crate::fs::{FileError, Fs};

/// What the files of a directory hold.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// The chunks that were wanted, in the order in which they were written. Those of encodings that are not known are left
    /// out.
    pub chunks: Vec<HeadChunk>,
    /// The files, in order.
    pub files: Vec<HeadChunkFile>,
    /// The first damage. Nothing behind it was read: hand it to [`repair`].
    pub damage: Option<FileError>,
}

/// Reads all files of a directory, and keeps the chunks that are wanted; nothing if there is no such directory.
///
/// # Errors
/// If the directory or a file cannot be read. Damage is no error: it is among what was found.
pub fn load(
    fs: &dyn Fs,
    dir: &Path,
    mut is_wanted: impl FnMut(&HeadChunk) -> bool,
) -> Result<Loaded, FileError> {
    let mut loaded = Loaded::default();
    let files = files(fs, dir)?;
    let last = files.last().map(|(number, _)| *number);
    for (number, path) in files {
        if let Some(before) = loaded.files.last()
            && before.number + 1 != number
        {
            let missing = file_path(dir, before.number + 1);
            loaded.damage = Some(FileError::damaged(&path, 0, format!("{} is missing", missing.display())));
            break;
        }
        let bytes = fs.map(&path).map_err(FileError::io("read", &path))?;
        if Some(number) == last && is_begun(&bytes) {
            break;
        }
        let mut file = HeadChunkFile::empty(number);
        let result = read_file(&path, number, &bytes, |chunk| {
            file.note(chunk.max_time, chunk.is_late);
            if is_wanted(&chunk) {
                loaded.chunks.push(chunk);
            }
        });
        let Err(damage) = result else {
            loaded.files.push(file);
            continue;
        };
        // What is damaged before its first chunk does not stay.
        if !is_hopeless(&damage) {
            loaded.files.push(file);
        }
        loaded.damage = Some(damage);
        break;
    }
    Ok(loaded)
}

/// Cuts a damaged file off where the damage begins and removes the files that follow: they would leave gaps in the
/// series. Removes a last file that was begun and not written, too.
///
/// # Errors
/// If files cannot be changed.
pub fn repair(fs: &dyn Fs, dir: &Path, loaded: &Loaded) -> Result<(), FileError> {
    let damage = match &loaded.damage {
        Some(damage @ FileError::Damaged { path, offset, .. }) => {
            Some((path, (!is_hopeless(damage)).then_some(*offset)))
        }
        _ => None,
    };
    let mut is_changed = false;
    // From the end, so that an interrupted repair leaves no hole in the numbers.
    for (_, path) in files(fs, dir)?.into_iter().rev() {
        match damage {
            Some((damaged, Some(offset))) if *damaged == path => {
                fs.truncate(&path, offset).map_err(FileError::io("truncate", &path))?;
                break;
            }
            Some((damaged, None)) if *damaged == path => {
                remove(fs, &path)?;
                is_changed = true;
                break;
            }
            Some(_) => remove(fs, &path)?,
            None => {
                let bytes = fs.map(&path).map_err(FileError::io("read", &path))?;
                if !is_begun(&bytes) {
                    break;
                }
                remove(fs, &path)?;
            }
        }
        is_changed = true;
        if damage.is_none() {
            break;
        }
    }
    if is_changed {
        fs.sync_dir(dir).map_err(FileError::io("sync", dir))?;
    }
    Ok(())
}

/// Whether a file has nothing before its damage.
fn is_hopeless(damage: &FileError) -> bool {
    matches!(damage, FileError::Damaged { offset, .. } if *offset <= HEADER as u64)
}

fn remove(fs: &dyn Fs, path: &Path) -> Result<(), FileError> {
    fs.remove_file(path).map_err(FileError::io("remove", path))
}

/// Hands over the chunks of one file, given its bytes. `path` is there for the error, `number` for the references.
///
/// # Errors
/// [`FileError::Damaged`] where the file is torn or damaged; the chunks before were handed over.
pub fn read_file(
    path: &Path,
    number: u32,
    bytes: &[u8],
    mut each: impl FnMut(HeadChunk),
) -> Result<(), FileError> {
    check_header(bytes).map_err(|what| FileError::damaged(path, 0, what))?;
    let mut at = HEADER;
    while !is_end(&bytes[at..]) {
        let reference = u64::from(number) << 32 | at as u64;
        let damaged = |what: &str| FileError::damaged(path, at as u64, what);
        let (record, len) = record(&bytes[at..]).map_err(|_| damaged("a torn chunk"))?;
        if crc32c::crc32c(record.checked) != record.crc {
            return Err(damaged("a chunk with a wrong checksum"));
        }
        if let Ok(encoding) = Encoding::from_id(record.encoding & !LATE) {
            each(HeadChunk {
                reference,
                series: record.series,
                min_time: record.min_time,
                max_time: record.max_time,
                encoding,
                is_late: record.encoding & LATE != 0,
                bytes: Arc::from(record.data),
            });
        }
        at += len;
    }
    Ok(())
}

/// A record as it lies in a file.
struct Record<'a> {
    series: u64,
    min_time: i64,
    max_time: i64,
    encoding: u8,
    data: &'a [u8],
    /// What the checksum is of.
    checked: &'a [u8],
    crc: u32,
}

/// The record at the front of the bytes, and its length.
fn record(bytes: &[u8]) -> Result<(Record<'_>, usize), Malformed> {
    let mut r = Reader::new(bytes);
    let (series, min_time, max_time, encoding) = (r.u64()?, r.u64()? as i64, r.u64()? as i64, r.u8()?);
    let data = r.bytes()?;
    let checked = &bytes[..r.position()];
    let crc = r.u32()?;
    Ok((Record { series, min_time, max_time, encoding, data, checked, crc }, r.position()))
}

/// Whether no record follows: the file ends, or only room is left that was taken in advance.
fn is_end(rest: &[u8]) -> bool {
    // Series, first and last time: no series has the number 0.
    let head = &rest[..rest.len().min(24)];
    head.iter().all(|b| *b == 0)
}

/// Whether the power went before the first bytes of a new file reached the disk.
fn is_begun(bytes: &[u8]) -> bool {
    bytes.get(..4).is_none_or(|magic| magic == [0; 4])
}

fn check_header(bytes: &[u8]) -> Result<(), &'static str> {
    let mut r = Reader::new(bytes);
    match (r.u32(), r.u8(), r.take(3, "padding")) {
        (Ok(MAGIC), Ok(VERSION), Ok(_)) => Ok(()),
        (Ok(MAGIC), Ok(_), Ok(_)) => Err("an unknown version of head chunk files"),
        _ => Err("not a file of head chunks"),
    }
}

/// The files in order of their numbers.
fn files(fs: &dyn Fs, dir: &Path) -> Result<Vec<(u32, PathBuf)>, FileError> {
    let names = match fs.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(FileError::io("list", dir)(e)),
    };
    let mut files: Vec<_> =
        names.iter().filter_map(|name| Some((name.parse().ok()?, dir.join(name)))).collect();
    files.sort_unstable_by_key(|(number, _)| *number);
    Ok(files)
}
