//! InfiniBand and RoCE adapters.

use super::error::Optional;
use super::filter::NameFilter;
use super::page::Desc;
use super::proc_files::{names, read_trimmed};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const INCLUDE: OptionSpec = OptionSpec::text(
    "collector.infiniband.device-include",
    "",
    "Regexp of infiniband devices to include (mutually exclusive to device-exclude).",
);
const EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.infiniband.device-exclude",
    "",
    "Regexp of infiniband devices to exclude (mutually exclusive to device-include).",
);

pub(super) const SPEC: Spec = Spec::new("infiniband", Default::On, &[INCLUDE, EXCLUDE], |settings| {
    let filter = NameFilter::new(settings, &EXCLUDE, &INCLUDE)?;
    Ok(Box::new(InfiniBand { roots: settings.roots.clone(), filter }))
});

const INFO: Desc = Desc::gauge(
    "node_infiniband_info",
    "Non-numeric data from /sys/class/infiniband/<device>, value is always 1.",
);
const STATE: Desc = Desc::gauge(
    "node_infiniband_state_id",
    "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, 4: active, 5: act defer)",
);
const PHYSICAL_STATE: Desc = Desc::gauge(
    "node_infiniband_physical_state_id",
    "Physical state of the InfiniBand port (0: no change, 1: sleep, 2: polling, 3: disable, 4: shift, 5: link up, 6: link error recover, 7: phytest)",
);
const RATE: Desc = Desc::gauge("node_infiniband_rate_bytes_per_second", "Maximum signal transfer rate");

/// Directory and file below a port, and how it is shown.
const COUNTS: [(&str, Desc); 59] = [
    (
        "counters_ext/port_multicast_rcv_packets",
        Desc::counter(
            "node_infiniband_legacy_multicast_packets_received_total",
            "Number of multicast packets received",
        ),
    ),
    (
        "counters_ext/port_multicast_xmit_packets",
        Desc::counter(
            "node_infiniband_legacy_multicast_packets_transmitted_total",
            "Number of multicast packets transmitted",
        ),
    ),
    (
        "counters_ext/port_rcv_data_64",
        Desc::counter(
            "node_infiniband_legacy_data_received_bytes_total",
            "Number of data octets received on all links",
        ),
    ),
    (
        "counters_ext/port_rcv_packets_64",
        Desc::counter(
            "node_infiniband_legacy_packets_received_total",
            "Number of data packets received on all links",
        ),
    ),
    (
        "counters_ext/port_unicast_rcv_packets",
        Desc::counter(
            "node_infiniband_legacy_unicast_packets_received_total",
            "Number of unicast packets received",
        ),
    ),
    (
        "counters_ext/port_unicast_xmit_packets",
        Desc::counter(
            "node_infiniband_legacy_unicast_packets_transmitted_total",
            "Number of unicast packets transmitted",
        ),
    ),
    (
        "counters_ext/port_xmit_data_64",
        Desc::counter(
            "node_infiniband_legacy_data_transmitted_bytes_total",
            "Number of data octets transmitted on all links",
        ),
    ),
    (
        "counters_ext/port_xmit_packets_64",
        Desc::counter(
            "node_infiniband_legacy_packets_transmitted_total",
            "Number of data packets received on all links",
        ),
    ),
    (
        "counters/excessive_buffer_overrun_errors",
        Desc::counter(
            "node_infiniband_excessive_buffer_overrun_errors_total",
            "Number of times that OverrunErrors consecutive flow control update periods occurred, each having at least one overrun error.",
        ),
    ),
    (
        "counters/link_downed",
        Desc::counter(
            "node_infiniband_link_downed_total",
            "Number of times the link failed to recover from an error state and went down",
        ),
    ),
    (
        "counters/link_error_recovery",
        Desc::counter(
            "node_infiniband_link_error_recovery_total",
            "Number of times the link successfully recovered from an error state",
        ),
    ),
    (
        "counters/local_link_integrity_errors",
        Desc::counter(
            "node_infiniband_local_link_integrity_errors_total",
            "Number of times that the count of local physical errors exceeded the threshold specified by LocalPhyErrors.",
        ),
    ),
    (
        "counters/multicast_rcv_packets",
        Desc::counter(
            "node_infiniband_multicast_packets_received_total",
            "Number of multicast packets received (including errors)",
        ),
    ),
    (
        "counters/multicast_xmit_packets",
        Desc::counter(
            "node_infiniband_multicast_packets_transmitted_total",
            "Number of multicast packets transmitted (including errors)",
        ),
    ),
    (
        "counters/port_rcv_constraint_errors",
        Desc::counter(
            "node_infiniband_port_constraint_errors_received_total",
            "Number of packets received on the switch physical port that are discarded",
        ),
    ),
    (
        "counters/port_xmit_constraint_errors",
        Desc::counter(
            "node_infiniband_port_constraint_errors_transmitted_total",
            "Number of packets not transmitted from the switch physical port",
        ),
    ),
    (
        "counters/port_rcv_data",
        Desc::counter(
            "node_infiniband_port_data_received_bytes_total",
            "Number of data octets received on all links",
        ),
    ),
    (
        "counters/port_xmit_data",
        Desc::counter(
            "node_infiniband_port_data_transmitted_bytes_total",
            "Number of data octets transmitted on all links",
        ),
    ),
    (
        "counters/port_rcv_discards",
        Desc::counter(
            "node_infiniband_port_discards_received_total",
            "Number of inbound packets discarded by the port because the port is down or congested",
        ),
    ),
    (
        "counters/port_xmit_discards",
        Desc::counter(
            "node_infiniband_port_discards_transmitted_total",
            "Number of outbound packets discarded by the port because the port is down or congested",
        ),
    ),
    (
        "counters/port_rcv_errors",
        Desc::counter(
            "node_infiniband_port_errors_received_total",
            "Number of packets containing an error that were received on this port",
        ),
    ),
    (
        "counters/port_rcv_packets",
        Desc::counter(
            "node_infiniband_port_packets_received_total",
            "Number of packets received on all VLs by this port (including errors)",
        ),
    ),
    (
        "counters/port_xmit_packets",
        Desc::counter(
            "node_infiniband_port_packets_transmitted_total",
            "Number of packets transmitted on all VLs from this port (including errors)",
        ),
    ),
    (
        "counters/port_xmit_wait",
        Desc::counter(
            "node_infiniband_port_transmit_wait_total",
            "Number of ticks during which the port had data to transmit but no data was sent during the entire tick",
        ),
    ),
    (
        "counters/unicast_rcv_packets",
        Desc::counter(
            "node_infiniband_unicast_packets_received_total",
            "Number of unicast packets received (including errors)",
        ),
    ),
    (
        "counters/unicast_xmit_packets",
        Desc::counter(
            "node_infiniband_unicast_packets_transmitted_total",
            "Number of unicast packets transmitted (including errors)",
        ),
    ),
    (
        "counters/port_rcv_remote_physical_errors",
        Desc::counter(
            "node_infiniband_port_receive_remote_physical_errors_total",
            "Number of packets marked with the EBP (End of Bad Packet) delimiter received on the port.",
        ),
    ),
    (
        "counters/port_rcv_switch_relay_errors",
        Desc::counter(
            "node_infiniband_port_receive_switch_relay_errors_total",
            "Number of packets that could not be forwarded by the switch.",
        ),
    ),
    (
        "counters/symbol_error",
        Desc::counter(
            "node_infiniband_symbol_error_total",
            "Number of minor link errors detected on one or more physical lanes.",
        ),
    ),
    (
        "counters/VL15_dropped",
        Desc::counter(
            "node_infiniband_vl15_dropped_total",
            "Number of incoming VL15 packets dropped due to resource limitations.",
        ),
    ),
    (
        "hw_counters/duplicate_request",
        Desc::counter(
            "node_infiniband_duplicate_requests_packets_total",
            "The number of received packets. A duplicate request is a request that had been previously executed.",
        ),
    ),
    (
        "hw_counters/implied_nak_seq_err",
        Desc::counter(
            "node_infiniband_implied_nak_seq_errors_total",
            "The number of time the requested decided an ACK. with a PSN larger than the expected PSN for an RDMA read or response.",
        ),
    ),
    (
        "hw_counters/local_ack_timeout_err",
        Desc::counter(
            "node_infiniband_local_ack_timeout_errors_total",
            "The number of times QP's ack timer expired for RC, XRC, DCT QPs at the sender side. The QP retry limit was not exceed, therefore it is still recoverable error.",
        ),
    ),
    (
        "hw_counters/np_cnp_sent",
        Desc::counter(
            "node_infiniband_np_cnp_packets_sent_total",
            "The number of CNP packets sent by the Notification Point when it noticed congestion experienced in the RoCEv2 IP header (ECN bits). The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/np_ecn_marked_roce_packets",
        Desc::counter(
            "node_infiniband_np_ecn_marked_roce_packets_received_total",
            "The number of RoCEv2 packets received by the notification point which were marked for experiencing the congestion (ECN bits where '11' on the ingress RoCE traffic) . The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/out_of_buffer",
        Desc::counter(
            "node_infiniband_out_of_buffer_drops_total",
            "The number of drops occurred due to lack of WQE for the associated QPs.",
        ),
    ),
    (
        "hw_counters/out_of_sequence",
        Desc::counter(
            "node_infiniband_out_of_sequence_packets_received_total",
            "The number of out of sequence packets received.",
        ),
    ),
    (
        "hw_counters/packet_seq_err",
        Desc::counter(
            "node_infiniband_packet_sequence_errors_total",
            "The number of received NAK sequence error packets. The QP retry limit was not exceeded.",
        ),
    ),
    (
        "hw_counters/req_cqe_error",
        Desc::counter(
            "node_infiniband_req_cqes_errors_total",
            "The number of times requester detected CQEs completed with errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/req_cqe_flush_error",
        Desc::counter(
            "node_infiniband_req_cqes_flush_errors_total",
            "The number of times requester detected CQEs completed with flushed errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/req_remote_access_errors",
        Desc::counter(
            "node_infiniband_req_remote_access_errors_total",
            "The number of times requester detected remote access errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/req_remote_invalid_request",
        Desc::counter(
            "node_infiniband_req_remote_invalid_request_errors_total",
            "The number of times requester detected remote invalid request errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/resp_cqe_error",
        Desc::counter(
            "node_infiniband_resp_cqes_errors_total",
            "The number of times responder detected CQEs completed with errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/resp_cqe_flush_error",
        Desc::counter(
            "node_infiniband_resp_cqes_flush_errors_total",
            "The number of times responder detected CQEs completed with flushed errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/resp_local_length_error",
        Desc::counter(
            "node_infiniband_resp_local_length_errors_total",
            "The number of times responder detected local length errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/resp_remote_access_errors",
        Desc::counter(
            "node_infiniband_resp_remote_access_errors_total",
            "The number of times responder detected remote access errors. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/rnr_nak_retry_err",
        Desc::counter(
            "node_infiniband_rnr_nak_retry_packets_received_total",
            "The number of received RNR NAK packets. The QP retry limit was not exceeded.",
        ),
    ),
    (
        "hw_counters/roce_adp_retrans",
        Desc::counter(
            "node_infiniband_roce_adp_retransmits_total",
            "The number of adaptive retransmissions for RoCE traffic. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
        ),
    ),
    (
        "hw_counters/roce_adp_retrans_to",
        Desc::counter(
            "node_infiniband_roce_adp_retransmits_timeout_total",
            "The number of times RoCE traffic reached timeout due to adaptive retransmission. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
        ),
    ),
    (
        "hw_counters/roce_slow_restart",
        Desc::counter(
            "node_infiniband_roce_slow_restart_used_total",
            "The number of times RoCE slow restart was used. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
        ),
    ),
    (
        "hw_counters/roce_slow_restart_cnps",
        Desc::counter(
            "node_infiniband_roce_slow_restart_cnps_total",
            "The number of times RoCE slow restart generated CNP packets. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
        ),
    ),
    (
        "hw_counters/roce_slow_restart_trans",
        Desc::counter(
            "node_infiniband_roce_slow_restart_total",
            "The number of times RoCE slow restart changed state to slow restart. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
        ),
    ),
    (
        "hw_counters/rp_cnp_handled",
        Desc::counter(
            "node_infiniband_rp_cnp_packets_handled_total",
            "The number of CNP packets handled by the Reaction Point HCA to throttle the transmission rate. The counters was added in MLNX_OFED 4.1",
        ),
    ),
    (
        "hw_counters/rp_cnp_ignored",
        Desc::counter(
            "node_infiniband_rp_cnp_ignored_packets_received_total",
            "The number of CNP packets received and ignored by the Reaction Point HCA. This counter should not raise if RoCE Congestion Control was enabled in the network. If this counter raise, verify that ECN was enabled on the adapter.",
        ),
    ),
    (
        "hw_counters/rx_atomic_requests",
        Desc::counter(
            "node_infiniband_rx_atomic_requests_total",
            "The number of received ATOMIC request for the associated QPs.",
        ),
    ),
    (
        "hw_counters/rx_dct_connect",
        Desc::counter(
            "node_infiniband_rx_dct_connect_requests_total",
            "The number of received connection requests for the associated DCTs.",
        ),
    ),
    (
        "hw_counters/rx_read_requests",
        Desc::counter(
            "node_infiniband_rx_read_requests_total",
            "The number of received READ requests for the associated QPs.",
        ),
    ),
    (
        "hw_counters/rx_write_requests",
        Desc::counter(
            "node_infiniband_rx_write_requests_total",
            "The number of received WRITE requests for the associated QPs.",
        ),
    ),
    (
        "hw_counters/rx_icrc_encapsulated",
        Desc::counter(
            "node_infiniband_rx_icrc_encapsulated_errors_total",
            "The number of RoCE packets with ICRC errors. This counter was added in MLNX_OFED 4.4 and kernel 4.19",
        ),
    ),
];

/// Counts of data are of one lane of four.
const PER_LANE: [&str; 4] = [
    "counters/port_rcv_data",
    "counters/port_xmit_data",
    "counters_ext/port_rcv_data_64",
    "counters_ext/port_xmit_data_64",
];

#[derive(Debug)]
struct InfiniBand {
    roots: Roots,
    filter: NameFilter,
}

impl Collector for InfiniBand {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("class/infiniband");
        if !directory.is_dir() {
            return Err(NodeError::NoData { reason: "there is no InfiniBand adapter" });
        }
        for device in names(&directory)?.iter().filter(|device| !self.filter.ignores(device)) {
            let files = directory.join(device);
            let board = read_trimmed(&files.join("board_id")).optional()?.unwrap_or_default();
            let firmware = read_trimmed(&files.join("fw_ver"))?;
            let kind = read_trimmed(&files.join("hca_type")).optional()?.unwrap_or_default();
            let labels = [
                ("device", device.as_str()),
                ("board_id", &board),
                ("firmware_version", &firmware),
                ("hca_type", &kind),
            ];
            page.put(&INFO, &labels, 1.0);
            for port in names(&files.join("ports"))? {
                let files = files.join("ports").join(&port);
                let labels = [("device", device.as_str()), ("port", &port)];
                page.put(&STATE, &labels, state(&read_trimmed(&files.join("state"))?)?);
                page.put(&PHYSICAL_STATE, &labels, state(&read_trimmed(&files.join("phys_state"))?)?);
                page.put(&RATE, &labels, rate(&read_trimmed(&files.join("rate"))?)?);
                for (file, desc) in &COUNTS {
                    // Which counts there are depends on the adapter.
                    let Ok(text) = read_trimmed(&files.join(file)) else { continue };
                    let lanes = if PER_LANE.contains(file) { 4 } else { 1 };
                    if let Ok(count) = text.parse::<u64>() {
                        page.put(desc, &labels, count.wrapping_mul(lanes) as f64);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The number before the colon of a text such as `4: ACTIVE`.
fn state(text: &str) -> Result<f64, NodeError> {
    let number = text.split_once(':').and_then(|(number, _)| number.trim().parse().ok());
    number.ok_or_else(|| NodeError::malformed("infiniband state", "a number and a name", text))
}

/// Bytes per second of a text such as `40 Gb/sec (4X QDR)`.
fn rate(text: &str) -> Result<f64, NodeError> {
    let gigabits: Option<f64> = text.split(' ').next().and_then(|number| number.parse().ok());
    let gigabits =
        gigabits.ok_or_else(|| NodeError::malformed("infiniband rate", "a number of Gb/sec", text))?;
    Ok((gigabits * 125_000_000.0).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_rates() {
        assert_eq!(state("4: ACTIVE").unwrap(), 4.0);
        assert_eq!(rate("2.5 Gb/sec (1X)").unwrap(), 312_500_000.0);
        assert!(state("ACTIVE").is_err() && rate("fast").is_err());
    }
}
