//! The late samples of a batch on their way into log and memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics_core::{TimeRange, Value, is_stale};

use super::log::Records;
use super::{LateSample, LateSeries};
use crate::fs::FileError;
use crate::head::isolation::Capture;
use crate::head::{Head, Log};
use crate::wal::MmapMarker;

/// What a commit did to late samples, until all of it is done or undone.
#[derive(Debug, Default)]
pub(in crate::head) struct LateCommit {
    series: HashMap<u32, Touched>,
    taken: u64,
    duplicate: u64,
}

/// A series that the commit added to.
#[derive(Debug)]
struct Touched {
    before: Option<Arc<LateSeries>>,
    /// How often its open chunk was closed.
    closings: usize,
    /// How many of its chunks were added to the chunk files.
    saved: usize,
}

impl Head {
    /// Logs late samples and adds them to their series, out of sight of readers until the commit ends with
    /// [`Head::finish_late`] or [`Head::withdraw_late`].
    pub(in crate::head) fn add_late(
        &self,
        log: &mut Log,
        samples: &mut Vec<LateSample>,
    ) -> Result<LateCommit, FileError> {
        let mut commit = LateCommit::default();
        if samples.is_empty() {
            return Ok(commit);
        }
        let captures = self.captures.active();
        let mut records = vec![Records::default()];
        for sample in samples.drain(..) {
            self.add_late_sample(log, &captures, sample, &mut commit, &mut records);
        }
        match log.late.write(&records) {
            Ok(()) => Ok(commit),
            Err(error) => {
                self.restore_late(commit);
                Err(error)
            }
        }
    }

    fn add_late_sample(
        &self,
        log: &mut Log,
        captures: &[Arc<Capture>],
        sample: LateSample,
        commit: &mut LateCommit,
        records: &mut Vec<Records>,
    ) {
        let LateSample { slot, timestamp, mut value } = sample;
        if let Value::Float(float) = value
            && is_stale(float)
            && let Some(marker) = self.marker_of(slot, float)
        {
            value = marker;
        }
        let series = log.reference(slot);
        let touched = match commit.series.entry(slot) {
            Entry::Occupied(touched) => touched.into_mut(),
            Entry::Vacant(new) => {
                let before = self.late.leave(slot, captures);
                new.insert(Touched { before, closings: 0, saved: 0 })
            }
        };
        let limit = self.late.chunk_samples;
        let (is_taken, full) = self.late.change(slot, |late| {
            let full = (late.open_len() >= limit).then(|| {
                late.close();
                late.unsaved()[touched.saved..].to_vec()
            });
            (late.insert(timestamp, value.clone()), full)
        });
        if let Some(full) = full {
            touched.closings += 1;
            if records.len() <= touched.closings {
                records.push(Records::default());
            }
            // A marker stands for all that was logged of the series before. That may include samples of an earlier
            // generation that no chunk file has; until their block is there, chunks stay in memory.
            let may_save = !self.late.generations.read().is_leaving(slot);
            let save = || full.iter().map(|chunk| log.late.add_chunk(series, chunk)).collect();
            if let Some(chunks) = may_save.then(save).flatten() {
                let chunks: Vec<u64> = chunks;
                touched.saved += chunks.len();
                let markers = &mut records[touched.closings].markers;
                markers.extend(chunks.into_iter().map(|chunk| MmapMarker { series, chunk }));
            }
        }
        if is_taken {
            commit.taken += 1;
            self.late.cover(TimeRange::new(timestamp, timestamp));
            records[touched.closings].push(series, timestamp, value);
        } else {
            commit.duplicate += 1;
        }
    }

    /// The staleness marker that fits the newest sample of a series, if that is a histogram.
    fn marker_of(&self, slot: u32, marker: f64) -> Option<Value> {
        self.pages.get(slot)?.lock().series(slot).marker_in_place_of(marker)
    }

    /// Ends a commit whose other samples are logged too.
    pub(in crate::head) fn finish_late(&self, log: &mut Log, commit: LateCommit) {
        self.counts.late.fetch_add(commit.taken, Ordering::Relaxed);
        self.counts.duplicate.fetch_add(commit.duplicate, Ordering::Relaxed);
        if commit.series.values().any(|touched| touched.saved > 0) && log.late.write_chunks() {
            for (slot, touched) in commit.series {
                self.late.change(slot, |late| late.set_saved(touched.saved));
            }
        }
    }

    /// Undoes a commit whose other samples could not be logged.
    pub(in crate::head) fn withdraw_late(&self, log: &mut Log, commit: LateCommit) {
        if !commit.series.is_empty() {
            log.late.withdraw();
            self.restore_late(commit);
        }
    }

    fn restore_late(&self, commit: LateCommit) {
        for (slot, touched) in commit.series {
            self.late.restore(slot, touched.before);
        }
    }
}
