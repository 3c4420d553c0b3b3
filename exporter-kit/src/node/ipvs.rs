//! The kernel's load balancer.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::error::Optional;
use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Settings, Spec};

const LABELS: OptionSpec = OptionSpec::text(
    "collector.ipvs.backend-labels",
    "local_address,local_port,remote_address,remote_port,proto,local_mark",
    "Comma separated list for IPVS backend stats labels.",
);

pub(super) const SPEC: Spec =
    Spec::new("ipvs", Default::On, &[LABELS], |settings| Ok(Box::new(Ipvs::new(settings)?)));

const TOTALS: [Desc; 5] = [
    Desc::counter("node_ipvs_connections_total", "The total number of connections made."),
    Desc::counter("node_ipvs_incoming_packets_total", "The total number of incoming packets."),
    Desc::counter("node_ipvs_outgoing_packets_total", "The total number of outgoing packets."),
    Desc::counter("node_ipvs_incoming_bytes_total", "The total amount of incoming data."),
    Desc::counter("node_ipvs_outgoing_bytes_total", "The total amount of outgoing data."),
];
const ACTIVE: Desc = Desc::gauge(
    "node_ipvs_backend_connections_active",
    "The current active connections by local and remote address.",
);
const INACTIVE: Desc = Desc::gauge(
    "node_ipvs_backend_connections_inactive",
    "The current inactive connections by local and remote address.",
);
const WEIGHT: Desc =
    Desc::gauge("node_ipvs_backend_weight", "The current backend weight by local and remote address.");

#[derive(Debug)]
struct Ipvs {
    roots: Roots,
    labels: Vec<&'static str>,
}

impl Ipvs {
    fn new(settings: &Settings) -> Result<Self, NodeError> {
        let mut labels = Vec::new();
        for name in settings.text(&LABELS).split(',').filter(|name| !name.is_empty()) {
            let known = Backend::default().labels().into_iter().find(|(known, _)| *known == name);
            labels.push(known.map(|(known, _)| known).ok_or_else(|| NodeError::BadOption {
                option: LABELS.name.to_owned(),
                reason: format!("unknown IPVS backend labels: {name:?}"),
            })?);
        }
        Ok(Self { roots: settings.roots.clone(), labels })
    }
}

impl Collector for Ipvs {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let text = self.roots.read_proc("net/ip_vs_stats").optional()?;
        let text = text.ok_or(NodeError::NoData { reason: "the load balancer is not loaded" })?;
        for (desc, total) in TOTALS.iter().zip(parse_totals(&text)?) {
            page.put(desc, &[], total as f64);
        }
        // Backends that differ in none of the chosen labels are shown as one.
        let mut sums: BTreeMap<Vec<(&str, String)>, [f64; 3]> = BTreeMap::new();
        for backend in parse_backends(&self.roots.read_proc("net/ip_vs")?)? {
            let mut labels = backend.labels();
            labels.retain(|(name, _)| self.labels.contains(name));
            let sum = sums.entry(labels).or_default();
            for (sum, value) in sum.iter_mut().zip(backend.values) {
                *sum += value;
            }
        }
        for (labels, [weight, active, inactive]) in &sums {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            page.put(&ACTIVE, &labels, *active);
            page.put(&INACTIVE, &labels, *inactive);
            page.put(&WEIGHT, &labels, *weight);
        }
        Ok(())
    }
}

/// The five hexadecimal numbers of the third line.
fn parse_totals(text: &str) -> Result<[u64; 5], NodeError> {
    let malformed = || NodeError::malformed("net/ip_vs_stats", "five hexadecimal numbers", text);
    let words = text.lines().nth(2).ok_or_else(malformed)?.split_ascii_whitespace();
    let numbers = words.map(|word| u64::from_str_radix(word, 16)).collect::<Result<Vec<_>, _>>();
    numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(malformed)
}

/// A server behind a balanced address.
#[derive(Debug, Default, Clone, PartialEq)]
struct Backend {
    proto: String,
    local: (String, u16),
    mark: String,
    remote: (String, u16),
    // Weight, active connections, inactive connections.
    values: [f64; 3],
}

impl Backend {
    fn labels(&self) -> Vec<(&'static str, String)> {
        vec![
            ("local_address", self.local.0.clone()),
            ("local_port", self.local.1.to_string()),
            ("remote_address", self.remote.0.clone()),
            ("remote_port", self.remote.1.to_string()),
            ("proto", self.proto.clone()),
            ("local_mark", self.mark.clone()),
        ]
    }
}

/// A line per balanced address or firewall mark, then one per server behind it.
fn parse_backends(text: &str) -> Result<Vec<Backend>, NodeError> {
    let mut backends = Vec::new();
    let mut service = Backend::default();
    for line in text.lines() {
        let malformed = || NodeError::malformed("net/ip_vs", "a service or a server", line);
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            [proto @ ("TCP" | "UDP" | "SCTP"), address, ..] => {
                let local = parse_address(address).ok_or_else(malformed)?;
                service = Backend { proto: proto.to_owned(), local, ..Backend::default() };
            }
            ["FWM", mark, ..] => {
                service = Backend { proto: "FWM".to_owned(), mark: mark.to_owned(), ..Backend::default() };
            }
            ["->", address, _, weight, active, inactive, ..]
                if address.contains(|c: char| c.is_ascii_digit()) =>
            {
                let remote = parse_address(address).ok_or_else(malformed)?;
                let number = |text| decimal("net/ip_vs", text);
                let values = [number(weight)?, number(active)?, number(inactive)?];
                backends.push(Backend { remote, values, ..service.clone() });
            }
            _ => {}
        }
    }
    Ok(backends)
}

/// `C0A80016:0CEA`, or an IPv6 address in brackets and a port.
fn parse_address(text: &str) -> Option<(String, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = match address.strip_prefix('[').and_then(|a| a.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().ok()?.to_string(),
        None => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).to_string(),
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_their_servers() {
        let text = "IP Virtual Server version 1.2.1\nProt LocalAddress:Port\n  -> RemoteAddress:Port Forward Weight \
                    ActiveConn InActConn\nTCP  C0A80016:0CEA wlc\n  -> [2620:0:0:0:0:0:0:1]:0050 Tunnel 100 248 2\n\
                    FWM  10 wlc\n  -> C0A85216:0CEA Tunnel 1 2 3\n";
        let backends = parse_backends(text).unwrap();
        assert_eq!(backends[0].local, ("192.168.0.22".to_owned(), 3306));
        assert_eq!(backends[0].remote, ("2620::1".to_owned(), 80));
        assert_eq!((backends[1].mark.as_str(), backends[1].values), ("10", [1.0, 2.0, 3.0]));
        assert!(parse_backends("TCP  XYZ:0CEA wlc\n").is_err());
        assert!(parse_totals("a\nb\n 1 2 3\n").is_err());
    }
}
