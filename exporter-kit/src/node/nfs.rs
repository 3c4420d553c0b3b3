//! What this host does as a client of NFS.

use super::error::Optional;
use super::nfs_procedures::{CLIENT_4, RpcStats, VERSION_2, VERSION_3};
use super::page::Desc;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("nfs", Default::On, update);

const PACKETS: Desc =
    Desc::counter("node_nfs_packets_total", "Total NFSd network packets (sent+received) by protocol type.");
const CONNECTIONS: Desc =
    Desc::counter("node_nfs_connections_total", "Total number of NFSd TCP connections.");
const RPCS: Desc = Desc::counter("node_nfs_rpcs_total", "Total number of RPCs performed.");
const RETRANSMISSIONS: Desc =
    Desc::counter("node_nfs_rpc_retransmissions_total", "Number of RPC transmissions performed.");
const REFRESHES: Desc = Desc::counter(
    "node_nfs_rpc_authentication_refreshes_total",
    "Number of RPC authentication refreshes performed.",
);
const REQUESTS: Desc = Desc::counter("node_nfs_requests_total", "Number of NFS procedures invoked.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = roots.read_proc("net/rpc/nfs").optional()?;
    let text = text.ok_or(NodeError::NoData { reason: "the NFS client is not loaded" })?;
    let stats = RpcStats::parse(&text)?;
    page.put(&PACKETS, &[("protocol", "udp")], stats.at("net", 1));
    page.put(&PACKETS, &[("protocol", "tcp")], stats.at("net", 2));
    page.put(&CONNECTIONS, &[], stats.at("net", 3));
    page.put(&RPCS, &[], stats.at("rpc", 0));
    page.put(&RETRANSMISSIONS, &[], stats.at("rpc", 1));
    page.put(&REFRESHES, &[], stats.at("rpc", 2));
    let versions = [("2", "proc2", &VERSION_2[..]), ("3", "proc3", &VERSION_3), ("4", "proc4", &CLIENT_4)];
    for (proto, key, procedures) in versions {
        for (method, count) in stats.counts(key, procedures) {
            page.put(&REQUESTS, &[("proto", proto), ("method", method)], count);
        }
    }
    Ok(())
}
