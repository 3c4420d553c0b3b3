//! An alerting rule: what its query finds becomes alerts that are pending, then fire, then end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use metrics_core::{LabelSet, METRIC_NAME, Matcher, Timestamp};

use super::{RuleError, RuleQuery, millis};
use crate::alert::{Alert, AlertState};
use crate::template::{Expander, TemplateSample, TemplateValue, alert_data};
use crate::{Point, VectorSample};

/// The label that holds a rule's name.
pub(super) const ALERT_NAME: &str = "alertname";
const ALERT_STATE: &str = "alertstate";
/// The series that show alerts by state.
const ALERTS: &str = "ALERTS";
/// The series from which alerts are restored: when they became active.
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// How long an alert that ended is kept, so that receivers which missed its end hear of it again.
const RESOLVED_RETENTION: i64 = 15 * 60_000;

/// Raises alerts.
#[derive(Debug, Clone)]
pub(super) struct AlertingRule {
    pub(super) name: String,
    pub(super) query: String,
    pub(super) labels: LabelSet,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) hold: Duration,
    pub(super) keep_firing_for: Duration,
    /// Alerts by their labels, those that ended lately included.
    pub(super) active: HashMap<LabelSet, Alert>,
    /// Whether the past has been looked up, so that the present may be recorded over it.
    pub(super) restored: bool,
}

/// What templates of all rules see.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Outside {
    pub(super) external_labels: LabelSet,
    pub(super) external_url: String,
}

/// The name under which errors speak of a rule's templates.
pub(super) fn template_name(alert: &str) -> String {
    format!("__alert_{alert}")
}

/// A template with the shorthands `$labels`, `$externalLabels`, `$externalURL` and `$value` in front.
pub(super) fn template_text(text: &str) -> String {
    format!(
        "{{{{$labels := .Labels}}}}{{{{$externalLabels := .ExternalLabels}}}}\
         {{{{$externalURL := .ExternalURL}}}}{{{{$value := .Value}}}}{text}"
    )
}

impl AlertingRule {
    /// Evaluates the condition, moves all alerts on, and yields the samples that show them.
    pub(super) fn evaluate(
        &mut self,
        query: &dyn RuleQuery,
        outside: &Outside,
        now: Timestamp,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<(LabelSet, Point)>, RuleError> {
        let found = query.instant(&self.query, now - offset)?;
        let mut holding = HashSet::with_capacity(found.len());
        let mut raised = Vec::with_capacity(found.len());
        for sample in found {
            let alert = self.raise(&sample, query, outside, now);
            if !holding.insert(alert.labels.clone()) {
                return Err(RuleError::SameAlerts);
            }
            raised.push(alert);
        }
        for alert in raised {
            match self.active.get_mut(&alert.labels).filter(|a| a.state != AlertState::Inactive) {
                Some(known) => {
                    known.value = alert.value;
                    known.annotations = alert.annotations;
                }
                None => {
                    self.active.insert(alert.labels.clone(), alert);
                }
            }
        }
        let (samples, count) = self.advance(&holding, now);
        if limit > 0 && count as i64 > limit {
            self.active.clear();
            return Err(RuleError::TooManyAlerts { limit, found: count });
        }
        Ok(samples)
    }

    /// The alert that a sample of the condition stands for, its templates expanded.
    fn raise(
        &self,
        sample: &VectorSample,
        query: &dyn RuleQuery,
        outside: &Outside,
        now: Timestamp,
    ) -> Alert {
        let (shown, value) = match &sample.value {
            Point::Float(v) => (TemplateValue::Float(*v), *v),
            Point::Histogram(h) => (TemplateValue::Histogram(h.clone()), 0.0),
        };
        let data = alert_data(&sample.labels, &outside.external_labels, &outside.external_url, shown);
        let name = template_name(&self.name);
        let answer = |expr: &str| template_samples(query, expr, now);
        let expander = Expander::new(&name, now, &outside.external_url, &answer);
        let expand = |text: &str| match text.contains("{{") {
            true => expander
                .expand(&template_text(text), &data)
                .unwrap_or_else(|error| format!("<error expanding template: {error}>")),
            false => text.to_owned(),
        };
        let mut labels = sample.labels.to_builder();
        labels.remove(METRIC_NAME);
        for (name, text) in &self.labels {
            labels.set(name, expand(text));
        }
        labels.set(ALERT_NAME, self.name.as_str());
        let annotations = self.annotations.iter().map(|(name, text)| (name.clone(), expand(text))).collect();
        Alert::pending(labels.build(), annotations, value, now)
    }

    /// Moves all alerts on to `now`: those in `holding` hold. Yields samples and the number of active alerts.
    fn advance(&mut self, holding: &HashSet<LabelSet>, now: Timestamp) -> (Vec<(LabelSet, Point)>, usize) {
        let (hold, keep_firing_for) = (millis(self.hold), millis(self.keep_firing_for));
        let mut count = 0;
        self.active.retain(|labels, alert| {
            if holding.contains(labels) {
                alert.keep_firing_since = None;
            } else {
                let keeps_firing = alert.state == AlertState::Firing
                    && keep_firing_for > 0
                    && now - *alert.keep_firing_since.get_or_insert(now) < keep_firing_for;
                let forgotten = alert.state == AlertState::Pending
                    || alert.resolved_at.is_some_and(|at| now - at > RESOLVED_RETENTION);
                if forgotten {
                    return false;
                }
                if !keeps_firing {
                    if alert.state != AlertState::Inactive {
                        alert.state = AlertState::Inactive;
                        alert.resolved_at = Some(now);
                    }
                    return true;
                }
            }
            count += 1;
            if alert.state == AlertState::Pending && now - alert.active_at >= hold {
                alert.state = AlertState::Firing;
                alert.fired_at = Some(now);
            }
            // The rule may have been given a longer time meanwhile.
            if alert.state == AlertState::Firing && now - alert.active_at < hold {
                alert.state = AlertState::Pending;
                alert.fired_at = None;
                alert.last_sent_at = None;
                alert.keep_firing_since = None;
            }
            true
        });
        (self.samples(), count)
    }

    /// The series that show the alerts: `ALERTS` and `ALERTS_FOR_STATE`.
    fn samples(&self) -> Vec<(LabelSet, Point)> {
        if !self.restored {
            return Vec::new();
        }
        let mut samples = Vec::with_capacity(2 * self.active.len());
        for alert in self.active.values().filter(|a| a.state != AlertState::Inactive) {
            let mut labels = self.labels.to_builder();
            for (name, value) in &alert.labels {
                labels.set(name, value);
            }
            labels.set(ALERT_NAME, self.name.as_str());
            labels.set(METRIC_NAME, ALERTS_FOR_STATE);
            let since = Point::Float(alert.active_at.div_euclid(1000) as f64);
            samples.push((labels.build(), since));
            labels.set(METRIC_NAME, ALERTS).set(ALERT_STATE, alert.state.as_str());
            samples.push((labels.build(), Point::Float(1.0)));
        }
        samples
    }

    /// The alerts that receivers should hear of now; notes that they do.
    pub(super) fn due(&mut self, now: Timestamp, resend_delay: i64, interval: i64) -> Vec<Alert> {
        let mut due = Vec::new();
        for alert in self.active.values_mut().filter(|a| a.needs_sending(now, resend_delay)) {
            alert.last_sent_at = Some(now);
            // Two evaluations or two deliveries may fail before receivers give an alert up.
            alert.valid_until = Some(now + 4 * interval.max(resend_delay));
            due.push(alert.clone());
        }
        due.sort_by(|a, b| a.labels.cmp(&b.labels));
        due
    }

    /// The state of the rule's worst alert.
    pub(super) fn state(&self) -> AlertState {
        self.active.values().map(|a| a.state).max().unwrap_or(AlertState::Inactive)
    }

    /// What selects the series from which this rule's alerts are restored.
    pub(super) fn state_matchers(&self) -> Vec<Matcher> {
        let mut labels = self.labels.to_builder();
        labels.set(METRIC_NAME, ALERTS_FOR_STATE).set(ALERT_NAME, self.name.as_str());
        // Templates were expanded per alert and match nothing as they stand.
        labels.iter().filter(|(_, v)| !v.contains("{{")).map(|(n, v)| Matcher::equal(n, v)).collect()
    }

    /// Takes up the past: `since` tells, by alert labels, when its state was recorded last (milliseconds) and
    /// since when it was active then (seconds).
    pub(super) fn restore(
        &mut self,
        since: &HashMap<LabelSet, (Timestamp, f64)>,
        now: Timestamp,
        grace: i64,
    ) {
        let hold = millis(self.hold);
        for (labels, alert) in &mut self.active {
            let Some((down_at, seconds)) = since.get(labels).copied() else {
                continue;
            };
            if metrics_core::is_stale(seconds) {
                continue;
            }
            let active_at = (seconds as i64).saturating_mul(1000);
            let remaining = hold - (down_at - active_at);
            alert.active_at = if remaining <= 0 {
                // It was firing and will again at the next evaluation.
                active_at
            } else if remaining < grace {
                now + grace - hold
            } else {
                // The time without evaluations does not count.
                active_at + (now - down_at)
            };
        }
    }
}

fn template_samples(
    query: &dyn RuleQuery,
    expr: &str,
    now: Timestamp,
) -> Result<Vec<TemplateSample>, String> {
    let found = query.instant(expr, now).map_err(|error| error.to_string())?;
    let sample = |s: VectorSample| TemplateSample {
        labels: s.labels,
        value: Box::new(match s.value {
            Point::Float(v) => TemplateValue::Float(v),
            Point::Histogram(h) => TemplateValue::Histogram(h),
        }),
    };
    Ok(found.into_iter().map(sample).collect())
}
