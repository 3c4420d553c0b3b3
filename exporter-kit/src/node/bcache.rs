//! Block devices cached by faster ones.

use std::path::Path;

use super::human_bytes::{Fraction, parse};
use super::page::Desc;
use super::proc_files::{decimal, names, numbered, read, read_trimmed};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const PRIORITY: OptionSpec =
    OptionSpec::off("collector.bcache.priorityStats", "Expose expensive priority stats.");

pub(super) const SPEC: Spec = Spec::new("bcache", Default::On, &[PRIORITY], |settings| {
    Ok(Box::new(Bcache { roots: settings.roots.clone(), priority: settings.switch(&PRIORITY) }))
});

/// Files below a cache set, the unit of their numbers, and how they are shown.
const SET: [(&str, f64, Desc); 10] = [
    (
        "average_key_size",
        1.0,
        Desc::gauge("node_bcache_average_key_size_sectors", "Average data per key in the btree (sectors)."),
    ),
    (
        "btree_cache_size",
        1.0,
        Desc::gauge(
            "node_bcache_btree_cache_size_bytes",
            "Amount of memory currently used by the btree cache.",
        ),
    ),
    (
        "cache_available_percent",
        1.0,
        Desc::gauge(
            "node_bcache_cache_available_percent",
            "Percentage of cache device without dirty data, usable for writeback (may contain clean cached data).",
        ),
    ),
    ("congested", 1.0, Desc::gauge("node_bcache_congested", "Congestion.")),
    (
        "root_usage_percent",
        1.0,
        Desc::gauge(
            "node_bcache_root_usage_percent",
            "Percentage of the root btree node in use (tree depth increases if too high).",
        ),
    ),
    ("tree_depth", 1.0, Desc::gauge("node_bcache_tree_depth", "Depth of the btree.")),
    (
        "internal/active_journal_entries",
        1.0,
        Desc::gauge(
            "node_bcache_active_journal_entries",
            "Number of journal entries that are newer than the index.",
        ),
    ),
    ("internal/btree_nodes", 1.0, Desc::gauge("node_bcache_btree_nodes", "Total nodes in the btree.")),
    (
        "internal/btree_read_average_duration_us",
        1e-9,
        Desc::gauge("node_bcache_btree_read_average_duration_seconds", "Average btree read duration."),
    ),
    (
        "internal/cache_read_races",
        1.0,
        Desc::counter(
            "node_bcache_cache_read_races_total",
            "Counts instances where while data was being read from the cache, the bucket was reused and invalidated - i.e. where the pointer was stale after the read completed.",
        ),
    ),
];
/// Files below a cached device.
const DEVICE: [(&str, f64, Desc); 8] = [
    (
        "dirty_data",
        1.0,
        Desc::gauge(
            "node_bcache_dirty_data_bytes",
            "Amount of dirty data for this backing device in the cache.",
        ),
    ),
    (
        "stats_total/bypassed",
        1.0,
        Desc::counter(
            "node_bcache_bypassed_bytes_total",
            "Amount of IO (both reads and writes) that has bypassed the cache.",
        ),
    ),
    (
        "stats_total/cache_hits",
        1.0,
        Desc::counter("node_bcache_cache_hits_total", "Hits counted per individual IO as bcache sees them."),
    ),
    (
        "stats_total/cache_misses",
        1.0,
        Desc::counter(
            "node_bcache_cache_misses_total",
            "Misses counted per individual IO as bcache sees them.",
        ),
    ),
    (
        "stats_total/cache_bypass_hits",
        1.0,
        Desc::counter("node_bcache_cache_bypass_hits_total", "Hits for IO intended to skip the cache."),
    ),
    (
        "stats_total/cache_bypass_misses",
        1.0,
        Desc::counter("node_bcache_cache_bypass_misses_total", "Misses for IO intended to skip the cache."),
    ),
    (
        "stats_total/cache_miss_collisions",
        1.0,
        Desc::counter(
            "node_bcache_cache_miss_collisions_total",
            "Instances where data insertion from cache miss raced with write (data already present).",
        ),
    ),
    (
        "stats_total/cache_readaheads",
        1.0,
        Desc::counter("node_bcache_cache_readaheads_total", "Count of times readahead occurred."),
    ),
];
/// Lines of a cached device's file about writing back.
const WRITEBACK: [(&str, Desc); 5] = [
    (
        "target",
        Desc::gauge(
            "node_bcache_dirty_target_bytes",
            "Current dirty data target threshold for this backing device in bytes.",
        ),
    ),
    (
        "rate",
        Desc::gauge("node_bcache_writeback_rate", "Current writeback rate for this backing device in bytes."),
    ),
    (
        "proportional",
        Desc::gauge(
            "node_bcache_writeback_rate_proportional_term",
            "Current result of proportional controller, part of writeback rate",
        ),
    ),
    (
        "integral",
        Desc::gauge(
            "node_bcache_writeback_rate_integral_term",
            "Current result of integral controller, part of writeback rate",
        ),
    ),
    (
        "change",
        Desc::gauge(
            "node_bcache_writeback_change",
            "Last writeback rate change step for this backing device.",
        ),
    ),
];
/// Files below a caching device.
const CACHE: [(&str, f64, Desc); 3] = [
    (
        "io_errors",
        1.0,
        Desc::gauge(
            "node_bcache_io_errors",
            "Number of errors that have occurred, decayed by io_error_halflife.",
        ),
    ),
    (
        "metadata_written",
        1.0,
        Desc::counter(
            "node_bcache_metadata_written_bytes_total",
            "Sum of all non data writes (btree writes and all other metadata).",
        ),
    ),
    (
        "written",
        1.0,
        Desc::counter(
            "node_bcache_written_bytes_total",
            "Sum of all data that has been written to the cache.",
        ),
    ),
];
/// Lines of a caching device's file about priorities.
const PRIORITIES: [(&str, Desc); 2] = [
    (
        "Unused",
        Desc::gauge(
            "node_bcache_priority_stats_unused_percent",
            "The percentage of the cache that doesn't contain any data.",
        ),
    ),
    ("Metadata", Desc::gauge("node_bcache_priority_stats_metadata_percent", "Bcache's metadata overhead.")),
];

#[derive(Debug)]
struct Bcache {
    roots: Roots,
    priority: bool,
}

impl Collector for Bcache {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("fs/bcache");
        // A set's name is a UUID; the files beside the sets are not.
        for uuid in names(&directory)?.iter().filter(|name| name.contains('-')) {
            self.put_set(page, &directory.join(uuid), uuid)?;
        }
        Ok(())
    }
}

impl Bcache {
    fn put_set(&self, page: &mut Page, files: &Path, uuid: &str) -> Result<(), NodeError> {
        put_files(page, &SET, files, &[("uuid", uuid)])?;
        for device in numbered(files, "bdev")? {
            let labels = [("uuid", uuid), ("backing_device", device.as_str())];
            let files = files.join(&device);
            put_files(page, &DEVICE, &files, &labels)?;
            let text = read(&files.join("writeback_rate_debug"))?;
            for (key, desc) in &WRITEBACK {
                let value = line(&text, key).trim_end_matches("/sec");
                let (sign, value) = value.strip_prefix('-').map_or((1.0, value), |value| (-1.0, value));
                page.put(desc, &labels, sign * amount(value)?);
            }
        }
        for device in numbered(files, "cache")? {
            let files = files.join(&device);
            if !files.is_dir() {
                continue;
            }
            let labels = [("uuid", uuid), ("cache_device", device.as_str())];
            put_files(page, &CACHE, &files, &labels)?;
            if self.priority {
                let text = read(&files.join("priority_stats"))?;
                for (key, desc) in &PRIORITIES {
                    let percent = decimal("priority_stats", line(&text, key).trim_end_matches('%'))?;
                    page.put(desc, &labels, percent);
                }
            }
        }
        Ok(())
    }
}

fn put_files(
    page: &mut Page,
    table: &[(&str, f64, Desc)],
    files: &Path,
    labels: &[(&str, &str)],
) -> Result<(), NodeError> {
    for (file, unit, desc) in table {
        page.put(desc, labels, amount(&read_trimmed(&files.join(file))?)? * unit);
    }
    Ok(())
}

fn amount(text: &str) -> Result<f64, NodeError> {
    parse("bcache", text, Fraction::Tenths1024)
}

/// The last word of the line that begins with a key; `0` if there is none.
fn line<'a>(text: &'a str, key: &str) -> &'a str {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    rest.and_then(|rest| rest.split_ascii_whitespace().last()).unwrap_or("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_by_their_keys() {
        let text = "rate:\t\t1.1M/sec\nproportional:\t-427.5k\n";
        assert_eq!(amount(line(text, "rate").trim_end_matches("/sec")).unwrap(), 1150976.0);
        assert_eq!((line(text, "proportional"), line(text, "none")), ("-427.5k", "0"));
    }
}
