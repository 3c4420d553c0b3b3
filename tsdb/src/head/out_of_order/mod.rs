//! Late samples: older than the newest of their series, but inside the window for them.
//!
//! They have a place of their own beside the series' chunks, a log of their own (`wbl/`) and, when chunks of them are
//! full, the head's chunk files. Compaction makes blocks of their own of them. A commit sorts its samples under the head's
//! commit lock ([`Bounds`]), writes the late ones to the log before the others and shows both together.
//!
//! Compaction works on a **generation**: what there is when it begins is set aside, later samples come into a new one.
//! Readers from before the blocks were shown read the generation, those from after read the blocks.

mod blocks;
mod bounds;
mod commit;
mod log;
mod replay;
mod series;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use metrics_core::{TimeRange, Timestamp, Value};
use parking_lot::{RwLock, RwLockReadGuard};

use super::isolation::{Capture, leave_late};
pub(crate) use blocks::{LateAside, LateBlock};
pub(super) use bounds::{Bounds, part_late};
pub(super) use log::LateLog;
pub(crate) use replay::LATE_LOG;
pub(crate) use series::{LateChunk, LateSeries};

/// A sample that came late.
#[derive(Debug, Clone)]
pub(super) struct LateSample {
    pub(super) slot: u32,
    pub(super) timestamp: Timestamp,
    pub(super) value: Value,
}

/// The late samples of all series.
#[derive(Debug)]
pub(super) struct OutOfOrder {
    /// Milliseconds behind the head's newest sample; 0 if late samples are refused.
    window: AtomicI64,
    /// Samples of a chunk.
    chunk_samples: usize,
    /// Bytes of all generations.
    bytes: AtomicUsize,
    /// Spares those who have nothing to do with late samples the lock.
    has_any: AtomicBool,
    generations: RwLock<Generations>,
}

/// Late samples, and those that are on their way into blocks.
#[derive(Debug, Default)]
pub(super) struct Generations {
    current: Generation,
    /// Oldest first.
    leaving: Vec<Arc<Generation>>,
}

/// Late samples that came between two compactions.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    number: u64,
    series: HashMap<u32, Arc<LateSeries>>,
    range: Option<TimeRange>,
}

impl OutOfOrder {
    pub(super) fn new(window: i64, chunk_samples: usize) -> Self {
        Self {
            window: AtomicI64::new(window.max(0)),
            chunk_samples: chunk_samples.max(1),
            bytes: AtomicUsize::new(0),
            has_any: AtomicBool::new(false),
            generations: RwLock::default(),
        }
    }

    /// How late samples may come, in milliseconds.
    pub(super) fn window(&self) -> i64 {
        self.window.load(Ordering::Acquire)
    }

    pub(super) fn set_window(&self, window: i64) {
        self.window.store(window.max(0), Ordering::Release);
    }

    /// Bytes that late samples take.
    #[inline]
    pub(super) fn heap_size(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Notes that samples which took `before` bytes take `now`.
    fn note_size(&self, before: usize, now: usize) {
        // Wraps where less is taken, as the sum does.
        self.bytes.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// All late samples, if there are any.
    pub(super) fn read(&self) -> Option<RwLockReadGuard<'_, Generations>> {
        self.has_any.load(Ordering::Acquire).then(|| self.generations.read())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.read().is_none_or(|all| all.current.series.is_empty() && all.leaving.is_empty())
    }

    /// Changes a series.
    fn change<T>(&self, slot: u32, change: impl FnOnce(&mut LateSeries) -> T) -> T {
        self.has_any.store(true, Ordering::Release);
        let mut all = self.generations.write();
        let mut before = 0;
        let series = match all.current.series.entry(slot) {
            Entry::Occupied(there) => {
                before = there.get().heap_size();
                there.into_mut()
            }
            Entry::Vacant(new) => new.insert(Arc::default()),
        };
        let result = change(Arc::make_mut(series));
        self.note_size(before, series.heap_size());
        result
    }

    /// The state of a series that is about to be changed: for those who are reading, and to go back to.
    fn leave(&self, slot: u32, captures: &[Arc<Capture>]) -> Option<Arc<LateSeries>> {
        let all = self.generations.read();
        let before = all.current.series.get(&slot).cloned();
        leave_late(captures, (all.current.number, slot), before.as_ref());
        before
    }

    /// Puts a series back into a state from before.
    fn restore(&self, slot: u32, before: Option<Arc<LateSeries>>) {
        let mut all = self.generations.write();
        let now = before.as_ref().map_or(0, |series| series.heap_size());
        let withdrawn = match before {
            Some(series) => all.current.series.insert(slot, series),
            None => all.current.series.remove(&slot),
        };
        self.note_size(withdrawn.map_or(0, |series| series.heap_size()), now);
    }

    /// Notes that there are late samples.
    fn note_any(&self) {
        self.has_any.store(true, Ordering::Release);
    }

    /// Widens the time that late samples cover.
    fn cover(&self, range: TimeRange) {
        let mut all = self.generations.write();
        let mine = all.current.range.unwrap_or(range);
        let (start, end) = (mine.start.min(range.start), mine.end.max(range.end));
        all.current.range = Some(TimeRange::new(start, end));
    }

    /// Sets aside what there is.
    fn set_aside(&self) {
        let mut all = self.generations.write();
        if !all.current.series.is_empty() {
            let next = Generation { number: all.current.number + 1, ..Generation::default() };
            let leaving = std::mem::replace(&mut all.current, next);
            all.leaving.push(Arc::new(leaving));
        }
    }

    /// What was set aside, from the generation `since` on.
    fn leaving(&self, since: u64) -> Vec<Arc<Generation>> {
        let all = self.generations.read();
        all.leaving.iter().filter(|g| g.number >= since).cloned().collect()
    }

    /// Lets go of generations before a number.
    fn drop_before(&self, number: u64) {
        let mut all = self.generations.write();
        for gone in all.leaving.extract_if(.., |g| g.number < number) {
            self.note_size(gone.series.values().map(|series| series.heap_size()).sum(), 0);
        }
        if all.current.series.is_empty() && all.leaving.is_empty() {
            self.has_any.store(false, Ordering::Release);
        }
    }
}

impl Generations {
    /// The late samples of a series for a reader, as of its mark, from the generation `since` on.
    pub(super) fn of(&self, slot: u32, since: u64, capture: &Capture) -> Vec<Arc<LateSeries>> {
        let visible = |generation: &Generation| {
            let now = generation.series.get(&slot);
            if generation.number < since {
                None
            } else {
                capture.late_at_mark((generation.number, slot), now)
            }
        };
        self.all().filter_map(visible).collect()
    }

    /// Whether a series has late samples.
    pub(super) fn has(&self, slot: u32) -> bool {
        self.all().any(|g| g.series.contains_key(&slot))
    }

    /// Whether a series has late samples on their way into blocks.
    fn is_leaving(&self, slot: u32) -> bool {
        self.leaving.iter().any(|g| g.series.contains_key(&slot))
    }

    /// Whether late samples may lie in the range.
    pub(super) fn overlaps(&self, range: TimeRange) -> bool {
        self.all().any(|g| g.range.is_some_and(|mine| mine.overlaps(&range)))
    }

    fn all(&self) -> impl Iterator<Item = &Generation> {
        self.leaving.iter().map(|g| &**g).chain([&self.current])
    }
}
