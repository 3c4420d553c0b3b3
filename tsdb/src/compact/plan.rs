//! Which blocks to merge next. Pure: nothing is read or written here.
//!
//! Levels as in the field: the head's blocks cover one range each; when a larger range is full, or the next one
//! has begun, its blocks become one. Overlapping blocks are merged before anything else.

use crate::block::{BlockMeta, Ulid};

/// Share of deleted ranges to series above which a block is rewritten.
const MANY_TOMBSTONES: f64 = 0.05;

/// The ranges of the levels: the smallest, and each `factor` times the one before, up to `longest`.
///
/// ```
/// let hour = 3_600_000;
/// assert_eq!(tsdb::compact::level_ranges(2 * hour, 3, 36 * hour), [2 * hour, 6 * hour, 18 * hour]);
/// ```
pub fn level_ranges(shortest: i64, factor: i64, longest: i64) -> Vec<i64> {
    let next = |range: &i64| range.checked_mul(factor).filter(|r| *r <= longest && factor > 1);
    std::iter::successors(Some(shortest), next).collect()
}

/// Names of the blocks to merge next, in order of time; none if there is nothing to do. A single name is a block to be
/// rewritten without what was deleted.
///
/// `ranges` are the levels' lengths in milliseconds, shortest first: see [`level_ranges`].
pub fn plan(blocks: &[BlockMeta], ranges: &[i64]) -> Vec<Ulid> {
    let mut blocks: Vec<&BlockMeta> = blocks.iter().collect();
    blocks.sort_by_key(|b| (b.min_time, b.ulid));
    let names = |blocks: &[&BlockMeta]| blocks.iter().map(|b| b.ulid).collect::<Vec<_>>();

    let overlapping = overlapping(&blocks);
    if !overlapping.is_empty() {
        return names(overlapping);
    }
    // The newest block is left alone: it may still be being backed up.
    let Some((_, older)) = blocks.split_last() else { return Vec::new() };
    if let Some(group) = full_range(older, ranges) {
        return names(group);
    }
    many_tombstones(older, ranges).map(|b| b.ulid).into_iter().collect()
}

/// The first run of blocks that overlap each other.
fn overlapping<'a, 'b>(blocks: &'a [&'b BlockMeta]) -> &'a [&'b BlockMeta] {
    let Some(first) = blocks.first() else { return &[] };
    let mut end = first.max_time;
    let mut run: Option<usize> = None;
    for (i, block) in blocks.iter().enumerate().skip(1) {
        match run {
            None if block.min_time < end => run = Some(i - 1),
            Some(start) if block.min_time >= end => return &blocks[start..i],
            _ => {}
        }
        end = end.max(block.max_time);
    }
    run.map_or(&[], |start| &blocks[start..])
}

/// The first group of blocks that fill a range of some level, or lie in one that has passed.
fn full_range<'a, 'b>(blocks: &'a [&'b BlockMeta], ranges: &[i64]) -> Option<&'a [&'b BlockMeta]> {
    let newest = blocks.last()?.min_time;
    ranges.iter().skip(1).find_map(|range| {
        groups(blocks, *range).into_iter().find(|group| {
            let (start, end) = (group[0].min_time, group[group.len() - 1].max_time);
            let complete = end - start == *range || end <= newest;
            group.len() > 1 && complete && !group.iter().any(|b| b.compaction.failed)
        })
    })
}

/// Runs of blocks that lie in one aligned range each; blocks that span two are in none.
fn groups<'a, 'b>(blocks: &'a [&'b BlockMeta], range: i64) -> Vec<&'a [&'b BlockMeta]> {
    let mut groups = Vec::new();
    let mut i = 0;
    while let Some(first) = blocks.get(i) {
        let end = first.min_time.div_euclid(range).saturating_mul(range).saturating_add(range);
        let len = blocks[i..].iter().take_while(|b| b.max_time <= end).count();
        if len > 0 {
            groups.push(&blocks[i..i + len]);
        }
        i += len.max(1);
    }
    groups
}

/// The newest block that is worth rewriting for what was deleted from it.
fn many_tombstones<'b>(blocks: &[&'b BlockMeta], ranges: &[i64]) -> Option<&'b BlockMeta> {
    let middle = ranges.get(ranges.len() / 2).copied().unwrap_or(i64::MAX);
    for block in blocks.iter().rev() {
        let (tombstones, series) = (block.stats.num_tombstones, block.stats.num_series);
        if block.max_time - block.min_time < middle {
            // A young block will be merged soon anyway, unless all of it was deleted.
            return (tombstones > 0 && tombstones >= series).then_some(block);
        }
        if tombstones as f64 / (series + 1) as f64 > MANY_TOMBSTONES {
            return Some(block);
        }
    }
    None
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
