//! PCI devices, their links and their power states.

use std::fs;
use std::path::Path;

use super::page::Desc;
use super::proc_files::{names, read_trimmed};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("pcidevice", Default::Off, update);

const INFO: Desc = Desc::gauge(
    "node_pcidevice_info",
    "Non-numeric data from /sys/bus/pci/devices/<location>, value is always 1.",
);
const POWER: Desc = Desc::gauge(
    "node_pcidevice_power_state",
    "PCIe device power state, one of: D0, D1, D2, D3hot, D3cold, unknown or error.",
);
const POWER_STATES: [&str; 7] = ["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"];
const NUMA_NODE: Desc = Desc::gauge(
    "node_pcidevice_numa_node",
    "NUMA node number for the PCI device. -1 indicates unknown or not available.",
);

/// File, unit of its number, what is shown without it, and how it is shown.
const FILES: [(&str, f64, f64, Desc); 9] = [
    (
        "max_link_speed",
        1e9,
        -1.0,
        Desc::gauge(
            "node_pcidevice_max_link_transfers_per_second",
            "Value of maximum link's transfers per second (T/s)",
        ),
    ),
    (
        "max_link_width",
        1.0,
        -1.0,
        Desc::gauge("node_pcidevice_max_link_width", "Value of maximum link's width (number of lanes)"),
    ),
    (
        "current_link_speed",
        1e9,
        -1.0,
        Desc::gauge(
            "node_pcidevice_current_link_transfers_per_second",
            "Value of current link's transfers per second (T/s)",
        ),
    ),
    (
        "current_link_width",
        1.0,
        -1.0,
        Desc::gauge("node_pcidevice_current_link_width", "Value of current link's width (number of lanes)"),
    ),
    (
        "d3cold_allowed",
        1.0,
        0.0,
        Desc::gauge(
            "node_pcidevice_d3cold_allowed",
            "Whether the PCIe device supports D3cold power state (0/1).",
        ),
    ),
    (
        "sriov_drivers_autoprobe",
        1.0,
        0.0,
        Desc::gauge(
            "node_pcidevice_sriov_drivers_autoprobe",
            "Whether SR-IOV drivers autoprobe is enabled for the device (0/1).",
        ),
    ),
    (
        "sriov_numvfs",
        1.0,
        0.0,
        Desc::gauge(
            "node_pcidevice_sriov_numvfs",
            "Number of Virtual Functions (VFs) currently enabled for SR-IOV.",
        ),
    ),
    (
        "sriov_totalvfs",
        1.0,
        0.0,
        Desc::gauge(
            "node_pcidevice_sriov_totalvfs",
            "Total number of Virtual Functions (VFs) supported by the device.",
        ),
    ),
    (
        "sriov_vf_total_msix",
        1.0,
        0.0,
        Desc::gauge(
            "node_pcidevice_sriov_vf_total_msix",
            "Total number of MSI-X vectors for Virtual Functions.",
        ),
    ),
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("bus/pci/devices");
    if !directory.is_dir() {
        return Err(NodeError::NoData { reason: "there is no PCI bus" });
    }
    for name in names(&directory)? {
        let Some(place) = parse_place(&name) else { continue };
        put_device(page, &directory.join(&name), place)?;
    }
    Ok(())
}

/// Segment, bus, device and function.
type Place<'a> = [&'a str; 4];

/// The parts of a name such as `0000:45:00.1`.
fn parse_place(name: &str) -> Option<Place<'_>> {
    let mut parts = name.splitn(3, ':');
    let (segment, bus) = (parts.next()?, parts.next()?);
    let (device, function) = parts.next()?.split_once('.')?;
    let is_hex = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let place = [segment, bus, device, function];
    place.iter().all(is_hex).then_some(place)
}

fn put_device(
    page: &mut Page,
    files: &Path,
    [segment, bus, device, function]: Place<'_>,
) -> Result<(), NodeError> {
    let labels = [("segment", segment), ("bus", bus), ("device", device), ("function", function)];
    // Below another device this one's directory is in that one's.
    let real = fs::canonicalize(files).unwrap_or_default();
    let parent = real.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let [p_segment, p_bus, p_device, p_function] =
        parent.as_deref().and_then(parse_place).unwrap_or(["*"; 4]);
    let read = |file: &str| read_trimmed(&files.join(file));
    let ids = [
        ("class_id", "class", 6),
        ("vendor_id", "vendor", 4),
        ("device_id", "device", 4),
        ("subsystem_vendor_id", "subsystem_vendor", 4),
        ("subsystem_device_id", "subsystem_device", 4),
        ("revision", "revision", 2),
    ];
    let mut values = Vec::with_capacity(ids.len());
    for (label, file, digits) in ids {
        let text = read(file)?;
        let number = u32::from_str_radix(text.trim_start_matches("0x"), 16);
        let number = number.map_err(|_| NodeError::malformed("PCI id", "a hexadecimal number", &text))?;
        values.push((label, format!("0x{number:0digits$x}")));
    }
    let mut info = labels.to_vec();
    info.extend([("parent_segment", p_segment), ("parent_bus", p_bus)]);
    info.extend([("parent_device", p_device), ("parent_function", p_function)]);
    info.extend(values.iter().map(|(label, value)| (*label, value.as_str())));
    page.put(&INFO, &info, 1.0);
    for (file, unit, absent, desc) in &FILES {
        // `8.0 GT/s PCIe`, or a number alone; `Unknown` while the link is down.
        let number = read(file).ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        page.put(desc, &labels, number.map_or(*absent, |number| number * unit));
    }
    if let Ok(current) = read("power_state") {
        for state in POWER_STATES {
            let is = f64::from(u8::from(state == current));
            page.put(&POWER, &[&labels[..], &[("state", state)]].concat(), is);
        }
    }
    let node = read("numa_node").ok().and_then(|text| text.parse::<i64>().ok());
    if let Some(node) = node.filter(|node| *node != -1) {
        page.put(&NUMA_NODE, &labels, node as f64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse_place;

    #[test]
    fn names_of_devices() {
        assert_eq!(parse_place("0000:45:00.1"), Some(["0000", "45", "00", "1"]));
        assert_eq!(parse_place("pci0000:00"), None);
        assert_eq!(parse_place("0000:45:00"), None);
    }
}
