//! What the head writes to the write-ahead log: one commit, one write.

use std::collections::HashMap;
use std::mem::discriminant;

use metrics_core::{LabelSet, Value};

use super::append::{HistogramSample, Pending};
use super::out_of_order::LateLog;
use crate::fs::FileError;
use crate::wal::{self, ExemplarRef, FloatSample, MetadataRef, SyncPoint, Tombstone, Wal};

/// Samples and series per record, so that a record never outgrows a segment.
const SAMPLES_PER_RECORD: usize = 1 << 18;
const SERIES_PER_RECORD: usize = 1 << 14;

/// The head's end of the log; without a [`Wal`] it forgets everything.
#[derive(Debug, Default)]
pub(crate) struct Log {
    wal: Option<Wal>,
    record: Vec<u8>,
    /// Commits written, whether durable or not.
    commits: u64,
    /// References of series whose number in the log is not their slot; from logs of others.
    references: HashMap<u32, u64>,
    pub(super) late: LateLog,
}

impl Log {
    /// A log that keeps nothing.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Starts writing, after replay.
    pub(crate) fn open(&mut self, wal: Wal) {
        self.wal = Some(wal);
    }

    /// The log's files, if it has any.
    pub(super) fn wal(&mut self) -> Option<&mut Wal> {
        self.wal.as_mut()
    }

    /// Notes under which number the log knows a series.
    pub(super) fn set_reference(&mut self, slot: u32, reference: u64) {
        self.references.insert(slot, reference);
    }

    /// Numbers under which the log knows series, where they are not the slots.
    pub(super) fn references(&self) -> &HashMap<u32, u64> {
        &self.references
    }

    /// The number under which the log knows a series.
    pub(super) fn reference(&self, slot: u32) -> u64 {
        if self.references.is_empty() {
            return slot.into();
        }
        self.references.get(&slot).copied().unwrap_or(slot.into())
    }

    /// Hands one commit to the system: all of it or nothing. Returns the commit's number.
    pub(super) fn write(&mut self, new: &[(u32, LabelSet)], pending: &Pending) -> Result<u64, FileError> {
        self.commits += 1;
        let Some(mut wal) = self.wal.take() else { return Ok(self.commits) };
        let result = self.write_records(&mut wal, new, pending).and_then(|()| wal.flush());
        if result.is_err() {
            wal.discard();
        }
        self.wal = Some(wal);
        result.map(|()| self.commits)
    }

    /// Hands a record of deletions to the system, and makes it durable: deletions are rare.
    pub(super) fn write_tombstones(&mut self, tombstones: &[Tombstone]) -> Result<(), FileError> {
        let Some(wal) = &mut self.wal else { return Ok(()) };
        self.record.clear();
        wal::put_tombstones(&mut self.record, tombstones.iter().copied());
        wal.log(&self.record)?;
        wal.sync()
    }

    /// How to make durable what was written so far, and the number of the last commit in it. `None` without files.
    pub(super) fn sync_point(&self) -> Result<Option<(u64, Vec<SyncPoint>)>, FileError> {
        let Some(wal) = &self.wal else { return Ok(None) };
        let mut points = vec![wal.sync_point()?];
        points.extend(self.late.sync_point()?);
        Ok(Some((self.commits, points)))
    }

    fn write_records(
        &mut self,
        wal: &mut Wal,
        new: &[(u32, LabelSet)],
        pending: &Pending,
    ) -> Result<(), FileError> {
        for part in new.chunks(SERIES_PER_RECORD) {
            self.record.clear();
            wal::put_series(&mut self.record, part.iter().map(|(slot, labels)| (u64::from(*slot), labels)));
            wal.log(&self.record)?;
        }
        // Kinds alternate only where one series changes its kind within a batch.
        let mut done = 0;
        for run in pending
            .histograms
            .chunk_by(|a, b| a.after == b.after && discriminant(&a.value) == discriminant(&b.value))
        {
            self.write_floats(wal, &pending.floats[done..run[0].after])?;
            done = run[0].after;
            self.write_histograms(wal, run)?;
        }
        self.write_floats(wal, &pending.floats[done..])?;
        if !pending.exemplars.is_empty() {
            let exemplars: Vec<_> = pending
                .exemplars
                .iter()
                .filter_map(|(slot, e)| {
                    let series = self.reference(*slot);
                    let labels = e.labels.clone();
                    Some(ExemplarRef { series, timestamp: e.timestamp?, value: e.value, labels })
                })
                .collect();
            self.record.clear();
            wal::put_exemplars(&mut self.record, &exemplars);
            wal.log(&self.record)?;
        }
        if !pending.metadata.is_empty() {
            let metadata: Vec<_> = pending
                .metadata
                .iter()
                .map(|(slot, m)| MetadataRef {
                    series: self.reference(*slot),
                    metric_type: m.metric_type,
                    unit: m.unit.clone(),
                    help: m.help.clone(),
                })
                .collect();
            self.record.clear();
            wal::put_metadata(&mut self.record, &metadata);
            wal.log(&self.record)?;
        }
        Ok(())
    }

    fn write_floats(&mut self, wal: &mut Wal, samples: &[FloatSample]) -> Result<(), FileError> {
        for part in samples.chunks(SAMPLES_PER_RECORD) {
            if self.references.is_empty() {
                wal.log_samples(part)?;
                continue;
            }
            let renamed: Vec<_> =
                part.iter().map(|s| FloatSample { series: self.reference(s.series as u32), ..*s }).collect();
            wal.log_samples(&renamed)?;
        }
        Ok(())
    }

    /// Writes histograms of one kind.
    fn write_histograms(&mut self, wal: &mut Wal, samples: &[HistogramSample]) -> Result<(), FileError> {
        let (mut integers, mut floats) = (Vec::new(), Vec::new());
        for sample in samples {
            let (series, timestamp) = (self.reference(sample.slot), sample.timestamp);
            match &sample.value {
                Value::Histogram(h) => {
                    integers.push(wal::HistogramSample { series, timestamp, histogram: h.clone() });
                }
                Value::FloatHistogram(h) => {
                    floats.push(wal::FloatHistogramSample { series, timestamp, histogram: h.clone() });
                }
                _ => {}
            }
        }
        let mut records = [const { Vec::new() }; 4];
        let [a, b, c, d] = &mut records;
        if !integers.is_empty() {
            wal::put_histograms(a, b, &integers);
        }
        if !floats.is_empty() {
            wal::put_float_histograms(c, d, &floats);
        }
        records.iter().filter(|r| !r.is_empty()).try_for_each(|record| wal.log(record))
    }
}
