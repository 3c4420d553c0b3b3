//! Selected counts of the network protocols.

use regex::Regex;

use super::error::Optional;
use super::filter::pattern;
use super::proc_files::decimal;
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const FIELDS: OptionSpec = OptionSpec::text(
    "collector.netstat.fields",
    "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|\
     Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|\
     PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
    "Regexp of fields to return for netstat collector.",
);

pub(super) const SPEC: Spec = Spec::new("netstat", Default::On, &[FIELDS], |settings| {
    Ok(Box::new(NetStat { roots: settings.roots.clone(), fields: pattern(settings, &FIELDS)? }))
});

#[derive(Debug)]
struct NetStat {
    roots: Roots,
    // None shows all fields.
    fields: Option<Regex>,
}

impl Collector for NetStat {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let (netstat, snmp) = (self.roots.read_proc("net/netstat")?, self.roots.read_proc("net/snmp")?);
        // Absent where IPv6 is switched off.
        let snmp6 = self.roots.read_proc("net/snmp6").optional()?.unwrap_or_default();
        let mut counts = parse_pairs(&netstat)?;
        counts.extend(parse_pairs(&snmp)?);
        counts.extend(parse_lines(&snmp6));
        for (protocol, name, value) in counts {
            let key = format!("{protocol}_{name}");
            if self.fields.as_ref().is_none_or(|fields| fields.is_match(&key)) {
                let help = format!("Statistic {protocol}{name}.");
                page.untyped(&format!("node_netstat_{key}"), &help, &[], decimal("netstat", value)?);
            }
        }
        Ok(())
    }
}

/// Protocol, name and value.
type Count<'a> = (&'a str, &'a str, &'a str);

/// Two lines per protocol: names, then values in the same order.
fn parse_pairs(text: &str) -> Result<Vec<Count<'_>>, NodeError> {
    let mut counts = Vec::new();
    let mut lines = text.lines();
    while let Some(names) = lines.next() {
        let mismatch = || NodeError::malformed("netstat", "a line of names and one of as many values", names);
        let (protocol, names_part) = names.split_once(':').ok_or_else(mismatch)?;
        let (_, values) = lines.next().and_then(|line| line.split_once(':')).ok_or_else(mismatch)?;
        let names: Vec<&str> = names_part.split_ascii_whitespace().collect();
        let values: Vec<&str> = values.split_ascii_whitespace().collect();
        if names.len() != values.len() {
            return Err(mismatch());
        }
        counts.extend(names.into_iter().zip(values).map(|(name, value)| (protocol, name, value)));
    }
    Ok(counts)
}

/// A name such as `Ip6InReceives` and a value per line; the protocol ends with the digit.
fn parse_lines(text: &str) -> Vec<Count<'_>> {
    let count = |line| {
        let (name, value) = str::split_once(line, char::is_whitespace)?;
        let (protocol, name) = name.split_at(name.find('6')? + 1);
        Some((protocol, name, value.trim()))
    };
    text.lines().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_stand_in_two_lines() {
        let text = "Tcp: RtoMin MaxConn\nTcp: 200 -1\nUdp: InErrors\nUdp: 7\n";
        let expected = [("Tcp", "RtoMin", "200"), ("Tcp", "MaxConn", "-1"), ("Udp", "InErrors", "7")];
        assert_eq!(parse_pairs(text).unwrap(), expected);
        assert!(parse_pairs("Tcp: A B\nTcp: 1\n").is_err());
        assert!(parse_pairs("Tcp: A B\n").is_err());
    }

    #[test]
    fn version_six_has_a_line_per_count() {
        let text = "Ip6InReceives   \t7\nnothing 1\nUdp6InErrors 2\n";
        assert_eq!(parse_lines(text), [("Ip6", "InReceives", "7"), ("Udp6", "InErrors", "2")]);
    }
}
