//! Traffic and errors of network devices.

use super::filter::NameFilter;
use super::link_stats::{LinkCounts, read_link_stats};
use super::proc_files::{number, read_trimmed};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Settings, Spec};

const EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.netdev.device-exclude",
    "",
    "Regexp of net devices to exclude (mutually exclusive to device-include).",
);
const INCLUDE: OptionSpec = OptionSpec::text(
    "collector.netdev.device-include",
    "",
    "Regexp of net devices to include (mutually exclusive to device-exclude).",
);
const NETLINK: OptionSpec =
    OptionSpec::on("collector.netdev.netlink", "Use netlink to gather stats instead of /proc/net/dev.");
const DETAILED: OptionSpec = OptionSpec::off(
    "collector.netdev.enable-detailed-metrics",
    "Use (incompatible) metric names that provide more detailed stats on Linux",
);
const IFALIAS: OptionSpec = OptionSpec::off("collector.netdev.label-ifalias", "Add ifAlias label");

pub(super) const SPEC: Spec =
    Spec::new("netdev", Default::On, &[EXCLUDE, INCLUDE, NETLINK, DETAILED, IFALIAS], |settings| {
        Ok(Box::new(NetDev::new(settings)?))
    });

#[derive(Debug)]
struct NetDev {
    roots: Roots,
    filter: NameFilter,
    netlink: bool,
    detailed: bool,
    ifalias: bool,
}

/// A device's counts by the part of the metric's name that tells them apart.
type Counts = Vec<(&'static str, u64)>;

impl NetDev {
    fn new(settings: &Settings) -> Result<Self, NodeError> {
        Ok(Self {
            roots: settings.roots.clone(),
            filter: NameFilter::new(settings, &EXCLUDE, &INCLUDE)?,
            netlink: settings.switch(&NETLINK),
            detailed: settings.switch(&DETAILED),
            ifalias: settings.switch(&IFALIAS),
        })
    }

    fn devices(&self) -> Result<Vec<(String, Counts)>, NodeError> {
        if self.netlink {
            let counts: fn(&LinkCounts) -> Counts = if self.detailed { detailed } else { summed };
            let links = read_link_stats()?;
            return Ok(links.iter().map(|(name, stats)| (name.clone(), counts(stats))).collect());
        }
        let text = self.roots.read_proc("net/dev")?;
        let names = if self.detailed { &PROC_DETAILED } else { &PROC_COLUMNS };
        text.lines().skip(2).map(|line| parse_line(line, names)).collect()
    }
}

impl Collector for NetDev {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        for (device, counts) in self.devices()? {
            if self.filter.ignores(&device) {
                continue;
            }
            let mut labels = vec![("device", device.as_str())];
            let alias;
            if self.ifalias {
                let file = self.roots.sys("class/net").join(&device).join("ifalias");
                alias = read_trimmed(&file).unwrap_or_default();
                labels.push(("ifalias", &alias));
            }
            for (key, count) in counts {
                let name = format!("node_network_{key}_total");
                let help = format!("Network device statistic {key}.");
                page.counter(&name, &help, &labels, count as f64);
            }
        }
        Ok(())
    }
}

/// The kernel's names of [`LinkCounts`].
const LINK_COLUMNS: [&str; 24] = [
    "receive_packets",
    "transmit_packets",
    "receive_bytes",
    "transmit_bytes",
    "receive_errors",
    "transmit_errors",
    "receive_dropped",
    "transmit_dropped",
    "multicast",
    "collisions",
    "receive_length_errors",
    "receive_over_errors",
    "receive_crc_errors",
    "receive_frame_errors",
    "receive_fifo_errors",
    "receive_missed_errors",
    "transmit_aborted_errors",
    "transmit_carrier_errors",
    "transmit_fifo_errors",
    "transmit_heartbeat_errors",
    "transmit_window_errors",
    "receive_compressed",
    "transmit_compressed",
    "receive_nohandler",
];

fn detailed(counts: &LinkCounts) -> Counts {
    LINK_COLUMNS.into_iter().zip(counts.iter().copied()).collect()
}

/// The counts under the names of `/proc/net/dev`, which sums some of them up as the kernel does for that file.
fn summed(counts: &LinkCounts) -> Counts {
    let [
        rx_packets,
        tx_packets,
        rx_bytes,
        tx_bytes,
        rx_errors,
        tx_errors,
        rx_dropped,
        tx_dropped,
        multicast,
        collisions,
        rx_length,
        rx_over,
        rx_crc,
        rx_frame,
        rx_fifo,
        rx_missed,
        tx_aborted,
        tx_carrier,
        tx_fifo,
        tx_heartbeat,
        tx_window,
        rx_compressed,
        tx_compressed,
        rx_nohandler,
    ] = *counts;
    let sum = |parts: &[u64]| parts.iter().fold(0, |a: u64, b| a.wrapping_add(*b));
    vec![
        ("receive_packets", rx_packets),
        ("transmit_packets", tx_packets),
        ("receive_bytes", rx_bytes),
        ("transmit_bytes", tx_bytes),
        ("receive_errs", rx_errors),
        ("transmit_errs", tx_errors),
        ("receive_drop", sum(&[rx_dropped, rx_missed])),
        ("transmit_drop", tx_dropped),
        ("receive_multicast", multicast),
        ("transmit_colls", collisions),
        ("receive_fifo", rx_fifo),
        ("receive_frame", sum(&[rx_frame, rx_length, rx_over, rx_crc])),
        ("transmit_carrier", sum(&[tx_carrier, tx_aborted, tx_heartbeat, tx_window])),
        ("transmit_fifo", tx_fifo),
        ("receive_compressed", rx_compressed),
        ("transmit_compressed", tx_compressed),
        ("receive_nohandler", rx_nohandler),
    ]
}

const PROC_COLUMNS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];
const PROC_DETAILED: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errors",
    "receive_dropped",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errors",
    "transmit_dropped",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

/// A line of `/proc/net/dev`, whose columns have these names. A device's alias may contain a colon itself.
fn parse_line(line: &str, names: &[&'static str; 16]) -> Result<(String, Counts), NodeError> {
    let malformed = || NodeError::malformed("net/dev", "a device, a colon and sixteen numbers", line);
    let (device, columns) = line.rsplit_once(':').ok_or_else(malformed)?;
    let columns: Vec<&str> = columns.split_ascii_whitespace().collect();
    if columns.len() != names.len() {
        return Err(malformed());
    }
    let counts = names.iter().zip(columns).map(|(name, n)| Ok((*name, number("net/dev", n)?)));
    Ok((device.trim().to_owned(), counts.collect::<Result<_, NodeError>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc() {
        let line =
            "  eth0:1: 68210035552 520993275    0    1    2    3 4 5 9315587528 43451486 6 7 8 9 10 11";
        let (device, counts) = parse_line(line, &PROC_COLUMNS).unwrap();
        assert_eq!(device, "eth0:1");
        assert_eq!(counts[3], ("receive_drop", 1));
        assert_eq!(counts[15], ("transmit_compressed", 11));
        assert!(parse_line("eth0: 1 2 3", &PROC_COLUMNS).is_err());
        assert!(parse_line("eth0", &PROC_COLUMNS).is_err());
    }

    #[test]
    fn errors_in_detail_are_summed_under_the_old_names() {
        let counts = std::array::from_fn(|i| 1 << i);
        let summed = summed(&counts);
        let value = |name| summed.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        assert_eq!(value("receive_drop"), Some(1 << 6 | 1 << 15));
        assert_eq!(value("receive_frame"), Some(1 << 10 | 1 << 11 | 1 << 12 | 1 << 13));
        assert_eq!(value("transmit_carrier"), Some(1 << 16 | 1 << 17 | 1 << 19 | 1 << 20));
        assert_eq!(detailed(&counts)[23], ("receive_nohandler", 1 << 23));
    }
}
