//! An alert: one instance of an alerting rule, from its first sign to its end.

use std::collections::BTreeMap;

use metrics_core::{LabelSet, Timestamp};

/// How far an alert, or the worst alert of a rule, has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AlertState {
    /// The rule has not been evaluated yet.
    #[default]
    Unknown,
    /// The condition does not hold (any more).
    Inactive,
    /// The condition holds, but not yet long enough.
    Pending,
    /// The condition has held long enough.
    Firing,
}

impl AlertState {
    /// The word of the API and of the label `alertstate`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One instance of an alerting rule. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// How far it has come.
    pub state: AlertState,
    /// What identifies it, `alertname` included.
    pub labels: LabelSet,
    /// What is said about it.
    pub annotations: BTreeMap<String, String>,
    /// The value of the condition when it was evaluated last.
    pub value: f64,
    /// Since when the condition holds.
    pub active_at: Timestamp,
    /// Since when it fires.
    pub fired_at: Option<Timestamp>,
    /// When it ended; none while it is active.
    pub resolved_at: Option<Timestamp>,
    /// When it was handed to the notifier last.
    pub last_sent_at: Option<Timestamp>,
    /// How long receivers may take it as active without hearing of it again.
    pub valid_until: Option<Timestamp>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<Timestamp>,
}

impl Alert {
    /// An alert whose condition has just begun to hold.
    pub fn pending(
        labels: LabelSet,
        annotations: BTreeMap<String, String>,
        value: f64,
        active_at: Timestamp,
    ) -> Self {
        Self {
            state: AlertState::Pending,
            labels,
            annotations,
            value,
            active_at,
            fired_at: None,
            resolved_at: None,
            last_sent_at: None,
            valid_until: None,
            keep_firing_since: None,
        }
    }

    /// Whether receivers should hear of it at a time: not while pending, at once when it ends, else when the
    /// resend delay (in milliseconds) has passed.
    pub fn needs_sending(&self, now: Timestamp, resend_delay: i64) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        let Some(sent) = self.last_sent_at else {
            return true;
        };
        self.resolved_at.is_some_and(|resolved| resolved > sent) || sent.saturating_add(resend_delay) < now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sent_at_once_again_when_resolved_and_again_after_the_delay() {
        let mut alert = Alert::pending(LabelSet::empty(), BTreeMap::new(), 1.0, 0);
        assert!(!alert.needs_sending(1000, 0));
        alert.state = AlertState::Firing;
        assert!(alert.needs_sending(1000, 60_000));
        alert.last_sent_at = Some(1000);
        assert!(!alert.needs_sending(61_000, 60_000));
        assert!(alert.needs_sending(61_001, 60_000));
        alert.resolved_at = Some(2000);
        assert!(alert.needs_sending(2000, 60_000));
    }
}
