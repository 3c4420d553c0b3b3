//! Text that describes: versions, modes, origins.

use std::sync::{Arc, PoisonError, RwLock};

use super::Instrument;
use crate::family::MetricValue;
use crate::{LabelSet, MetricType};

/// Describing labels, shown as a metric `…_info` with the value 1.
///
/// ```
/// use metrics_core::instrument::Info;
/// let build = Info::new([("version", "1.2.0"), ("edition", "2024")]);
/// assert_eq!(build.labels().value("version"), "1.2.0");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Info(Arc<RwLock<LabelSet>>);

impl Info {
    /// An info of these labels.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(Arc::new(RwLock::new(LabelSet::from_pairs(labels))))
    }

    /// Replaces all labels.
    pub fn set<N: AsRef<str>, V: AsRef<str>>(&self, labels: impl IntoIterator<Item = (N, V)>) {
        let labels = LabelSet::from_pairs(labels);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = labels;
    }

    /// The labels now.
    pub fn labels(&self) -> LabelSet {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Instrument for Info {
    const TYPE: MetricType = MetricType::Info;

    fn read(&self) -> MetricValue {
        MetricValue::Info(self.labels())
    }
}
