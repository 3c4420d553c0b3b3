//! Reading late samples back on start: chunk files first, then what the log has besides.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use metrics_core::{TimeRange, Timestamp, Value};

use super::{LateSeries, OutOfOrder};
use crate::fs::{FileError, Fs};
use crate::head::{Head, Replayed};
use crate::head_chunks::{HEAD_CHUNKS, Loaded};
use crate::wal::{self, MmapMarker, RecordError, RecordKind, SegmentReader, WalOptions};

/// The log of late samples, in a data directory.
pub(crate) const LATE_LOG: &str = "wbl";

impl Head {
    /// Takes up late samples: the chunks that were found in the head's chunk files, and the log beside them. To be called
    /// after the head's own log was read, which names the series.
    ///
    /// # Errors
    /// If files cannot be read or written.
    pub(crate) fn replay_late(
        &self,
        fs: &Arc<dyn Fs>,
        dir: &Path,
        options: WalOptions,
        loaded: Loaded,
    ) -> Result<Replayed, FileError> {
        let mut replay = Replay {
            head: self,
            chunks: HashSet::new(),
            lacks_chunks: false,
            series: HashMap::new(),
            found: Replayed::default(),
        };
        loaded.chunks.iter().filter(|c| c.is_late).for_each(|chunk| replay.adopt(chunk));
        let log_dir = dir.join(LATE_LOG);
        let segments = wal::segments(&**fs, &log_dir)?;
        let has_log = !segments.is_empty();
        for segment in segments {
            if let Err(damage) = replay.segment(&**fs, &segment.path) {
                replay.found.damage = self.mend(&**fs, &log_dir, damage)?;
                break;
            }
        }
        let lacks_chunks = replay.lacks_chunks;
        let found = replay.finish();
        if !self.is_read_only {
            let mut log = self.commit.lock();
            log.late.open_chunks(fs.clone(), &dir.join(HEAD_CHUNKS), loaded.files);
            if has_log || self.late.window() > 0 {
                log.late.open(fs.clone(), &log_dir, options)?;
            }
            if lacks_chunks {
                log.late.suspend();
            }
        }
        Ok(found)
    }

    /// Takes late samples from now on, and begins a log of them if there is none; or refuses them, where the window is 0.
    pub(crate) fn set_window(
        &self,
        window: i64,
        log: Option<(&Arc<dyn Fs>, &Path, WalOptions)>,
    ) -> Result<(), FileError> {
        if let Some((fs, dir, options)) = log.filter(|_| window > 0) {
            let mut log = self.commit.lock();
            if !log.late.is_open() {
                log.late.open(fs.clone(), &dir.join(LATE_LOG), options)?;
            }
        }
        self.late.set_window(window);
        Ok(())
    }
}

/// A replay that is going on.
struct Replay<'a> {
    head: &'a Head,
    /// Chunks that were found in chunk files, with the slots of their series.
    chunks: HashSet<(u32, u64)>,
    /// Whether the log speaks of chunks that are not there.
    lacks_chunks: bool,
    series: HashMap<u32, Replaying>,
    found: Replayed,
}

#[derive(Default)]
struct Replaying {
    late: LateSeries,
    /// How many of its unsaved chunks no later marker stands for.
    sealed: usize,
}

impl Replay<'_> {
    fn slot(&mut self, reference: u64) -> Option<u32> {
        let slot = self.head.slot_of(reference);
        self.found.unknown += u64::from(slot.is_none());
        slot
    }

    fn adopt(&mut self, chunk: &crate::head_chunks::HeadChunk) {
        if let Some(slot) = self.slot(chunk.series) {
            self.series.entry(slot).or_default().late.adopt(chunk);
            self.chunks.insert((slot, chunk.reference));
        }
    }

    fn segment(&mut self, fs: &dyn Fs, path: &Path) -> Result<(), FileError> {
        let mut reader = SegmentReader::open(fs, path)?;
        loop {
            let at = reader.offset();
            let Some(record) = reader.next()? else { return Ok(()) };
            if let Err(error) = self.record(record) {
                self.found.malformed.push(FileError::damaged(path, at, error.to_string()));
            }
        }
    }

    /// Applies a record. One that is malformed in the middle is applied as far as it was read.
    fn record(&mut self, record: &[u8]) -> Result<(), RecordError> {
        match RecordKind::of(record) {
            Some(RecordKind::Samples | RecordKind::SamplesV2) => {
                let mut samples = Vec::new();
                let result = wal::read_samples(record, &mut samples);
                samples.iter().for_each(|s| self.sample(s.series, s.timestamp, Value::Float(s.value)));
                result
            }
            Some(RecordKind::Histograms | RecordKind::CustomHistograms | RecordKind::HistogramsV2) => {
                let mut samples = Vec::new();
                let result = wal::read_histograms(record, &mut samples);
                samples
                    .into_iter()
                    .for_each(|s| self.sample(s.series, s.timestamp, Value::Histogram(s.histogram)));
                result
            }
            Some(
                RecordKind::FloatHistograms
                | RecordKind::CustomFloatHistograms
                | RecordKind::FloatHistogramsV2,
            ) => {
                let mut samples = Vec::new();
                let result = wal::read_float_histograms(record, &mut samples);
                samples
                    .into_iter()
                    .for_each(|s| self.sample(s.series, s.timestamp, Value::FloatHistogram(s.histogram)));
                result
            }
            Some(RecordKind::MmapMarkers) => {
                let mut markers = Vec::new();
                let result = wal::read_mmap_markers(record, &mut markers);
                markers.chunk_by(|a, b| a.series == b.series).for_each(|of_series| self.markers(of_series));
                result
            }
            _ => Ok(()),
        }
    }

    fn sample(&mut self, reference: u64, timestamp: Timestamp, value: Value) {
        let Some(slot) = self.slot(reference) else { return };
        let late = &mut self.series.entry(slot).or_default().late;
        if late.open_len() >= self.head.late.chunk_samples {
            late.close();
        }
        late.insert(timestamp, value);
    }

    /// Chunk files have what was logged of a series so far, unless the end of the files was lost. Then it stays, and no
    /// later marker takes it away.
    fn markers(&mut self, markers: &[MmapMarker]) {
        let Some(slot) = markers.first().and_then(|m| self.slot(m.series)) else { return };
        let has_all = markers.iter().all(|m| self.chunks.contains(&(slot, m.chunk)));
        // The original marks the beginning of a series' first chunk with 0.
        self.lacks_chunks |= markers.iter().any(|m| m.chunk != 0 && !self.chunks.contains(&(slot, m.chunk)));
        let Some(series) = self.series.get_mut(&slot) else { return };
        if has_all {
            series.late.forget_unsaved(series.sealed);
        } else {
            series.late.close();
            series.sealed = series.late.unsaved().len();
        }
    }

    fn finish(self) -> Replayed {
        let store: &OutOfOrder = &self.head.late;
        for (slot, series) in self.series {
            if let Some(TimeRange { start, end }) = series.late.range() {
                store.restore(slot, Some(Arc::new(series.late)));
                store.cover(TimeRange::new(start, end));
                store.note_any();
            }
        }
        self.found
    }
}
