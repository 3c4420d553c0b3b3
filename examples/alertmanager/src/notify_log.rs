//! What each receiver has been told of each group, and whether it must be told again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What a receiver was told last of a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Entry {
    firing: BTreeSet<u64>,
    resolved: BTreeSet<u64>,
    sent_at: Timestamp,
}

/// The state of a group that a notification would tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupState {
    /// Fingerprints of alerts that fire.
    pub firing: BTreeSet<u64>,
    /// Fingerprints of alerts that have ended.
    pub resolved: BTreeSet<u64>,
}

/// The log, by group, then by receiver integration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NotifyLog {
    entries: BTreeMap<String, BTreeMap<String, Entry>>,
}

impl NotifyLog {
    /// Why the receiver must be told of the group's state now; `None` if it need not.
    pub fn reason(
        &self,
        group: &str,
        integration: &str,
        state: &GroupState,
        send_resolved: bool,
        repeat: Duration,
        now: Timestamp,
    ) -> Option<Reason> {
        let Some(entry) = self.entries.get(group).and_then(|g| g.get(integration)) else {
            return (!state.firing.is_empty()).then_some(Reason::FirstNotification);
        };
        if !state.firing.is_subset(&entry.firing) {
            let first = entry.firing.is_empty();
            return Some(if first { Reason::FirstNotification } else { Reason::NewAlertsInGroup });
        }
        if state.firing.is_empty() {
            return (!entry.firing.is_empty()).then_some(Reason::AllAlertsResolved);
        }
        if send_resolved && !state.resolved.is_subset(&entry.resolved) {
            return Some(Reason::NewResolvedAlerts);
        }
        let repeat = SignedDuration::try_from(repeat).unwrap_or(SignedDuration::MAX);
        (now.duration_since(entry.sent_at) > repeat).then_some(Reason::RepeatIntervalElapsed)
    }

    /// Records what the receiver has been told.
    pub fn record(&mut self, group: &str, integration: &str, state: GroupState, now: Timestamp) {
        let entry = Entry { firing: state.firing, resolved: state.resolved, sent_at: now };
        self.entries.entry(group.to_owned()).or_default().insert(integration.to_owned(), entry);
    }

    /// Forgets entries older than `retention`.
    pub fn forget(&mut self, retention: Duration, now: Timestamp) {
        let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
        self.entries.retain(|_, integrations| {
            integrations.retain(|_, e| now.duration_since(e.sent_at) <= retention);
            !integrations.is_empty()
        });
    }
}

/// Why a receiver is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has not heard of the group, or only of its end.
    FirstNotification,
    /// Alerts fire that it has not heard of.
    NewAlertsInGroup,
    /// Nothing fires any more.
    AllAlertsResolved,
    /// Some alerts have ended.
    NewResolvedAlerts,
    /// Nothing changed, for long enough.
    RepeatIntervalElapsed,
}

impl Reason {
    /// The words that webhooks carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstNotification => "first notification",
            Self::NewAlertsInGroup => "new alerts added",
            Self::AllAlertsResolved => "all alerts resolved",
            Self::NewResolvedAlerts => "some alerts resolved",
            Self::RepeatIntervalElapsed => "repeat interval elapsed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn state(firing: &[u64], resolved: &[u64]) -> GroupState {
        GroupState { firing: firing.iter().copied().collect(), resolved: resolved.iter().copied().collect() }
    }

    #[test]
    fn tells_of_changes_and_repeats() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let mut log = NotifyLog::default();
        let ask = |log: &NotifyLog, s: &GroupState, now| log.reason("g", "w", s, true, HOUR, at(now));
        assert_eq!(ask(&log, &state(&[], &[1]), 0), None, "never heard of, already over");
        assert_eq!(ask(&log, &state(&[1], &[]), 0), Some(Reason::FirstNotification));
        log.record("g", "w", state(&[1], &[]), at(0));
        assert_eq!(ask(&log, &state(&[1], &[]), 3600), None);
        assert_eq!(ask(&log, &state(&[1], &[]), 3601), Some(Reason::RepeatIntervalElapsed));
        assert_eq!(ask(&log, &state(&[1, 2], &[]), 10), Some(Reason::NewAlertsInGroup));
        assert_eq!(ask(&log, &state(&[1], &[2]), 10), Some(Reason::NewResolvedAlerts));
        assert_eq!(ask(&log, &state(&[], &[1]), 10), Some(Reason::AllAlertsResolved));
        log.record("g", "w", state(&[], &[1]), at(10));
        assert_eq!(ask(&log, &state(&[], &[1]), 9999), None);
        assert_eq!(ask(&log, &state(&[1], &[]), 20), Some(Reason::FirstNotification));
    }
}
