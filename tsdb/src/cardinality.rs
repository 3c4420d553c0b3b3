//! Cardinality: how many series there are, and which labels make them many.

use metrics_core::TimeRange;

use crate::Db;

/// What is in memory, as the field's `status/tsdb` tells it. Lists have the most first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Cardinality {
    /// Series.
    pub series: usize,
    /// Different labels with their values.
    pub label_pairs: usize,
    /// Chunks, open ones included.
    pub chunks: usize,
    /// Time of the oldest and the newest sample, if there are any.
    pub range: Option<TimeRange>,
    /// Series of each metric name.
    pub series_by_metric: Vec<(String, u64)>,
    /// Values of each label.
    pub values_by_label: Vec<(String, u64)>,
    /// Bytes that each label, its name and its values, would have in all series together if every series had its own, as
    /// the original counts them.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Series of each label with its value, written `label=value`.
    pub series_by_pair: Vec<(String, u64)>,
}

impl Db {
    /// Counts what is in memory and lists the `limit` largest of each kind.
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        self.head.cardinality(limit)
    }
}

/// Keeps the largest, the first by name among equals.
pub(crate) fn most(list: &mut Vec<(String, u64)>, limit: usize) {
    let by_size = |a: &(String, u64), b: &(String, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    if limit < list.len() {
        list.select_nth_unstable_by(limit, by_size);
        list.truncate(limit);
    }
    list.sort_unstable_by(by_size);
}
