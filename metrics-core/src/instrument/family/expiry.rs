//! Which members have not been used for long.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::family::{Metric, MetricValue};
use crate::{LabelSet, Timestamp};

/// What members showed in the scrapes before, and since when.
#[derive(Debug)]
pub(super) struct Expiry {
    pub(super) idle: Duration,
    seen: Mutex<HashMap<LabelSet, Seen>>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    mark: [u64; 2],
    since: Timestamp,
}

impl Expiry {
    pub(super) fn new(idle: Duration) -> Self {
        Self { idle, seen: Mutex::default() }
    }

    /// Says of every metric whether it has shown the same for too long.
    pub(super) fn judge(&self, metrics: &[Metric], now: Timestamp) -> Vec<bool> {
        let idle = i64::try_from(self.idle.as_millis()).unwrap_or(i64::MAX);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = HashMap::with_capacity(metrics.len());
        let judge = |metric: &Metric| {
            let Some(mark) = mark(&metric.value) else { return false };
            let before = seen.get(&metric.labels).filter(|before| before.mark == mark);
            let now_seen = before.copied().unwrap_or(Seen { mark, since: now });
            let expired = now.saturating_sub(now_seen.since) >= idle;
            if !expired {
                next.insert(metric.labels.clone(), now_seen);
            }
            expired
        };
        let judged = metrics.iter().map(judge).collect();
        *seen = next;
        judged
    }
}

/// What changes whenever an instrument is used; nothing where use does not show.
fn mark(value: &MetricValue) -> Option<[u64; 2]> {
    match value {
        MetricValue::Counter { total: value, .. }
        | MetricValue::Gauge(value)
        | MetricValue::Unknown(value) => Some([value.to_bits(), 0]),
        MetricValue::Histogram(h) => Some([h.count.to_bits(), h.sum.to_bits()]),
        MetricValue::Summary { count, sum, .. } => Some([*count, sum.to_bits()]),
        _ => None,
    }
}
