//! Fibre Channel host adapters.

use super::page::Desc;
use super::proc_files::{names, read_trimmed};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("fibrechannel", Default::On, update);

const INFO: Desc = Desc::gauge(
    "node_fibrechannel_info",
    "Non-numeric data from /sys/class/fc_host/<host>, value is always 1.",
);

/// Labels of the info and files of the same name.
const WORDS: [&str; 10] = [
    "speed",
    "port_state",
    "port_type",
    "port_id",
    "port_name",
    "fabric_name",
    "symbolic_name",
    "supported_classes",
    "supported_speeds",
    "dev_loss_tmo",
];

/// File, and how it is shown.
const COUNTS: [(&str, Desc); 14] = [
    ("dumped_frames", Desc::counter("node_fibrechannel_dumped_frames_total", "Number of dumped frames")),
    ("error_frames", Desc::counter("node_fibrechannel_error_frames_total", "Number of errors in frames")),
    (
        "invalid_crc_count",
        Desc::counter("node_fibrechannel_invalid_crc_total", "Invalid Cyclic Redundancy Check count"),
    ),
    ("rx_frames", Desc::counter("node_fibrechannel_rx_frames_total", "Number of frames received")),
    ("rx_words", Desc::counter("node_fibrechannel_rx_words_total", "Number of words received by host port")),
    (
        "tx_frames",
        Desc::counter("node_fibrechannel_tx_frames_total", "Number of frames transmitted by host port"),
    ),
    (
        "tx_words",
        Desc::counter("node_fibrechannel_tx_words_total", "Number of words transmitted by host port"),
    ),
    (
        "seconds_since_last_reset",
        Desc::counter(
            "node_fibrechannel_seconds_since_last_reset_total",
            "Number of seconds since last host port reset",
        ),
    ),
    (
        "invalid_tx_word_count",
        Desc::counter(
            "node_fibrechannel_invalid_tx_words_total",
            "Number of invalid words transmitted by host port",
        ),
    ),
    (
        "link_failure_count",
        Desc::counter(
            "node_fibrechannel_link_failure_total",
            "Number of times the host port link has failed",
        ),
    ),
    (
        "loss_of_sync_count",
        Desc::counter(
            "node_fibrechannel_loss_of_sync_total",
            "Number of failures on either bit or transmission word boundaries",
        ),
    ),
    (
        "loss_of_signal_count",
        Desc::counter("node_fibrechannel_loss_of_signal_total", "Number of times signal has been lost"),
    ),
    (
        "nos_count",
        Desc::counter(
            "node_fibrechannel_nos_total",
            "Number Not_Operational Primitive Sequence received by host port",
        ),
    ),
    (
        "fcp_packet_aborts",
        Desc::counter("node_fibrechannel_fcp_packet_aborts_total", "Number of aborted packets"),
    ),
];

/// What the firmware says of a count that it does not keep.
const NOT_KEPT: u64 = u64::MAX;

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("class/fc_host");
    if !directory.is_dir() {
        return Err(NodeError::NoData { reason: "there is no Fibre Channel adapter" });
    }
    for host in names(&directory)? {
        let files = directory.join(&host);
        // Drivers may leave any of them out.
        let words = WORDS.map(|file| {
            let text = read_trimmed(&files.join(file)).unwrap_or_default();
            let is_number = matches!(file, "port_id" | "port_name" | "fabric_name");
            let text =
                if is_number { text.strip_prefix("0x").map_or(text.clone(), str::to_owned) } else { text };
            (file, text)
        });
        let mut labels = vec![("fc_host", host.as_str())];
        labels.extend(words.iter().map(|(file, text)| (*file, text.as_str())));
        page.put(&INFO, &labels, 1.0);
        for (file, desc) in &COUNTS {
            let text = read_trimmed(&files.join("statistics").join(file)).unwrap_or_default();
            match parse_number(&text) {
                Some(NOT_KEPT) => {}
                count => page.put(desc, &labels[..1], count.unwrap_or_default() as f64),
            }
        }
    }
    Ok(())
}

/// A decimal number, or a hexadecimal one after `0x`.
fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_hexadecimal_and_some_are_not_kept() {
        assert_eq!(parse_number("0x13"), Some(19));
        assert_eq!(parse_number("0xffffffffffffffff"), Some(NOT_KEPT));
        assert_eq!(parse_number(""), None);
    }
}
