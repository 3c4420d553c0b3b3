//! Connection tracking of the packet filter.

use super::error::Optional;
use super::page::Desc;
use super::proc_files::read_u64;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("conntrack", Default::On, update);

const ENTRIES: Desc = Desc::gauge(
    "node_nf_conntrack_entries",
    "Number of currently allocated flow entries for connection tracking.",
);
const LIMIT: Desc =
    Desc::gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.");

/// Column of the statistics, and how it is shown.
const COLUMNS: [(usize, Desc); 8] = [
    (2, Desc::gauge("node_nf_conntrack_stat_found", "Number of searched entries which were successful.")),
    (4, Desc::gauge("node_nf_conntrack_stat_invalid", "Number of packets seen which can not be tracked.")),
    (
        5,
        Desc::gauge(
            "node_nf_conntrack_stat_ignore",
            "Number of packets seen which are already connected to a conntrack entry.",
        ),
    ),
    (8, Desc::gauge("node_nf_conntrack_stat_insert", "Number of entries inserted into the list.")),
    (
        9,
        Desc::gauge(
            "node_nf_conntrack_stat_insert_failed",
            "Number of entries for which list insertion was attempted but failed.",
        ),
    ),
    (10, Desc::gauge("node_nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure.")),
    (
        11,
        Desc::gauge(
            "node_nf_conntrack_stat_early_drop",
            "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
        ),
    ),
    (
        16,
        Desc::gauge(
            "node_nf_conntrack_stat_search_restart",
            "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
        ),
    ),
];

const ABSENT: NodeError = NodeError::NoData { reason: "connection tracking is not loaded" };

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.proc("sys/net/netfilter");
    let entries = read_u64(&directory.join("nf_conntrack_count")).optional()?.ok_or(ABSENT)?;
    page.put(&ENTRIES, &[], entries as f64);
    let limit = read_u64(&directory.join("nf_conntrack_max")).optional()?.ok_or(ABSENT)?;
    page.put(&LIMIT, &[], limit as f64);
    let sums = parse(&roots.read_proc("net/stat/nf_conntrack").optional()?.ok_or(ABSENT)?)?;
    for (column, desc) in &COLUMNS {
        page.put(desc, &[], sums.get(*column).copied().unwrap_or_default() as f64);
    }
    Ok(())
}

/// The columns, hexadecimal and a line per processor, summed up.
fn parse(text: &str) -> Result<[u64; 17], NodeError> {
    let mut sums = [0u64; 17];
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        if !(16..=17).contains(&columns.len()) {
            return Err(NodeError::malformed("net/stat/nf_conntrack", "16 or 17 columns", line));
        }
        for (sum, column) in sums.iter_mut().zip(columns) {
            let value = u64::from_str_radix(column, 16);
            let value = value
                .map_err(|_| NodeError::malformed("net/stat/nf_conntrack", "hexadecimal digits", column));
            *sum = sum.wrapping_add(value?);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn processors_are_summed_and_old_kernels_have_a_column_less() {
        let line = "0000000a 1 2 3 4 5 6 7 8 9 a b c d e f";
        let sums = parse(&format!("header\n{line}\n{line} 10\n")).unwrap();
        assert_eq!((sums[0], sums[15], sums[16]), (20, 30, 16));
        assert!(parse("header\n1 2 3\n").is_err());
    }
}
