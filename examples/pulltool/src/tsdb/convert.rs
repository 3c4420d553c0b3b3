//! Blocks in other encodings.

use std::io::Write;
use std::path::{Path, PathBuf};

use ::tsdb::block::Ulid;
use ::tsdb::chunk::dense::Level;
use ::tsdb::compact::Style;
use ::tsdb::{Db, Options};

use super::list::print_blocks;
use super::{InspectError, blocks};

/// What chunks become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Prometheus' encodings, which any program of the field reads.
    Field,
    /// Packed: a fraction of the size, faster to read, by this workspace only.
    Dense,
    /// Packed and entropy coded where that pays: for blocks that are rarely read.
    Small,
}

impl Target {
    fn style(self) -> Style {
        match self {
            Self::Field => Style::Field,
            Self::Dense => Style::dense(Level::Fast),
            Self::Small => Style::dense(Level::Small),
        }
    }
}

/// Rewrites all blocks of a database, or the one whose directory is given, and lists what they became. The database
/// must not be open elsewhere; its log is left alone. `now` (milliseconds) goes into the names of the new blocks.
///
/// # Errors
/// If there is no block, the database is open elsewhere, or a block cannot be read or written. Blocks that were
/// rewritten stay so.
pub fn convert(path: &Path, target: Target, now: i64, out: &mut impl Write) -> Result<(), InspectError> {
    let (dir, names) = named(path)?;
    let db = Db::open(&dir, Options { log: false, ..Options::default() })?;
    let rewritten = db.rewrite(&names, target.style(), now)?;
    let dirs: Vec<PathBuf> = rewritten.iter().map(|meta| dir.join(meta.ulid.to_string())).collect();
    print_blocks(&dirs, true, false, out)
}

/// The database that a path means, and the blocks.
fn named(path: &Path) -> Result<(PathBuf, Vec<Ulid>), InspectError> {
    let name = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<Ulid>().ok());
    if let (Some(name), Some(parent)) = (name, path.parent()) {
        let dir = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        return Ok((dir.to_owned(), vec![name]));
    }
    let names: Vec<Ulid> = blocks(path)?.into_iter().map(|(_, meta)| meta.ulid).collect();
    if names.is_empty() {
        return Err(InspectError::NoBlock { block: "of any name".to_owned(), path: path.to_owned() });
    }
    Ok((path.to_owned(), names))
}
