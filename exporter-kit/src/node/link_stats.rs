//! Names and counts of network devices, from the kernel's routing socket (`RTM_GETLINK`).

use super::NodeError;
use super::netlink::{Dump, attributes};

/// A device's counts in the order of the kernel's `struct rtnl_link_stats64`, as far as they are shown.
pub(super) type LinkCounts = [u64; 24];

pub(super) const LINKS: Dump = Dump { request: 18, answer: 16, family: 0, fixed: 16 };
const IFLA_IFNAME: u16 = 3;
const IFLA_STATS64: u16 = 23;

/// Name and counts of every network device of this network namespace.
pub(super) fn read_link_stats() -> Result<Vec<(String, LinkCounts)>, NodeError> {
    let mut links = Vec::new();
    LINKS.ask(|body| links.extend(parse(body)))?;
    Ok(links)
}

fn parse(body: &[u8]) -> Option<(String, LinkCounts)> {
    let (mut name, mut counts) = (None, None);
    for (kind, payload) in attributes(body.get(LINKS.fixed..)?) {
        match kind {
            IFLA_IFNAME => name = Some(text(payload)),
            IFLA_STATS64 => {
                let mut words = payload.chunks_exact(8).map(|w| w.try_into().map_or(0, u64::from_ne_bytes));
                counts = Some(std::array::from_fn(|_| words.next().unwrap_or(0)));
            }
            _ => {}
        }
    }
    name.zip(counts)
}

/// The name of a device in a message about links.
pub(super) fn link_name(body: &[u8]) -> Option<String> {
    let mut attributes = attributes(body.get(LINKS.fixed..)?);
    attributes.find(|(kind, _)| *kind == IFLA_IFNAME).map(|(_, payload)| text(payload))
}

fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::netlink::written::{DONE, attribute, message};
    use super::*;

    #[test]
    fn devices_of_a_dump() {
        let stats: Vec<u8> = (1..=24u64).flat_map(u64::to_ne_bytes).collect();
        let mut body = vec![0; LINKS.fixed];
        body.extend(attribute(IFLA_IFNAME, b"eth0\0"));
        body.extend(attribute(1, &[1, 2, 3, 4, 5, 6]));
        body.extend(attribute(IFLA_STATS64, &stats));
        let mut page = message(LINKS.answer, &body);
        page.extend(message(DONE, &[0; 4]));
        let mut links = Vec::new();
        assert!(LINKS.read(&page, &mut |body| links.extend(parse(body))).unwrap());
        assert_eq!(links.len(), 1);
        assert_eq!((links[0].0.as_str(), links[0].1[0], links[0].1[23]), ("eth0", 1, 24));
        assert_eq!(link_name(&body).as_deref(), Some("eth0"));
    }
}
