//! Collectors that wait for others without holding a thread.

use std::fmt;
use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use metrics_core::family::MetricFamily;
use metrics_core::instrument::{Collect, CollectError};
use tokio::runtime::Handle;

/// Runs an async function at each scrape, on a runtime, and gives it up when the scraper does.
///
/// The thread that answers the scrape waits meanwhile, so that must not be the runtime's only one:
/// [`Handlers::Blocking`](crate::serve::Handlers::Blocking), the default of the server, is right.
///
/// ```
/// use std::time::Duration;
/// use exporter_kit::AsyncCollector;
/// use exporter_kit::instrument::Registry;
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
/// let registry = Registry::new();
/// let ask = || async { Ok(vec![/* families made of the answer of another service */]) };
/// let collector = AsyncCollector::new(runtime.handle(), Duration::from_secs(5), ask);
/// registry.register_collector("upstream", collector)?;
/// assert!(registry.gather().errors.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AsyncCollector<F> {
    runtime: Handle,
    limit: Duration,
    collect: F,
}

impl<F, Answer> AsyncCollector<F>
where
    F: Fn() -> Answer + Send + Sync,
    Answer: Future<Output = Result<Vec<MetricFamily>, CollectError>> + Send + 'static,
{
    /// Calls `collect` at each scrape and waits no longer than `limit`, or until the scraper's deadline.
    pub fn new(runtime: &Handle, limit: Duration, collect: F) -> Self {
        Self { runtime: runtime.clone(), limit, collect }
    }
}

impl<F, Answer> Collect for AsyncCollector<F>
where
    F: Fn() -> Answer + Send + Sync,
    Answer: Future<Output = Result<Vec<MetricFamily>, CollectError>> + Send + 'static,
{
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        self.collect_until(families, None)
    }

    fn collect_until(
        &self,
        families: &mut Vec<MetricFamily>,
        deadline: Option<Instant>,
    ) -> Result<(), CollectError> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(self.limit, |left| left.min(self.limit));
        let (done, wait) = sync_channel(1);
        let answer = (self.collect)();
        let task = self.runtime.spawn(async move {
            // Nobody waits any more if it took too long.
            let _ = done.send(answer.await);
        });
        match wait.recv_timeout(limit) {
            Ok(answer) => {
                families.extend(answer?);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => {
                task.abort();
                Err(CollectError::new(format!("no answer within {} s", limit.as_secs_f64())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(CollectError::new("it panicked")),
        }
    }
}

impl<F> fmt::Debug for AsyncCollector<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncCollector").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use metrics_core::family::MetricValue;
    use metrics_core::instrument::{Gathered, Registry};
    use metrics_core::{LabelSet, MetricType};

    use super::*;

    #[test]
    fn answers_in_time_are_shown_and_others_given_up() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let registry = Registry::new();
        let after = |wait: u64| {
            move || async move {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                assert!(wait != 7, "on purpose");
                let mut family = MetricFamily::new(format!("waited_{wait}"), "Waited.", MetricType::Gauge);
                family.push(LabelSet::empty(), MetricValue::Gauge(1.0));
                Ok(vec![family])
            }
        };
        let register = |registry: &Registry, wait: u64| {
            let collector = AsyncCollector::new(runtime.handle(), Duration::from_secs(60), after(wait));
            registry.register_collector(wait.to_string(), collector).unwrap();
        };
        let errors =
            |gathered: &Gathered| gathered.errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        register(&registry, 0);
        register(&registry, 7);
        let gathered = registry.gather();
        assert_eq!(gathered.value("waited_0", &[]), Some(1.0));
        assert_eq!(errors(&gathered), [r#"collector "7" failed: it panicked"#]);

        let hanging = Registry::new();
        register(&hanging, 60_000);
        let soon = Some(Instant::now() + Duration::from_millis(50));
        let error = &errors(&hanging.gather_until(soon))[0];
        assert!(error.starts_with(r#"collector "60000" failed: no answer within 0."#), "{error}");
    }
}
