//! Compaction: which blocks to merge, and merging them.

mod plan;

pub use plan::{level_ranges, plan};
