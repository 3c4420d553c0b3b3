//! The fields of `/proc/meminfo`.

use super::proc_files::number;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("meminfo", Default::On, update);

/// The fields that the original shows, by the name that is shown; a kernel may have more.
const FIELDS: &[&str] = &[
    "Active",
    "Active_anon",
    "Active_file",
    "AnonHugePages",
    "AnonPages",
    "Bounce",
    "Buffers",
    "Cached",
    "CmaFree",
    "CmaTotal",
    "CommitLimit",
    "Committed_AS",
    "DirectMap1G",
    "DirectMap2M",
    "DirectMap4k",
    "Dirty",
    "HardwareCorrupted",
    "HugePages_Free",
    "HugePages_Rsvd",
    "HugePages_Surp",
    "HugePages_Total",
    "Hugepagesize",
    "Inactive",
    "Inactive_anon",
    "Inactive_file",
    "KernelStack",
    "Mapped",
    "MemAvailable",
    "MemFree",
    "MemTotal",
    "Mlocked",
    "NFS_Unstable",
    "PageTables",
    "Percpu",
    "SReclaimable",
    "SUnreclaim",
    "Shmem",
    "ShmemHugePages",
    "ShmemPmdMapped",
    "Slab",
    "SwapCached",
    "SwapFree",
    "SwapTotal",
    "Unevictable",
    "VmallocChunk",
    "VmallocTotal",
    "VmallocUsed",
    "Writeback",
    "WritebackTmp",
    "Zswap",
    "Zswapped",
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for (field, value) in parse(&roots.read_proc("meminfo")?)? {
        let (name, help) = (format!("node_memory_{field}"), format!("Memory information field {field}."));
        page.gauge(&name, &help, &[], value);
    }
    Ok(())
}

/// Field names as shown, and values in bytes (pages for the counts of huge pages).
fn parse(text: &str) -> Result<Vec<(String, f64)>, NodeError> {
    let mut fields = Vec::with_capacity(FIELDS.len());
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else {
            return Err(NodeError::malformed("meminfo", "a name and a colon", line));
        };
        // `Active(anon)` is shown as `Active_anon`.
        let mut shown = name.trim_end_matches(')').replace('(', "_");
        if !FIELDS.contains(&shown.as_str()) {
            continue;
        }
        let mut words = rest.split_ascii_whitespace();
        let value = number("meminfo", words.next().unwrap_or_default())?;
        match words.next() {
            Some("kB") => {
                shown.push_str("_bytes");
                fields.push((shown, value.saturating_mul(1024) as f64));
            }
            None => fields.push((shown, value as f64)),
            Some(unit) => return Err(NodeError::malformed("meminfo", "the unit kB", unit)),
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn kilobytes_become_bytes_and_counts_stay() {
        let text = "MemTotal: 2 kB\nActive(anon): 1 kB\nHugePages_Total: 3\nNewInLinux9: 4 kB\n";
        let expected = [("MemTotal_bytes", 2048.0), ("Active_anon_bytes", 1024.0), ("HugePages_Total", 3.0)];
        assert_eq!(parse(text).unwrap(), expected.map(|(n, v)| (n.to_owned(), v)));
        assert!(parse("MemTotal: many kB\n").is_err());
        assert!(parse("MemTotal 2 kB\n").is_err());
    }
}
