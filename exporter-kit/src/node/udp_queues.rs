//! Bytes that wait in the queues of UDP sockets.

use super::error::Optional;
use super::page::Desc;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("udp_queues", Default::On, update);

const QUEUES: Desc =
    Desc::gauge("node_udp_queues", "Number of allocated memory in the kernel for UDP datagrams in bytes.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let mut found = false;
    for (file, ip) in [("net/udp", "v4"), ("net/udp6", "v6")] {
        let Some(text) = roots.read_proc(file).optional()? else { continue };
        let (tx, rx) = parse(&text)?;
        page.put(&QUEUES, &[("queue", "tx"), ("ip", ip)], tx as f64);
        page.put(&QUEUES, &[("queue", "rx"), ("ip", ip)], rx as f64);
        found = true;
    }
    if found { Ok(()) } else { Err(NodeError::NoData { reason: "neither IPv4 nor IPv6 is there" }) }
}

/// Sums of the bytes to send and of those received.
fn parse(text: &str) -> Result<(u64, u64), NodeError> {
    let (mut tx_sum, mut rx_sum) = (0u64, 0u64);
    for line in text.lines().skip(1) {
        let malformed =
            || NodeError::malformed("net/udp", "two hexadecimal numbers in the fifth column", line);
        let column = line.split_ascii_whitespace().nth(4).ok_or_else(malformed)?;
        let (tx, rx) = column.split_once(':').ok_or_else(malformed)?;
        let bytes = |text: &str| u64::from_str_radix(text, 16).map_err(|_| malformed());
        (tx_sum, rx_sum) = (tx_sum.saturating_add(bytes(tx)?), rx_sum.saturating_add(bytes(rx)?));
    }
    Ok((tx_sum, rx_sum))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn queues_are_summed() {
        let line = "0: 00000000:0016 00000000:0000 0A 00000015:00000001 00:00000000";
        assert_eq!(parse(&format!("header\n{line}\n{line}\n")).unwrap(), (42, 2));
        assert!(parse("header\n0: a b c d\n").is_err());
    }
}
