//! One line a block.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::tsdb::block::Block;
use ::tsdb::fs::OsFs;
use jiff::Timestamp;

use super::{InspectError, blocks, go_duration};

const HEADER: [&str; 8] =
    ["BLOCK ULID", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES", "NUM CHUNKS", "NUM SERIES", "SIZE"];

/// Lists the blocks of a database in columns.
///
/// # Errors
/// If the directory or a block cannot be read.
pub fn list(path: &Path, human_readable: bool, out: &mut impl Write) -> Result<(), InspectError> {
    let dirs: Vec<PathBuf> = blocks(path)?.into_iter().map(|(dir, _)| dir).collect();
    print_blocks(&dirs, true, human_readable, out)
}

/// Prints a row per block, below a header if asked.
pub(super) fn print_blocks(
    dirs: &[PathBuf],
    with_header: bool,
    human_readable: bool,
    out: &mut impl Write,
) -> Result<(), InspectError> {
    let mut rows = Vec::new();
    if with_header {
        rows.push(HEADER.map(str::to_owned));
    }
    for dir in dirs {
        rows.push(row(&Block::open(&OsFs, dir)?, human_readable));
    }
    // The original's columns are at least 13 wide and two apart.
    let width = |column: usize| rows.iter().map(|r| r[column].len() + 2).max().unwrap_or(0).max(13);
    let widths: [usize; 8] = std::array::from_fn(width);
    for row in &rows {
        for (cell, width) in row.iter().zip(widths).take(7) {
            write!(out, "{cell:width$}")?;
        }
        writeln!(out, "{}", row[7])?;
    }
    Ok(())
}

fn row(block: &Block, human_readable: bool) -> [String; 8] {
    let (meta, size) = (block.meta(), block.size());
    let span = u64::try_from(meta.max_time - meta.min_time).unwrap_or(0);
    let time = |t: i64| if human_readable { date(t) } else { t.to_string() };
    [
        meta.ulid.to_string(),
        time(meta.min_time),
        time(meta.max_time),
        go_duration(Duration::from_millis(span)),
        meta.stats.num_samples.to_string(),
        meta.stats.num_chunks.to_string(),
        meta.stats.num_series.to_string(),
        if human_readable { binary_size(size) } else { size.to_string() },
    ]
}

/// A time as Go prints it in UTC.
fn date(ms: i64) -> String {
    match Timestamp::from_second(ms / 1000) {
        Ok(t) => t.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => ms.to_string(),
    }
}

/// A size as the sum of its binary units: `6MiB585KiB476B`.
fn binary_size(bytes: u64) -> String {
    let mut text = String::new();
    for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)] {
        let amount = if shift == 40 { bytes >> 40 } else { bytes >> shift & 1023 };
        if amount > 0 {
            text.push_str(&format!("{amount}{unit}"));
        }
    }
    if text.is_empty() { "0B".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_dates_for_people() {
        assert_eq!(binary_size(6_890_972), "6MiB585KiB476B");
        assert_eq!(binary_size(0), "0B");
        assert_eq!(date(1_700_006_400_000), "2023-11-15 00:00:00 +0000 UTC");
    }
}
