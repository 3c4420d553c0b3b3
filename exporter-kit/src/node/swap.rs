//! Swap devices and files.

use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("swap", Default::Off, update);

const SIZE: Desc = Desc::gauge("node_swap_size_bytes", "Swap device size in bytes.");
const USED: Desc = Desc::gauge("node_swap_used_bytes", "Swap device used in bytes.");
const PRIORITY: Desc = Desc::gauge("node_swap_priority", "Swap device priority.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for line in roots.read_proc("swaps")?.lines().skip(1) {
        let [device, kind, size, used, priority] = line.split_ascii_whitespace().collect::<Vec<_>>()[..]
        else {
            return Err(NodeError::malformed("swaps", "five columns", line));
        };
        let labels = [("device", device), ("swap_type", kind)];
        page.put(&SIZE, &labels, decimal("swaps", size)? * 1024.0);
        page.put(&USED, &labels, decimal("swaps", used)? * 1024.0);
        page.put(&PRIORITY, &labels, decimal("swaps", priority)?);
    }
    Ok(())
}
