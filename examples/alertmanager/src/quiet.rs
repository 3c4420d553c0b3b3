//! What keeps an alert from being told of: the one answer that pipeline, API, page and metrics share.

use jiff::Timestamp;

use crate::alert::Alert;
use crate::inhibit::{InhibitRule, inhibited_by};
use crate::silence::Silences;
use crate::store::AlertStore;

/// Everything that keeps one alert quiet at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// Fingerprints of alerts that inhibit it, at most one per rule.
    pub inhibited_by: Vec<u64>,
    /// Names of silences that cover it.
    pub silenced_by: Vec<String>,
}

impl Quiet {
    /// Looks at the rules, the alerts that may inhibit, and the silences.
    pub fn of(
        alert: &Alert,
        rules: &[InhibitRule],
        store: &AlertStore,
        silences: &Silences,
        now: Timestamp,
    ) -> Self {
        Self {
            inhibited_by: inhibited_by(rules, store.iter(), alert, now),
            silenced_by: silences.silencing(&alert.labels, now),
        }
    }

    /// Whether the alert is not told of.
    pub fn is_quiet(&self) -> bool {
        !self.inhibited_by.is_empty() || !self.silenced_by.is_empty()
    }
}
