//! What `/sys/class/net` says of each network device.

use std::fs;

use regex::Regex;

use super::filter::pattern;
use super::proc_files::{names, read_trimmed};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const IGNORED: OptionSpec = OptionSpec::text(
    "collector.netclass.ignored-devices",
    "^$",
    "Regexp of net devices to ignore for netclass collector.",
);
const INVALID_SPEED: OptionSpec = OptionSpec::off(
    "collector.netclass.ignore-invalid-speed",
    "Ignore devices where the speed is invalid. This will be the default behavior in 2.x.",
);

pub(super) const SPEC: Spec = Spec::new("netclass", Default::On, &[IGNORED, INVALID_SPEED], |settings| {
    Ok(Box::new(NetClass {
        roots: settings.roots.clone(),
        ignored: pattern(settings, &IGNORED)?,
        ignore_invalid_speed: settings.switch(&INVALID_SPEED),
    }))
});

#[derive(Debug)]
struct NetClass {
    roots: Roots,
    ignored: Option<Regex>,
    ignore_invalid_speed: bool,
}

/// File, the part of the metric's name, and whether it is a counter.
const NUMBERS: [(&str, &str, bool); 16] = [
    ("addr_assign_type", "address_assign_type", false),
    ("carrier", "carrier", false),
    ("carrier_changes", "carrier_changes_total", true),
    ("carrier_up_count", "carrier_up_changes_total", true),
    ("carrier_down_count", "carrier_down_changes_total", true),
    ("dev_id", "device_id", false),
    ("dormant", "dormant", false),
    ("flags", "flags", false),
    ("ifindex", "iface_id", false),
    ("iflink", "iface_link", false),
    ("link_mode", "iface_link_mode", false),
    ("mtu", "mtu_bytes", false),
    ("name_assign_type", "name_assign_type", false),
    ("netdev_group", "net_dev_group", false),
    ("tx_queue_len", "transmit_queue_length", false),
    ("type", "protocol_type", false),
];

impl Collector for NetClass {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("class/net");
        if !directory.is_dir() {
            return Err(NodeError::NoData { reason: "there are no network devices" });
        }
        for device in names(&directory)? {
            let files = directory.join(&device);
            let is_device = fs::symlink_metadata(&files).is_ok_and(|m| !m.is_file());
            if is_device && !self.ignored.as_ref().is_some_and(|r| r.is_match(&device)) {
                // Many files cannot be read while a device is down.
                self.put(page, &device, |file| read_trimmed(&files.join(file)).ok());
            }
        }
        Ok(())
    }
}

impl NetClass {
    fn put(&self, page: &mut Page, device: &str, read: impl Fn(&str) -> Option<String>) {
        let labels = [("device", device)];
        let words = ["address", "broadcast", "duplex", "operstate", "ifalias"];
        let words = words.map(|file| (file, read(file).unwrap_or_default()));
        let number = |file: &str| read(file).as_deref().and_then(parse_integer);
        let is_up = words.iter().any(|(file, text)| *file == "operstate" && text == "up");
        let up = f64::from(u8::from(is_up));
        page.gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", &labels, up);
        let admin_state = match number("flags") {
            None => "unknown",
            Some(flags) if flags & 1 == 1 => "up",
            Some(_) => "down",
        };
        let mut info = vec![("device", device), ("adminstate", admin_state)];
        info.extend(words.iter().map(|(file, text)| (*file, text.as_str())));
        page.gauge(
            "node_network_info",
            "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
            &info,
            1.0,
        );
        for (file, property, is_counter) in NUMBERS {
            let Some(value) = number(file) else { continue };
            let name = format!("node_network_{property}");
            let help = format!("Network device property: {property}");
            if is_counter {
                page.counter(&name, &help, &labels, value as f64);
            } else {
                page.gauge(&name, &help, &labels, value as f64);
            }
        }
        // Some drivers say -1 where the speed is not known.
        if let Some(speed) = number("speed").filter(|speed| *speed >= 0 || !self.ignore_invalid_speed) {
            let bytes = speed.saturating_mul(1_000_000) / 8;
            let help = "Network device property: speed_bytes";
            page.gauge("node_network_speed_bytes", help, &labels, bytes as f64);
        }
    }
}

/// A decimal number, or a hexadecimal one after `0x`.
fn parse_integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_integer;

    #[test]
    fn numbers_of_both_bases() {
        assert_eq!(parse_integer("0x1303"), Some(0x1303));
        assert_eq!(parse_integer("-1"), Some(-1));
        assert_eq!(parse_integer("up"), None);
    }
}
