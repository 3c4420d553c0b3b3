//! Runs all groups when they are due, and keeps what rules have come to when their files change.

use std::time::Duration;

use metrics_core::{Append, LabelSet, Select, Timestamp};

use super::alerting::{AlertingRule, Outside};
use super::file::{Rule, RuleFile, RuleGroup};
use super::group::{Group, Kind, RuleState, Surroundings};
use super::notify::OutgoingAlert;
use super::recording::RecordingRule;
use super::{RuleQuery, millis};
use crate::parser::{ParseError, ParserOptions};
use crate::rule_status::GroupStatus;

/// What all groups have in common.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ManagerOptions {
    /// Time between evaluations of groups that do not say; one minute.
    pub interval: Duration,
    /// How far evaluations of groups that do not say lag behind; none.
    pub query_offset: Duration,
    /// How long an outage may last for alerts to be restored after it; one hour.
    pub outage_tolerance: Duration,
    /// How long a restored alert is pending at least; ten minutes.
    pub for_grace_period: Duration,
    /// Time before receivers hear of an alert again; one minute.
    pub resend_delay: Duration,
    /// Labels of this server, for templates.
    pub external_labels: LabelSet,
    /// Where people find this server, without a slash at the end.
    pub external_url: String,
    /// What queries may use.
    pub parser: ParserOptions,
}

impl Default for ManagerOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            outage_tolerance: Duration::from_secs(3600),
            for_grace_period: Duration::from_secs(600),
            resend_delay: Duration::from_secs(60),
            external_labels: LabelSet::empty(),
            external_url: String::new(),
            parser: ParserOptions::default(),
        }
    }
}

/// Evaluates groups of rules. Has no thread and no clock: call [`Manager::tick`] when it says.
///
/// ```
/// use metrics_core::MemStore;
/// use promql::rules::{Manager, ManagerOptions, RuleFileOptions, parse_rules};
/// # use promql::{Engine, Options};
/// let text = "groups:\n- name: g\n  interval: 10s\n  rules:\n  - {record: one, expr: vector(1)}\n";
/// let file = parse_rules(text, &RuleFileOptions::default()).unwrap();
/// let store = MemStore::default();
/// let engine = Engine::new(Options::default());
/// let mut manager = Manager::new(ManagerOptions::default());
/// manager.reload(vec![("rules.yml".to_owned(), file)], 0).unwrap();
/// let mut now = 0;
/// for _ in 0..3 {
///     now = manager.tick(now, &(&engine, &store), &store, &store).next_due.unwrap();
/// }
/// assert_eq!(store.dump()[0].1.len(), 2);
/// ```
#[derive(Debug)]
pub struct Manager {
    options: ManagerOptions,
    outside: Outside,
    groups: Vec<Group>,
    /// Groups that were taken out, and when their series are marked stale.
    leaving: Vec<(Timestamp, Timestamp, Group)>,
    loaded: bool,
}

/// What a tick yields.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Tick {
    /// When to call again, in milliseconds since 1970; none if there are no groups.
    pub next_due: Option<Timestamp>,
    /// Alerts that receivers should hear of.
    pub alerts: Vec<OutgoingAlert>,
}

/// Counts of one group since it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupCounts {
    /// The file.
    pub file: String,
    /// The group.
    pub group: String,
    /// Evaluations of rules.
    pub evaluations: u64,
    /// Those that failed.
    pub failures: u64,
    /// Evaluations of the group that were left out because it took too long.
    pub missed: u64,
}

impl Manager {
    /// A manager without groups.
    pub fn new(options: ManagerOptions) -> Self {
        let outside = Outside {
            external_labels: options.external_labels.clone(),
            external_url: options.external_url.clone(),
        };
        Self { options, outside, groups: Vec::new(), leaving: Vec::new(), loaded: false }
    }

    /// Changes the options; groups keep their state. Takes effect with the next [`Manager::reload`] where it
    /// concerns intervals.
    pub fn set_options(&mut self, options: ManagerOptions) {
        self.outside = Outside {
            external_labels: options.external_labels.clone(),
            external_url: options.external_url.clone(),
        };
        self.options = options;
    }

    /// Replaces all groups by those of the files. A group that says the same runs on; rules of the same name
    /// and labels keep their alerts; series of rules that are no more are marked stale.
    ///
    /// The first load looks the past of alerts up in the store, after two evaluations.
    ///
    /// # Errors
    /// If a query does not parse; then nothing changes.
    pub fn reload(&mut self, files: Vec<(String, RuleFile)>, now: Timestamp) -> Result<(), ParseError> {
        let mut groups = Vec::new();
        for (path, file) in files {
            for group in file.groups {
                groups.push(self.group(&path, group)?);
            }
        }
        let mut old: Vec<Option<Group>> = std::mem::take(&mut self.groups).into_iter().map(Some).collect();
        for mut group in groups {
            let before = old
                .iter_mut()
                .find(|slot| slot.as_ref().is_some_and(|o| o.key() == group.key()))
                .and_then(Option::take);
            match before {
                Some(before) if before.same(&group) => self.groups.push(before),
                before => {
                    group.next = group.slot(now) + millis(group.interval);
                    if let Some(before) = before {
                        group.take_over(before);
                    }
                    self.groups.push(group);
                }
            }
        }
        for mut group in old.into_iter().flatten() {
            group.abandon();
            // Another group may go on writing its series: give it the time to.
            let due = now + 2 * millis(group.interval);
            self.leaving.push((due, now, group));
        }
        self.loaded = true;
        Ok(())
    }

    /// Evaluates every group that is due at `now`.
    pub fn tick(
        &mut self,
        now: Timestamp,
        query: &dyn RuleQuery,
        select: &dyn Select,
        append: &dyn Append,
    ) -> Tick {
        let around = Surroundings { query, select, append, outside: &self.outside, options: &self.options };
        let mut tick = Tick::default();
        for group in self.groups.iter_mut().filter(|g| g.next <= now) {
            let interval = millis(group.interval).max(1);
            let missed = (now - group.next) / interval;
            let at = group.next + missed * interval;
            group.missed += missed.unsigned_abs();
            group.next = at + interval;
            tick.alerts.extend(group.evaluate(&around, at));
            // Before the second evaluation, what alerts depend on may not have been recorded yet.
            group.restore_after = match group.restore_after {
                Some(0 | 1) => {
                    group.restore(&around, now);
                    None
                }
                Some(n) => Some(n - 1),
                None => None,
            };
        }
        for (_, left_at, group) in self.leaving.iter_mut().filter(|(due, ..)| *due <= now) {
            group.mark_stale(&around, *left_at);
        }
        self.leaving.retain(|(due, ..)| *due > now);
        let due = self.groups.iter().map(|g| g.next).chain(self.leaving.iter().map(|(due, ..)| *due));
        tick.next_due = due.min();
        tick
    }

    /// Evaluates every group at a time, due or not, in the order of `rank` by group name: for tests of rules, which
    /// choose their own times. Nothing is looked up for alerts; they are shown from the start.
    pub fn evaluate_at(
        &mut self,
        at: Timestamp,
        rank: impl Fn(&str) -> usize,
        query: &dyn RuleQuery,
        select: &dyn Select,
        append: &dyn Append,
    ) -> Vec<OutgoingAlert> {
        let around = Surroundings { query, select, append, outside: &self.outside, options: &self.options };
        self.groups.sort_by_key(|g| rank(&g.name));
        let mut alerts = Vec::new();
        for group in &mut self.groups {
            group.skip_restoring();
            alerts.extend(group.evaluate(&around, at));
        }
        alerts
    }

    /// What is known about all groups, in order of file and name.
    pub fn status(&self) -> Vec<GroupStatus> {
        let mut groups: Vec<_> = self.groups.iter().map(Group::status).collect();
        groups.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
        groups
    }

    /// Counts for the server's own metrics.
    pub fn counts(&self) -> Vec<GroupCounts> {
        let count = |g: &Group| GroupCounts {
            file: g.file.clone(),
            group: g.name.clone(),
            evaluations: g.evaluations,
            failures: g.failures,
            missed: g.missed,
        };
        self.groups.iter().map(count).collect()
    }

    fn group(&self, path: &str, group: RuleGroup) -> Result<Group, ParseError> {
        let restored = self.loaded;
        let rules: Result<Vec<_>, _> =
            group.rules.into_iter().map(|rule| self.rule(rule, &group.labels, restored)).collect();
        Ok(Group {
            file: path.to_owned(),
            name: group.name,
            interval: group.interval.unwrap_or(self.options.interval),
            limit: group.limit,
            query_offset: group.query_offset,
            rules: rules?,
            stale: Vec::new(),
            restore_after: (!restored).then_some(2),
            next: Timestamp::MIN,
            evaluation_time: Duration::ZERO,
            last_evaluation: None,
            missed: 0,
            evaluations: 0,
            failures: 0,
        })
    }

    fn rule(
        &self,
        rule: Rule,
        group_labels: &std::collections::BTreeMap<String, String>,
        restored: bool,
    ) -> Result<RuleState, ParseError> {
        let query = self.options.parser.parse(&rule.expr)?.to_string();
        let labels: LabelSet = group_labels.iter().chain(&rule.labels).collect();
        Ok(RuleState::new(if rule.alert.is_empty() {
            Kind::Recording(RecordingRule { name: rule.record, query, labels })
        } else {
            Kind::Alerting(AlertingRule {
                name: rule.alert,
                query,
                labels,
                annotations: rule.annotations,
                hold: rule.hold,
                keep_firing_for: rule.keep_firing_for,
                active: std::collections::HashMap::new(),
                restored,
            })
        }))
    }
}
