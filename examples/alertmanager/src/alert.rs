//! One alert: what is wrong, since when, and until when it is taken to be wrong.

use jiff::Timestamp;
use metrics_core::LabelSet;

/// An alert as this program keeps it. Equal labels mean the same alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What identifies it.
    pub labels: LabelSet,
    /// What describes it.
    pub annotations: LabelSet,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended or will be taken to have ended.
    pub ends_at: Timestamp,
    /// Where it comes from.
    pub generator_url: String,
    /// When this program last heard of it.
    pub updated_at: Timestamp,
    /// Whether `ends_at` is only this program's own guess, made for want of one from the sender.
    pub timeout: bool,
}

/// Why an alert was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlertError {
    /// It ends before it starts.
    #[error("start time must be before end time")]
    EndsBeforeStart,
    /// Nothing identifies it.
    #[error("at least one label pair required")]
    NoLabels,
}

impl Alert {
    /// Checks what a sender may get wrong.
    ///
    /// # Errors
    /// [`AlertError`] names it.
    pub fn validate(&self) -> Result<(), AlertError> {
        if self.ends_at < self.starts_at {
            return Err(AlertError::EndsBeforeStart);
        }
        if self.labels.is_empty() { Err(AlertError::NoLabels) } else { Ok(()) }
    }

    /// Whether it has ended by `now`.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    /// The number that clients know this alert by.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.labels)
    }

    /// What is known after `newer` arrives for the same labels.
    #[must_use]
    pub fn merge(&self, newer: Alert, now: Timestamp) -> Alert {
        let overlaps = (newer.ends_at > self.starts_at && newer.ends_at < self.ends_at)
            || (newer.starts_at > self.starts_at && newer.starts_at < self.ends_at);
        if !overlaps {
            return newer;
        }
        let mut merged = newer;
        merged.starts_at = merged.starts_at.min(self.starts_at);
        // An explicit end outlives a newer one that ends earlier; a guess never does.
        let keep_end = if merged.is_resolved(now) { self.is_resolved(now) } else { !self.timeout };
        if keep_end {
            merged.ends_at = merged.ends_at.max(self.ends_at);
        }
        merged
    }
}

/// The field's fingerprint of a label set: 64-bit FNV-1a over names and values, each followed by 0xFF.
pub fn fingerprint(labels: &LabelSet) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut mix = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    for (name, value) in labels {
        for text in [name, value] {
            text.bytes().for_each(&mut mix);
            mix(0xff);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn alert(starts: i64, ends: i64, timeout: bool) -> Alert {
        Alert {
            labels: LabelSet::from_pairs([("alertname", "a")]),
            annotations: LabelSet::empty(),
            starts_at: at(starts),
            ends_at: at(ends),
            generator_url: String::new(),
            updated_at: at(starts),
            timeout,
        }
    }

    #[test]
    fn merging_keeps_the_earliest_start() {
        let merged = alert(10, 100, true).merge(alert(50, 150, true), at(60));
        assert_eq!((merged.starts_at, merged.ends_at), (at(10), at(150)));
    }

    #[test]
    fn an_explicit_end_outlives_a_shorter_one() {
        let merged = alert(10, 100, false).merge(alert(50, 90, true), at(60));
        assert_eq!(merged.ends_at, at(100));
        let merged = alert(10, 100, true).merge(alert(50, 90, true), at(60));
        assert_eq!(merged.ends_at, at(90));
    }

    #[test]
    fn a_later_episode_replaces_the_old_one() {
        let later = alert(200, 300, false);
        assert_eq!(alert(10, 100, false).merge(later.clone(), at(210)), later);
    }

    #[test]
    fn fingerprints_are_those_of_the_field() {
        // As Alertmanager 0.33.1 answers for this alert.
        let labels = LabelSet::from_pairs([("alertname", "Down"), ("job", "node"), ("zürich", "ö")]);
        assert_eq!(format!("{:016x}", fingerprint(&labels)), "30b2c45a9f17d545");
    }
}
