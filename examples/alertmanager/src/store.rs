//! All alerts that are known, by fingerprint.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::alert::Alert;

/// The latest state of every alert that is firing or has ended since the last clean-up.
#[derive(Debug, Default)]
pub struct AlertStore {
    alerts: BTreeMap<u64, Alert>,
}

impl AlertStore {
    /// Takes an alert in and returns it as it is known now.
    pub fn put(&mut self, alert: Alert, now: Timestamp) -> &Alert {
        let fingerprint = alert.fingerprint();
        let known = match self.alerts.remove(&fingerprint) {
            Some(old) => old.merge(alert, now),
            None => alert,
        };
        self.alerts.entry(fingerprint).or_insert(known)
    }

    /// Alerts by rising fingerprint.
    pub fn iter(&self) -> impl Iterator<Item = &Alert> + Clone {
        self.alerts.values()
    }

    /// Forgets alerts that have ended.
    pub fn forget_resolved(&mut self, now: Timestamp) {
        self.alerts.retain(|_, a| !a.is_resolved(now));
    }
}
