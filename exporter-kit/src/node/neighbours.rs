//! Neighbours on the links of this host, from the kernel's routing socket (`RTM_GETNEIGH`).

use std::collections::HashMap;

use super::NodeError;
use super::link_stats::{LINKS, link_name};
use super::netlink::{Dump, u16_at, u32_at};

/// IPv4 only: what `/proc/net/arp` shows.
const NEIGHBOURS: Dump = Dump { request: 30, answer: 28, family: 2, fixed: 12 };
/// A neighbour that needs no resolution, which `/proc/net/arp` leaves out.
const NUD_NOARP: u16 = 0x40;

/// The device of each resolved or sought IPv4 neighbour.
pub(super) fn read_neighbours() -> Result<Vec<String>, NodeError> {
    let mut indexes = Vec::new();
    NEIGHBOURS.ask(|body| indexes.extend(device_index(body)))?;
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let mut names = HashMap::new();
    LINKS.ask(|body| names.extend(u32_at(body, 4).zip(link_name(body))))?;
    Ok(indexes.iter().filter_map(|index| names.get(index).cloned()).collect())
}

/// The device's number in a message about a neighbour.
fn device_index(body: &[u8]) -> Option<u32> {
    let state = u16_at(body, 8)?;
    if state & NUD_NOARP == 0 { u32_at(body, 4) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_without_resolution_are_left_out() {
        let neighbour = |state: u16| {
            let mut body = vec![2, 0, 0, 0];
            body.extend(7u32.to_ne_bytes());
            body.extend(state.to_ne_bytes());
            body.extend([0, 0]);
            body
        };
        assert_eq!(device_index(&neighbour(2)), Some(7));
        assert_eq!(device_index(&neighbour(NUD_NOARP)), None);
        assert_eq!(device_index(&[0; 5]), None);
    }
}
