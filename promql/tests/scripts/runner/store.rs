//! The store that scripts load: samples with start times, read back as a real store would hand them over.

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{
    Columns, FloatHistogram, LabelSet, Select, SelectError, SelectRequest, SeriesSet, Timestamp, is_stale,
};
use promql::Point;

#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) timestamp: Timestamp,
    pub(crate) value: Point,
    pub(crate) start: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct ScriptStore {
    series: BTreeMap<LabelSet, Vec<Sample>>,
}

impl ScriptStore {
    pub(crate) fn clear(&mut self) {
        self.series.clear();
    }

    /// Adds samples behind those that the series has.
    pub(crate) fn load(&mut self, labels: LabelSet, samples: Vec<Sample>) {
        let series = self.series.entry(labels).or_default();
        series.extend(samples);
        series.sort_by_key(|s| s.timestamp);
        series.dedup_by_key(|s| s.timestamp);
        set_hints(series);
    }
}

/// A store that writes chunks knows of resets between neighbours: only where a chunk must begin anew it does
/// not tell.
fn set_hints(samples: &mut [Sample]) {
    let mut before: Option<Arc<FloatHistogram>> = None;
    for sample in samples {
        let Point::Histogram(given) = &sample.value else {
            before = None;
            continue;
        };
        let hint = match (&before, given.reset_hint) {
            (_, ResetHint::Gauge) => ResetHint::Gauge,
            (_, ResetHint::Reset) | (None, _) => ResetHint::Unknown,
            (Some(before), _) if continues(before, given) => ResetHint::NotReset,
            _ => ResetHint::Unknown,
        };
        before = Some(given.clone());
        let stored = FloatHistogram { reset_hint: hint, ..FloatHistogram::clone(given) };
        sample.value = Point::Histogram(Arc::new(stored));
    }
}

fn continues(before: &FloatHistogram, now: &FloatHistogram) -> bool {
    let unknown = FloatHistogram { reset_hint: ResetHint::Unknown, ..now.clone() };
    before.reset_hint != ResetHint::Gauge
        && !is_stale(before.sum)
        && before.schema == now.schema
        && before.zero_threshold == now.zero_threshold
        && before.custom_values == now.custom_values
        && !unknown.detect_reset(before)
}

impl Select for ScriptStore {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        let matching =
            self.series.iter().filter(|(l, _)| request.matchers.iter().all(|m| m.matches_labels(l)));
        let inside = matching.map(|(labels, samples)| {
            let samples = samples.iter().filter(|s| request.range.contains(s.timestamp)).collect::<Vec<_>>();
            (labels, samples)
        });
        Ok(Box::new(Found(inside.filter(|(_, s)| !s.is_empty()).collect())))
    }
}

struct Found<'a>(Vec<(&'a LabelSet, Vec<&'a Sample>)>);

impl SeriesSet for Found<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        self.0[series].0
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        into.clear();
        for sample in &self.0[series].1 {
            match &sample.value {
                Point::Float(v) => {
                    into.floats.push(sample.timestamp, *v);
                    into.float_starts.push(sample.start);
                }
                Point::Histogram(h) => {
                    into.histograms.push(sample.timestamp, h.clone());
                    into.histogram_starts.push(sample.start);
                }
            }
        }
        Ok(())
    }
}
