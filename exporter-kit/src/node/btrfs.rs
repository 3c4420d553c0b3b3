//! The btrfs file system, from `/sys/fs/btrfs`.
//!
//! The original also asks each mounted file system for its devices' errors, by a call that needs root; without that
//! right it shows what is shown here.

use std::path::Path;

use super::error::Optional;
use super::page::Desc;
use super::proc_files::{names, number, read, read_trimmed, read_u64};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("btrfs", Default::On, update);

const INFO: Desc = Desc::gauge("node_btrfs_info", "Filesystem information");
const RESERVE: Desc = Desc::gauge("node_btrfs_global_rsv_size_bytes", "Size of global reserve.");
const DEVICE_SIZE: Desc =
    Desc::gauge("node_btrfs_device_size_bytes", "Size of a device that is part of the filesystem.");
const RESERVED: Desc = Desc::gauge("node_btrfs_reserved_bytes", "Amount of space reserved for a data type");
const USED: Desc = Desc::gauge("node_btrfs_used_bytes", "Amount of used space by a layout/data type");
const SIZE: Desc = Desc::gauge("node_btrfs_size_bytes", "Amount of space allocated for a layout/data type");
const RATIO: Desc =
    Desc::gauge("node_btrfs_allocation_ratio", "Data allocation ratio for a layout/data type");

/// Key in the file of commits, unit of its number, and how it is shown.
const COMMITS: [(&str, f64, Desc); 4] = [
    (
        "commits",
        1.0,
        Desc::counter("node_btrfs_commits_total", "The total number of commits that have occurred."),
    ),
    (
        "last_commit_ms",
        1000.0,
        Desc::gauge("node_btrfs_last_commit_seconds", "Duration of the most recent commit, in seconds."),
    ),
    (
        "max_commit_ms",
        1000.0,
        Desc::gauge("node_btrfs_max_commit_seconds", "Duration of the slowest commit, in seconds."),
    ),
    (
        "total_commit_ms",
        1000.0,
        Desc::counter("node_btrfs_commit_seconds_total", "Sum of the duration of all commits, in seconds."),
    ),
];

const SECTOR: f64 = 512.0;

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("fs/btrfs");
    for uuid in names(&directory)? {
        let files = directory.join(&uuid);
        // Beside the file systems there is a directory of features.
        if files.join("allocation").is_dir() {
            put_filesystem(page, &files, &uuid)?;
        }
    }
    Ok(())
}

fn put_filesystem(page: &mut Page, files: &Path, uuid: &str) -> Result<(), NodeError> {
    let label = read_trimmed(&files.join("label"))?;
    page.put(&INFO, &[("uuid", uuid), ("label", &label)], 1.0);
    let labels = [("uuid", uuid)];
    page.put(&RESERVE, &labels, read_u64(&files.join("allocation/global_rsv_size"))? as f64);
    // Kernels before 6.0 do not tell about commits.
    let commits = read(&files.join("commit_stats")).optional()?.unwrap_or_default();
    for (key, unit, desc) in &COMMITS {
        let value = commits.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        let value = value.map_or(Ok(0), |value| number("commit_stats", value.trim()))?;
        page.put(desc, &labels, value as f64 / unit);
    }
    let devices = names(&files.join("devices"))?;
    for device in &devices {
        let sectors = read_u64(&files.join("devices").join(device).join("size"))?;
        page.put(&DEVICE_SIZE, &[labels[0], ("device", device)], sectors as f64 * SECTOR);
    }
    for kind in ["data", "metadata", "system"] {
        let files = files.join("allocation").join(kind);
        let labels = [labels[0], ("block_group_type", kind)];
        page.put(&RESERVED, &labels, read_u64(&files.join("bytes_reserved"))? as f64);
        for mode in names(&files)?.iter().filter(|mode| files.join(mode).is_dir()) {
            let labels = [labels[0], labels[1], ("mode", mode.as_str())];
            page.put(&USED, &labels, read_u64(&files.join(mode).join("used_bytes"))? as f64);
            page.put(&SIZE, &labels, read_u64(&files.join(mode).join("total_bytes"))? as f64);
            page.put(&RATIO, &labels, ratio(mode, devices.len() as f64));
        }
    }
    Ok(())
}

/// Bytes on disk per byte of data.
fn ratio(mode: &str, devices: f64) -> f64 {
    match mode {
        "single" | "raid0" => 1.0,
        "dup" | "raid1" | "raid10" => 2.0,
        "raid1c3" => 3.0,
        "raid1c4" => 4.0,
        "raid5" => devices / (devices - 1.0),
        "raid6" => devices / (devices - 2.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn parity_costs_a_device_or_two() {
        assert_eq!((ratio("raid5", 4.0), ratio("raid6", 4.0)), (4.0 / 3.0, 2.0));
        assert_eq!((ratio("single", 1.0), ratio("new", 1.0)), (1.0, 0.0));
    }
}
