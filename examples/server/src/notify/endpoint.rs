//! One Alertmanager: its queue and its sender.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, USER_AGENT};
use parking_lot::Mutex;
use promql::rules::{NotifyQueue, OutgoingAlert, request_body};
use scrape_client::http::HttpClient;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Delivery, QueueLimits};

/// Longest answer that is read; nothing in it matters.
const MAX_ANSWER: u64 = 1 << 20;

/// A queue with a task that empties it; dropping it ends the task.
pub(super) struct Endpoint {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    url: String,
    wake: Notify,
    queue: Mutex<Queue>,
}

struct Queue {
    waiting: NotifyQueue,
    /// Alerts of the request under way.
    leaving: usize,
    sent: u64,
    failed: u64,
}

impl Endpoint {
    pub(super) fn start(
        url: String,
        client: Arc<HttpClient>,
        timeout: Duration,
        limits: QueueLimits,
    ) -> Self {
        let waiting = NotifyQueue::new(limits.capacity, limits.batch);
        let queue = Mutex::new(Queue { waiting, leaving: 0, sent: 0, failed: 0 });
        let shared = Arc::new(Shared { url, wake: Notify::new(), queue });
        let task = tokio::spawn(run(shared.clone(), client, timeout));
        Self { shared, task }
    }

    pub(super) fn url(&self) -> &str {
        &self.shared.url
    }

    pub(super) fn queue(&self, alerts: &[OutgoingAlert]) {
        let mut queue = self.shared.queue.lock();
        let before = queue.waiting.dropped();
        queue.waiting.push(alerts.iter().cloned());
        let over = queue.waiting.dropped() - before;
        drop(queue);
        if over > 0 {
            let url = &self.shared.url;
            tracing::warn!(component = "notifier", alertmanager = %url, num_dropped = over, "Alert notification queue full, dropping alerts");
        }
        self.shared.wake.notify_one();
    }

    pub(super) fn stats(&self) -> Delivery {
        let queue = self.shared.queue.lock();
        Delivery {
            url: self.shared.url.clone(),
            waiting: (queue.waiting.len() + queue.leaving) as u64,
            sent: queue.sent,
            failed: queue.failed,
            dropped: queue.waiting.dropped() + queue.failed,
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(shared: Arc<Shared>, client: Arc<HttpClient>, timeout: Duration) {
    loop {
        let batch = {
            let mut queue = shared.queue.lock();
            let batch = queue.waiting.next_batch();
            queue.leaving = batch.len();
            batch
        };
        if batch.is_empty() {
            shared.wake.notified().await;
            continue;
        }
        let outcome = post(&shared.url, &client, timeout, &batch).await;
        let count = batch.len() as u64;
        let mut queue = shared.queue.lock();
        queue.leaving = 0;
        queue.sent += count;
        if let Err(error) = outcome {
            queue.failed += count;
            tracing::error!(component = "notifier", alertmanager = %shared.url, count, err = %error, "Error sending alerts");
        }
    }
}

async fn post(
    url: &str,
    client: &HttpClient,
    timeout: Duration,
    batch: &[OutgoingAlert],
) -> Result<(), String> {
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "Prometheus/3.14.0")
        .body(Bytes::from(request_body(batch)))
        .map_err(|e| e.to_string())?;
    let answer = client.exchange(request, timeout, MAX_ANSWER).await.map_err(|e| e.to_string())?;
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(format!("bad response status {}", answer.status())),
    }
}
