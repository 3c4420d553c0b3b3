//! Inhibition: an alert stays silent while a more telling one fires.

use jiff::Timestamp;
use metrics_core::Matcher;

use crate::alert::Alert;

/// While an alert that matches `source` fires, alerts that match `target` and agree on `equal` are not sent.
#[derive(Debug, Clone)]
pub struct InhibitRule {
    /// Which alerts inhibit.
    pub source: Vec<Matcher>,
    /// Which alerts are inhibited.
    pub target: Vec<Matcher>,
    /// Labels that must have the same value on both; absent on both counts as equal.
    pub equal: Vec<String>,
}

impl InhibitRule {
    fn inhibits(&self, source: &Alert, target: &Alert, now: Timestamp) -> bool {
        let matches = |matchers: &[Matcher], a: &Alert| matchers.iter().all(|m| m.matches_labels(&a.labels));
        matches(&self.target, target)
            && !source.is_resolved(now)
            && matches(&self.source, source)
            && self.equal.iter().all(|l| source.labels.value(l) == target.labels.value(l))
            // An alert on both sides must not be inhibited by its like, or both would fall silent.
            && !(matches(&self.source, target) && matches(&self.target, source))
    }
}

/// Fingerprints of alerts that inhibit `target`, at most one per rule.
pub fn inhibited_by<'a>(
    rules: &[InhibitRule],
    alerts: impl Iterator<Item = &'a Alert> + Clone,
    target: &Alert,
    now: Timestamp,
) -> Vec<u64> {
    rules
        .iter()
        .filter_map(|rule| alerts.clone().find(|source| rule.inhibits(source, target, now)))
        .map(Alert::fingerprint)
        .collect()
}
