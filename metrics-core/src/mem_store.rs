//! The smallest honest store, for tests and examples: a sorted map behind a lock.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::storage::{Append, AppendError, Batch, Columns, SelectError, SeriesRef, SeriesSet};
#[cfg(feature = "matcher")]
use crate::storage::{Select, SelectRequest};
use crate::{LabelSet, Sample, Timestamp, Value};

/// Keeps all samples in memory. Takes them in rising time per series, like the real stores.
///
/// ```
/// use metrics_core::{Append, Batch, LabelSet, MemStore, SeriesRef};
/// let store = MemStore::default();
/// let mut batch = store.batch();
/// batch.append_float(SeriesRef::UNKNOWN, &LabelSet::from_pairs([("__name__", "up")]), 1000, 1.0).unwrap();
/// batch.commit().unwrap();
/// assert_eq!(store.dump().len(), 1);
/// ```
#[derive(Debug, Default)]
pub struct MemStore {
    series: RwLock<BTreeMap<LabelSet, Vec<Sample>>>,
}

impl MemStore {
    /// A copy of everything kept, in order of labels.
    pub fn dump(&self) -> Vec<(LabelSet, Vec<Sample>)> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        series.iter().map(|(l, s)| (l.clone(), s.clone())).collect()
    }
}

impl Append for MemStore {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(MemBatch { store: self, pending: BTreeMap::new() })
    }
}

struct MemBatch<'a> {
    store: &'a MemStore,
    pending: BTreeMap<LabelSet, Vec<Sample>>,
}

impl Batch for MemBatch<'_> {
    fn append(
        &mut self,
        _: SeriesRef,
        labels: &LabelSet,
        timestamp: Timestamp,
        value: &Value,
    ) -> Result<SeriesRef, AppendError> {
        if labels.is_empty() {
            return Err(AppendError::InvalidLabels("a series needs at least one label".to_owned()));
        }
        let kept = self.store.series.read().unwrap_or_else(PoisonError::into_inner);
        let newest = self.pending.get(labels).or_else(|| kept.get(labels)).and_then(|s| s.last());
        match newest {
            Some(s) if s.timestamp > timestamp => return Err(AppendError::OutOfOrder),
            Some(s) if s.timestamp == timestamp && same(&s.value, value) => return Ok(SeriesRef::UNKNOWN),
            Some(s) if s.timestamp == timestamp => return Err(AppendError::Duplicate),
            _ => {}
        }
        self.pending.entry(labels.clone()).or_default().push(Sample { timestamp, value: value.clone() });
        Ok(SeriesRef::UNKNOWN)
    }

    fn commit(self: Box<Self>) -> Result<(), AppendError> {
        let mut series = self.store.series.write().unwrap_or_else(PoisonError::into_inner);
        for (labels, samples) in self.pending {
            series.entry(labels).or_default().extend(samples);
        }
        Ok(())
    }

    fn rollback(self: Box<Self>) {}
}

/// Equal to the bit, so that NaN equals itself.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

#[cfg(feature = "matcher")]
impl Select for MemStore {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for (labels, samples) in series.iter() {
            if !request.matchers.iter().all(|m| m.matches_labels(labels)) {
                continue;
            }
            let inside: Vec<Sample> =
                samples.iter().filter(|s| request.range.contains(s.timestamp)).cloned().collect();
            if !inside.is_empty() {
                found.push((labels.clone(), inside));
            }
        }
        Ok(Box::new(Found(found)))
    }
}

struct Found(Vec<(LabelSet, Vec<Sample>)>);

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        &self.0[series].0
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        into.clear();
        for sample in &self.0[series].1 {
            match &sample.value {
                Value::Float(v) => into.floats.push(sample.timestamp, *v),
                Value::Histogram(h) => into.histograms.push(sample.timestamp, h.to_float().into()),
                Value::FloatHistogram(h) => into.histograms.push(sample.timestamp, h.clone()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_real_stores_refuse() {
        let store = MemStore::default();
        let labels = LabelSet::from_pairs([("__name__", "up")]);
        let mut batch = store.batch();
        let mut put = |t, v| batch.append_float(SeriesRef::UNKNOWN, &labels, t, v);
        put(10, 1.0).unwrap();
        put(10, 1.0).unwrap();
        assert!(matches!(put(10, 2.0), Err(AppendError::Duplicate)));
        assert!(matches!(put(9, 1.0), Err(AppendError::OutOfOrder)));
        batch.rollback();
        assert!(store.dump().is_empty());
    }
}
