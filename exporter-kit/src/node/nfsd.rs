//! What this host does as a server of NFS.

use super::error::Optional;
use super::nfs_procedures::{RpcStats, SERVER_4, VERSION_2, VERSION_3};
use super::page::Desc;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("nfsd", Default::On, update);

/// Key and place in the line, and how the number is shown.
const NUMBERS: [(&str, usize, Desc); 11] = [
    (
        "rc",
        0,
        Desc::counter(
            "node_nfsd_reply_cache_hits_total",
            "Total number of NFSd Reply Cache hits (client lost server response).",
        ),
    ),
    (
        "rc",
        1,
        Desc::counter(
            "node_nfsd_reply_cache_misses_total",
            "Total number of NFSd Reply Cache an operation that requires caching (idempotent).",
        ),
    ),
    (
        "rc",
        2,
        Desc::counter(
            "node_nfsd_reply_cache_nocache_total",
            "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…).",
        ),
    ),
    ("fh", 0, Desc::counter("node_nfsd_file_handles_stale_total", "Total number of NFSd stale file handles")),
    ("io", 0, Desc::counter("node_nfsd_disk_bytes_read_total", "Total NFSd bytes read.")),
    ("io", 1, Desc::counter("node_nfsd_disk_bytes_written_total", "Total NFSd bytes written.")),
    (
        "th",
        0,
        Desc::gauge("node_nfsd_server_threads", "Total number of NFSd kernel threads that are running."),
    ),
    (
        "ra",
        0,
        Desc::gauge("node_nfsd_read_ahead_cache_size_blocks", "How large the read ahead cache is in blocks."),
    ),
    (
        "ra",
        11,
        Desc::counter(
            "node_nfsd_read_ahead_cache_not_found_total",
            "Total number of NFSd read ahead cache not found.",
        ),
    ),
    ("net", 3, Desc::counter("node_nfsd_connections_total", "Total number of NFSd TCP connections.")),
    ("rpc", 0, Desc::counter("node_nfsd_server_rpcs_total", "Total number of NFSd RPCs.")),
];
const PACKETS: Desc =
    Desc::counter("node_nfsd_packets_total", "Total NFSd network packets (sent+received) by protocol type.");
const ERRORS: Desc =
    Desc::counter("node_nfsd_rpc_errors_total", "Total number of NFSd RPC errors by error type.");
const REQUESTS: Desc =
    Desc::counter("node_nfsd_requests_total", "Total number NFSd Requests by method and protocol.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = roots.read_proc("net/rpc/nfsd").optional()?;
    let text = text.ok_or(NodeError::NoData { reason: "the NFS server is not loaded" })?;
    let stats = RpcStats::parse(&text)?;
    for (key, place, desc) in &NUMBERS {
        page.put(desc, &[], stats.at(key, *place));
    }
    page.put(&PACKETS, &[("proto", "udp")], stats.at("net", 1));
    page.put(&PACKETS, &[("proto", "tcp")], stats.at("net", 2));
    for (error, place) in [("fmt", 2), ("auth", 3), ("cInt", 4)] {
        page.put(&ERRORS, &[("error", error)], stats.at("rpc", place));
    }
    let versions = [("2", "proc2", &VERSION_2[..]), ("3", "proc3", &VERSION_3), ("4", "proc4ops", &SERVER_4)];
    for (proto, key, procedures) in versions {
        let is_shown = |method: &str| method != "Null" && !UNSHOWN.contains(&method);
        for (method, count) in stats.counts(key, procedures).filter(|(method, _)| is_shown(method)) {
            page.put(&REQUESTS, &[("proto", proto), ("method", method)], count);
        }
    }
    page.put(&REQUESTS, &[("proto", "4"), ("method", "WdelegGetattr")], stats.at("wdeleg_getattr", 0));
    Ok(())
}

/// Operations that the kernel counts and the original does not show.
const UNSHOWN: [&str; 5] = ["Op0Unused", "Op1Unused", "Op2Future", "PutPubFH", "PutRootFH"];
