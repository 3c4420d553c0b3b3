//! Compaction: which blocks to merge, and merging them.

mod plan;
mod run;
mod samples;
mod series;
mod symbols;

pub use plan::{level_ranges, plan};
pub use run::{Style, merge};

#[cfg(test)]
mod tests;
