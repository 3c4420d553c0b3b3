//! Metrics that are made up at the moment of the scrape.

use std::fmt;
use std::time::Instant;

use crate::family::MetricFamily;

/// Turns anything into metric families: a file of the kernel, a pool's statistics, an answer of another service.
///
/// ```
/// use metrics_core::MetricType;
/// use metrics_core::family::{MetricFamily, MetricValue};
/// use metrics_core::instrument::{Collect, CollectError, Registry};
/// use metrics_core::LabelSet;
///
/// struct Load;
///
/// impl Collect for Load {
///     fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
///         let text = "0.52 0.58 0.59 1/467 12345"; // std::fs::read_to_string("/proc/loadavg")?
///         let one_minute = text.split(' ').next().unwrap_or_default().parse()?;
///         let mut load = MetricFamily::new("load1", "Load over a minute.", MetricType::Gauge);
///         load.push(LabelSet::empty(), MetricValue::Gauge(one_minute));
///         families.push(load);
///         Ok(())
///     }
/// }
///
/// let registry = Registry::new();
/// registry.register_collector("load", Load)?;
/// assert_eq!(registry.gather().families[0].metrics[0].value, MetricValue::Gauge(0.52));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Collect: Send + Sync {
    /// Appends the families of this moment. May be called by several scrapes at once.
    ///
    /// # Errors
    /// Whatever kept it from finishing. Families appended before the error are shown nevertheless, and other
    /// collectors are not concerned.
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError>;

    /// As [`Collect::collect`], for a scraper that waits until `deadline`, if that is known. What comes later is lost, so
    /// a collector that waits for others should give up before; most need not care.
    ///
    /// # Errors
    /// As [`Collect::collect`].
    fn collect_until(
        &self,
        families: &mut Vec<MetricFamily>,
        _deadline: Option<Instant>,
    ) -> Result<(), CollectError> {
        self.collect(families)
    }
}

impl<F> Collect for F
where
    F: Fn(&mut Vec<MetricFamily>) -> Result<(), CollectError> + Send + Sync,
{
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        self(families)
    }
}

/// Why a collector could not finish: any error.
#[derive(Debug)]
pub struct CollectError(Box<dyn std::error::Error + Send + Sync>);

impl CollectError {
    /// An error of these words or of this cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// The cause.
    pub fn into_inner(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

// Not an `Error` itself, so that `?` takes every error; its Display is the cause's.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for CollectError {
    fn from(cause: E) -> Self {
        Self(Box::new(cause))
    }
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
