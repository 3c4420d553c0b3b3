//! `tokio_*`: how busy a runtime is.

use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::instrument::{Collect, CollectError};
use metrics_core::{LabelSet, MetricType};
use tokio::runtime::Handle;

/// Collects what a tokio runtime tells of itself: workers, tasks, the length of its queue, and for each worker how long it
/// was busy and how often it went to sleep.
///
/// ```
/// use exporter_kit::RuntimeCollector;
/// use exporter_kit::instrument::Registry;
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let registry = Registry::new();
/// registry.register_collector("tokio", RuntimeCollector::new(runtime.handle()))?;
/// assert_eq!(registry.value("tokio_workers", &[]), Some(2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RuntimeCollector(Handle);

impl RuntimeCollector {
    /// Observes this runtime; [`Handle::current`] is the one that the caller runs on.
    pub fn new(runtime: &Handle) -> Self {
        Self(runtime.clone())
    }
}

impl Collect for RuntimeCollector {
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let metrics = self.0.metrics();
        let mut gauge = |name: &str, help: &str, value: usize| {
            let mut family = MetricFamily::new(name, help, MetricType::Gauge);
            family.push(LabelSet::empty(), MetricValue::Gauge(value as f64));
            families.push(family);
        };
        gauge("tokio_workers", "Worker threads of the runtime.", metrics.num_workers());
        gauge("tokio_alive_tasks", "Tasks that have not ended yet.", metrics.num_alive_tasks());
        gauge(
            "tokio_global_queue_depth",
            "Tasks that wait in the queue of all workers.",
            metrics.global_queue_depth(),
        );
        let mut per_worker = |name: &str, help: &str, value: &dyn Fn(usize) -> f64| {
            let mut family = MetricFamily::new(name, help, MetricType::Counter);
            for worker in 0..metrics.num_workers() {
                let labels = LabelSet::from_pairs([("worker", worker.to_string())]);
                family.push(labels, MetricValue::Counter { total: value(worker), exemplar: None });
            }
            families.push(family);
        };
        per_worker("tokio_worker_busy_seconds_total", "Time that a worker spent on tasks.", &|worker| {
            metrics.worker_total_busy_duration(worker).as_secs_f64()
        });
        per_worker("tokio_worker_parks_total", "How often a worker went to sleep.", &|worker| {
            metrics.worker_park_count(worker) as f64
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use metrics_core::instrument::Registry;

    use super::*;

    #[test]
    fn work_is_seen() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let registry = Registry::new();
        registry.register_collector("tokio", RuntimeCollector::new(runtime.handle())).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = runtime.spawn(async {
            let end = std::time::Instant::now() + std::time::Duration::from_millis(20);
            while std::time::Instant::now() < end {
                tokio::task::yield_now().await;
            }
            drop(stopped.await);
        });
        let busy = || registry.value("tokio_worker_busy_seconds_total", &[("worker", "0")]);
        for _ in 0..1000 {
            if busy() > Some(0.0) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(busy() > Some(0.0));
        assert_eq!(registry.value("tokio_alive_tasks", &[]), Some(1.0));
        drop(stop);
        runtime.block_on(task).unwrap();
        assert!(metrics_core::instrument::lint(&registry.gather().families).is_empty());
    }
}
