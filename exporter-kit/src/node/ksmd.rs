//! Merging of equal memory pages.

use super::error::Optional;
use super::page::Desc;
use super::proc_files::read_u64;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("ksmd", Default::Off, update);

/// File, the unit of its number, and how it is shown.
const FILES: [(&str, f64, Desc); 10] = [
    ("full_scans", 1.0, Desc::counter("node_ksmd_full_scans_total", "ksmd 'full_scans' file.")),
    ("general_profit", 1.0, Desc::gauge("node_ksmd_general_profit_bytes", "ksmd 'general_profit' file.")),
    (
        "merge_across_nodes",
        1.0,
        Desc::gauge("node_ksmd_merge_across_nodes", "ksmd 'merge_across_nodes' file."),
    ),
    ("pages_shared", 1.0, Desc::gauge("node_ksmd_pages_shared", "ksmd 'pages_shared' file.")),
    ("pages_sharing", 1.0, Desc::gauge("node_ksmd_pages_sharing", "ksmd 'pages_sharing' file.")),
    ("pages_to_scan", 1.0, Desc::gauge("node_ksmd_pages_to_scan", "ksmd 'pages_to_scan' file.")),
    ("pages_unshared", 1.0, Desc::gauge("node_ksmd_pages_unshared", "ksmd 'pages_unshared' file.")),
    ("pages_volatile", 1.0, Desc::gauge("node_ksmd_pages_volatile", "ksmd 'pages_volatile' file.")),
    ("run", 1.0, Desc::gauge("node_ksmd_run", "ksmd 'run' file.")),
    ("sleep_millisecs", 0.001, Desc::gauge("node_ksmd_sleep_seconds", "ksmd 'sleep_millisecs' file.")),
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for (file, unit, desc) in &FILES {
        if let Some(value) = read_u64(&roots.sys("kernel/mm/ksm").join(file)).optional()? {
            page.put(desc, &[], value as f64 * unit);
        }
    }
    Ok(())
}
