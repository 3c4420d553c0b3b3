//! What leaves for Alertmanager: a bounded queue of alerts, taken in batches, and the body of the request.

use std::collections::{BTreeMap, VecDeque};

use metrics_core::relabel::{Rule as RelabelRule, relabel};
use metrics_core::{LabelSet, Timestamp};

use crate::alert::Alert;
use crate::json::{push_string, push_texts};
use crate::template::query_escape;

/// An alert on its way to Alertmanager.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingAlert {
    /// What identifies it.
    pub labels: LabelSet,
    /// What is said about it.
    pub annotations: BTreeMap<String, String>,
    /// Since when it fires, in milliseconds since 1970.
    pub starts_at: Timestamp,
    /// When it ended, or until when it counts as active without being heard of again.
    pub ends_at: Timestamp,
    /// Where its query can be looked at.
    pub generator_url: String,
}

impl OutgoingAlert {
    /// What receivers hear of an alert of a rule with that query.
    pub fn new(alert: &Alert, query: &str, external_url: &str) -> Self {
        Self {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.fired_at.unwrap_or(alert.active_at),
            ends_at: alert.resolved_at.or(alert.valid_until).unwrap_or(alert.active_at),
            generator_url: format!("{external_url}/graph?g0.expr={}&g0.tab=1", query_escape(query)),
        }
    }
}

/// Alerts waiting for one Alertmanager.
///
/// ```
/// use promql::rules::NotifyQueue;
/// let mut queue = NotifyQueue::new(10_000, 256);
/// assert!(queue.next_batch().is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct NotifyQueue {
    waiting: VecDeque<OutgoingAlert>,
    capacity: usize,
    batch: usize,
    dropped: u64,
}

impl NotifyQueue {
    /// A queue that holds so many alerts and hands them out so many at a time.
    pub fn new(capacity: usize, batch: usize) -> Self {
        Self { waiting: VecDeque::new(), capacity, batch: batch.max(1), dropped: 0 }
    }

    /// Adds alerts; where there is no room, the oldest are dropped.
    pub fn push(&mut self, alerts: impl IntoIterator<Item = OutgoingAlert>) {
        for alert in alerts {
            if self.capacity == 0 {
                self.dropped += 1;
                continue;
            }
            if self.waiting.len() >= self.capacity {
                self.waiting.pop_front();
                self.dropped += 1;
            }
            self.waiting.push_back(alert);
        }
    }

    /// Takes the next alerts to send together; none if none wait.
    pub fn next_batch(&mut self) -> Vec<OutgoingAlert> {
        let n = self.waiting.len().min(self.batch);
        self.waiting.drain(..n).collect()
    }

    /// How many alerts wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no alert waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many alerts were dropped for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Gives alerts the external labels that they do not have, then relabels them; some may be dropped by that.
pub fn prepare(
    alerts: Vec<OutgoingAlert>,
    external_labels: &LabelSet,
    relabeling: &[RelabelRule],
) -> Vec<OutgoingAlert> {
    alerts
        .into_iter()
        .filter_map(|mut alert| {
            let mut labels = alert.labels.to_builder();
            for (name, value) in external_labels {
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            alert.labels = relabel(&labels.build(), relabeling)?;
            Some(alert)
        })
        .collect()
}

/// The body of `POST /api/v2/alerts`.
pub fn request_body(alerts: &[OutgoingAlert]) -> String {
    let mut out = String::from("[");
    for (i, alert) in alerts.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str("{\"annotations\":");
        push_texts(&mut out, alert.annotations.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        out.push_str(",\"endsAt\":");
        push_string(&mut out, &rfc3339(alert.ends_at));
        out.push_str(",\"startsAt\":");
        push_string(&mut out, &rfc3339(alert.starts_at));
        out.push_str(",\"generatorURL\":");
        push_string(&mut out, &alert.generator_url);
        out.push_str(",\"labels\":");
        push_texts(&mut out, &alert.labels);
        out.push('}');
    }
    out.push(']');
    out
}

/// The path of an Alertmanager's API below a prefix.
///
/// ```
/// assert_eq!(promql::rules::alerts_path("prefix//"), "/prefix/api/v2/alerts");
/// ```
pub fn alerts_path(prefix: &str) -> String {
    let parts: Vec<&str> = prefix.split('/').filter(|p| !p.is_empty()).collect();
    let prefix = parts.iter().map(|p| format!("/{p}")).collect::<String>();
    prefix + "/api/v2/alerts"
}

/// A time with exactly three decimals, as Alertmanager's clients write it.
fn rfc3339(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => "0001-01-01T00:00:00.000Z".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: &str) -> OutgoingAlert {
        OutgoingAlert {
            labels: LabelSet::from_pairs([("alertname", name)]),
            annotations: BTreeMap::from([("summary".to_owned(), "a \"b\"".to_owned())]),
            starts_at: 0,
            ends_at: 60_001,
            generator_url: "http://p/graph?g0.expr=up&g0.tab=1".to_owned(),
        }
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let mut queue = NotifyQueue::new(3, 2);
        queue.push(["a", "b", "c", "d", "e"].map(alert));
        assert_eq!((queue.len(), queue.dropped()), (3, 2));
        assert_eq!(queue.next_batch(), [alert("c"), alert("d")]);
        assert_eq!(queue.next_batch(), [alert("e")]);
        assert!(queue.is_empty());
    }

    #[test]
    fn the_body_is_what_the_api_takes() {
        assert_eq!(
            request_body(&[alert("a")]),
            concat!(
                r#"[{"annotations":{"summary":"a \"b\""},"endsAt":"1970-01-01T00:01:00.001Z","#,
                r#""startsAt":"1970-01-01T00:00:00.000Z","generatorURL":"http://p/graph?g0.expr=up&g0.tab=1","#,
                r#""labels":{"alertname":"a"}}]"#
            )
        );
    }

    #[test]
    fn external_labels_do_not_override() {
        let external = LabelSet::from_pairs([("alertname", "no"), ("dc", "eu")]);
        let prepared = prepare(vec![alert("a")], &external, &[]);
        assert_eq!(prepared[0].labels.to_string(), r#"{alertname="a", dc="eu"}"#);
    }

    #[test]
    fn paths() {
        for (prefix, path) in [
            ("", "/api/v2/alerts"),
            ("/", "/api/v2/alerts"),
            ("/prefix", "/prefix/api/v2/alerts"),
            ("/prefix//", "/prefix/api/v2/alerts"),
        ] {
            assert_eq!(alerts_path(prefix), path);
        }
    }
}
