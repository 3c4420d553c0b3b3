//! Block devices that are mirrored over the network by DRBD.

use super::error::Optional;
use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("drbd", Default::Off, update);

/// Key, unit of its number, and how it is shown.
const NUMBERS: [(&str, f64, Desc); 12] = [
    (
        "ns",
        1024.0,
        Desc::counter("node_drbd_network_sent_bytes_total", "Total number of bytes sent via the network."),
    ),
    (
        "nr",
        1.0,
        Desc::counter(
            "node_drbd_network_received_bytes_total",
            "Total number of bytes received via the network.",
        ),
    ),
    (
        "dw",
        1024.0,
        Desc::counter("node_drbd_disk_written_bytes_total", "Net data written on local hard disk; in bytes."),
    ),
    (
        "dr",
        1024.0,
        Desc::counter("node_drbd_disk_read_bytes_total", "Net data read from local hard disk; in bytes."),
    ),
    (
        "al",
        1.0,
        Desc::counter(
            "node_drbd_activitylog_writes_total",
            "Number of updates of the activity log area of the meta data.",
        ),
    ),
    (
        "bm",
        1.0,
        Desc::counter(
            "node_drbd_bitmap_writes_total",
            "Number of updates of the bitmap area of the meta data.",
        ),
    ),
    (
        "lo",
        1.0,
        Desc::gauge("node_drbd_local_pending", "Number of open requests to the local I/O sub-system."),
    ),
    (
        "pe",
        1.0,
        Desc::gauge(
            "node_drbd_remote_pending",
            "Number of requests sent to the peer, but that have not yet been answered by the latter.",
        ),
    ),
    (
        "ua",
        1.0,
        Desc::gauge(
            "node_drbd_remote_unacknowledged",
            "Number of requests received by the peer via the network connection, but that have not yet been answered.",
        ),
    ),
    (
        "ap",
        1.0,
        Desc::gauge(
            "node_drbd_application_pending",
            "Number of block I/O requests forwarded to DRBD, but not yet answered by DRBD.",
        ),
    ),
    ("ep", 1.0, Desc::gauge("node_drbd_epochs", "Number of Epochs currently on the fly.")),
    (
        "oos",
        1024.0,
        Desc::gauge("node_drbd_out_of_sync_bytes", "Amount of data known to be out of sync; in bytes."),
    ),
];

/// Key, the good word, and how it is shown for this node and for its peer.
const STATES: [(&str, &str, Desc); 2] = [
    (
        "ro",
        "Primary",
        Desc::gauge(
            "node_drbd_node_role_is_primary",
            "Whether the role of the node is in the primary state.",
        ),
    ),
    (
        "ds",
        "UpToDate",
        Desc::gauge("node_drbd_disk_state_is_up_to_date", "Whether the disk of the node is up to date."),
    ),
];
const CONNECTED: Desc = Desc::gauge("node_drbd_connected", "Whether DRBD is connected to the peer.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = roots.read_proc("drbd").optional()?;
    let text = text.ok_or(NodeError::NoData { reason: "the DRBD module is not loaded" })?;
    let mut device = "unknown".to_owned();
    let is = |wanted: bool| f64::from(u8::from(wanted));
    for (key, value) in text.split_ascii_whitespace().filter_map(|word| word.split_once(':')) {
        if value.is_empty() && key.parse::<u64>().is_ok() {
            device = format!("drbd{key}");
            continue;
        }
        let label = ("device", device.as_str());
        if let Some((_, unit, desc)) = NUMBERS.iter().find(|(name, ..)| *name == key) {
            page.put(desc, &[label], decimal("drbd", value)? * unit);
        } else if let Some((_, good, desc)) = STATES.iter().find(|(name, ..)| *name == key) {
            let (local, remote) = value.split_once('/').unwrap_or((value, ""));
            page.put(desc, &[label, ("node", "local")], is(local == *good));
            page.put(desc, &[label, ("node", "remote")], is(remote == *good));
        } else if key == "cs" {
            page.put(&CONNECTED, &[label], is(value == "Connected"));
        }
    }
    Ok(())
}
