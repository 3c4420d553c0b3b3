//! A database's directory: looking into it, writing out what is in it, rewriting and making blocks.

mod analyze;
mod convert;
mod dump;
mod fill;
mod import;
mod list;

use std::cmp::Reverse;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::tsdb::block::{Block, BlockError, BlockMeta};
use ::tsdb::fs::{FileError, OsFs};

pub use analyze::{AnalyzeOptions, analyze};
pub use convert::{Target, convert};
pub use dump::{DumpFormat, DumpOptions, dump};
pub use import::{ImportError, ImportOptions, import};
pub use list::list;

/// Why a database could not be looked into or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The directory could not be read.
    #[error("cannot read {}", .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no such block, or none at all.
    #[error("no block {block} in {}", .path.display())]
    NoBlock {
        /// What was asked for.
        block: String,
        /// Where.
        path: PathBuf,
    },
    /// A file of a block is unreadable or damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// A chunk of a block is damaged.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The selector is not PromQL.
    #[error(transparent)]
    Selector(#[from] promql::parser::ParseError),
    /// The database could not be opened or rewritten.
    #[error(transparent)]
    Store(#[from] ::tsdb::Error),
    /// The samples could not be read.
    #[error(transparent)]
    Select(#[from] metrics_core::SelectError),
    /// Text could not be made into blocks.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The output could not be written.
    #[error("cannot write the answer")]
    Output(#[from] io::Error),
}

/// All blocks of a directory, oldest first.
fn blocks(path: &Path) -> Result<Vec<(PathBuf, BlockMeta)>, InspectError> {
    let failed = |source| InspectError::Directory { path: path.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let dir = entry.map_err(failed)?.path();
        if dir.join("meta.json").is_file() {
            found.push((dir.clone(), BlockMeta::read(&OsFs, &dir)?));
        }
    }
    found.sort_by_key(|(_, meta)| (meta.min_time, meta.ulid));
    Ok(found)
}

/// The block of that name, or the one that was made last; of several made at once the first by name.
fn block(path: &Path, name: Option<&str>) -> Result<Block, InspectError> {
    let all = blocks(path)?;
    let found = match name {
        Some(name) => all.iter().find(|(_, meta)| meta.ulid.to_string() == name),
        None => all.iter().min_by_key(|(_, meta)| (Reverse(meta.ulid.timestamp()), meta.ulid)),
    };
    let Some((dir, _)) = found else {
        let block = name.unwrap_or("of any name").to_owned();
        return Err(InspectError::NoBlock { block, path: path.to_owned() });
    };
    Ok(Block::open(&OsFs, dir)?)
}

/// A length of time as Go prints it: `1h2m3.5s`.
fn go_duration(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if seconds == 0 && nanos > 0 {
        return format!("{}ms", f64::from(nanos) / 1e6);
    }
    let fraction = format!("{:09}", nanos);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}{point}{fraction}s"),
        (0, m) => format!("{m}m{s}{point}{fraction}s"),
        (h, m) => format!("{h}h{m}m{s}{point}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_look_like_those_of_go() {
        for (ms, text) in
            [(0, "0s"), (250, "250ms"), (1500, "1.5s"), (7_200_000, "2h0m0s"), (86_385_412, "23h59m45.412s")]
        {
            assert_eq!(go_duration(Duration::from_millis(ms)), text);
        }
    }
}
