//! The ZFS file system: its caches, its pools, their datasets.

use std::path::Path;

use super::error::Optional;
use super::page::Desc;
use super::proc_files::{decimal, names, read};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("zfs", Default::On, update);

/// The part of the metrics' names, and the file.
const FILES: [(&str, &str); 11] = [
    ("abd", "abdstats"),
    ("arc", "arcstats"),
    ("dbuf", "dbufstats"),
    ("dmu_tx", "dmu_tx"),
    ("dnode", "dnodestats"),
    ("fm", "fm"),
    ("vdev_cache", "vdev_cache_stats"),
    ("vdev_mirror", "vdev_mirror_stats"),
    ("xuio", "xuio_stats"),
    ("zfetch", "zfetchstats"),
    ("zil", "zil"),
];

const STATE: Desc = Desc::gauge("node_zfs_zpool_state", "kstat.zfs.misc.state");
const STATES: [&str; 7] = ["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.proc("spl/kstat/zfs");
    if !directory.is_dir() {
        return Err(NodeError::NoData { reason: "ZFS is not loaded" });
    }
    for (subsystem, file) in FILES {
        // Which files there are depends on the version.
        let Some(text) = read(&directory.join(file)).optional()? else { continue };
        for (name, value) in parse_table(&text)?.numbers() {
            let help = format!("kstat.zfs.misc.{file}.{name}");
            let name = format!("node_zfs_{subsystem}_{}", name.replace('-', "_"));
            page.untyped(&name, &help, &[], decimal("zfs", value)?);
        }
    }
    for pool in names(&directory)?.iter().filter(|name| directory.join(name).is_dir()) {
        put_pool(page, &directory.join(pool), pool)?;
    }
    Ok(())
}

fn put_pool(page: &mut Page, files: &Path, pool: &str) -> Result<(), NodeError> {
    if let Some(text) = read(&files.join("io")).optional()? {
        for (name, value) in parse_io(&text) {
            let help = format!("kstat.zfs.misc.io.{name}");
            let name = format!("node_zfs_zpool_{name}");
            page.untyped(&name, &help, &[("zpool", pool)], decimal("zfs", value)?);
        }
    }
    for file in names(files)?.iter().filter(|name| name.starts_with("objset-")) {
        let Some(text) = read(&files.join(file)).optional()? else { continue };
        let table = parse_table(&text)?;
        let labels = [("zpool", pool), ("dataset", table.dataset())];
        for (name, value) in table.numbers() {
            let help = format!("kstat.zfs.misc.objset.{name}");
            page.untyped(&format!("node_zfs_zpool_dataset_{name}"), &help, &labels, decimal("zfs", value)?);
        }
    }
    if let Some(text) = read(&files.join("state")).optional()? {
        let actual = text.lines().next().unwrap_or_default().to_lowercase();
        for state in STATES {
            let is = f64::from(u8::from(actual == state));
            page.put(&STATE, &[("zpool", pool), ("state", state)], is);
        }
    }
    Ok(())
}

/// Name, type and value of each line after the one that reads `name type data`.
#[derive(Debug)]
struct Table<'a>(Vec<(&'a str, &'a str, &'a str)>);

fn parse_table(text: &str) -> Result<Table<'_>, NodeError> {
    fn row(line: &str) -> Option<(&str, &str, &str)> {
        let (name, rest) = line.split_once(char::is_whitespace)?;
        let (kind, value) = rest.trim_start().split_once(char::is_whitespace)?;
        // A dataset's name may contain blanks.
        Some((name, kind, value.trim_start()))
    }
    let is_header = |line: &str| line.split_ascii_whitespace().eq(["name", "type", "data"]);
    if !text.lines().any(is_header) {
        return Err(NodeError::malformed("zfs", "a table of name, type and data", text));
    }
    Ok(Table(text.lines().skip_while(|line| !is_header(line)).skip(1).filter_map(row).collect()))
}

impl<'a> Table<'a> {
    /// The values of the integer types, signed and unsigned of 64 bits.
    fn numbers(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let rows = self.0.iter().filter(|(_, kind, _)| matches!(*kind, "3" | "4"));
        rows.map(|(name, _, value)| (*name, value.trim()))
    }

    fn dataset(&self) -> &'a str {
        self.0.iter().find(|(name, ..)| *name == "dataset_name").map_or("", |(_, _, value)| value)
    }
}

/// Names and values, which stand in two lines one above the other.
fn parse_io(text: &str) -> Vec<(&str, &str)> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("nread"));
    let names = lines.next().unwrap_or_default().split_ascii_whitespace();
    names.zip(lines.next().unwrap_or_default().split_ascii_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_integers_and_words() {
        let text = "6 1\nname type data\nhits 4 7\nspeed 3 -1\ndataset_name 7 pool/a  b\nx 1 5\n";
        let table = parse_table(text).unwrap();
        assert_eq!(table.numbers().collect::<Vec<_>>(), [("hits", "7"), ("speed", "-1")]);
        assert_eq!(table.dataset(), "pool/a  b");
        assert!(parse_table("hits 4 7\n").is_err());
        assert_eq!(parse_io("12 3\nnread nwritten\n1 2\n"), [("nread", "1"), ("nwritten", "2")]);
    }
}
