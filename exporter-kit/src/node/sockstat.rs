//! Sockets by protocol and state.

use super::error::Optional;
use super::proc_files::decimal;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("sockstat", Default::On, update);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    // Either file is absent where its protocol is switched off.
    for file in ["net/sockstat", "net/sockstat6"] {
        for line in roots.read_proc(file).optional()?.unwrap_or_default().lines() {
            put_line(page, line)?;
        }
    }
    Ok(())
}

/// A line is a protocol, a colon, then names and numbers in turn.
fn put_line(page: &mut Page, line: &str) -> Result<(), NodeError> {
    let malformed = || NodeError::malformed("sockstat", "a protocol with names and numbers", line);
    let (protocol, fields) = line.split_once(':').ok_or_else(malformed)?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let (pairs, []) = fields.as_chunks::<2>() else { return Err(malformed()) };
    for [state, value] in pairs {
        let value = decimal("sockstat", value)?;
        if (protocol, *state) == ("sockets", "used") {
            page.gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use.", &[], value);
            continue;
        }
        put(page, protocol, state, value);
        if *state == "mem" {
            put(page, protocol, "mem_bytes", value * rustix::param::page_size() as f64);
        }
    }
    Ok(())
}

fn put(page: &mut Page, protocol: &str, state: &str, value: f64) {
    let help = format!("Number of {protocol} sockets in state {state}.");
    page.gauge(&format!("node_sockstat_{protocol}_{state}"), &help, &[], value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shown_in_pages_and_in_bytes() {
        let mut page = Page::default();
        put_line(&mut page, "TCP: inuse 4 mem 1").unwrap();
        let names: Vec<_> = page.into_families().into_iter().map(|f| f.name).collect();
        assert_eq!(
            names,
            ["node_sockstat_TCP_inuse", "node_sockstat_TCP_mem", "node_sockstat_TCP_mem_bytes"]
        );
        assert!(put_line(&mut Page::default(), "TCP: inuse").is_err());
        assert!(put_line(&mut Page::default(), "TCP").is_err());
    }
}
