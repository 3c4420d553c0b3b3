//! A group of rules: evaluated one after the other at the same time, again and again.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use metrics_core::{
    Append, AppendError, Batch, Columns, LabelSet, LateSamples, STALE_NAN, Select, SelectHints,
    SelectRequest, SeriesRef, TimeRange, Timestamp, Value,
};

use super::alerting::{AlertingRule, Outside};
use super::notify::OutgoingAlert;
use super::recording::RecordingRule;
use super::{ManagerOptions, RuleError, RuleQuery, millis};
use crate::Point;
use crate::alert::AlertState;
use crate::rule_status::{GroupStatus, Health, RuleKind, RuleStatus};

/// Rules that are evaluated together, and what they have come to.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) file: String,
    pub(super) name: String,
    pub(super) interval: Duration,
    pub(super) limit: i64,
    pub(super) query_offset: Option<Duration>,
    pub(super) rules: Vec<RuleState>,
    /// Series of rules that are no more, to be marked stale.
    pub(super) stale: Vec<LabelSet>,
    /// How many evaluations must still happen before the past is taken up; none if it has been.
    pub(super) restore_after: Option<u8>,
    /// When the next evaluation is due.
    pub(super) next: Timestamp,
    pub(super) evaluation_time: Duration,
    pub(super) last_evaluation: Option<Timestamp>,
    /// Evaluations that could not happen because others took too long.
    pub(super) missed: u64,
    pub(super) evaluations: u64,
    pub(super) failures: u64,
}

/// A rule with what its last evaluation left.
#[derive(Debug)]
pub(super) struct RuleState {
    pub(super) kind: Kind,
    /// Series that the last evaluation wrote.
    pub(super) series: HashSet<LabelSet>,
    pub(super) health: Health,
    pub(super) last_error: Option<String>,
    pub(super) evaluation_time: Duration,
    pub(super) last_evaluation: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Recording(RecordingRule),
    Alerting(AlertingRule),
}

impl RuleState {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            series: HashSet::new(),
            health: Health::Unknown,
            last_error: None,
            evaluation_time: Duration::ZERO,
            last_evaluation: None,
        }
    }

    /// What tells rules of a group apart across reloads.
    pub(super) fn identity(&self) -> (&str, &LabelSet) {
        match &self.kind {
            Kind::Recording(r) => (&r.name, &r.labels),
            Kind::Alerting(r) => (&r.name, &r.labels),
        }
    }

    fn query(&self) -> &str {
        match &self.kind {
            Kind::Recording(r) => &r.query,
            Kind::Alerting(r) => &r.query,
        }
    }

    /// Whether two rules say the same.
    fn same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Recording(a), Kind::Recording(b)) => a == b,
            (Kind::Alerting(a), Kind::Alerting(b)) => {
                (&a.name, &a.query, &a.labels, &a.annotations, a.hold, a.keep_firing_for)
                    == (&b.name, &b.query, &b.labels, &b.annotations, b.hold, b.keep_firing_for)
            }
            _ => false,
        }
    }

    fn status(&self) -> RuleStatus {
        let (name, labels) = self.identity();
        let kind = match &self.kind {
            Kind::Recording(_) => RuleKind::Recording,
            Kind::Alerting(rule) => {
                let mut alerts: Vec<_> =
                    rule.active.values().filter(|a| a.resolved_at.is_none()).cloned().collect();
                alerts.sort_by(|a, b| a.labels.cmp(&b.labels));
                RuleKind::Alerting {
                    state: match self.last_evaluation {
                        Some(_) => rule.state(),
                        None => AlertState::Unknown,
                    },
                    hold: rule.hold,
                    keep_firing_for: rule.keep_firing_for,
                    annotations: rule.annotations.clone(),
                    alerts,
                }
            }
        };
        RuleStatus {
            name: name.to_owned(),
            query: self.query().to_owned(),
            labels: labels.clone(),
            health: self.health,
            last_error: self.last_error.clone(),
            evaluation_time: self.evaluation_time,
            last_evaluation: self.last_evaluation,
            kind,
        }
    }
}

/// What an evaluation reads and writes.
pub(super) struct Surroundings<'a> {
    pub(super) query: &'a dyn RuleQuery,
    pub(super) select: &'a dyn Select,
    pub(super) append: &'a dyn Append,
    pub(super) outside: &'a Outside,
    pub(super) options: &'a ManagerOptions,
}

impl Group {
    pub(super) fn key(&self) -> (&str, &str) {
        (&self.file, &self.name)
    }

    /// The last of this group's regular times at or before `now`. Groups are spread over their interval.
    pub(super) fn slot(&self, now: Timestamp) -> Timestamp {
        let interval = millis(self.interval).max(1);
        let identity = LabelSet::from_pairs([("file", &self.file), ("name", &self.name)]);
        let offset = (identity.stable_hash() % interval.unsigned_abs()) as i64;
        now - (now - offset).rem_euclid(interval)
    }

    /// Whether another group says the same, so that this one can run on.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.key() == other.key()
            && self.interval == other.interval
            && self.limit == other.limit
            && self.query_offset == other.query_offset
            && self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(|(a, b)| a.same(b))
    }

    /// Takes over what rules of the same name and labels have come to in the group that this one replaces.
    pub(super) fn take_over(&mut self, old: Self) {
        self.evaluation_time = old.evaluation_time;
        self.last_evaluation = old.last_evaluation;
        self.stale = old.stale;
        let mut left: Vec<Option<RuleState>> = old.rules.into_iter().map(Some).collect();
        for rule in &mut self.rules {
            let same = |slot: &&mut Option<RuleState>| {
                slot.as_ref().is_some_and(|old| old.identity() == rule.identity())
            };
            let Some(old) = left.iter_mut().find(same).and_then(Option::take) else {
                continue;
            };
            rule.series = old.series;
            if let (Kind::Alerting(new), Kind::Alerting(old)) = (&mut rule.kind, old.kind) {
                new.active = old.active;
            }
        }
        self.stale.extend(left.into_iter().flatten().flat_map(|rule| rule.series));
    }

    /// All series that the group has written and would have to mark stale if it went.
    pub(super) fn abandon(&mut self) {
        for rule in &mut self.rules {
            self.stale.extend(rule.series.drain());
        }
    }

    fn offset(&self, options: &ManagerOptions) -> i64 {
        millis(self.query_offset.unwrap_or(options.query_offset))
    }

    /// Evaluates all rules at a time. Yields the alerts that receivers should hear of.
    pub(super) fn evaluate(&mut self, around: &Surroundings<'_>, at: Timestamp) -> Vec<OutgoingAlert> {
        let begun = Instant::now();
        let offset = self.offset(around.options);
        let (limit, interval) = (self.limit, millis(self.interval));
        let mut outgoing = Vec::new();
        for rule in &mut self.rules {
            let rule_begun = Instant::now();
            self.evaluations += 1;
            let found = match &mut rule.kind {
                Kind::Recording(r) => r.evaluate(around.query, at, offset, limit),
                Kind::Alerting(r) => r.evaluate(around.query, around.outside, at, offset, limit),
            };
            let outcome = found.and_then(|samples| {
                if let Kind::Alerting(r) = &mut rule.kind {
                    let due = r.due(at, millis(around.options.resend_delay), interval);
                    let url = &around.outside.external_url;
                    outgoing.extend(due.iter().map(|alert| OutgoingAlert::new(alert, &r.query, url)));
                }
                write(around.append, &samples, &mut rule.series, at - offset)
            });
            rule.last_evaluation = Some(at);
            rule.evaluation_time = rule_begun.elapsed();
            (rule.health, rule.last_error) = match outcome {
                Ok(()) => (Health::Good, None),
                Err(error) => {
                    self.failures += 1;
                    (Health::Bad, Some(error.to_string()))
                }
            };
        }
        self.mark_stale(around, at);
        self.last_evaluation = Some(at);
        self.evaluation_time = begun.elapsed();
        outgoing
    }

    /// Marks the series of rules that are no more as gone.
    pub(super) fn mark_stale(&mut self, around: &Surroundings<'_>, at: Timestamp) {
        if self.stale.is_empty() {
            return;
        }
        let at = at - self.offset(around.options);
        let mut batch = around.append.batch();
        batch.late_samples(LateSamples::Refuse);
        for labels in &self.stale {
            // Another rule may write the series by now; then there is nothing to mark.
            let _ = batch.append_float(SeriesRef::UNKNOWN, labels, at, STALE_NAN);
        }
        if batch.commit().is_ok() {
            self.stale.clear();
        }
    }

    /// Takes up, from the store, since when alerts have been active.
    pub(super) fn restore(&mut self, around: &Surroundings<'_>, now: Timestamp) {
        let options = around.options;
        let (grace, tolerance) = (millis(options.for_grace_period), millis(options.outage_tolerance));
        let range = TimeRange::new(now.saturating_sub(tolerance), now);
        for rule in &mut self.rules {
            let Kind::Alerting(alerting) = &mut rule.kind else { continue };
            // What fires sooner than restored alerts may needs no restoring.
            if millis(alerting.hold) >= grace {
                match last_states(around.select, &alerting.state_matchers(), range) {
                    Ok(since) => alerting.restore(&since, now, grace),
                    Err(error) => rule.last_error = Some(error.to_string()),
                }
            }
            alerting.restored = true;
        }
    }

    /// Shows alerts from the start, without looking their past up.
    pub(super) fn skip_restoring(&mut self) {
        self.restore_after = None;
        for rule in &mut self.rules {
            if let Kind::Alerting(alerting) = &mut rule.kind {
                alerting.restored = true;
            }
        }
    }

    pub(super) fn status(&self) -> GroupStatus {
        GroupStatus {
            name: self.name.clone(),
            file: self.file.clone(),
            interval: self.interval,
            limit: self.limit,
            rules: self.rules.iter().map(RuleState::status).collect(),
            evaluation_time: self.evaluation_time,
            last_evaluation: self.last_evaluation,
        }
    }
}

/// Writes a rule's samples, and staleness markers for series that it wrote last time but not now.
fn write(
    append: &dyn Append,
    samples: &[(LabelSet, Point)],
    series: &mut HashSet<LabelSet>,
    at: Timestamp,
) -> Result<(), RuleError> {
    let mut batch = append.batch();
    // Rules write the present; what is older than the newest was written by another rule.
    batch.late_samples(LateSamples::Refuse);
    let mut written = HashSet::with_capacity(samples.len());
    let mut refused = None;
    for (labels, point) in samples {
        match append_point(&mut *batch, labels, at, point) {
            Ok(_) => {
                written.insert(labels.clone());
            }
            Err(error) => refused = Some(error),
        }
    }
    for labels in series.difference(&written) {
        // Refused where another rule has begun to write the series; that is no fault.
        let _ = batch.append_float(SeriesRef::UNKNOWN, labels, at, STALE_NAN);
    }
    batch.commit()?;
    *series = written;
    match refused {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn append_point(
    batch: &mut dyn Batch,
    labels: &LabelSet,
    at: Timestamp,
    point: &Point,
) -> Result<SeriesRef, AppendError> {
    match point {
        Point::Float(v) => batch.append_float(SeriesRef::UNKNOWN, labels, at, *v),
        Point::Histogram(h) => {
            batch.append(SeriesRef::UNKNOWN, labels, at, &Value::FloatHistogram(h.clone()))
        }
    }
}

/// The last sample of each series found, by labels without the metric name.
fn last_states(
    select: &dyn Select,
    matchers: &[metrics_core::Matcher],
    range: TimeRange,
) -> Result<HashMap<LabelSet, (Timestamp, f64)>, RuleError> {
    let found = select.select(&SelectRequest { matchers, range, hints: SelectHints::default() })?;
    let mut columns = Columns::default();
    let mut states = HashMap::with_capacity(found.len());
    for i in 0..found.len() {
        found.read(i, &mut columns)?;
        if let (Some(at), Some(value)) = (columns.floats.timestamps.last(), columns.floats.values.last()) {
            states.insert(found.labels(i).without_metric_name(), (*at, *value));
        }
    }
    Ok(states)
}
