//! Tape drives.

use regex::Regex;

use super::filter::pattern;
use super::page::Desc;
use super::proc_files::{names, read_u64};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const IGNORED: OptionSpec = OptionSpec::text(
    "collector.tapestats.ignored-devices",
    "^$",
    "Regexp of devices to ignore for tapestats.",
);

pub(super) const SPEC: Spec = Spec::new("tapestats", Default::On, &[IGNORED], |settings| {
    Ok(Box::new(TapeStats { roots: settings.roots.clone(), ignored: pattern(settings, &IGNORED)? }))
});

const NANOSECOND: f64 = 0.000_000_001;

/// File, unit of its number, and how it is shown.
const FILES: [(&str, f64, Desc); 10] = [
    (
        "in_flight",
        1.0,
        Desc::gauge("node_tape_io_now", "The number of I/Os currently outstanding to this device."),
    ),
    (
        "io_ns",
        NANOSECOND,
        Desc::counter(
            "node_tape_io_time_seconds_total",
            "The amount of time spent waiting for all I/O to complete (including read and write). This includes tape movement commands such as seeking between file or set marks and implicit tape movement such as when rewind on close tape devices are used.",
        ),
    ),
    (
        "other_cnt",
        1.0,
        Desc::counter(
            "node_tape_io_others_total",
            "The number of I/Os issued to the tape drive other than read or write commands. The time taken to complete these commands uses the following calculation io_time_seconds_total-read_time_seconds_total-write_time_seconds_total",
        ),
    ),
    (
        "read_byte_cnt",
        1.0,
        Desc::counter("node_tape_read_bytes_total", "The number of bytes read from the tape drive."),
    ),
    (
        "read_cnt",
        1.0,
        Desc::counter(
            "node_tape_reads_completed_total",
            "The number of read requests issued to the tape drive.",
        ),
    ),
    (
        "read_ns",
        NANOSECOND,
        Desc::counter(
            "node_tape_read_time_seconds_total",
            "The amount of time spent waiting for read requests to complete.",
        ),
    ),
    (
        "resid_cnt",
        1.0,
        Desc::counter(
            "node_tape_residual_total",
            "The number of times during a read or write we found the residual amount to be non-zero. This should mean that a program is issuing a read larger thean the block size on tape. For write not all data made it to tape.",
        ),
    ),
    (
        "write_byte_cnt",
        1.0,
        Desc::counter("node_tape_written_bytes_total", "The number of bytes written to the tape drive."),
    ),
    (
        "write_cnt",
        1.0,
        Desc::counter(
            "node_tape_writes_completed_total",
            "The number of write requests issued to the tape drive.",
        ),
    ),
    (
        "write_ns",
        NANOSECOND,
        Desc::counter(
            "node_tape_write_time_seconds_total",
            "The amount of time spent waiting for write requests to complete.",
        ),
    ),
];

#[derive(Debug)]
struct TapeStats {
    roots: Roots,
    ignored: Option<Regex>,
}

impl Collector for TapeStats {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("class/scsi_tape");
        if !directory.is_dir() {
            return Err(NodeError::NoData { reason: "there is no tape drive" });
        }
        for device in names(&directory)?.iter().filter(|name| is_drive(name)) {
            if self.ignored.as_ref().is_some_and(|r| r.is_match(device)) {
                continue;
            }
            for (file, unit, desc) in &FILES {
                let value = read_u64(&directory.join(device).join("stats").join(file))?;
                page.put(desc, &[("device", device)], value as f64 * unit);
            }
        }
        Ok(())
    }
}

/// Whether a name is that of a drive, such as `st0`, and not of one of its modes, such as `st0a`.
fn is_drive(name: &str) -> bool {
    name.strip_prefix("st").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
