//! What the program says about itself at `/metrics`, under the original's names.

use std::sync::Arc;

use exporter_kit::instrument::{CollectError, Counter, Family, RegisterError, Registry};
use exporter_kit::{Endpoint, ProcessCollector};
use jiff::Timestamp;
use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};
use parking_lot::Mutex;

use crate::dispatcher::Dispatcher;
use crate::silence::SilenceState;

/// The registry of the program itself.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    endpoint: Endpoint,
    /// By status: `firing` or `resolved`.
    pub(crate) received: Family<[&'static str; 2], Counter>,
    /// Alerts that were refused.
    pub(crate) invalid: Counter,
    /// Notifications begun, by integration.
    pub(crate) notifications: Family<[&'static str; 1], Counter>,
    /// Notifications that were given up, by integration.
    pub(crate) failed: Family<[&'static str; 1], Counter>,
}

impl OwnMetrics {
    pub(crate) fn new(dispatcher: Arc<Mutex<Dispatcher>>) -> Result<Self, RegisterError> {
        let registry = Registry::new();
        registry.register_collector("process", ProcessCollector::new())?;
        registry.register_collector("alertmanager", move |families: &mut Vec<MetricFamily>| {
            families.extend(states(&dispatcher.lock(), Timestamp::now()));
            Ok::<(), CollectError>(())
        })?;
        let own = registry.with_prefix("alertmanager");
        Ok(Self {
            received: own.counter_family(
                "alerts_received",
                "The total number of received alerts.",
                ["status", "version"],
            )?,
            invalid: own
                .counter("alerts_invalid", "The total number of received alerts that were invalid.")?,
            notifications: own.counter_family(
                "notifications",
                "The total number of attempted notifications.",
                ["integration"],
            )?,
            failed: own.counter_family(
                "notifications_failed",
                "The total number of failed notifications.",
                ["integration"],
            )?,
            endpoint: Endpoint::new(&registry),
        })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// Alerts and silences by state.
fn states(dispatcher: &Dispatcher, now: Timestamp) -> [MetricFamily; 2] {
    let (mut active, mut suppressed) = (0u32, 0u32);
    for alert in dispatcher.alerts(now) {
        *if dispatcher.quiet(alert, now).is_quiet() { &mut suppressed } else { &mut active } += 1;
    }
    let silences = dispatcher.silences().list(now);
    let count = |state| silences.iter().filter(|s| s.state(now) == state).count() as f64;
    let gauge = |name: &str, help: &str, values: Vec<(&str, f64)>| {
        let mut family = MetricFamily::new(name, help, MetricType::Gauge);
        for (state, value) in values {
            family.push(LabelSet::from_pairs([("state", state)]), MetricValue::Gauge(value));
        }
        family
    };
    [
        gauge(
            "alertmanager_alerts",
            "How many alerts by state.",
            vec![("active", f64::from(active)), ("suppressed", f64::from(suppressed))],
        ),
        gauge(
            "alertmanager_silences",
            "How many silences by state.",
            [SilenceState::Active, SilenceState::Pending, SilenceState::Expired]
                .map(|state| (state.as_str(), count(state)))
                .to_vec(),
        ),
    ]
}
