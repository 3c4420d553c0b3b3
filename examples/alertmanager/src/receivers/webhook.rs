//! Notifications as JSON by HTTP POST, version 4 of the field's webhook message.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use metrics_core::LabelSet;
use serde_json::{Map, Value, json};

use crate::alert::Alert;
use crate::dispatcher::Notification;

/// Posts notifications; keeps connections open between them.
#[derive(Debug, Clone)]
pub struct WebhookSender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error("unexpected status code {0}: {1}")]
    Status(StatusCode, String),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("{0}")]
    Unreachable(String),
}

impl AttemptError {
    /// Whether another attempt may succeed: not if the other side understood and refused.
    fn may_pass(&self) -> bool {
        !matches!(self, Self::Status(status, _) if !status.is_server_error())
    }
}

impl WebhookSender {
    /// A sender that trusts the system's certificates.
    ///
    /// # Errors
    /// If the system's certificates cannot be read.
    pub fn new() -> std::io::Result<Self> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends until it is taken, refused, or out of time; says whether the receiver knows now.
    pub async fn send(&self, notification: &Notification, external_url: &str) -> bool {
        if notification.alerts.is_empty() {
            // Only ends, and the receiver does not want to hear of ends.
            return true;
        }
        let body = Bytes::from(message(notification, external_url).to_string());
        let attempts = async {
            let mut pause = Duration::from_millis(500);
            loop {
                let Err(error) = self.attempt(notification, body.clone()).await else { return true };
                tracing::warn!(receiver = notification.receiver, %error, "notification failed");
                if !error.may_pass() {
                    return false;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(Duration::from_secs(60));
            }
        };
        tokio::time::timeout(notification.deadline, attempts).await.unwrap_or(false)
    }

    async fn attempt(&self, notification: &Notification, body: Bytes) -> Result<(), AttemptError> {
        let webhook = &notification.webhook;
        let limit = if webhook.timeout.is_zero() { notification.deadline } else { webhook.timeout };
        let exchange = async {
            let unreachable = |e: &dyn std::error::Error| AttemptError::Unreachable(chain(e));
            let uri: Uri = webhook.url.parse().map_err(|e| unreachable(&e))?;
            let request = Request::builder()
                .method(Method::POST)
                .uri(uri)
                .header("content-type", "application/json")
                .header("user-agent", concat!("Alertmanager/", env!("CARGO_PKG_VERSION")))
                .body(Full::new(body))
                .map_err(|e| unreachable(&e))?;
            let response = self.client.request(request).await.map_err(|e| unreachable(&e))?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            let words = Limited::new(response.into_body(), 1024).collect().await;
            let words = words.map(|b| String::from_utf8_lossy(&b.to_bytes()).trim().to_owned());
            Err(AttemptError::Status(status, words.unwrap_or_default()))
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(AttemptError::Timeout(limit)))
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// The message as receivers parse it.
fn message(notification: &Notification, external_url: &str) -> Value {
    let max = notification.webhook.max_alerts;
    let shown = if max == 0 { notification.alerts.len() } else { max.min(notification.alerts.len()) };
    let (alerts, cut) = notification.alerts.split_at(shown);
    let now = notification.now;
    let firing = alerts.iter().any(|a| !a.is_resolved(now));
    json!({
        "receiver": regex::escape(&notification.receiver),
        "status": if firing { "firing" } else { "resolved" },
        "alerts": alerts.iter().map(|a| alert_json(a, now)).collect::<Vec<_>>(),
        "notification_reason": notification.reason.as_str(),
        "groupLabels": labels_json(&notification.group_labels),
        "commonLabels": labels_json(&common(alerts.iter().map(|a| &a.labels))),
        "commonAnnotations": labels_json(&common(alerts.iter().map(|a| &a.annotations))),
        "routeLabels": {},
        "externalURL": external_url,
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": cut.len(),
    })
}

fn alert_json(alert: &Alert, now: Timestamp) -> Value {
    let resolved = alert.is_resolved(now);
    json!({
        "status": if resolved { "resolved" } else { "firing" },
        "labels": labels_json(&alert.labels),
        "annotations": labels_json(&alert.annotations),
        "startsAt": alert.starts_at.to_string(),
        // The end of an alert that still fires is a guess: Go's zero time says that there is none.
        "endsAt": if resolved { alert.ends_at.to_string() } else { "0001-01-01T00:00:00Z".to_owned() },
        "generatorURL": alert.generator_url,
        "fingerprint": format!("{:016x}", alert.fingerprint()),
    })
}

/// Labels as a JSON object.
pub fn labels_json(labels: &LabelSet) -> Value {
    Value::Object(labels.iter().map(|(n, v)| (n.to_owned(), v.into())).collect::<Map<_, _>>())
}

/// The labels that all sets have with one value.
fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let Some(first) = sets.next() else { return LabelSet::empty() };
    let mut common = first.to_builder();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_labels_are_those_that_all_share() {
        let a = LabelSet::from_pairs([("x", "1"), ("y", "2")]);
        let b = LabelSet::from_pairs([("x", "1"), ("y", "3"), ("z", "4")]);
        assert_eq!(common([&a, &b].into_iter()), LabelSet::from_pairs([("x", "1")]));
        assert_eq!(common([].into_iter()), LabelSet::empty());
    }
}
