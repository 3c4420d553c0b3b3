//! Which samples are in order, which are late, and which are refused. The rules are Prometheus'.

use std::collections::HashMap;

use metrics_core::{AppendError, LateSamples, Timestamp, Value};

use super::LateSample;
use crate::head::append::{HistogramSample, Pending};
use crate::head::pages::Pages;
use crate::wal::FloatSample;

/// What a batch goes by, from its beginning to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Nothing older than this is in order.
    pub(crate) min_valid: Timestamp,
    /// Time of the head's newest sample.
    pub(crate) newest: Timestamp,
    /// Milliseconds behind `newest`; 0 if late samples are refused.
    pub(crate) window: i64,
}

impl Bounds {
    /// In a head without samples, the first one decides for the others.
    #[inline]
    pub(crate) fn begin_at(&mut self, timestamp: Timestamp, chunk_range: i64) {
        if self.newest == Timestamp::MIN {
            self.newest = timestamp;
            self.min_valid = self.min_valid.max(timestamp.saturating_sub(chunk_range / 2));
        }
    }

    /// Whether a sample that is not in order may come late.
    pub(crate) fn check_late(&self, timestamp: Timestamp, policy: LateSamples) -> Result<(), AppendError> {
        if self.window > 0 && timestamp < self.newest.saturating_sub(self.window) {
            Err(AppendError::TooOld)
        } else if self.window > 0 && policy == LateSamples::Take {
            Ok(())
        } else if self.window == 0 && timestamp < self.min_valid {
            Err(AppendError::OutOfBounds)
        } else {
            Err(AppendError::OutOfOrder)
        }
    }
}

/// Puts samples that were overtaken since they were added among the late ones: by other batches, or by newer samples of
/// this one. Called between commits. Those that are refused now are dropped and handed to `refuse`.
pub(crate) fn part_late(
    pending: &mut Pending,
    bounds: &Bounds,
    pages: &Pages,
    refuse: impl FnMut(AppendError),
) {
    let is_overtaken = |slot: u32, timestamp: Timestamp| timestamp < newest(pages, slot);
    if !pending.is_falling
        && !pending.floats.iter().any(|s| is_overtaken(s.series as u32, s.timestamp))
        && !pending.histograms.iter().any(|s| is_overtaken(s.slot, s.timestamp))
    {
        return;
    }
    let late = std::mem::take(&mut pending.late);
    let mut parting = Parting { bounds, pages, newest: HashMap::new(), late, refuse };
    let mut floats = std::mem::take(&mut pending.floats).into_iter();
    let mut done = 0;
    for histogram in std::mem::take(&mut pending.histograms) {
        let before = floats.by_ref().take(histogram.after - done);
        pending.floats.extend(before.filter(|s| parting.keeps_float(s)));
        done = histogram.after;
        if parting.keeps(histogram.slot, histogram.timestamp, || histogram.value.clone()) {
            pending.histograms.push(HistogramSample { after: pending.floats.len(), ..histogram });
        }
    }
    pending.floats.extend(floats.filter(|s| parting.keeps_float(s)));
    pending.late = parting.late;
}

fn newest(pages: &Pages, slot: u32) -> Timestamp {
    pages.get(slot).map_or(Timestamp::MIN, |page| page.newest(slot))
}

/// Goes through the samples of a batch in their order.
struct Parting<'a, F> {
    bounds: &'a Bounds,
    pages: &'a Pages,
    /// Of the series seen, times that further samples must not be older than.
    newest: HashMap<u32, Timestamp>,
    late: Vec<LateSample>,
    refuse: F,
}

impl<F: FnMut(AppendError)> Parting<'_, F> {
    fn keeps_float(&mut self, sample: &FloatSample) -> bool {
        self.keeps(sample.series as u32, sample.timestamp, || Value::Float(sample.value))
    }

    /// Whether a sample is in order; takes it if it is late.
    fn keeps(&mut self, slot: u32, timestamp: Timestamp, value: impl FnOnce() -> Value) -> bool {
        let newest = self.newest.entry(slot).or_insert_with(|| newest(self.pages, slot));
        if timestamp >= *newest {
            *newest = timestamp;
            return true;
        }
        match self.bounds.check_late(timestamp, LateSamples::Take) {
            Ok(()) => self.late.push(LateSample { slot, timestamp, value: value() }),
            Err(error) => (self.refuse)(error),
        }
        false
    }
}
