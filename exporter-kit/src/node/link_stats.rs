//! Counts of network devices as the kernel's routing socket gives them.
//!
//! One request (`RTM_GETLINK` with `NLM_F_DUMP`) is answered by a series of messages, each a header, a fixed part
//! and attributes of (length, type, payload), all in the byte order of the machine and padded to four bytes; see
//! rtnetlink(7) and netlink(7).

use std::io;

use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

use super::NodeError;

/// A device's counts in the order of the kernel's `struct rtnl_link_stats64`, as far as they are shown.
pub(super) type LinkCounts = [u64; 24];

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IFLA_IFNAME: u16 = 3;
const IFLA_STATS64: u16 = 23;
const HEADER: usize = 16;
const LINK_PART: usize = 16;

/// Name and counts of every network device of this network namespace.
pub(super) fn read_link_stats() -> Result<Vec<(String, LinkCounts)>, NodeError> {
    let system = |call| move |errno: rustix::io::Errno| NodeError::System { call, source: errno.into() };
    // Without a protocol's number it is NETLINK_ROUTE, which is zero.
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None).map_err(system("socket"))?;
    let kernel = netlink::SocketAddrNetlink::new(0, 0);
    net::sendto(&socket, &request(), SendFlags::empty(), &kernel).map_err(system("sendto"))?;
    let mut links = Vec::new();
    // The kernel sends at most 32 kB at a time.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (length, _) = net::recv(&socket, &mut buffer[..], RecvFlags::empty()).map_err(system("recv"))?;
        let received = buffer.get(..length).unwrap_or_default();
        if received.is_empty() || parse(received, &mut links)? {
            return Ok(links);
        }
    }
}

fn request() -> [u8; HEADER + LINK_PART] {
    let mut request = [0; HEADER + LINK_PART];
    request[0..4].copy_from_slice(&((HEADER + LINK_PART) as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETLINK.to_ne_bytes());
    request[6..8].copy_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    request
}

/// Takes the devices out of received messages; true if no more will follow.
fn parse(mut messages: &[u8], links: &mut Vec<(String, LinkCounts)>) -> Result<bool, NodeError> {
    while let Some((length, kind)) = u32_at(messages, 0).zip(u16_at(messages, 4)) {
        let length = length as usize;
        let body = messages.get(HEADER..length).ok_or_else(|| malformed("a whole message"))?;
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = u32_at(body, 0).unwrap_or_default() as i32;
                let source = io::Error::from_raw_os_error(code.saturating_neg());
                return Err(NodeError::System { call: "RTM_GETLINK", source });
            }
            RTM_NEWLINK => links.extend(parse_link(body.get(LINK_PART..).unwrap_or_default())),
            _ => {}
        }
        messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn parse_link(mut attributes: &[u8]) -> Option<(String, LinkCounts)> {
    let (mut name, mut counts) = (None, None);
    while let Some((length, kind)) = u16_at(attributes, 0).zip(u16_at(attributes, 2)) {
        let length = usize::from(length);
        let payload = attributes.get(4..length)?;
        match kind {
            IFLA_IFNAME => name = Some(String::from_utf8_lossy(payload).trim_end_matches('\0').to_owned()),
            IFLA_STATS64 => {
                let mut words = payload.chunks_exact(8).map(|w| w.try_into().map_or(0, u64::from_ne_bytes));
                counts = Some(std::array::from_fn(|_| words.next().unwrap_or(0)));
            }
            _ => {}
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    name.zip(counts)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn malformed(expected: &'static str) -> NodeError {
    NodeError::malformed("netlink answer", expected, "less")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; HEADER - 6]);
        message.extend(body);
        message
    }

    fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut attribute = ((4 + payload.len()) as u16).to_ne_bytes().to_vec();
        attribute.extend(kind.to_ne_bytes());
        attribute.extend(payload);
        attribute.resize(attribute.len().next_multiple_of(4), 0);
        attribute
    }

    #[test]
    fn devices_of_a_dump() {
        let stats: Vec<u8> = (1..=24u64).flat_map(u64::to_ne_bytes).collect();
        let mut body = vec![0; LINK_PART];
        body.extend(attribute(IFLA_IFNAME, b"eth0\0"));
        body.extend(attribute(1, &[1, 2, 3, 4, 5, 6]));
        body.extend(attribute(IFLA_STATS64, &stats));
        let mut page = message(RTM_NEWLINK, &body);
        page.extend(message(NLMSG_DONE, &[0; 4]));
        let mut links = Vec::new();
        assert!(parse(&page, &mut links).unwrap());
        assert_eq!(links.len(), 1);
        assert_eq!((links[0].0.as_str(), links[0].1[0], links[0].1[23]), ("eth0", 1, 24));
        assert!(parse(&page[..40], &mut links).is_err());
    }

    #[test]
    fn a_refusal_is_an_error() {
        let page = message(NLMSG_ERROR, &(-1i32).to_ne_bytes());
        assert_eq!(parse(&page, &mut Vec::new()).unwrap_err().to_string(), "RTM_GETLINK failed");
    }
}
