//! Which of several states are on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Instrument;
use crate::MetricType;
use crate::family::MetricValue;

/// A fixed set of named states, each on or off: shown as one sample per state, 1 or 0.
///
/// ```
/// use metrics_core::instrument::StateSet;
/// let node = StateSet::new(["starting", "ready", "draining"]);
/// node.only("ready");
/// node.set("draining", true);
/// assert_eq!(["starting", "ready", "draining"].map(|s| node.is_on(s)), [false, true, true]);
/// ```
#[derive(Debug, Clone)]
pub struct StateSet(Arc<[(String, AtomicBool)]>);

impl StateSet {
    /// States of these names, all off; of repeated names the first one stays.
    pub fn new<S: Into<String>>(states: impl IntoIterator<Item = S>) -> Self {
        let mut distinct: Vec<(String, AtomicBool)> = Vec::new();
        for state in states.into_iter().map(Into::into) {
            if distinct.iter().all(|(known, _)| *known != state) {
                distinct.push((state, AtomicBool::new(false)));
            }
        }
        Self(distinct.into())
    }

    /// Turns a state on or off; says whether there is such a state.
    pub fn set(&self, state: &str, on: bool) -> bool {
        let found = self.0.iter().find(|(name, _)| name == state);
        found.inspect(|(_, place)| place.store(on, Relaxed)).is_some()
    }

    /// Turns a state on and all others off. A scrape at this very moment may see some of the old states.
    pub fn only(&self, state: &str) {
        self.0.iter().for_each(|(name, place)| place.store(name == state, Relaxed));
    }

    /// Whether there is such a state and it is on.
    pub fn is_on(&self, state: &str) -> bool {
        self.0.iter().any(|(name, place)| name == state && place.load(Relaxed))
    }
}

impl Instrument for StateSet {
    const TYPE: MetricType = MetricType::StateSet;

    fn read(&self) -> MetricValue {
        MetricValue::StateSet(self.0.iter().map(|(name, on)| (name.clone(), on.load(Relaxed))).collect())
    }
}
