//! What each NFS mount has asked of its server.

use std::collections::HashSet;

use super::mounts::super_options;
use super::page::Desc;
use super::proc_files::number;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("mountstats", Default::Off, update);

const AGE: Desc =
    Desc::counter("node_mountstats_nfs_age_seconds_total", "The age of the NFS mount in seconds.");
/// In the order of the line about bytes.
const BYTES: [Desc; 8] = [
    Desc::counter("node_mountstats_nfs_read_bytes_total", "Number of bytes read using the read() syscall."),
    Desc::counter(
        "node_mountstats_nfs_write_bytes_total",
        "Number of bytes written using the write() syscall.",
    ),
    Desc::counter(
        "node_mountstats_nfs_direct_read_bytes_total",
        "Number of bytes read using the read() syscall in O_DIRECT mode.",
    ),
    Desc::counter(
        "node_mountstats_nfs_direct_write_bytes_total",
        "Number of bytes written using the write() syscall in O_DIRECT mode.",
    ),
    Desc::counter(
        "node_mountstats_nfs_total_read_bytes_total",
        "Number of bytes read from the NFS server, in total.",
    ),
    Desc::counter(
        "node_mountstats_nfs_total_write_bytes_total",
        "Number of bytes written to the NFS server, in total.",
    ),
    Desc::counter(
        "node_mountstats_nfs_read_pages_total",
        "Number of pages read directly via mmap()'d files.",
    ),
    Desc::counter(
        "node_mountstats_nfs_write_pages_total",
        "Number of pages written directly via mmap()'d files.",
    ),
];
/// In the order of the line about events; one of them is not shown.
const EVENTS: [Option<Desc>; 27] = [
    Some(Desc::counter(
        "node_mountstats_nfs_event_inode_revalidate_total",
        "Number of times cached inode attributes are re-validated from the server.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_dnode_revalidate_total",
        "Number of times cached dentry nodes are re-validated from the server.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_data_invalidate_total",
        "Number of times an inode cache is cleared.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_attribute_invalidate_total",
        "Number of times cached inode attributes are invalidated.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_open_total",
        "Number of times cached inode attributes are invalidated.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_lookup_total",
        "Number of times a directory lookup has occurred.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_access_total",
        "Number of times permissions have been checked.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_update_page_total",
        "Number of updates (and potential writes) to pages.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_read_page_total",
        "Number of pages read directly via mmap()'d files.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_read_pages_total",
        "Number of times a group of pages have been read.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_write_page_total",
        "Number of pages written directly via mmap()'d files.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_write_pages_total",
        "Number of times a group of pages have been written.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_getdents_total",
        "Number of times directory entries have been read with getdents().",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_setattr_total",
        "Number of times directory entries have been read with getdents().",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_flush_total",
        "Number of pending writes that have been forcefully flushed to the server.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_fsync_total",
        "Number of times fsync() has been called on directories and files.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_lock_total",
        "Number of times locking has been attempted on a file.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_vfs_file_release_total",
        "Number of times files have been closed and released.",
    )),
    None,
    Some(Desc::counter(
        "node_mountstats_nfs_event_truncation_total",
        "Number of times files have been truncated.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_write_extension_total",
        "Number of times a file has been grown due to writes beyond its existing end.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_silly_rename_total",
        "Number of times a file was removed while still open by another process.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_short_read_total",
        "Number of times the NFS server gave less data than expected while reading.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_short_write_total",
        "Number of times the NFS server wrote less data than expected while writing.",
    )),
    Some(Desc::counter(
        "node_mountstats_nfs_event_jukebox_delay_total",
        "Number of times the NFS server indicated EJUKEBOX; retrieving data from offline storage.",
    )),
    Some(Desc::counter("node_mountstats_nfs_event_pnfs_read_total", "Number of NFS v4.1+ pNFS reads.")),
    Some(Desc::counter("node_mountstats_nfs_event_pnfs_write_total", "Number of NFS v4.1+ pNFS writes.")),
];
/// In the order of the line about a transport, from its second number on; those left out are not shown.
const TRANSPORT: [(usize, Desc); 10] = [
    (
        1,
        Desc::counter(
            "node_mountstats_nfs_transport_bind_total",
            "Number of times the client has had to establish a connection from scratch to the NFS server.",
        ),
    ),
    (
        2,
        Desc::counter(
            "node_mountstats_nfs_transport_connect_total",
            "Number of times the client has made a TCP connection to the NFS server.",
        ),
    ),
    (
        4,
        Desc::gauge(
            "node_mountstats_nfs_transport_idle_time_seconds",
            "Duration since the NFS mount last saw any RPC traffic, in seconds.",
        ),
    ),
    (
        5,
        Desc::counter(
            "node_mountstats_nfs_transport_sends_total",
            "Number of RPC requests for this mount sent to the NFS server.",
        ),
    ),
    (
        6,
        Desc::counter(
            "node_mountstats_nfs_transport_receives_total",
            "Number of RPC responses for this mount received from the NFS server.",
        ),
    ),
    (
        7,
        Desc::counter(
            "node_mountstats_nfs_transport_bad_transaction_ids_total",
            "Number of times the NFS server sent a response with a transaction ID unknown to this client.",
        ),
    ),
    (
        9,
        Desc::counter(
            "node_mountstats_nfs_transport_backlog_queue_total",
            "Total number of items added to the RPC backlog queue.",
        ),
    ),
    (
        10,
        Desc::gauge(
            "node_mountstats_nfs_transport_maximum_rpc_slots",
            "Maximum number of simultaneously active RPC requests ever used.",
        ),
    ),
    (
        11,
        Desc::counter(
            "node_mountstats_nfs_transport_sending_queue_total",
            "Total number of items added to the RPC transmission sending queue.",
        ),
    ),
    (
        12,
        Desc::counter(
            "node_mountstats_nfs_transport_pending_queue_total",
            "Total number of items added to the RPC transmission pending queue.",
        ),
    ),
];
/// In the order of an operation's line; the last three are milliseconds.
const OPERATIONS: [Desc; 8] = [
    Desc::counter(
        "node_mountstats_nfs_operations_requests_total",
        "Number of requests performed for a given operation.",
    ),
    Desc::counter(
        "node_mountstats_nfs_operations_transmissions_total",
        "Number of times an actual RPC request has been transmitted for a given operation.",
    ),
    Desc::counter(
        "node_mountstats_nfs_operations_major_timeouts_total",
        "Number of times a request has had a major timeout for a given operation.",
    ),
    Desc::counter(
        "node_mountstats_nfs_operations_sent_bytes_total",
        "Number of bytes sent for a given operation, including RPC headers and payload.",
    ),
    Desc::counter(
        "node_mountstats_nfs_operations_received_bytes_total",
        "Number of bytes received for a given operation, including RPC headers and payload.",
    ),
    Desc::counter(
        "node_mountstats_nfs_operations_queue_time_seconds_total",
        "Duration all requests spent queued for transmission for a given operation before they were sent, in seconds.",
    ),
    Desc::counter(
        "node_mountstats_nfs_operations_response_time_seconds_total",
        "Duration all requests took to get a reply back after a request for a given operation was transmitted, in seconds.",
    ),
    Desc::counter(
        "node_mountstats_nfs_operations_request_time_seconds_total",
        "Duration all requests took from when a request was enqueued to when it was completely handled for a given operation, in seconds.",
    ),
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = roots.read_proc("self/mountstats")?;
    // The mounts stand in the same order in both files.
    let addresses: Vec<String> = roots
        .read_proc("self/mountinfo")?
        .lines()
        .map(|line| super_options(line, "addr").unwrap_or_default().to_owned())
        .collect();
    let mut exports = HashSet::new();
    for (index, mount) in parse(&text)?.into_iter().enumerate() {
        let address = addresses.get(index).map_or("", String::as_str);
        for transport in &mount.transports {
            let labels = [("export", mount.device), ("protocol", transport.protocol), ("mountaddr", address)];
            // Several mounts of one export share its counts.
            if !exports.insert(labels) {
                break;
            }
            put_mount(page, &mount, &labels);
        }
    }
    Ok(())
}

fn put_mount(page: &mut Page, mount: &Mount<'_>, labels: &[(&str, &str)]) {
    let at = |numbers: &[u64], n: usize| numbers.get(n).copied().unwrap_or_default();
    page.put(&AGE, labels, mount.age as f64);
    for (n, desc) in BYTES.iter().enumerate() {
        page.put(desc, labels, at(&mount.bytes, n) as f64);
    }
    for (n, desc) in EVENTS.iter().enumerate() {
        if let Some(desc) = desc {
            page.put(desc, labels, at(&mount.events, n) as f64);
        }
    }
    for (i, transport) in mount.transports.iter().enumerate() {
        let i = i.to_string();
        let labels = [labels, &[("transport", i.as_str())]].concat();
        for (n, desc) in &TRANSPORT {
            let number = at(&transport.numbers, *n);
            let number = if *n == IDLE { number % EXACT } else { number };
            page.put(desc, &labels, number as f64);
        }
    }
    for (operation, numbers) in &mount.operations {
        let labels = [labels, &[("operation", *operation)]].concat();
        for (n, desc) in OPERATIONS.iter().enumerate() {
            let number = at(numbers, n);
            let value = if n < 5 { number as f64 } else { (number % EXACT) as f64 / 1000.0 };
            page.put(desc, &labels, value);
        }
    }
}

/// Place of a transport's idle time in its line.
const IDLE: usize = 4;
/// Times that the kernel lets fall below zero are huge; beyond this a float is not exact, and the original cuts there.
const EXACT: u64 = 1 << 53;

/// A mount; all but the device only of NFS.
#[derive(Debug, Default)]
struct Mount<'a> {
    device: &'a str,
    age: u64,
    bytes: Vec<u64>,
    events: Vec<u64>,
    transports: Vec<Transport<'a>>,
    operations: Vec<(&'a str, Vec<u64>)>,
}

#[derive(Debug)]
struct Transport<'a> {
    protocol: &'a str,
    /// As for TCP: where the protocol has no connections, zeros stand for their numbers.
    numbers: Vec<u64>,
}

fn parse(text: &str) -> Result<Vec<Mount<'_>>, NodeError> {
    let mut mounts: Vec<Mount<'_>> = Vec::new();
    let mut in_operations = false;
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let numbers = |words: &[&str]| {
            words.iter().map(|word| number("mountstats", word)).collect::<Result<Vec<_>, _>>()
        };
        if let ["device", device, "mounted", "on", ..] = words[..] {
            mounts.push(Mount { device, ..Mount::default() });
            in_operations = false;
            continue;
        }
        let Some(mount) = mounts.last_mut() else { continue };
        match words[..] {
            [] => in_operations = false,
            [operation, ref rest @ ..] if in_operations => {
                mount.operations.push((operation.trim_end_matches(':'), numbers(rest)?));
            }
            ["per-op", ..] => in_operations = true,
            ["age:", age, ..] => mount.age = number("mountstats", age)?,
            ["bytes:", ref rest @ ..] => mount.bytes = numbers(rest)?,
            ["events:", ref rest @ ..] => mount.events = numbers(rest)?,
            ["xprt:", protocol, ref rest @ ..] => {
                let mut numbers = numbers(rest)?;
                if protocol == "udp" && numbers.len() >= 2 {
                    numbers.splice(2..2, [0, 0, 0]);
                }
                mount.transports.push(Transport { protocol, numbers });
            }
            _ => {}
        }
    }
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn mounts_with_and_without_statistics() {
        let text = "device proc mounted on /proc with fstype proc\n\
                    device s:/x mounted on /mnt with fstype nfs statvers=1.1\n\tage:\t7\n\txprt:\tudp 832 1 9 8\n\
                    \tper-op statistics\n\t        READ: 1 2 0 3 4 5 6 7\n\n";
        let mounts = parse(text).unwrap();
        assert_eq!((mounts.len(), mounts[1].age), (2, 7));
        assert_eq!(mounts[1].transports[0].numbers, [832, 1, 0, 0, 0, 9, 8]);
        assert_eq!(mounts[1].operations, [("READ", vec![1, 2, 0, 3, 4, 5, 6, 7])]);
        assert!(parse("device a mounted on /\nage: x\n").is_err());
    }
}
