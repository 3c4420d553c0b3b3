//! A collector that reports on itself and cannot take the page down.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::instrument::{Collect, CollectError};
use metrics_core::{LabelSet, MetricType};

/// Runs a collector and adds how long it took and whether it succeeded, as the field's exporters do:
/// `PREFIX_scrape_collector_duration_seconds` and `PREFIX_scrape_collector_success` with the label `collector`.
///
/// A panic counts as a failure, and so does a collector that takes too long ([`Guarded::within`]). Several guarded collectors of one prefix share the two families.
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
    collector: Arc<C>,
    limit: Option<Duration>,
    /// Whether a run that took too long is still under way.
    busy: Arc<AtomicBool>,
}

impl<C: Collect> Guarded<C> {
    /// Guards a collector of this name.
    pub fn new(prefix: &str, name: &str, collector: C) -> Self {
        let labels = LabelSet::from_pairs([("collector", name)]);
        Self {
            prefix: prefix.to_owned(),
            labels,
            collector: Arc::new(collector),
            limit: None,
            busy: Arc::default(),
        }
    }

    /// Runs the collector in a thread of its own and gives it up after this time, or when the scraper does, whatever comes
    /// first. While one that was given up is still running, further scrapes fail at once.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    fn gauge(&self, suffix: &str, help: &str, value: f64) -> MetricFamily {
        let name = format!("{}_scrape_collector_{suffix}", self.prefix);
        let mut family = MetricFamily::new(name, help, MetricType::Gauge);
        family.push(self.labels.clone(), MetricValue::Gauge(value));
        family
    }
}

impl<C: Collect + 'static> Guarded<C> {
    /// Runs the collector elsewhere and waits for it.
    fn run_within(
        &self,
        limit: Duration,
        families: &mut Vec<MetricFamily>,
        deadline: Option<Instant>,
    ) -> Result<(), CollectError> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(CollectError::new("it is still busy with an earlier scrape"));
        }
        let begin = Instant::now();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(begin));
        let limit = left.map_or(limit, |left| left.min(limit));
        let (collector, busy) = (Arc::clone(&self.collector), Arc::clone(&self.busy));
        let (done, wait) = mpsc::sync_channel(1);
        let until = begin.checked_add(limit);
        let thread = std::thread::Builder::new().name("collector".to_owned()).spawn(move || {
            let mut found = Vec::new();
            let outcome = unpanicked(&*collector, &mut found, until);
            busy.store(false, Ordering::Release);
            // Nobody waits any more if it took too long.
            let _ = done.send((found, outcome));
        });
        if let Err(error) = thread {
            self.busy.store(false, Ordering::Release);
            return Err(error.into());
        }
        match wait.recv_timeout(limit) {
            Ok((found, outcome)) => {
                families.extend(found);
                outcome
            }
            Err(_) => Err(CollectError::new(format!("it did not finish within {} s", limit.as_secs_f64()))),
        }
    }
}

/// Runs a collector, whose panic is a failure.
fn unpanicked(
    collector: &impl Collect,
    families: &mut Vec<MetricFamily>,
    deadline: Option<Instant>,
) -> Result<(), CollectError> {
    catch_unwind(AssertUnwindSafe(|| collector.collect_until(families, deadline)))
        .unwrap_or_else(|panic| Err(CollectError::new(format!("panicked: {}", words(&*panic)))))
}

impl<C: Collect + 'static> Collect for Guarded<C> {
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        self.collect_until(families, None)
    }

    fn collect_until(
        &self,
        families: &mut Vec<MetricFamily>,
        deadline: Option<Instant>,
    ) -> Result<(), CollectError> {
        let begin = Instant::now();
        let outcome = match self.limit {
            Some(limit) => self.run_within(limit, families, deadline),
            None => unpanicked(&*self.collector, families, deadline),
        };
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

    #[test]
    fn a_collector_that_hangs_is_given_up_and_not_run_twice() {
        let registry = Registry::new();
        let (release, wait) = mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let hanging = move |families: &mut Vec<MetricFamily>| {
            wait.lock().unwrap().recv().unwrap();
            families.push(MetricFamily::new("x_late", "Late.", MetricType::Gauge));
            Ok(())
        };
        let guarded = Guarded::new("x", "slow", hanging).within(Duration::from_secs(60));
        registry.register_collector("slow", guarded).unwrap();
        let soon = || Some(Instant::now() + Duration::from_millis(20));
        let error = |deadline| registry.gather_until(deadline).errors[0].to_string();
        assert!(error(soon()).starts_with(r#"collector "slow" failed: it did not finish within 0.0"#));
        assert_eq!(error(soon()), r#"collector "slow" failed: it is still busy with an earlier scrape"#);
        release.send(()).unwrap();
        release.send(()).unwrap();
        let success = || registry.value("x_scrape_collector_success", &[("collector", "slow")]);
        let mut tries = 0;
        while success() != Some(1.0) {
            tries += 1;
            assert!(tries < 1000, "it never came back");
            std::thread::sleep(Duration::from_millis(5));
            let _ = release.send(());
        }
    }
}
