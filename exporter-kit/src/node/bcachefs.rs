//! The bcachefs file system.

use std::path::Path;

use super::error::Optional;
use super::human_bytes::{Fraction, parse};
use super::page::Desc;
use super::proc_files::{decimal, names, read, read_trimmed, read_u64};
use super::rapl::sanitized;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("bcachefs", Default::On, update);

const INFO: Desc = Desc::gauge("node_bcachefs_info", "Filesystem information.");
const CACHE: Desc = Desc::gauge("node_bcachefs_btree_cache_size_bytes", "Btree cache memory usage in bytes.");
const COMPRESSED: Desc =
    Desc::gauge("node_bcachefs_compression_compressed_bytes", "Compressed size by algorithm.");
const UNCOMPRESSED: Desc =
    Desc::gauge("node_bcachefs_compression_uncompressed_bytes", "Uncompressed size by algorithm.");
const ERRORS: Desc = Desc::counter("node_bcachefs_errors_total", "Error count by error type.");
const WRITES: Desc = Desc::counter("node_bcachefs_btree_writes_total", "Number of btree writes by type.");
const WRITE_SIZE: Desc =
    Desc::gauge("node_bcachefs_btree_write_average_size_bytes", "Average btree write size by type.");
const DEVICE: Desc = Desc::gauge("node_bcachefs_device_info", "Device information.");
const BUCKET_SIZE: Desc = Desc::gauge("node_bcachefs_device_bucket_size_bytes", "Bucket size in bytes.");
const BUCKETS: Desc = Desc::gauge("node_bcachefs_device_buckets", "Total number of buckets.");
const DURABILITY: Desc = Desc::gauge("node_bcachefs_device_durability", "Device durability setting.");
const IO_DONE: Desc =
    Desc::counter("node_bcachefs_device_io_done_bytes_total", "IO bytes by operation type and data type.");
const IO_ERRORS: Desc = Desc::counter("node_bcachefs_device_io_errors_total", "IO errors by error type.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("fs/bcachefs");
    let uuids: Vec<_> = names(&directory)?.into_iter().filter(|name| directory.join(name).is_dir()).collect();
    if uuids.is_empty() {
        return Err(NodeError::NoData { reason: "there is no bcachefs" });
    }
    for uuid in uuids {
        let files = directory.join(&uuid);
        put_filesystem(page, &files, &uuid)?;
        put_counters(page, &files.join("counters"), &uuid)?;
        for name in names(&files)? {
            if let Some(device) = name.strip_prefix("dev-") {
                put_device(page, &files.join(&name), &uuid, device)?;
            }
        }
    }
    Ok(())
}

fn put_filesystem(page: &mut Page, files: &Path, uuid: &str) -> Result<(), NodeError> {
    let id = ("uuid", uuid);
    // Which files there are depends on the version.
    let text = |file: &str| read(&files.join(file)).optional().map(Option::unwrap_or_default);
    page.put(&INFO, &[id], 1.0);
    let cache = text("btree_cache_size")?;
    page.put(&CACHE, &[id], if cache.is_empty() { 0.0 } else { amount(&cache)? });
    for words in rows(&text("compression_stats")?, 1) {
        if let [algorithm, compressed, uncompressed, ..] = words[..] {
            let labels = [id, ("algorithm", algorithm.trim_end_matches(':'))];
            page.put(&COMPRESSED, &labels, amount(compressed)?);
            page.put(&UNCOMPRESSED, &labels, amount(uncompressed)?);
        }
    }
    for words in rows(&text("errors")?, 0) {
        if let [kind, count, ..] = words[..] {
            page.put(&ERRORS, &[id, ("error_type", kind)], decimal("bcachefs errors", count)?);
        }
    }
    for words in rows(&text("btree_write_stats")?, 1) {
        if let [kind, count, size, ..] = words[..] {
            let labels = [id, ("type", kind.trim_end_matches(':'))];
            page.put(&WRITES, &labels, decimal("btree_write_stats", count)?);
            page.put(&WRITE_SIZE, &labels, amount(size)?);
        }
    }
    Ok(())
}

/// The words of each line after the first few.
fn rows(text: &str, skipped: usize) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(skipped).map(|line| line.split_ascii_whitespace().collect())
}

fn put_counters(page: &mut Page, directory: &Path, uuid: &str) -> Result<(), NodeError> {
    for counter in names(directory)? {
        let text = read(&directory.join(&counter))?;
        let since = text.lines().find_map(|line| line.strip_prefix("since filesystem creation:"));
        let name = format!("node_bcachefs_{}_total", sanitized(&counter));
        let help = format!("Bcachefs counter {counter} since filesystem creation.");
        page.counter(&name, &help, &[("uuid", uuid)], amount(since.unwrap_or("0"))?);
    }
    Ok(())
}

fn put_device(page: &mut Page, files: &Path, uuid: &str, device: &str) -> Result<(), NodeError> {
    let word = |file: &str| read_trimmed(&files.join(file)).unwrap_or_default();
    let (label, state) = (word("label"), word("state"));
    let labels = [("uuid", uuid), ("device", device), ("label", label.as_str()), ("state", state.as_str())];
    page.put(&DEVICE, &labels, 1.0);
    let labels = [labels[0], labels[1]];
    page.put(&BUCKET_SIZE, &labels, amount(&word("bucket_size"))?);
    page.put(&BUCKETS, &labels, read_u64(&files.join("nbuckets"))? as f64);
    page.put(&DURABILITY, &labels, read_u64(&files.join("durability"))? as f64);
    for (operation, kind, bytes) in parse_io_done(&word("io_done")) {
        let labels = [labels[0], labels[1], ("operation", operation), ("data_type", kind)];
        page.put(&IO_DONE, &labels, decimal("io_done", bytes)?);
    }
    for (kind, count) in parse_io_errors(&word("io_errors")) {
        page.put(&IO_ERRORS, &[labels[0], labels[1], ("type", kind)], decimal("io_errors", count)?);
    }
    Ok(())
}

/// Operation, kind of data, bytes. A line with nothing after its colon names the operation of those that follow.
fn parse_io_done(text: &str) -> Vec<(&str, &str, &str)> {
    let (mut operation, mut done) = ("", Vec::new());
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match value.trim() {
            "" => operation = name.trim(),
            bytes => done.push((operation, name.trim(), bytes)),
        }
    }
    done
}

/// Kind and count, since the file system was made; a second part of the file counts since some later time.
fn parse_io_errors(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().skip(1).take_while(|line| !line.starts_with("IO errors"));
    lines.filter_map(|line| line.split_once(':')).map(|(kind, count)| (kind.trim(), count.trim())).collect()
}

fn amount(text: &str) -> Result<f64, NodeError> {
    parse("bcachefs", text, Fraction::Decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_errors_of_a_device() {
        let done = parse_io_done("read:\nsb :  86016\nwrite:\nuser:5\n");
        assert_eq!(done, [("read", "sb", "86016"), ("write", "user", "5")]);
        let text = "IO errors since filesystem creation\n  read:    3\nIO errors since 8 y ago\n  read: 4\n";
        assert_eq!(parse_io_errors(text), [("read", "3")]);
    }
}
