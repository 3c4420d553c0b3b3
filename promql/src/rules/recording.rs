//! A recording rule: the result of a query becomes series of a new name.

use std::collections::HashSet;

use metrics_core::{LabelSet, METRIC_NAME, Timestamp};

use super::{RuleError, RuleQuery};
use crate::{Point, VectorSample};

/// Records the result of a query under a new name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecordingRule {
    pub(super) name: String,
    pub(super) query: String,
    pub(super) labels: LabelSet,
}

impl RecordingRule {
    /// The samples to record, at `now` less the offset.
    pub(super) fn evaluate(
        &self,
        query: &dyn RuleQuery,
        now: Timestamp,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<(LabelSet, Point)>, RuleError> {
        let found = query.instant(&self.query, now - offset)?;
        let mut seen = HashSet::with_capacity(found.len());
        let mut samples = Vec::with_capacity(found.len());
        for VectorSample { labels, value, .. } in found {
            let mut renamed = labels.to_builder();
            renamed.set(METRIC_NAME, self.name.as_str());
            for (name, value) in &self.labels {
                renamed.set(name, value);
            }
            let labels = renamed.build();
            if !seen.insert(labels.clone()) {
                return Err(RuleError::SameSeries);
            }
            samples.push((labels, value));
        }
        if limit > 0 && samples.len() as i64 > limit {
            return Err(RuleError::TooManySeries { limit, found: samples.len() });
        }
        Ok(samples)
    }
}
