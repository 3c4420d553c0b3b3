//! Letting go of what blocks have: old chunks, series without samples, and their part of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics_core::{TimeRange, Timestamp};

use super::Head;
use super::index::Index;
use super::pages::{NO_SAMPLE, NO_SERIES, PAGE};
use super::series::end_of_range;
use crate::fs::{FileError, Fs};
use crate::wal::{self, WalOptions};

/// How long new batches are held up while maintenance waits for open ones to end.
const PATIENCE: Duration = Duration::from_millis(100);

impl Head {
    /// Whether the head spans half a range more than a block, so that a block can be cut.
    pub(crate) fn is_cut_due(&self) -> bool {
        let range = self.rule.chunk_range;
        self.time_range().is_some_and(|r| r.end.saturating_sub(r.start) > range / 2 * 3)
    }

    /// The range of a block that is cut before it is due, because memory is nearly full: what is older than five minutes
    /// of a two-hour range, unless that is little. Later samples may still come in order.
    pub(crate) fn next_early_block(&self) -> Option<TimeRange> {
        if !self.limits.is_pressed(self.bytes()) {
            return None;
        }
        let TimeRange { start, end } = self.time_range()?;
        let range = self.rule.chunk_range;
        let range_end = end_of_range(start, range);
        let cut = end.saturating_sub(range / 24).min(range_end);
        let is_worth_it = cut == range_end || cut.saturating_sub(start) >= range / 8;
        is_worth_it.then(|| TimeRange::new(start, cut - 1))
    }

    /// The aligned range that the next block takes: first and last millisecond.
    pub(crate) fn next_block(&self) -> Option<TimeRange> {
        let first = self.time_range()?.start;
        Some(TimeRange::new(first, end_of_range(first, self.rule.chunk_range) - 1))
    }

    /// Refuses samples before `mint` from now on, and waits a moment for batches that still may have some. Returns
    /// whether there are none any more.
    pub(crate) fn close_before(&self, mint: Timestamp) -> bool {
        self.set_min_valid(mint);
        self.gate.try_write_for(PATIENCE).is_some()
    }

    /// Drops chunks that end before `mint`, and refuses samples before it from now on. Series that are empty then
    /// are removed too, unless a batch stays open that may hold on to them; then they go at the next call.
    pub(crate) fn truncate(&self, mint: Timestamp) {
        self.set_min_valid(mint);
        {
            let _between_commits = self.commit.lock();
            self.times.recent.store(Timestamp::MAX, Ordering::Release);
        }
        let slots = self.index.read().all().collect::<Vec<_>>();
        let mut oldest = Timestamp::MAX;
        for neighbours in slots.chunk_by(|a, b| a / PAGE == b / PAGE) {
            let Some(page) = self.pages.get(neighbours[0]) else { continue };
            let mut guard = page.lock();
            for slot in neighbours {
                let (series, slab) = guard.parts(*slot);
                if series.truncate(slab, mint) {
                    page.set_newest(*slot, NO_SAMPLE);
                }
                oldest = oldest.min(series.first_time().unwrap_or(Timestamp::MAX));
            }
            guard.release_unused();
        }
        {
            // Between commits, so that none is overlooked that came while the series were looked through.
            let _between_commits = self.commit.lock();
            let oldest = oldest.min(self.times.recent.load(Ordering::Acquire));
            // Without samples the head covers no time: the oldest is then after the newest.
            let min = if oldest == Timestamp::MAX { oldest } else { oldest.max(mint) };
            self.times.min.store(min, Ordering::Release);
        }
        self.truncate_deleted(mint);
        self.remove_empty();
    }

    /// Removes series without samples and builds the index anew without them.
    fn remove_empty(&self) {
        // Not for long: a batch that stays open must not hold up the others.
        let Some(_gate) = self.gate.try_write_for(PATIENCE) else { return };
        let mut log = self.commit.lock();
        let mut index = self.index.write();
        let late = self.late.read();
        let (mut kept, mut removed) = (Vec::new(), Vec::new());
        for slot in index.all() {
            let is_empty = self.pages.get(slot).is_none_or(|p| p.newest(slot) == NO_SAMPLE)
                && !late.as_ref().is_some_and(|late| late.has(slot));
            if is_empty { &mut removed } else { &mut kept }.push(slot);
        }
        if removed.is_empty() {
            return;
        }
        let next = index.next_slot();
        let mut rebuilt = Index::default();
        for slot in kept {
            let labels = index.labels(slot);
            rebuilt.skip_to(slot);
            // Smaller than what it is made from, so it cannot be full.
            let _ = rebuilt.add(&labels, labels.stable_hash());
        }
        rebuilt.skip_to(next);
        self.index_bytes.store(rebuilt.heap_size(), Ordering::Relaxed);
        *index = rebuilt;
        let segment = log.wal().map_or(0, |wal| wal.segment());
        let mut aliases = self.aliases.lock();
        let mut metadata = self.metadata.write();
        for neighbours in removed.chunk_by(|a, b| a / PAGE == b / PAGE) {
            let Some(page) = self.pages.get(neighbours[0]) else { continue };
            let mut guard = page.lock();
            for slot in neighbours {
                page.set_newest(*slot, NO_SERIES);
                *guard.series(*slot) = Default::default();
            }
            guard.release_vacant();
        }
        for slot in &removed {
            metadata.remove(*slot);
            aliases.removed.insert(log.reference(*slot), segment);
        }
        self.metadata_bytes.store(metadata.heap_size(), Ordering::Relaxed);
        self.unlogged.lock().retain(|(slot, _)| removed.binary_search(slot).is_err());
    }

    /// Replaces the older two thirds of the log's segments by a checkpoint without what is before `mint`.
    pub(crate) fn truncate_log(
        &self,
        fs: &Arc<dyn Fs>,
        options: WalOptions,
        mint: Timestamp,
    ) -> Result<(), FileError> {
        let (dir, last) = {
            let mut log = self.commit.lock();
            let Some(wal) = log.wal() else { return Ok(()) };
            // So that little-used stores do not keep more than they need.
            (wal.dir().to_owned(), wal.next_segment()?)
        };
        self.commit.lock().late.remove_chunk_files(mint)?;
        let Some(first) = wal::segments(&**fs, &dir)?.first().map(|s| s.number) else { return Ok(()) };
        let Some(last) = last.checked_sub(1).filter(|last| *last > first) else { return Ok(()) };
        let to = first + (last - first) * 2 / 3;
        if to <= first {
            return Ok(());
        }
        wal::checkpoint(fs, &dir, to, options, |reference| self.is_spoken_of(reference, to), mint)?;
        let mut log = self.commit.lock();
        if let Some(wal) = log.wal() {
            wal.truncate_before(to + 1)?;
        }
        drop(log);
        wal::remove_checkpoints_before(&**fs, &dir, to)?;
        self.aliases.lock().removed.retain(|_, segment| *segment > to);
        Ok(())
    }

    /// Whether segments after `to` may name a reference: of a series that is there, or was removed later.
    fn is_spoken_of(&self, reference: u64, to: u32) -> bool {
        let aliases = self.aliases.lock();
        if aliases.removed.get(&reference).is_some_and(|segment| *segment > to) {
            return true;
        }
        let slot = aliases.slots.get(&reference).copied().or_else(|| u32::try_from(reference).ok());
        slot.is_some_and(|slot| self.pages.get(slot).is_some_and(|p| p.newest(slot) != NO_SERIES))
    }
}
