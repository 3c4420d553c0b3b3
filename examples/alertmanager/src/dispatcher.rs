//! The pipeline of the program as a state machine: alerts in, notifications out, time handed in.
//!
//! ```text
//! put → store → route → group → (wait) → inhibit → silence → compare with the log → notification → record
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use metrics_core::LabelSet;

use crate::alert::Alert;
use crate::config::{Config, Receiver, Webhook};
use crate::notify_log::{GroupState, NotifyLog, Reason};
use crate::quiet::Quiet;
use crate::route::{Route, RouteOptions};
use crate::silence::Silences;
use crate::store::AlertStore;

/// Something to tell somebody.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Who is told.
    pub receiver: String,
    /// Where to.
    pub webhook: Webhook,
    /// Why.
    pub reason: Reason,
    /// Which group: the route's key and the group's labels.
    pub group_key: String,
    /// The labels that the group's alerts share by construction.
    pub group_labels: LabelSet,
    /// What is told, firing alerts and, where wanted, ended ones.
    pub alerts: Vec<Alert>,
    /// The moment at which the alerts' states were looked at.
    pub now: Timestamp,
    /// How long sending may take, retries included.
    pub deadline: Duration,
    integration: String,
    state: GroupState,
    group: GroupId,
}

type GroupId = (String, LabelSet);

/// Alerts that are told of together.
#[derive(Debug)]
struct Group {
    options: RouteOptions,
    alerts: BTreeMap<u64, Alert>,
    next_flush: Timestamp,
    // Integrations whose notification is on its way.
    in_flight: usize,
    failed: bool,
}

/// A group as `/api/v2/alerts/groups` shows it.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// The group's labels.
    pub labels: LabelSet,
    /// Who is told of it.
    pub receiver: String,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

/// All state of a running Alertmanager.
#[derive(Debug)]
pub struct Dispatcher {
    config: Arc<Config>,
    store: AlertStore,
    groups: BTreeMap<GroupId, Group>,
    silences: Silences,
    log: NotifyLog,
    retention: Duration,
    next_cleanup: Timestamp,
}

/// How often what is over is forgotten.
const CLEANUP: Duration = Duration::from_secs(30 * 60);

impl Dispatcher {
    /// A dispatcher that knows no alerts yet; what is over is remembered for `retention`.
    pub fn new(
        config: Arc<Config>,
        silences: Silences,
        log: NotifyLog,
        retention: Duration,
        now: Timestamp,
    ) -> Self {
        Self {
            config,
            store: AlertStore::default(),
            groups: BTreeMap::new(),
            silences,
            log,
            retention,
            next_cleanup: later(now, CLEANUP),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The silences.
    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// The silences, to change them.
    pub fn silences_mut(&mut self) -> &mut Silences {
        &mut self.silences
    }

    /// What receivers were told.
    pub fn log(&self) -> &NotifyLog {
        &self.log
    }

    /// Takes a new configuration: alerts are grouped anew, what receivers were told stays known.
    pub fn reload(&mut self, config: Arc<Config>, now: Timestamp) {
        self.config = config;
        self.groups.clear();
        let alerts: Vec<Alert> = self.store.iter().cloned().collect();
        for alert in alerts {
            self.group(alert, now);
        }
    }

    /// Takes an alert in.
    pub fn put(&mut self, alert: Alert, now: Timestamp) {
        let known = self.store.put(alert, now).clone();
        self.group(known, now);
    }

    fn group(&mut self, alert: Alert, now: Timestamp) {
        let config = self.config.clone();
        for route in config.route.matching(&alert.labels) {
            let id = (route.key.clone(), route.group_labels(&alert.labels));
            if alert.is_resolved(now) && !self.groups.contains_key(&id) {
                // Nobody has heard of it, and it is over.
                continue;
            }
            let group = self.groups.entry(id).or_insert_with(|| Group::new(route, &alert, now));
            group.alerts.insert(alert.fingerprint(), alert.clone());
        }
    }

    /// Looks at every group that is due and returns what is to be sent, and when to come again.
    ///
    /// Each notification must be handed back through [`Dispatcher::done`].
    pub fn tick(&mut self, now: Timestamp) -> (Vec<Notification>, Timestamp) {
        let mut notifications = Vec::new();
        let config = self.config.clone();
        let judge = Judge { config: &config, store: &self.store, silences: &self.silences, log: &self.log };
        for (id, group) in &mut self.groups {
            if group.next_flush > now || group.in_flight > 0 {
                continue;
            }
            group.next_flush = later(now, group.options.group_interval);
            let receiver = config.receivers.iter().find(|r| r.name == group.options.receiver);
            let due = receiver.map(|r| judge.flush(id, group, r, now));
            let due = due.unwrap_or_default();
            group.in_flight = due.len();
            group.failed = false;
            if due.is_empty() {
                group.forget_resolved(now);
            }
            notifications.extend(due);
        }
        self.groups.retain(|_, g| !g.alerts.is_empty() || g.in_flight > 0);
        if self.next_cleanup <= now {
            self.store.forget_resolved(now);
            self.log.forget(self.retention, now);
            self.silences.forget(self.retention, now);
            self.next_cleanup = later(now, CLEANUP);
        }
        let due = self.groups.values().filter(|g| g.in_flight == 0).map(|g| g.next_flush);
        (notifications, due.min().unwrap_or(self.next_cleanup).min(self.next_cleanup))
    }

    /// Says how sending a notification went. Ended alerts leave their group once everybody knows.
    pub fn done(&mut self, notification: &Notification, sent: bool) {
        if sent {
            let state = notification.state.clone();
            self.log.record(&notification.group_key, &notification.integration, state, notification.now);
        }
        if let Some(group) = self.groups.get_mut(&notification.group) {
            group.in_flight = group.in_flight.saturating_sub(1);
            group.failed |= !sent;
            if group.in_flight == 0 && !group.failed {
                group.forget_resolved(notification.now);
            }
        }
    }

    /// Alerts that have not ended, by rising fingerprint.
    pub fn alerts(&self, now: Timestamp) -> impl Iterator<Item = &Alert> {
        self.store.iter().filter(move |a| !a.is_resolved(now))
    }

    /// What keeps an alert from being told of.
    pub fn quiet(&self, alert: &Alert, now: Timestamp) -> Quiet {
        Quiet::of(alert, &self.config.inhibit_rules, &self.store, &self.silences, now)
    }

    /// All groups, by receiver within labels.
    pub fn groups(&self) -> Vec<GroupView> {
        let mut views: Vec<GroupView> = self
            .groups
            .iter()
            .map(|((_, labels), group)| GroupView {
                labels: labels.clone(),
                receiver: group.options.receiver.clone(),
                alerts: group.alerts.values().cloned().collect(),
            })
            .collect();
        views.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        views
    }
}

impl Group {
    fn new(route: &Route, first: &Alert, now: Timestamp) -> Self {
        let options = route.options.clone();
        // An alert that is old enough has waited already, perhaps in front of a restarted program.
        let waited = later(first.starts_at, options.group_wait) < now;
        let next_flush = if waited { now } else { later(now, options.group_wait) };
        Self { options, alerts: BTreeMap::new(), next_flush, in_flight: 0, failed: false }
    }

    fn forget_resolved(&mut self, as_of: Timestamp) {
        self.alerts.retain(|_, a| !a.is_resolved(as_of));
    }
}

/// What decides whether a group's alerts are told of.
struct Judge<'a> {
    config: &'a Config,
    store: &'a AlertStore,
    silences: &'a Silences,
    log: &'a NotifyLog,
}

impl Judge<'_> {
    fn flush(&self, id: &GroupId, group: &Group, receiver: &Receiver, now: Timestamp) -> Vec<Notification> {
        let audible = |alert: &&Alert| {
            let rules = &self.config.inhibit_rules;
            !Quiet::of(alert, rules, self.store, self.silences, now).is_quiet()
        };
        let mut alerts: Vec<&Alert> = group.alerts.values().filter(audible).collect();
        if alerts.is_empty() {
            return Vec::new();
        }
        alerts.sort_by(|a, b| order(a, b));
        let mut state = GroupState::default();
        for alert in &alerts {
            let side = if alert.is_resolved(now) { &mut state.resolved } else { &mut state.firing };
            side.insert(alert.fingerprint());
        }
        let group_key = format!("{}:{}", id.0, id.1);
        let mut due = Vec::new();
        for (index, webhook) in receiver.webhooks.iter().enumerate() {
            let integration = format!("{}/webhook/{index}", receiver.name);
            let repeat = group.options.repeat_interval;
            let reason =
                self.log.reason(&group_key, &integration, &state, webhook.send_resolved, repeat, now);
            let Some(reason) = reason else { continue };
            let told = alerts.iter().filter(|a| webhook.send_resolved || !a.is_resolved(now));
            due.push(Notification {
                receiver: receiver.name.clone(),
                webhook: webhook.clone(),
                reason,
                group_key: group_key.clone(),
                group_labels: id.1.clone(),
                alerts: told.map(|a| (*a).clone()).collect(),
                now,
                deadline: group.options.group_interval,
                integration,
                state: state.clone(),
                group: id.clone(),
            });
        }
        due
    }
}

/// By job, then instance, then all labels; alerts that lack the label come last.
fn order(a: &Alert, b: &Alert) -> std::cmp::Ordering {
    let by = |name| {
        let (x, y) = (a.labels.get(name), b.labels.get(name));
        x.is_none().cmp(&y.is_none()).then_with(|| x.cmp(&y))
    };
    by("job").then_with(|| by("instance")).then_with(|| a.labels.cmp(&b.labels))
}

/// `t + d`, or the end of time.
fn later(t: Timestamp, d: Duration) -> Timestamp {
    t.checked_add(d).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
