//! Retention: which blocks leave, by age and by size. Pure: nothing is deleted here.

use crate::block::{BlockMeta, Ulid};

/// How long and how much is kept; no limit where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Milliseconds that a block may end before the newest one; at least one.
    pub age: Option<i64>,
    /// Bytes that blocks and head together may take.
    pub bytes: Option<u64>,
}

/// Names of the blocks to delete: those that are too old, those that do not fit, and those that compaction
/// replaced or emptied. `blocks` are in any order with their sizes in bytes; `head_bytes` is what the log and the
/// head's chunks take.
///
/// ```
/// use tsdb::block::{BlockMeta, Ulid};
/// use tsdb::retention::{Retention, leaving};
/// let block = |n: u64| BlockMeta::new(Ulid::from_parts(n, 0), n as i64 * 100, (n as i64 + 1) * 100);
/// let blocks = [block(0), block(1), block(2)].map(|meta| (meta, 10));
/// let keep = Retention { age: Some(150), bytes: None };
/// assert_eq!(leaving(&blocks, keep, 0), [Ulid::from_parts(0, 0)]);
/// let keep = Retention { age: None, bytes: Some(25) };
/// assert_eq!(leaving(&blocks, keep, 10), [Ulid::from_parts(0, 0), Ulid::from_parts(1, 0)]);
/// ```
pub fn leaving(blocks: &[(BlockMeta, u64)], retention: Retention, head_bytes: u64) -> Vec<Ulid> {
    let mut newest_first: Vec<&(BlockMeta, u64)> =
        blocks.iter().filter(|(m, _)| !is_replaced(m, blocks)).collect();
    newest_first.sort_by_key(|(m, _)| std::cmp::Reverse((m.max_time, m.ulid)));
    let newest = newest_first.first().map_or(0, |(m, _)| m.max_time);
    let kept_by_age = newest_first
        .iter()
        .position(|(m, _)| {
            retention.age.is_some_and(|age| age > 0 && newest.saturating_sub(m.max_time) >= age)
        })
        .unwrap_or(newest_first.len());
    let kept_by_size = newest_first
        .iter()
        .scan(head_bytes, |sum, (_, bytes)| {
            *sum = sum.saturating_add(*bytes);
            Some(*sum)
        })
        .position(|sum| retention.bytes.is_some_and(|bytes| bytes > 0 && sum > bytes))
        .unwrap_or(newest_first.len());
    let mut leaving: Vec<Ulid> =
        newest_first[kept_by_age.min(kept_by_size)..].iter().map(|(m, _)| m.ulid).collect();
    leaving.extend(blocks.iter().filter(|(m, _)| is_replaced(m, blocks)).map(|(m, _)| m.ulid));
    leaving.sort_unstable();
    leaving
}

/// Whether a block's samples are in another one, or it has none. A crash between writing a merged block and
/// removing its parents leaves both.
fn is_replaced(meta: &BlockMeta, blocks: &[(BlockMeta, u64)]) -> bool {
    meta.compaction.deletable
        || blocks.iter().any(|(m, _)| m.compaction.parents.iter().any(|parent| parent.ulid == meta.ulid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(n: u64, min_time: i64, max_time: i64) -> BlockMeta {
        BlockMeta::new(Ulid::from_parts(n, 0), min_time, max_time)
    }

    #[test]
    fn parents_and_emptied_blocks_leave() {
        let (a, b) = (block(1, 0, 100), block(2, 100, 200));
        let mut merged = block(3, 0, 200);
        merged.compaction.parents = vec![a.description(), b.description()];
        let mut emptied = block(4, 200, 300);
        emptied.compaction.deletable = true;
        let blocks = [a, b, merged, emptied].map(|m| (m, 1));
        let leaving = leaving(&blocks, Retention::default(), 0);
        assert_eq!(leaving, [1, 2, 4].map(|n| Ulid::from_parts(n, 0)));
    }

    #[test]
    fn the_newest_block_stays_whatever_its_age() {
        let blocks = [(block(1, 0, 100), 1)];
        assert!(leaving(&blocks, Retention { age: Some(1), bytes: None }, 0).is_empty());
        assert!(leaving(&[], Retention { age: Some(1), bytes: Some(1) }, 5).is_empty());
    }
}
