//! Batches: samples are checked when they are added, logged and applied together.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics_core::{
    AppendError, Batch, Exemplar, LabelSet, LateSamples, Metadata, SeriesRef, Timestamp, Value,
};
use parking_lot::RwLockReadGuard;

use super::Head;
use super::isolation::{Capture, leave_count};
use super::limits::{Reached, Shown, exemplar_size, heap_size, metadata_size};
use super::log::Log;
use super::out_of_order::{Bounds, LateSample, part_late};
use super::pages::{NO_SAMPLE, NO_SERIES, PAGE, Page};
use super::series::Series;
use crate::error::Error;
use crate::fs::FileError;
use crate::options::Durability;
use crate::wal::{FloatSample, SyncPoint};

/// A histogram for a series.
#[derive(Debug, Clone)]
pub(crate) struct HistogramSample {
    pub(crate) slot: u32,
    pub(crate) timestamp: Timestamp,
    pub(crate) value: Value,
    /// Floats of the batch that come before it.
    pub(crate) after: usize,
}

/// What a batch holds, in the order in which it was added within each kind.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// `series` is the slot.
    pub(crate) floats: Vec<FloatSample>,
    pub(crate) histograms: Vec<HistogramSample>,
    /// Samples that are not in the order of their series.
    pub(super) late: Vec<LateSample>,
    /// Whether a sample is older than one before it.
    pub(super) is_falling: bool,
    pub(crate) exemplars: Vec<(u32, Exemplar)>,
    pub(crate) metadata: Vec<(u32, Metadata)>,
    /// Bytes of all but floats, as [`Limits`](super::Limits) count them.
    pub(super) bytes: usize,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.is_empty()
            && self.histograms.is_empty()
            && self.late.is_empty()
            && self.exemplars.is_empty()
            && self.metadata.is_empty()
    }

    /// Empties everything and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
        self.late.clear();
        self.is_falling = false;
        self.exemplars.clear();
        self.metadata.clear();
        self.bytes = 0;
    }
}

/// An open batch on the head.
pub(crate) struct HeadBatch<'a> {
    head: &'a Head,
    /// Open batches are known: their series are not removed, and no block is cut from under them.
    _gate: RwLockReadGuard<'a, ()>,
    bounds: Bounds,
    late_samples: LateSamples,
    /// Time of the sample added last.
    last_time: Timestamp,
    pending: Pending,
    /// The page used last; neighbours are likely to follow.
    page: Option<(u32, &'a Page)>,
}

impl Head {
    /// Starts a batch.
    pub(crate) fn batch(&self) -> HeadBatch<'_> {
        HeadBatch {
            _gate: self.gate.read(),
            bounds: self.bounds(),
            late_samples: LateSamples::default(),
            last_time: Timestamp::MIN,
            pending: self.spare.lock().pop().unwrap_or_default(),
            head: self,
            page: None,
        }
    }

    /// The slot of these labels, made if the series is new.
    pub(super) fn get_or_create(&self, labels: &LabelSet) -> Result<u32, AppendError> {
        let hash = labels.stable_hash();
        let next = {
            let index = self.index.read();
            if let Some(slot) = index.find(labels, hash) {
                return Ok(slot);
            }
            index.next_slot()
        };
        if labels.iter().any(|(_, value)| value.is_empty()) {
            return self.get_or_create(&LabelSet::from_sorted(labels));
        }
        if labels.is_empty() {
            return Err(AppendError::InvalidLabels("a series needs at least one label".to_owned()));
        }
        self.limits.check_labels(labels)?;
        let mut index = self.index.write();
        // Somebody may have been faster.
        if index.next_slot() != next
            && let Some(slot) = index.find(labels, hash)
        {
            return Ok(slot);
        }
        self.limits.check_series(index.len(), labels)?;
        let slot = index.add(labels, hash).map_err(|full| AppendError::Limit(full.to_string()))?;
        self.index_bytes.store(index.heap_size(), Ordering::Relaxed);
        self.pages.make(slot).set_newest(slot, NO_SAMPLE);
        self.unlogged.lock().push((slot, labels.clone()));
        Ok(slot)
    }

    /// What callers get to name a series: its slot, and which head it is of.
    #[inline]
    fn reference(&self, slot: u32) -> SeriesRef {
        SeriesRef(u64::from(self.session) << 32 | u64::from(slot))
    }

    /// Keeps the memory of a batch for the next one.
    pub(super) fn keep_for_reuse(&self, mut pending: Pending) {
        /// More than writers at work at a time.
        const SPARE: usize = 8;
        pending.clear();
        let mut spare = self.spare.lock();
        if spare.len() < SPARE {
            spare.push(pending);
        }
    }

    /// What a batch that begins now goes by.
    fn bounds(&self) -> Bounds {
        let newest = self.times.max.load(Ordering::Acquire);
        Bounds { min_valid: self.min_valid(), newest, window: self.late.window() }
    }

    /// Logs what is pending and makes it visible.
    fn commit(&self, pending: &mut Pending, bounds: &Bounds) -> Result<(), AppendError> {
        if self.is_read_only {
            return Err(AppendError::store(Error::ReadOnly));
        }
        let number = {
            let mut log = self.commit.lock();
            let new = std::mem::take(&mut *self.unlogged.lock());
            part_late(pending, bounds, &self.pages, |refused| self.count(&refused));
            match self.log(&mut log, &new, pending) {
                Ok(number) => number,
                Err(error) => {
                    // The series exist, so a later commit has to log them.
                    self.unlogged.lock().splice(0..0, new);
                    return Err(AppendError::store(error));
                }
            }
        };
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.wait_for_disk(number).map_err(AppendError::store),
        }
    }

    /// Logs late samples, then the others, and puts both into memory.
    fn log(&self, log: &mut Log, new: &[(u32, LabelSet)], pending: &mut Pending) -> Result<u64, FileError> {
        let late = self.add_late(log, &mut pending.late)?;
        match log.write(new, pending) {
            Ok(number) => {
                self.finish_late(log, late);
                self.apply(pending);
                Ok(number)
            }
            Err(error) => {
                self.withdraw_late(log, late);
                Err(error)
            }
        }
    }

    /// Counts a sample that is refused.
    fn count(&self, refused: &AppendError) {
        let counter = match refused {
            AppendError::Duplicate => &self.counts.duplicate,
            AppendError::OutOfBounds => &self.counts.out_of_bounds,
            AppendError::TooOld => &self.counts.too_old,
            _ => &self.counts.out_of_order,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when a commit is durable. Those who wait share a sync: whoever comes first syncs for all that were written
    /// by then, while others go on writing.
    fn wait_for_disk(&self, number: u64) -> Result<(), FileError> {
        let mut synced = self.synced.lock();
        if *synced < number {
            let point = self.commit.lock().sync_point()?;
            if let Some((written, points)) = point {
                points.iter().try_for_each(SyncPoint::sync)?;
                *synced = written;
            }
        }
        Ok(())
    }

    /// Puts logged samples into memory. Those that lost a race against another batch are dropped and counted.
    pub(super) fn apply(&self, pending: &mut Pending) {
        let captures = self.captures.active();
        let mut taken = 0;
        let mut done = 0;
        for sample in pending.histograms.drain(..) {
            taken += self.apply_floats(&pending.floats[done..sample.after], &captures);
            done = sample.after;
            taken += u64::from(self.apply_histogram(sample, &captures));
        }
        taken += self.apply_floats(&pending.floats[done..], &captures);
        self.counts.appended.fetch_add(taken, Ordering::Relaxed);
        if !pending.exemplars.is_empty() {
            let mut ring = self.exemplars.lock();
            for (slot, exemplar) in pending.exemplars.drain(..) {
                ring.push(slot, exemplar);
            }
            self.exemplar_bytes.store(ring.heap_size(), Ordering::Relaxed);
        }
        if !pending.metadata.is_empty() {
            let mut known = self.metadata.write();
            for (slot, metadata) in pending.metadata.drain(..) {
                known.insert(slot, metadata);
            }
            self.metadata_bytes.store(known.heap_size(), Ordering::Relaxed);
        }
    }

    /// Applies floats, taking each page's lock once per run of neighbours.
    fn apply_floats(&self, samples: &[FloatSample], captures: &[Arc<Capture>]) -> u64 {
        let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
        let mut taken = 0;
        for run in samples.chunk_by(|a, b| a.series / u64::from(PAGE) == b.series / u64::from(PAGE)) {
            let page = self.pages.make(run[0].series as u32);
            let mut guard = page.lock();
            for sample in run {
                let slot = sample.series as u32;
                let (series, slab) = guard.parts(slot);
                if !captures.is_empty() {
                    leave_count(captures, slot, series.taken());
                }
                if series.push_float(slab, sample.timestamp, sample.value, self.rule) {
                    page.set_newest(slot, sample.timestamp);
                    first = first.min(sample.timestamp);
                    last = last.max(sample.timestamp);
                    taken += 1;
                }
            }
        }
        self.counts.duplicate.fetch_add(samples.len() as u64 - taken, Ordering::Relaxed);
        if taken > 0 {
            self.cover(first, last);
        }
        taken
    }

    fn apply_histogram(&self, sample: HistogramSample, captures: &[Arc<Capture>]) -> bool {
        let page = self.pages.make(sample.slot);
        let mut guard = page.lock();
        let (series, slab) = guard.parts(sample.slot);
        leave_count(captures, sample.slot, series.taken());
        let taken = series.push_histogram(slab, sample.timestamp, sample.value, self.rule);
        if taken {
            page.set_newest(sample.slot, sample.timestamp);
            self.cover(sample.timestamp, sample.timestamp);
        } else {
            self.counts.duplicate.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

impl<'a> HeadBatch<'a> {
    /// The series to append to: by reference if it is known, by labels otherwise.
    #[inline]
    fn resolve(&mut self, series: SeriesRef, labels: &LabelSet) -> Result<(u32, &'a Page), AppendError> {
        if let Some(known) = self.known(series) {
            return Ok(known);
        }
        let slot = self.head.get_or_create(labels)?;
        Ok((slot, self.page(slot).unwrap_or_else(|| self.head.pages.make(slot))))
    }

    /// The series of a reference that is not out of date.
    #[inline]
    fn known(&mut self, series: SeriesRef) -> Option<(u32, &'a Page)> {
        if (series.0 >> 32) as u32 != self.head.session {
            return None;
        }
        let slot = series.0 as u32;
        let page = self.page(slot)?;
        (page.newest(slot) != NO_SERIES).then_some((slot, page))
    }

    #[inline]
    fn page(&mut self, slot: u32) -> Option<&'a Page> {
        match self.page {
            Some((number, page)) if number == slot / PAGE => Some(page),
            _ => {
                let page = self.head.pages.get(slot)?;
                self.page = Some((slot / PAGE, page));
                Some(page)
            }
        }
    }

    /// Refuses what is out of bounds whatever its series, and keeps track of time.
    #[inline]
    fn check_time(&mut self, timestamp: Timestamp) -> Result<(), AppendError> {
        if timestamp < self.bounds.min_valid {
            self.bounds.check_late(timestamp, LateSamples::Take).map_err(|e| self.count(e))?;
        }
        self.bounds.begin_at(timestamp, self.head.rule.chunk_range);
        self.pending.is_falling |= timestamp < self.last_time;
        self.last_time = timestamp;
        Ok(())
    }

    /// Whether there is memory for one thing more of a series, those of this batch counted.
    #[inline]
    fn check_memory(&self, series: SeriesRef, labels: &LabelSet) -> Result<(), AppendError> {
        let max = self.head.limits.max_bytes;
        if max == usize::MAX {
            return Ok(());
        }
        let pending = self.pending.floats.len() * size_of::<FloatSample>() + self.pending.bytes;
        let taken = self.head.bytes() + pending;
        if taken < max { Ok(()) } else { Err(self.out_of_memory(series, labels, taken)) }
    }

    #[cold]
    fn out_of_memory(&self, series: SeriesRef, labels: &LabelSet, taken: usize) -> AppendError {
        let is_known = (series.0 >> 32) as u32 == self.head.session;
        let series = if labels.is_empty() && is_known {
            Shown::new(&self.head.index.read().labels(series.0 as u32))
        } else {
            Shown::new(labels)
        };
        Reached::Memory { series, taken, max: self.head.limits.max_bytes }.into()
    }

    /// Whether a sample that `check` looks at is in order; if not, whether it may come late.
    #[inline]
    fn is_in_order(
        &self,
        page: &Page,
        slot: u32,
        timestamp: Timestamp,
        check: impl FnOnce(&Series) -> Result<(), AppendError>,
    ) -> Result<bool, AppendError> {
        let mut is_in_order = timestamp >= self.bounds.min_valid;
        // Without the lock: a commit that runs meanwhile is met again when this batch is applied.
        if is_in_order && timestamp <= page.newest(slot) {
            match check(page.lock().series(slot)) {
                Ok(()) => {}
                Err(AppendError::OutOfOrder) => is_in_order = false,
                Err(other) => return Err(self.count(other)),
            }
        }
        if !is_in_order {
            self.bounds.check_late(timestamp, self.late_samples).map_err(|e| self.count(e))?;
        }
        Ok(is_in_order)
    }

    fn push_late(&mut self, sample: LateSample) {
        self.pending.bytes += size_of::<LateSample>() + heap_size(&sample.value);
        self.pending.late.push(sample);
    }

    fn count(&self, refused: AppendError) -> AppendError {
        self.head.count(&refused);
        refused
    }
}

impl Batch for HeadBatch<'_> {
    #[inline]
    fn append_float(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        timestamp: Timestamp,
        value: f64,
    ) -> Result<SeriesRef, AppendError> {
        self.check_time(timestamp)?;
        self.check_memory(series, labels)?;
        let (slot, page) = self.resolve(series, labels)?;
        if self.is_in_order(page, slot, timestamp, |series| series.check_float(timestamp, value))? {
            self.pending.floats.push(FloatSample { series: slot.into(), timestamp, value });
        } else {
            self.push_late(LateSample { slot, timestamp, value: Value::Float(value) });
        }
        Ok(self.head.reference(slot))
    }

    fn append(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        timestamp: Timestamp,
        value: &Value,
    ) -> Result<SeriesRef, AppendError> {
        let value = match value {
            Value::Float(v) => return self.append_float(series, labels, timestamp, *v),
            other => other.clone(),
        };
        self.check_time(timestamp)?;
        self.check_memory(series, labels)?;
        match &value {
            Value::Histogram(h) => h.validate(),
            Value::FloatHistogram(h) => h.validate(),
            _ => Ok(()),
        }
        .map_err(|e| AppendError::InvalidHistogram(e.to_string()))?;
        let (slot, page) = self.resolve(series, labels)?;
        if self.is_in_order(page, slot, timestamp, |series| series.check_histogram(timestamp, &value))? {
            let after = self.pending.floats.len();
            self.pending.bytes += size_of::<HistogramSample>() + heap_size(&value);
            self.pending.histograms.push(HistogramSample { slot, timestamp, value, after });
        } else {
            self.push_late(LateSample { slot, timestamp, value });
        }
        Ok(self.head.reference(slot))
    }

    fn late_samples(&mut self, policy: LateSamples) {
        self.late_samples = policy;
    }

    fn append_exemplar(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        exemplar: &Exemplar,
    ) -> Result<(), AppendError> {
        self.check_memory(series, labels)?;
        let ring = self.head.exemplars.lock();
        if !ring.is_enabled() {
            return Ok(());
        }
        let slot = match self.known(series) {
            Some((slot, _)) => slot,
            None => self.head.index.read().find(labels, labels.stable_hash()).ok_or_else(|| {
                AppendError::InvalidLabels("an exemplar needs a series that exists".to_owned())
            })?,
        };
        let newest_sample =
            self.pending.floats.iter().rfind(|s| s.series == u64::from(slot)).map(|s| s.timestamp);
        let mut exemplar = exemplar.clone();
        exemplar.timestamp = exemplar.timestamp.or(newest_sample);
        if ring.check(slot, &exemplar)? {
            self.pending.bytes += exemplar_size(&exemplar);
            self.pending.exemplars.push((slot, exemplar));
        }
        Ok(())
    }

    fn append_metadata(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        metadata: &Metadata,
    ) -> Result<(), AppendError> {
        self.check_memory(series, labels)?;
        let (slot, _) = self.resolve(series, labels)?;
        if self.head.metadata.read().get(slot).is_none_or(|known| **known != *metadata) {
            self.pending.bytes += metadata_size(metadata);
            self.pending.metadata.push((slot, metadata.clone()));
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<(), AppendError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let head = self.head;
        let result = head.commit(&mut self.pending, &self.bounds);
        head.keep_for_reuse(std::mem::take(&mut self.pending));
        result
    }

    fn rollback(mut self: Box<Self>) {
        self.head.keep_for_reuse(std::mem::take(&mut self.pending));
    }
}
