//! A store as strict as the one in the original's tests.

use std::collections::BTreeMap;
use std::io;

use metrics_core::{Append, AppendError, Batch, Exemplar, LabelSet, Metadata, SeriesRef, Timestamp, Value};
use parking_lot::Mutex;

/// What of a series has an order of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Float,
    Histogram,
    FloatHistogram,
    Exemplar,
}

impl Kind {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Float(_) => Self::Float,
            Value::Histogram(_) => Self::Histogram,
            Value::FloatHistogram(_) => Self::FloatHistogram,
            other => panic!("no table has {other:?}"),
        }
    }
}

/// What was appended, in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Appended {
    pub(crate) samples: Vec<(LabelSet, Timestamp, Value)>,
    pub(crate) exemplars: Vec<(LabelSet, Exemplar)>,
    pub(crate) metadata: Vec<(LabelSet, Metadata)>,
    newest: BTreeMap<(LabelSet, Kind), Timestamp>,
}

/// Keeps what is committed, refuses what is not newer than the last of its kind, and fails where it is told to.
#[derive(Debug, Default)]
pub(crate) struct StrictStore {
    pub(crate) kept: Mutex<Appended>,
    pub(crate) sample_failure: Option<String>,
    pub(crate) exemplar_failure: Option<String>,
    pub(crate) metadata_failure: Option<String>,
    pub(crate) commit_failure: Option<String>,
}

impl StrictStore {
    /// A store with a series whose samples must be newer than this.
    pub(crate) fn with_newest(labels: &LabelSet, timestamp: Timestamp) -> Self {
        let store = Self::default();
        for kind in [Kind::Float, Kind::Histogram, Kind::FloatHistogram] {
            store.kept.lock().newest.insert((labels.clone(), kind), timestamp);
        }
        store
    }
}

impl Append for StrictStore {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(StrictBatch { store: self, pending: self.kept.lock().clone() })
    }
}

struct StrictBatch<'a> {
    store: &'a StrictStore,
    pending: Appended,
}

fn fail(how: Option<&String>) -> Result<(), AppendError> {
    how.map_or(Ok(()), |text| Err(AppendError::store(io::Error::other(text.clone()))))
}

impl StrictBatch<'_> {
    fn check_order(&mut self, labels: &LabelSet, kind: Kind, time: Timestamp) -> Result<(), AppendError> {
        let newest = self.pending.newest.entry((labels.clone(), kind)).or_insert(0);
        match time.cmp(newest) {
            std::cmp::Ordering::Less => Err(AppendError::OutOfOrder),
            std::cmp::Ordering::Equal => Err(AppendError::Duplicate),
            std::cmp::Ordering::Greater => {
                *newest = time;
                Ok(())
            }
        }
    }
}

impl Batch for StrictBatch<'_> {
    fn append(
        &mut self,
        _: SeriesRef,
        labels: &LabelSet,
        timestamp: Timestamp,
        value: &Value,
    ) -> Result<SeriesRef, AppendError> {
        fail(self.store.sample_failure.as_ref())?;
        let kind = Kind::of(value);
        self.check_order(labels, kind, timestamp)?;
        self.pending.samples.push((labels.clone(), timestamp, value.clone()));
        Ok(SeriesRef::UNKNOWN)
    }

    fn append_exemplar(
        &mut self,
        _: SeriesRef,
        labels: &LabelSet,
        exemplar: &Exemplar,
    ) -> Result<(), AppendError> {
        fail(self.store.exemplar_failure.as_ref())?;
        self.check_order(labels, Kind::Exemplar, exemplar.timestamp.unwrap_or(0))?;
        self.pending.exemplars.push((labels.clone(), exemplar.clone()));
        Ok(())
    }

    fn append_metadata(
        &mut self,
        _: SeriesRef,
        labels: &LabelSet,
        metadata: &Metadata,
    ) -> Result<(), AppendError> {
        fail(self.store.metadata_failure.as_ref())?;
        self.pending.metadata.push((labels.clone(), metadata.clone()));
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<(), AppendError> {
        fail(self.store.commit_failure.as_ref())?;
        *self.store.kept.lock() = self.pending;
        Ok(())
    }

    fn rollback(self: Box<Self>) {}
}
