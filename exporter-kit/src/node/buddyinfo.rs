//! Free memory by the size of its pieces.

use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("buddyinfo", Default::Off, update);

const BLOCKS: Desc = Desc::gauge("node_buddyinfo_blocks", "Count of free blocks according to size.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for line in roots.read_proc("buddyinfo")?.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, node, _, zone, counts @ ..] = words.as_slice() else {
            return Err(NodeError::malformed("buddyinfo", "a node, a zone and counts", line));
        };
        for (size, count) in counts.iter().enumerate() {
            let size = size.to_string();
            let labels = [("node", node.trim_end_matches(',')), ("zone", *zone), ("size", &size)];
            page.put(&BLOCKS, &labels, decimal("buddyinfo", count)?);
        }
    }
    Ok(())
}
