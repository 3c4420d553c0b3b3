//! How many neighbours each network device has resolved.

use std::collections::BTreeMap;

use super::filter::NameFilter;
use super::neighbours::read_neighbours;
use super::page::Desc;
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Settings, Spec};

const EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.arp.device-exclude",
    "",
    "Regexp of arp devices to exclude (mutually exclusive to device-include).",
);
const INCLUDE: OptionSpec = OptionSpec::text(
    "collector.arp.device-include",
    "",
    "Regexp of arp devices to include (mutually exclusive to device-exclude).",
);
const NETLINK: OptionSpec =
    OptionSpec::on("collector.arp.netlink", "Use netlink to gather stats instead of /proc/net/arp.");

pub(super) const SPEC: Spec =
    Spec::new("arp", Default::On, &[EXCLUDE, INCLUDE, NETLINK], |settings| Ok(Box::new(Arp::new(settings)?)));

const ENTRIES: Desc = Desc::gauge("node_arp_entries", "ARP entries by device");

#[derive(Debug)]
struct Arp {
    roots: Roots,
    filter: NameFilter,
    netlink: bool,
}

impl Arp {
    fn new(settings: &Settings) -> Result<Self, NodeError> {
        let filter = NameFilter::new(settings, &EXCLUDE, &INCLUDE)?;
        Ok(Self { roots: settings.roots.clone(), filter, netlink: settings.switch(&NETLINK) })
    }
}

impl Collector for Arp {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let devices =
            if self.netlink { read_neighbours()? } else { parse(&self.roots.read_proc("net/arp")?)? };
        let mut counts = BTreeMap::new();
        for device in devices.iter().filter(|device| !self.filter.ignores(device)) {
            *counts.entry(device).or_insert(0) += 1;
        }
        for (device, count) in counts {
            page.put(&ENTRIES, &[("device", device)], f64::from(count));
        }
        Ok(())
    }
}

/// The device of each entry.
fn parse(text: &str) -> Result<Vec<String>, NodeError> {
    let device = |line: &str| {
        let device = line.split_ascii_whitespace().nth(5).map(str::to_owned);
        device.ok_or_else(|| NodeError::malformed("net/arp", "six columns", line))
    };
    text.lines().skip(1).map(device).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_device_is_the_sixth_column() {
        let text =
            "IP address HW type Flags HW address Mask Device\n10.0.0.1 0x1 0x2 00:50:56:c0:00:08 * eth0\n";
        assert_eq!(parse(text).unwrap(), ["eth0"]);
        assert!(parse("header\n10.0.0.1 0x1\n").is_err());
    }
}
