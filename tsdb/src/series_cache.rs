//! Series of blocks that were decoded for one query, kept for the next.
//!
//! Blocks never change, so neither do the labels and the places of chunks that their indexes tell. What is kept is
//! bounded by bytes; the block that has not been asked for the longest time goes first.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use metrics_core::{LabelSet, TimeRange};
use parking_lot::{Mutex, RwLock};

use crate::block::{ChunkMeta, Index, Ulid};
use crate::fs::FileError;

/// What is known of all blocks.
#[derive(Debug)]
pub(crate) struct SeriesCache {
    /// In bytes.
    limit: usize,
    /// The block asked for last stands last.
    blocks: Mutex<Vec<(Ulid, Arc<BlockSeries>)>>,
}

impl SeriesCache {
    /// Keeps about `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, blocks: Mutex::default() }
    }

    /// Hands the labels and chunks of a block's series to `each`, in the order of the ids.
    ///
    /// # Errors
    /// If the index is damaged.
    pub(crate) fn for_each(
        &self,
        block: Ulid,
        index: &Index,
        ids: &[u32],
        mut each: impl FnMut(u32, &LabelSet, &Chunks),
    ) -> Result<(), FileError> {
        let kept = self.of(block);
        let mut fresh = Vec::new();
        // Not all under one lock: who has something to add need not wait for long, nor those behind.
        for ids in ids.chunks(256) {
            let known = kept.series.read();
            for id in ids {
                match known.get(id) {
                    Some(series) => each(*id, &series.labels, &series.chunks),
                    None => {
                        let entry = index.series(*id)?;
                        let series = Series { labels: entry.labels, chunks: Chunks::of(entry.chunks) };
                        each(*id, &series.labels, &series.chunks);
                        fresh.push((*id, series));
                    }
                }
            }
        }
        if !fresh.is_empty() {
            kept.add(fresh, self.limit);
            self.shrink();
        }
        Ok(())
    }

    fn of(&self, block: Ulid) -> Arc<BlockSeries> {
        let mut blocks = self.blocks.lock();
        let entry = match blocks.iter().position(|(ulid, _)| *ulid == block) {
            Some(at) => blocks.remove(at),
            None => (block, Arc::default()),
        };
        blocks.push(entry.clone());
        entry.1
    }

    /// Forgets blocks until the others fit.
    fn shrink(&self) {
        let mut blocks = self.blocks.lock();
        let bytes = |(_, series): &(Ulid, Arc<BlockSeries>)| series.bytes.load(Relaxed);
        let mut excess = blocks.iter().map(bytes).sum::<usize>().saturating_sub(self.limit);
        while excess > 0 && !blocks.is_empty() {
            excess = excess.saturating_sub(bytes(&blocks.remove(0)));
        }
    }

    /// Bytes that are kept, about.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.blocks.lock().iter().map(|(_, series)| series.bytes.load(Relaxed)).sum()
    }
}

/// What is known of one block.
#[derive(Debug, Default)]
struct BlockSeries {
    series: RwLock<HashMap<u32, Series, BuildHasherDefault<IdHasher>>>,
    bytes: AtomicUsize,
}

impl BlockSeries {
    fn add(&self, fresh: Vec<(u32, Series)>, limit: usize) {
        let mut known = self.series.write();
        let mut bytes = self.bytes.load(Relaxed);
        for (id, series) in fresh {
            let size = series.size();
            if bytes + size > limit {
                break;
            }
            if known.insert(id, series).is_none() {
                bytes += size;
            }
        }
        self.bytes.store(bytes, Relaxed);
    }
}

#[derive(Debug)]
struct Series {
    labels: LabelSet,
    chunks: Chunks,
}

impl Series {
    fn size(&self) -> usize {
        2 * size_of::<Self>() + self.labels.heap_size() + self.chunks.heap_size()
    }
}

/// The chunks of a series, in order of time.
#[derive(Debug)]
pub(crate) enum Chunks {
    /// As distances from the first, which take half the room.
    Near { reference: u64, time: i64, chunks: Box<[Near]> },
    /// Where distances do not fit.
    Far(Box<[ChunkMeta]>),
}

/// A chunk by its distance from the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Near {
    reference: u32,
    min_time: u32,
    max_time: u32,
}

impl Chunks {
    fn of(chunks: Vec<ChunkMeta>) -> Self {
        let first = chunks.first().copied().unwrap_or(ChunkMeta { reference: 0, min_time: 0, max_time: 0 });
        let near = |c: &ChunkMeta| {
            let after = |time: i64| time.checked_sub(first.min_time).and_then(|d| u32::try_from(d).ok());
            Some(Near {
                reference: u32::try_from(c.reference.checked_sub(first.reference)?).ok()?,
                min_time: after(c.min_time)?,
                max_time: after(c.max_time)?,
            })
        };
        match chunks.iter().map(near).collect::<Option<Box<[Near]>>>() {
            Some(chunks) => Self::Near { reference: first.reference, time: first.min_time, chunks },
            None => Self::Far(chunks.into_boxed_slice()),
        }
    }

    /// Appends the chunks that overlap a range.
    pub(crate) fn in_range(&self, range: TimeRange, into: &mut Vec<ChunkMeta>) {
        let before = |max_time: i64| max_time < range.start;
        let wanted = |c: &ChunkMeta| c.min_time <= range.end;
        match self {
            Self::Near { reference, time, chunks } => {
                let meta = |c: &Near| ChunkMeta {
                    reference: reference + u64::from(c.reference),
                    min_time: time + i64::from(c.min_time),
                    max_time: time + i64::from(c.max_time),
                };
                let first = chunks.partition_point(|c| before(meta(c).max_time));
                into.extend(chunks[first..].iter().map(meta).take_while(wanted));
            }
            Self::Far(chunks) => {
                let first = chunks.partition_point(|c| before(c.max_time));
                into.extend(chunks[first..].iter().copied().take_while(wanted));
            }
        }
    }

    fn heap_size(&self) -> usize {
        match self {
            Self::Near { chunks, .. } => size_of_val(&**chunks),
            Self::Far(chunks) => size_of_val(&**chunks),
        }
    }
}

/// Spreads ids, which are places in a file and not chosen by anybody.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(reference: u64, min_time: i64, max_time: i64) -> ChunkMeta {
        ChunkMeta { reference, min_time, max_time }
    }

    fn found(chunks: &Chunks, start: i64, end: i64) -> Vec<ChunkMeta> {
        let mut found = Vec::new();
        chunks.in_range(TimeRange::new(start, end), &mut found);
        found
    }

    #[test]
    fn chunks_come_back_near_and_far() {
        let far = i64::from(u32::MAX) + 1;
        for last in [chunk(1 << 20, 40, 50), chunk(1 << 40, 40, 50), chunk(9, 40, 50), chunk(20, 40, far)] {
            let all = [chunk(10, -20, -10), chunk(15, 0, 30), last];
            let chunks = Chunks::of(all.to_vec());
            assert_eq!(found(&chunks, i64::MIN, i64::MAX), all);
            assert_eq!(found(&chunks, -10, 0), all[..2]);
            assert_eq!(found(&chunks, 30, 40), all[1..]);
            assert_eq!(found(&chunks, -9, -1), []);
            assert_eq!(found(&chunks, 31, 39), []);
        }
        assert_eq!(found(&Chunks::of(Vec::new()), i64::MIN, i64::MAX), []);
    }

    #[test]
    fn the_block_not_asked_for_goes_first() {
        let series = |id: u32| {
            let labels = LabelSet::from_pairs([("id", id.to_string())]);
            (id, Series { labels, chunks: Chunks::of(vec![chunk(u64::from(id), 0, 1)]) })
        };
        let one = series(1).1.size();
        let cache = SeriesCache::new(3 * one);
        let [a, b] = [1, 2].map(Ulid::at);
        cache.of(a).add(vec![series(1), series(2)], cache.limit);
        cache.of(b).add(vec![series(3)], cache.limit);
        cache.shrink();
        assert_eq!(cache.bytes(), 3 * one);
        // A block alone takes no more than the limit, and pushes the other out.
        cache.of(b).add((3..9).map(series).collect(), cache.limit);
        cache.shrink();
        assert_eq!(cache.bytes(), 3 * one);
        assert_eq!(cache.of(b).series.read().len(), 3);
        assert!(cache.of(a).series.read().is_empty());
    }
}
