//! Silences: for a time, alerts that match are kept but not told of.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics_core::{LabelSet, MatchOp, Matcher};
use serde::{Deserialize, Serialize};

/// A silence as clients read and write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its name; empty in a request for a new one.
    #[serde(default)]
    pub id: String,
    /// All must match.
    pub matchers: Vec<SilenceMatcher>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// When it was last changed.
    #[serde(default)]
    pub updated_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// A matcher in the API's form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceMatcher {
    /// The label.
    pub name: String,
    /// Text or pattern.
    pub value: String,
    /// Whether the value is a pattern.
    pub is_regex: bool,
    /// Whether it must match, rather than must not.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

/// Where a silence stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    /// It holds.
    Active,
    /// It is still to come.
    Pending,
    /// It is over.
    Expired,
}

/// Why a silence was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SilenceError {
    /// There is no silence of that name.
    #[error("silence not found")]
    NotFound,
    /// It would silence nothing, everything, or no time.
    #[error("{0}")]
    Invalid(String),
}

impl SilenceState {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

impl SilenceMatcher {
    fn compile(&self) -> Result<Matcher, String> {
        let op = match (self.is_regex, self.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        Matcher::new(self.name.clone(), op, self.value.clone()).map_err(|e| e.to_string())
    }
}

impl Silence {
    /// Where the silence stands at `now`.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now > self.ends_at {
            SilenceState::Expired
        } else {
            SilenceState::Active
        }
    }

    fn compile(&self) -> Result<Vec<Matcher>, SilenceError> {
        let invalid = |words: &str| SilenceError::Invalid(format!("invalid silence: {words}"));
        if self.matchers.is_empty() {
            return Err(invalid("at least one matcher required"));
        }
        let compiled: Result<Vec<Matcher>, String> =
            self.matchers.iter().map(SilenceMatcher::compile).collect();
        let compiled = compiled.map_err(|e| invalid(&e))?;
        if self.matchers.iter().any(|m| m.name.is_empty()) {
            return Err(invalid("invalid label name \"\""));
        }
        // What matches the empty value alone would silence alerts that lack the label: nearly all of them.
        let narrows = |m: &Matcher| m.op.is_negative() || !m.matches("");
        if compiled.iter().any(narrows) {
            Ok(compiled)
        } else {
            Err(invalid("at least one matcher must not match the empty string"))
        }
    }

    /// Whether `new` may take this silence's place without rewriting what has already happened.
    fn can_become(&self, new: &Silence, now: Timestamp) -> bool {
        let times = match self.state(now) {
            SilenceState::Active => {
                self.starts_at.as_second() == new.starts_at.as_second() && new.ends_at >= now
            }
            SilenceState::Pending => new.starts_at >= now,
            SilenceState::Expired => false,
        };
        times && self.matchers == new.matchers
    }
}

/// All silences, by name.
#[derive(Debug, Default)]
pub struct Silences {
    entries: BTreeMap<String, (Silence, Vec<Matcher>)>,
}

impl Silences {
    /// Takes silences that were kept before.
    pub fn restore(silences: Vec<Silence>) -> Self {
        let compiled =
            silences.into_iter().filter_map(|s| Some((s.id.clone(), (s.clone(), s.compile().ok()?))));
        Self { entries: compiled.collect() }
    }

    /// Adds a silence or changes the one of its name, and returns the name. A change that would rewrite
    /// history ends the old silence and adds a new one.
    ///
    /// # Errors
    /// [`SilenceError`] says what is wrong with it.
    pub fn set(&mut self, mut silence: Silence, now: Timestamp) -> Result<String, SilenceError> {
        if silence.starts_at >= silence.ends_at {
            let words = "Failed to create silence: start time must be before end time";
            return Err(SilenceError::Invalid(words.to_owned()));
        }
        if silence.ends_at < now {
            let words = "Failed to create silence: end time can't be in the past";
            return Err(SilenceError::Invalid(words.to_owned()));
        }
        let matchers = silence.compile()?;
        silence.updated_at = now;
        if !silence.id.is_empty() {
            let (old, _) = self.entries.get(&silence.id).ok_or(SilenceError::NotFound)?;
            if !old.can_become(&silence, now) {
                self.expire(&silence.id.clone(), now)?;
                silence.id.clear();
            }
        }
        if silence.id.is_empty() {
            silence.id = uuid::Uuid::new_v4().to_string();
            silence.starts_at = silence.starts_at.max(now);
        }
        let id = silence.id.clone();
        self.entries.insert(id.clone(), (silence, matchers));
        Ok(id)
    }

    /// Ends a silence now; one that has ended stays as it is.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn expire(&mut self, id: &str, now: Timestamp) -> Result<(), SilenceError> {
        let (silence, _) = self.entries.get_mut(id).ok_or(SilenceError::NotFound)?;
        match silence.state(now) {
            SilenceState::Expired => return Ok(()),
            SilenceState::Active => silence.ends_at = now,
            SilenceState::Pending => (silence.starts_at, silence.ends_at) = (now, now),
        }
        silence.updated_at = now;
        Ok(())
    }

    /// The silence of that name.
    pub fn find(&self, id: &str) -> Option<&Silence> {
        self.entries.get(id).map(|(s, _)| s)
    }

    /// Active ones first, soonest to end; then pending, soonest to start; then expired, latest to end.
    pub fn list(&self, now: Timestamp) -> Vec<&Silence> {
        let mut all: Vec<&Silence> = self.entries.values().map(|(s, _)| s).collect();
        all.sort_by_key(|s| {
            let state = s.state(now);
            let within = match state {
                SilenceState::Active => s.ends_at.as_millisecond(),
                SilenceState::Pending => s.starts_at.as_millisecond(),
                SilenceState::Expired => -s.ends_at.as_millisecond(),
            };
            (state, within)
        });
        all
    }

    /// Names of the silences that keep an alert quiet at `now`.
    pub fn silencing(&self, labels: &LabelSet, now: Timestamp) -> Vec<String> {
        self.entries
            .values()
            .filter(|(s, matchers)| {
                s.state(now) == SilenceState::Active && matchers.iter().all(|m| m.matches_labels(labels))
            })
            .map(|(s, _)| s.id.clone())
            .collect()
    }

    /// Forgets silences that have been over for `retention`.
    pub fn forget(&mut self, retention: Duration, now: Timestamp) {
        let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
        self.entries.retain(|_, (s, _)| now.duration_since(s.ends_at) <= retention);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn silence(value: &str, is_regex: bool, starts: i64, ends: i64) -> Silence {
        let matcher = SilenceMatcher { name: "job".into(), value: value.into(), is_regex, is_equal: true };
        Silence {
            id: String::new(),
            matchers: vec![matcher],
            starts_at: at(starts),
            ends_at: at(ends),
            updated_at: at(0),
            created_by: "me".into(),
            comment: "c".into(),
        }
    }

    #[test]
    fn silences_while_it_holds() {
        let mut silences = Silences::default();
        let id = silences.set(silence("a|b", true, 10, 20), at(5)).unwrap();
        let labels = LabelSet::from_pairs([("job", "b")]);
        assert!(silences.silencing(&labels, at(9)).is_empty());
        assert_eq!(silences.silencing(&labels, at(15)), std::slice::from_ref(&id));
        silences.expire(&id, at(16)).unwrap();
        assert!(silences.silencing(&labels, at(17)).is_empty());
        assert_eq!(silences.find(&id).unwrap().state(at(17)), SilenceState::Expired);
    }

    #[test]
    fn history_is_not_rewritten() {
        let mut silences = Silences::default();
        let id = silences.set(silence("a", false, 10, 20), at(10)).unwrap();
        let longer = Silence { id: id.clone(), ..silence("a", false, 10, 90) };
        assert_eq!(silences.set(longer, at(15)).unwrap(), id, "the end may move");
        let other = Silence { id: id.clone(), ..silence("b", false, 10, 90) };
        let replaced = silences.set(other, at(15)).unwrap();
        assert_ne!(replaced, id);
        assert_eq!(silences.find(&id).unwrap().ends_at, at(15));
        assert_eq!(silences.list(at(16)).len(), 2);
    }

    #[test]
    fn refuses_what_would_silence_nearly_everything() {
        let mut silences = Silences::default();
        for bad in [silence("", false, 1, 2), silence(".*", true, 1, 2), silence("(", true, 1, 2)] {
            assert!(matches!(silences.set(bad, at(0)), Err(SilenceError::Invalid(_))));
        }
        assert!(silences.set(silence("a", false, 2, 2), at(0)).is_err());
        assert!(silences.set(silence("a", false, 1, 2), at(3)).is_err());
        let unknown = Silence { id: "x".into(), ..silence("a", false, 1, 2) };
        assert_eq!(silences.set(unknown, at(0)), Err(SilenceError::NotFound));
    }
}
