//! The store behind a test: samples come in as time goes by, results of rules are kept beside them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use metrics_core::histogram::ResetHint;
use metrics_core::{
    Append, AppendError, Batch, Columns, FloatHistogram, LabelSet, METRIC_NAME, MatchOp, Select, SelectError,
    SelectRequest, SeriesRef, SeriesSet, TimeRange, Timestamp, Value,
};

/// Series of one metric name.
type Named = BTreeMap<LabelSet, Arc<RwLock<Columns>>>;

/// Keeps everything in memory, found by metric name.
#[derive(Debug, Default)]
pub(super) struct TestStore {
    by_name: RwLock<HashMap<String, Named>>,
}

impl TestStore {
    fn column(&self, labels: &LabelSet) -> Arc<RwLock<Columns>> {
        let name = labels.metric_name().unwrap_or("").to_owned();
        let mut names = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        names.entry(name).or_default().entry(labels.clone()).or_default().clone()
    }

    fn add(&self, labels: &LabelSet, at: Timestamp, value: &Value) -> Result<(), AppendError> {
        let column = self.column(labels);
        let mut column: RwLockWriteGuard<'_, Columns> =
            column.write().unwrap_or_else(PoisonError::into_inner);
        let last = column.floats.timestamps.last().max(column.histograms.timestamps.last()).copied();
        match last {
            Some(last) if last > at => return Err(AppendError::OutOfOrder),
            Some(last) if last == at => {
                let same = matches!(
                    (value, column.floats.values.last()),
                    (Value::Float(v), Some(kept)) if v.to_bits() == kept.to_bits()
                );
                return if same { Ok(()) } else { Err(AppendError::Duplicate) };
            }
            _ => {}
        }
        match value {
            Value::Float(v) => column.floats.push(at, *v),
            Value::FloatHistogram(h) => keep(&mut column, at, FloatHistogram::clone(h)),
            Value::Histogram(h) => keep(&mut column, at, h.to_float()),
            _ => {}
        }
        Ok(())
    }
}

/// Keeps a histogram as a database would hand it back: told whether a reset came before it.
fn keep(column: &mut Columns, at: Timestamp, mut histogram: FloatHistogram) {
    let newest_is_histogram = column.histograms.timestamps.last() > column.floats.timestamps.last();
    let before = column.histograms.values.last().filter(|_| newest_is_histogram);
    if histogram.reset_hint != ResetHint::Gauge && !metrics_core::is_stale(histogram.sum) {
        histogram.reset_hint = match before {
            None => histogram.reset_hint,
            Some(before) if histogram.detect_reset(before) => ResetHint::Reset,
            Some(_) => ResetHint::NotReset,
        };
    }
    column.histograms.push(at, Arc::new(histogram));
}

impl Append for TestStore {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(TestBatch(self))
    }
}

/// Adds at once: a test has one writer and nobody reads meanwhile.
struct TestBatch<'a>(&'a TestStore);

impl Batch for TestBatch<'_> {
    fn append(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        timestamp: Timestamp,
        value: &Value,
    ) -> Result<SeriesRef, AppendError> {
        self.0.add(labels, timestamp, value).map(|()| series)
    }

    fn commit(self: Box<Self>) -> Result<(), AppendError> {
        Ok(())
    }

    fn rollback(self: Box<Self>) {}
}

impl Select for TestStore {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        let names = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let name = request.matchers.iter().find(|m| m.name == METRIC_NAME && m.op == MatchOp::Equal);
        let mut found = Vec::new();
        let mut search = |series: &Named| {
            for (labels, column) in series {
                if request.matchers.iter().all(|m| m.matches_labels(labels)) {
                    found.push((labels.clone(), column.clone()));
                }
            }
        };
        match name {
            Some(name) => names.get(&name.value).into_iter().for_each(&mut search),
            None => names.values().for_each(&mut search),
        }
        let range = request.range;
        found.retain(|(_, column)| {
            let column = column.read().unwrap_or_else(PoisonError::into_inner);
            let inside = |times: &[Timestamp]| !slice(times, range).is_empty();
            inside(&column.floats.timestamps) || inside(&column.histograms.timestamps)
        });
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Box::new(Found { series: found, range }))
    }
}

/// The positions of the times inside a range.
fn slice(times: &[Timestamp], range: TimeRange) -> std::ops::Range<usize> {
    let start = times.partition_point(|t| *t < range.start);
    let end = times.partition_point(|t| *t <= range.end);
    start..end.max(start)
}

struct Found {
    series: Vec<(LabelSet, Arc<RwLock<Columns>>)>,
    range: TimeRange,
}

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        &self.series[series].0
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        into.clear();
        let column = self.series[series].1.read().unwrap_or_else(PoisonError::into_inner);
        let floats = slice(&column.floats.timestamps, self.range);
        into.floats.timestamps.extend_from_slice(&column.floats.timestamps[floats.clone()]);
        into.floats.values.extend_from_slice(&column.floats.values[floats]);
        let histograms = slice(&column.histograms.timestamps, self.range);
        into.histograms.timestamps.extend_from_slice(&column.histograms.timestamps[histograms.clone()]);
        let values: &[Arc<FloatHistogram>] = &column.histograms.values[histograms];
        into.histograms.values.extend_from_slice(values);
        Ok(())
    }
}
