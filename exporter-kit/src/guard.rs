//! A collector that reports on itself and cannot take the page down.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::instrument::{Collect, CollectError};
use metrics_core::{LabelSet, MetricType};

/// Runs a collector and adds how long it took and whether it succeeded, as the field's exporters do:
/// `PREFIX_scrape_collector_duration_seconds` and `PREFIX_scrape_collector_success` with the label `collector`.
///
/// A panic counts as a failure. Several guarded collectors of one prefix share the two families.
///
/// ```
/// use exporter_kit::Guarded;
/// use exporter_kit::instrument::{CollectError, Registry};
///
/// let registry = Registry::new();
/// let disk = |_: &mut Vec<_>| Err(CollectError::new("the disk is gone"));
/// registry.register_collector("disk", Guarded::new("shop", "disk", disk))?;
/// let families = registry.gather().families;
/// assert_eq!(families[1].name, "shop_scrape_collector_success");
/// assert_eq!(families[1].metrics[0].labels.to_string(), r#"{collector="disk"}"#);
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
pub struct Guarded<C> {
    prefix: String,
    labels: LabelSet,
    collector: C,
}

impl<C: Collect> Guarded<C> {
    /// Guards a collector of this name.
    pub fn new(prefix: &str, name: &str, collector: C) -> Self {
        let labels = LabelSet::from_pairs([("collector", name)]);
        Self { prefix: prefix.to_owned(), labels, collector }
    }

    fn gauge(&self, suffix: &str, help: &str, value: f64) -> MetricFamily {
        let name = format!("{}_scrape_collector_{suffix}", self.prefix);
        let mut family = MetricFamily::new(name, help, MetricType::Gauge);
        family.push(self.labels.clone(), MetricValue::Gauge(value));
        family
    }
}

impl<C: Collect> Collect for Guarded<C> {
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let begin = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.collector.collect(families)))
            .unwrap_or_else(|panic| Err(CollectError::new(format!("panicked: {}", words(&*panic)))));
        let seconds = begin.elapsed().as_secs_f64();
        let success = f64::from(u8::from(outcome.is_ok()));
        families.push(self.gauge("duration_seconds", "How long the collector took.", seconds));
        families.push(self.gauge("success", "Whether the collector succeeded.", success));
        outcome
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}

impl<C> fmt::Debug for Guarded<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("prefix", &self.prefix)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_core::instrument::Registry;

    #[test]
    fn reports_success_failure_and_panic() {
        let registry = Registry::new();
        let fine = |_: &mut Vec<MetricFamily>| Ok(());
        let failing = |_: &mut Vec<MetricFamily>| Err(CollectError::new("no such file"));
        let panicking = |_: &mut Vec<MetricFamily>| panic!("index out of bounds");
        registry.register_collector("a", Guarded::new("x", "a", fine)).unwrap();
        registry.register_collector("b", Guarded::new("x", "b", failing)).unwrap();
        registry.register_collector("c", Guarded::new("x", "c", panicking)).unwrap();
        let gathered = registry.gather();
        let names: Vec<_> = gathered.families.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["x_scrape_collector_duration_seconds", "x_scrape_collector_success"]);
        let success: Vec<_> =
            gathered.families[1].metrics.iter().map(|m| (m.labels.to_string(), m.value.clone())).collect();
        let expected = [("a", 1.0), ("b", 0.0), ("c", 0.0)]
            .map(|(name, value)| (format!("{{collector=\"{name}\"}}"), MetricValue::Gauge(value)));
        assert_eq!(success, expected);
        let errors: Vec<_> = gathered.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                r#"collector "b" failed: no such file"#,
                r#"collector "c" failed: panicked: index out of bounds"#
            ]
        );
    }
}
