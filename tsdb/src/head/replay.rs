//! Reading the log back into memory on start.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use metrics_core::{Exemplar, LabelSet, Metadata, Timestamp, Value};

use super::append::{HistogramSample, Pending};
use super::pages::{NO_SAMPLE, NO_SERIES, PAGE};
use super::{Head, Log};
use crate::fs::{FileError, Fs};
use crate::wal::{
    self, FloatSample, RecordError, RecordKind, SampleReader, SegmentFile, SegmentReader, Wal, WalOptions,
};

/// What a replay found.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Samples of series that the log never named.
    pub(crate) unknown: u64,
    /// Damage that was cut off, if there was any.
    pub(crate) damage: Option<FileError>,
    /// Records that were intact but made no sense.
    pub(crate) malformed: Vec<FileError>,
}

impl Head {
    /// Reads a log, cuts off a damaged end, and goes on writing it; only reads it if the store is read only. What a
    /// snapshot has need not be read: `from` is the segment with which to go on behind it.
    ///
    /// # Errors
    /// If files cannot be read or written, or a checkpoint is damaged.
    pub(crate) fn replay(
        &self,
        fs: &Arc<dyn Fs>,
        dir: &Path,
        options: WalOptions,
        from: Option<u32>,
        threads: usize,
    ) -> Result<Replayed, FileError> {
        std::thread::scope(|scope| {
            let hands = Hands::new(self, scope, threads);
            let mut replay = Replay::new(self, hands);
            replay.all(fs, dir, from)?;
            // Opened after a repair: it goes on behind the last segment.
            let wal = if self.is_read_only { None } else { Some(Wal::open(fs.clone(), dir, options)?) };
            Ok(replay.finish(wal))
        })
    }
}

impl Head {
    /// Cuts a log off where it is damaged, unless it is only read. Returns what to tell of it.
    pub(super) fn mend(
        &self,
        fs: &dyn Fs,
        dir: &Path,
        damage: FileError,
    ) -> Result<Option<FileError>, FileError> {
        let what = damage.to_string();
        let at = match &damage {
            FileError::Damaged { path, offset, .. } => Some((path.clone(), *offset)),
            _ => None,
        };
        if !self.is_read_only {
            wal::repair(fs, dir, damage)?;
        }
        Ok(at.map(|(path, offset)| FileError::damaged(path, offset, what)))
    }
}

impl Replay<'_, '_> {
    /// Reads the last checkpoint and what follows it, or what follows a snapshot.
    fn all(&mut self, fs: &Arc<dyn Fs>, dir: &Path, from: Option<u32>) -> Result<(), FileError> {
        let from = match from {
            Some(segment) => segment,
            None => self.checkpoint(&**fs, dir)?,
        };
        for segment in wal::segments(&**fs, dir)?.into_iter().filter(|s| s.number >= from) {
            if let Err(damage) = self.segment(&**fs, &segment) {
                self.found.damage = self.head.mend(&**fs, dir, damage)?;
                break;
            }
        }
        Ok(())
    }
}

/// A replay that is going on.
struct Replay<'scope, 'env> {
    head: &'env Head,
    hands: Hands<'scope, 'env>,
    log: Log,
    /// References that are not slots.
    slots: HashMap<u64, u32>,
    highest: u64,
    found: Replayed,
    samples: SampleReader,
    buffers: Buffers,
}

#[derive(Default)]
struct Buffers {
    samples: Vec<FloatSample>,
    series: Vec<(u64, LabelSet)>,
    integers: Vec<wal::HistogramSample>,
    floats: Vec<wal::FloatHistogramSample>,
    exemplars: Vec<wal::ExemplarRef>,
    metadata: Vec<wal::MetadataRef>,
}

impl<'scope, 'env> Replay<'scope, 'env> {
    fn new(head: &'env Head, hands: Hands<'scope, 'env>) -> Self {
        Self {
            head,
            hands,
            // What a snapshot told.
            log: std::mem::take(&mut *head.commit.lock()),
            slots: std::mem::take(&mut head.aliases.lock().slots),
            highest: 0,
            found: Replayed::default(),
            samples: SampleReader::default(),
            buffers: Buffers::default(),
        }
    }

    /// Reads the last checkpoint. Returns the segment that follows it.
    fn checkpoint(&mut self, fs: &dyn Fs, dir: &Path) -> Result<u32, FileError> {
        let Some((checkpoint, last)) = wal::last_checkpoint(fs, dir)? else { return Ok(0) };
        for segment in wal::segments(fs, &checkpoint)? {
            self.segment(fs, &segment)?;
        }
        Ok(last.saturating_add(1))
    }

    fn segment(&mut self, fs: &dyn Fs, segment: &SegmentFile) -> Result<(), FileError> {
        let mut reader = SegmentReader::open(fs, &segment.path)?;
        self.samples.begin_segment();
        loop {
            let at = reader.offset();
            let Some(record) = reader.next()? else { return Ok(()) };
            if let Err(error) = self.record(record) {
                self.found.malformed.push(FileError::damaged(&segment.path, at, error.to_string()));
            }
        }
    }

    /// Applies a record. One that is malformed in the middle is applied as far as it was read.
    fn record(&mut self, record: &[u8]) -> Result<(), RecordError> {
        match RecordKind::of(record) {
            Some(RecordKind::Series) => self.series(record),
            Some(RecordKind::Samples | RecordKind::SamplesV2 | RecordKind::DenseSamples) => {
                let mut samples = std::mem::take(&mut self.buffers.samples);
                let result = self.samples.read(record, &mut samples);
                self.floats(&samples);
                samples.clear();
                self.buffers.samples = samples;
                result
            }
            Some(
                RecordKind::Histograms
                | RecordKind::CustomHistograms
                | RecordKind::FloatHistograms
                | RecordKind::CustomFloatHistograms
                | RecordKind::HistogramsV2
                | RecordKind::FloatHistogramsV2,
            ) => self.histograms(record),
            Some(RecordKind::Tombstones) => self.tombstones(record),
            Some(RecordKind::Exemplars) => self.exemplars(record),
            Some(RecordKind::Metadata) => self.metadata(record),
            _ => Ok(()),
        }
    }

    fn series(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let mut series = std::mem::take(&mut self.buffers.series);
        let result = wal::read_series(record, &mut series);
        let mut index = self.head.index.write();
        for (reference, labels) in series.drain(..) {
            if labels.is_empty() {
                continue;
            }
            self.highest = self.highest.max(reference);
            let hash = labels.stable_hash();
            let slot = match index.find(&labels, hash) {
                Some(slot) => slot,
                None => {
                    // Slots follow the log's own numbers where those rise, as they do unless the log had trouble.
                    let wanted = u32::try_from(reference).unwrap_or(0);
                    index.skip_to(wanted);
                    // Full indexes lose what they cannot hold; the samples are counted as unknown.
                    let Ok(slot) = index.add(&labels, hash) else { continue };
                    self.head.pages.make(slot).set_newest(slot, NO_SAMPLE);
                    if u64::from(slot) != reference {
                        self.log.set_reference(slot, reference);
                    }
                    slot
                }
            };
            if u64::from(slot) != reference {
                self.slots.insert(reference, slot);
            }
        }
        drop(index);
        self.buffers.series = series;
        result
    }

    /// Hands floats over, neighbours together.
    fn floats(&mut self, samples: &[FloatSample]) {
        for run in samples.chunk_by(|a, b| a.series / u64::from(PAGE) == b.series / u64::from(PAGE)) {
            if self.are_slots(run) {
                self.hands.floats(run);
                continue;
            }
            for sample in run {
                if let Some(slot) = self.slot(sample.series, sample.timestamp) {
                    self.hands.floats(&[FloatSample { series: slot.into(), ..*sample }]);
                }
            }
        }
    }

    /// Whether all samples of a page are to be taken and go by their slots, as nearly all do.
    fn are_slots(&self, run: &[FloatSample]) -> bool {
        let min_valid = self.head.times.min_valid.load(Ordering::Relaxed);
        let page = u32::try_from(run[0].series).ok().and_then(|slot| self.head.pages.get(slot));
        page.is_some_and(|page| {
            let is_known = |s: &FloatSample| page.newest(s.series as u32) != NO_SERIES;
            self.slots.is_empty() && run.iter().all(|s| s.timestamp >= min_valid && is_known(s))
        })
    }

    /// The slot of a sample. None for what blocks have, and for what is unknown.
    #[inline]
    fn slot(&mut self, reference: u64, timestamp: Timestamp) -> Option<u32> {
        if timestamp < self.head.times.min_valid.load(Ordering::Relaxed) {
            return None;
        }
        let slot = self.known_slot(reference);
        self.found.unknown += u64::from(slot.is_none());
        slot
    }

    fn known_slot(&self, reference: u64) -> Option<u32> {
        if let Some(slot) = self.slots.get(&reference) {
            return Some(*slot);
        }
        let slot = u32::try_from(reference).ok()?;
        let page = self.head.pages.get(slot)?;
        (page.newest(slot) != NO_SERIES).then_some(slot)
    }

    fn histograms(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let mut integers = std::mem::take(&mut self.buffers.integers);
        let mut floats = std::mem::take(&mut self.buffers.floats);
        let result = match RecordKind::of(record) {
            Some(RecordKind::Histograms | RecordKind::CustomHistograms | RecordKind::HistogramsV2) => {
                wal::read_histograms(record, &mut integers)
            }
            _ => wal::read_float_histograms(record, &mut floats),
        };
        let integers_ = integers.drain(..).map(|s| (s.series, s.timestamp, Value::Histogram(s.histogram)));
        let floats_ = floats.drain(..).map(|s| (s.series, s.timestamp, Value::FloatHistogram(s.histogram)));
        for (series, timestamp, value) in integers_.chain(floats_) {
            if let Some(slot) = self.slot(series, timestamp) {
                self.hands.histogram(slot, timestamp, value);
            }
        }
        self.buffers.integers = integers;
        self.buffers.floats = floats;
        result
    }

    fn tombstones(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let mut tombstones = Vec::new();
        let result = wal::read_tombstones(record, &mut tombstones);
        for t in tombstones {
            if let Some(slot) = self.known_slot(t.series) {
                self.head.deleted.write().add(slot.into(), t.start, t.end);
            }
        }
        result
    }

    fn exemplars(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let mut exemplars = std::mem::take(&mut self.buffers.exemplars);
        let result = wal::read_exemplars(record, &mut exemplars);
        for e in exemplars.drain(..) {
            if let Some(slot) = self.known_slot(e.series) {
                let exemplar = Exemplar { labels: e.labels, value: e.value, timestamp: Some(e.timestamp) };
                self.hands.of(slot).exemplars.push((slot, exemplar));
            }
        }
        self.buffers.exemplars = exemplars;
        result
    }

    fn metadata(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let mut metadata = std::mem::take(&mut self.buffers.metadata);
        let result = wal::read_metadata(record, &mut metadata);
        for m in metadata.drain(..) {
            if let Some(slot) = self.known_slot(m.series) {
                let metadata = Metadata { metric_type: m.metric_type, help: m.help, unit: m.unit };
                self.hands.of(slot).metadata.push((slot, metadata));
            }
        }
        self.buffers.metadata = metadata;
        result
    }

    fn finish(self, wal: Option<Wal>) -> Replayed {
        self.hands.finish();
        let mut log = self.log;
        if let Some(wal) = wal {
            log.open(wal);
        }
        *self.head.commit.lock() = log;
        // New series must not take numbers that the log has given out.
        let next = u32::try_from(self.highest.saturating_add(1)).unwrap_or(0);
        let mut index = self.head.index.write();
        index.skip_to(next);
        self.head.index_bytes.store(index.heap_size(), Ordering::Relaxed);
        drop(index);
        self.head.aliases.lock().slots = self.slots;
        self.found
    }
}

/// Floats that are handed over at once.
const HANDFUL: usize = 4096;
/// Handfuls that may wait for a thread: it should not run dry, nor memory fill up.
const WAITING: usize = 8;

/// Those who apply what the log says: each thread has the series of some pages, and gets their samples in the log's
/// order. Without threads it is done on the spot.
struct Hands<'scope, 'env> {
    head: &'env Head,
    pending: Vec<Pending>,
    threads: Vec<(SyncSender<Pending>, ScopedJoinHandle<'scope, ()>)>,
}

impl<'scope, 'env> Hands<'scope, 'env> {
    fn new(head: &'env Head, scope: &'scope Scope<'scope, 'env>, threads: usize) -> Self {
        let threads = if threads > 1 { threads } else { 0 };
        let start = |_| {
            let (sender, receiver) = sync_channel::<Pending>(WAITING);
            let work = move || {
                for mut pending in receiver {
                    head.apply(&mut pending);
                    head.keep_for_reuse(pending);
                }
            };
            (sender, scope.spawn(work))
        };
        let pending = (0..threads.max(1)).map(|_| Pending::default()).collect();
        Self { head, pending, threads: (0..threads).map(start).collect() }
    }

    /// What waits to be handed over, for the thread that has a series.
    #[inline]
    fn of(&mut self, slot: u32) -> &mut Pending {
        let thread = (slot / PAGE) as usize % self.pending.len();
        &mut self.pending[thread]
    }

    /// Adds samples of one page.
    #[inline]
    fn floats(&mut self, samples: &[FloatSample]) {
        let Some(first) = samples.first() else { return };
        let slot = first.series as u32;
        let pending = self.of(slot);
        pending.floats.extend_from_slice(samples);
        if pending.floats.len() >= HANDFUL {
            self.hand_over((slot / PAGE) as usize % self.pending.len());
        }
    }

    fn histogram(&mut self, slot: u32, timestamp: Timestamp, value: Value) {
        let pending = self.of(slot);
        let after = pending.floats.len();
        pending.histograms.push(HistogramSample { slot, timestamp, value, after });
        if pending.histograms.len() >= HANDFUL {
            self.hand_over((slot / PAGE) as usize % self.pending.len());
        }
    }

    fn hand_over(&mut self, thread: usize) {
        let pending = &mut self.pending[thread];
        match self.threads.get(thread) {
            Some((sender, _)) => {
                // Fresh memory for each would cost as much as reading what goes into it.
                let empty = self.head.spare.lock().pop().unwrap_or_default();
                // Refused only if the thread panicked, which ends the replay when it is joined.
                let _ = sender.send(std::mem::replace(pending, empty));
            }
            None => {
                self.head.apply(pending);
                pending.clear();
            }
        }
    }

    /// Hands over the rest and waits until all is applied.
    fn finish(mut self) {
        (0..self.pending.len()).for_each(|thread| self.hand_over(thread));
        for (sender, thread) in self.threads {
            drop(sender);
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        self.head.spare.lock().clear();
    }
}
