//! Block devices: counts of `/proc/diskstats`, and what udev knows of each device.

use std::collections::HashMap;

use super::filter::NameFilter;
use super::proc_files::{number, read, read_u64};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Settings, Spec};

const EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.diskstats.device-exclude",
    r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "Regexp of diskstats devices to exclude (mutually exclusive to device-include).",
);
const INCLUDE: OptionSpec = OptionSpec::text(
    "collector.diskstats.device-include",
    "",
    "Regexp of diskstats devices to include (mutually exclusive to device-exclude).",
);

pub(super) const SPEC: Spec = Spec::new("diskstats", Default::On, &[EXCLUDE, INCLUDE], |settings| {
    Ok(Box::new(DiskStats::new(settings)?))
});

#[derive(Debug)]
struct DiskStats {
    roots: Roots,
    filter: NameFilter,
    has_udev: bool,
}

impl DiskStats {
    fn new(settings: &Settings) -> Result<Self, NodeError> {
        Ok(Self {
            has_udev: settings.roots.udev_data.is_dir(),
            filter: NameFilter::new(settings, &EXCLUDE, &INCLUDE)?,
            roots: settings.roots.clone(),
        })
    }

    fn udev(&self, disk: &Disk<'_>) -> Udev {
        if !self.has_udev {
            return Udev::default();
        }
        let file = self.roots.udev_data.join(format!("b{}:{}", disk.major, disk.minor));
        // A device without an entry has no properties; the original says so in its log only.
        read(&file).map(|text| Udev::parse(&text)).unwrap_or_default()
    }

    fn rotational(&self, device: &str) -> &'static str {
        // A slash in a device's name is a `!` in its directory's.
        let directory = self.roots.sys("block").join(device.replace('/', "!"));
        if read_u64(&directory.join("queue/rotational")).is_ok_and(|n| n == 1) { "1" } else { "0" }
    }
}

impl Collector for DiskStats {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        for line in self.roots.read_proc("diskstats")?.lines() {
            let Some(disk) = Disk::parse(line)? else { continue };
            if self.filter.ignores(disk.device) {
                continue;
            }
            let udev = self.udev(&disk);
            page.gauge(
                "node_disk_info",
                "Info of /sys/block/<block_device>.",
                &[
                    ("device", disk.device),
                    ("major", disk.major),
                    ("minor", disk.minor),
                    ("path", udev.value("ID_PATH")),
                    ("wwn", udev.value("ID_WWN")),
                    ("model", udev.value("ID_MODEL")),
                    ("serial", udev.serial()),
                    ("revision", udev.value("ID_REVISION")),
                    ("rotational", self.rotational(disk.device)),
                ],
                1.0,
            );
            put_counts(page, &disk);
            put_udev(page, disk.device, &udev);
        }
        Ok(())
    }
}

/// How a column of the file is shown: its name, its help, the unit of one, and whether it is a gauge.
struct Count(&'static str, &'static str, f64, bool);

const SECTOR: f64 = 512.0;
const MILLISECOND: f64 = 1.0 / 1000.0;

const COUNTS: [Count; 17] = [
    Count("node_disk_reads_completed_total", "The total number of reads completed successfully.", 1.0, false),
    Count("node_disk_reads_merged_total", "The total number of reads merged.", 1.0, false),
    Count("node_disk_read_bytes_total", "The total number of bytes read successfully.", SECTOR, false),
    Count(
        "node_disk_read_time_seconds_total",
        "The total number of seconds spent by all reads.",
        MILLISECOND,
        false,
    ),
    Count(
        "node_disk_writes_completed_total",
        "The total number of writes completed successfully.",
        1.0,
        false,
    ),
    Count("node_disk_writes_merged_total", "The number of writes merged.", 1.0, false),
    Count("node_disk_written_bytes_total", "The total number of bytes written successfully.", SECTOR, false),
    Count(
        "node_disk_write_time_seconds_total",
        "This is the total number of seconds spent by all writes.",
        MILLISECOND,
        false,
    ),
    Count("node_disk_io_now", "The number of I/Os currently in progress.", 1.0, true),
    Count("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", MILLISECOND, false),
    Count(
        "node_disk_io_time_weighted_seconds_total",
        "The weighted # of seconds spent doing I/Os.",
        MILLISECOND,
        false,
    ),
    Count(
        "node_disk_discards_completed_total",
        "The total number of discards completed successfully.",
        1.0,
        false,
    ),
    Count("node_disk_discards_merged_total", "The total number of discards merged.", 1.0, false),
    Count(
        "node_disk_discarded_sectors_total",
        "The total number of sectors discarded successfully.",
        1.0,
        false,
    ),
    Count(
        "node_disk_discard_time_seconds_total",
        "This is the total number of seconds spent by all discards.",
        MILLISECOND,
        false,
    ),
    Count(
        "node_disk_flush_requests_total",
        "The total number of flush requests completed successfully",
        1.0,
        false,
    ),
    Count(
        "node_disk_flush_requests_time_seconds_total",
        "This is the total number of seconds spent by all flush requests.",
        MILLISECOND,
        false,
    ),
];

fn put_counts(page: &mut Page, disk: &Disk<'_>) {
    let labels = [("device", disk.device)];
    for (Count(name, help, unit, is_gauge), count) in COUNTS.iter().zip(&disk.counts) {
        let value = *count as f64 * unit;
        if *is_gauge {
            page.gauge(name, help, &labels, value);
        } else {
            page.counter(name, help, &labels, value);
        }
    }
}

const ATA: [(&str, &str, &str); 3] = [
    ("ID_ATA_WRITE_CACHE", "node_disk_ata_write_cache", "ATA disk has a write cache."),
    (
        "ID_ATA_WRITE_CACHE_ENABLED",
        "node_disk_ata_write_cache_enabled",
        "ATA disk has its write cache enabled.",
    ),
    (
        "ID_ATA_ROTATION_RATE_RPM",
        "node_disk_ata_rotation_rate_rpm",
        "ATA disk rotation rate in RPMs (0 for SSDs).",
    ),
];

fn put_udev(page: &mut Page, device: &str, udev: &Udev) {
    if !udev.value("ID_FS_TYPE").is_empty() {
        page.gauge(
            "node_disk_filesystem_info",
            "Info about disk filesystem.",
            &[
                ("device", device),
                ("type", udev.value("ID_FS_TYPE")),
                ("usage", udev.value("ID_FS_USAGE")),
                ("uuid", udev.value("ID_FS_UUID")),
                ("version", udev.value("ID_FS_VERSION")),
            ],
            1.0,
        );
    }
    if !udev.value("DM_NAME").is_empty() {
        page.gauge(
            "node_disk_device_mapper_info",
            "Info about disk device mapper.",
            &[
                ("device", device),
                ("name", udev.value("DM_NAME")),
                ("uuid", udev.value("DM_UUID")),
                ("vg_name", udev.value("DM_VG_NAME")),
                ("lv_name", udev.value("DM_LV_NAME")),
                ("lv_layer", udev.value("DM_LV_LAYER")),
            ],
            1.0,
        );
    }
    if !udev.value("ID_ATA").is_empty() {
        for (property, name, help) in ATA {
            if let Ok(value) = udev.value(property).parse() {
                page.gauge(name, help, &[("device", device)], value);
            }
        }
    }
}

/// One line of `/proc/diskstats`.
#[derive(Debug, PartialEq)]
struct Disk<'a> {
    major: &'a str,
    minor: &'a str,
    device: &'a str,
    // As many of COUNTS as this kernel has.
    counts: Vec<u64>,
}

impl<'a> Disk<'a> {
    /// A line, or none if it is one of the short lines that old kernels print for partitions.
    fn parse(line: &'a str) -> Result<Option<Self>, NodeError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(major), Some(minor), Some(device)) = (words.next(), words.next(), words.next()) else {
            return Ok(None);
        };
        let counts = words.take(COUNTS.len()).map(|word| number("diskstats", word));
        let counts = counts.collect::<Result<Vec<_>, _>>()?;
        Ok((counts.len() >= 11).then_some(Self { major, minor, device, counts }))
    }
}

/// The properties that udev recorded of a device.
#[derive(Debug, Default)]
struct Udev(HashMap<String, String>);

impl Udev {
    fn parse(text: &str) -> Self {
        let properties = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        Self(properties.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn value(&self, property: &str) -> &str {
        self.0.get(property).map_or("", String::as_str)
    }

    /// The serial number printed on the device, or the next best.
    fn serial(&self) -> &str {
        let candidates = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        candidates.into_iter().map(|property| self.value(property)).find(|s| !s.is_empty()).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_kernel() {
        let old = Disk::parse("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11").unwrap().unwrap();
        assert_eq!((old.device, old.counts.len()), ("sda", 11));
        assert_eq!(Disk::parse("3 1 hda1 35486 38030 38030 38030").unwrap(), None);
        assert!(Disk::parse("8 0 sda 1 2 3 4 5 6 7 8 9 10 x").is_err());
    }

    #[test]
    fn the_serial_on_the_label_comes_first() {
        let udev = Udev::parse("S:disk\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=short\nE:X=a=b\n");
        assert_eq!((udev.serial(), udev.value("X"), udev.value("Y")), ("short", "a=b", ""));
    }
}
