//! Alerts on their way to Alertmanagers: a queue and a sender for each, which come and go with discovery.
//!
//! Source: Alertmanager's API, version 2: `POST /api/v2/alerts`.

mod endpoint;
mod group;

use std::sync::Arc;
use std::time::Duration;

use metrics_core::LabelSet;
use metrics_core::relabel::Rule;
use parking_lot::Mutex;
use promql::rules::{OutgoingAlert, prepare};
use scrape_client::config::Config;
use scrape_client::http::HttpError;

use group::Group;

/// How deliveries to one Alertmanager go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    pub(crate) url: String,
    pub(crate) waiting: u64,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
}

/// How all deliveries go.
#[derive(Debug, Clone, Default)]
pub(crate) struct NotifierStats {
    pub(crate) capacity: usize,
    pub(crate) deliveries: Vec<Delivery>,
}

/// Limits of the queues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) capacity: usize,
    pub(crate) batch: usize,
}

/// Hands alerts to Alertmanagers. Cheap to clone; clones are the same notifier.
#[derive(Clone)]
pub(crate) struct Notifier(Arc<Inner>);

struct Inner {
    limits: QueueLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    external_labels: LabelSet,
    rules: Vec<Rule>,
    groups: Vec<Group>,
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifier").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl Notifier {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self(Arc::new(Inner { limits, state: Mutex::default() }))
    }

    /// Takes the Alertmanagers of a configuration as all there are. Must be called inside a runtime.
    pub(crate) fn apply(&self, config: &Config) -> Result<(), HttpError> {
        let mut state = self.0.state.lock();
        let mut groups = Vec::new();
        for alertmanagers in &config.alerting.alertmanagers {
            // A group that has not changed keeps its queues.
            match state.groups.iter().position(|g| g.is_for(alertmanagers)) {
                Some(i) => groups.push(state.groups.swap_remove(i)),
                None => groups.push(Group::start(alertmanagers.clone(), self.0.limits)?),
            }
        }
        state.groups = groups;
        state.rules.clone_from(&config.alerting.alert_relabel_rules);
        state.external_labels = config.global.external_labels.clone();
        Ok(())
    }

    /// Queues alerts for every Alertmanager. Never waits: where a queue is full, its oldest alerts are dropped.
    pub(crate) fn send(&self, alerts: Vec<OutgoingAlert>) {
        let state = self.0.state.lock();
        let alerts = prepare(alerts, &state.external_labels, &state.rules);
        if !alerts.is_empty() {
            state.groups.iter().for_each(|group| group.queue(&alerts));
        }
    }

    /// URLs of the Alertmanagers that are told, and of those that a rule dropped.
    pub(crate) fn alertmanagers(&self) -> (Vec<String>, Vec<String>) {
        let state = self.0.state.lock();
        let (mut active, mut dropped) = (Vec::new(), Vec::new());
        for group in &state.groups {
            group.list(&mut active, &mut dropped);
        }
        (active, dropped)
    }

    pub(crate) fn stats(&self) -> NotifierStats {
        let state = self.0.state.lock();
        let deliveries = state.groups.iter().flat_map(Group::stats).collect();
        NotifierStats { capacity: self.0.limits.capacity, deliveries }
    }

    /// Waits until all queues are empty, but not longer than `patience`.
    pub(crate) async fn drain(&self, patience: Duration) {
        let empty = async {
            while self.stats().deliveries.iter().any(|d| d.waiting > 0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(patience, empty).await.is_err() {
            tracing::warn!(component = "notifier", "Alerts left in the queue");
        }
    }
}

#[cfg(test)]
mod tests;
