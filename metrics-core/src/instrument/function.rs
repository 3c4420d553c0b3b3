//! Values that are asked for at the moment of the scrape.

use std::fmt;
use std::sync::Arc;

use super::Instrument;
use crate::MetricType;
use crate::family::MetricValue;

/// A counter whose total is kept elsewhere and asked for in each scrape.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use metrics_core::instrument::{CounterFn, Registry};
///
/// static HITS: AtomicU64 = AtomicU64::new(7);
/// let registry = Registry::new();
/// registry.register(("cache_hits", "Hits."), CounterFn::new(|| HITS.load(Ordering::Relaxed) as f64))?;
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct CounterFn(Arc<dyn Fn() -> f64 + Send + Sync>);

/// A gauge whose value is kept elsewhere and asked for in each scrape.
#[derive(Clone)]
pub struct GaugeFn(Arc<dyn Fn() -> f64 + Send + Sync>);

impl CounterFn {
    /// Shows what the function returns, which must never fall.
    pub fn new(total: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(total))
    }
}

impl GaugeFn {
    /// Shows what the function returns.
    pub fn new(value: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(value))
    }
}

impl Instrument for CounterFn {
    const TYPE: MetricType = MetricType::Counter;

    fn read(&self) -> MetricValue {
        MetricValue::Counter { total: (self.0)(), exemplar: None }
    }
}

impl Instrument for GaugeFn {
    const TYPE: MetricType = MetricType::Gauge;

    fn read(&self) -> MetricValue {
        MetricValue::Gauge((self.0)())
    }
}

impl fmt::Debug for CounterFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CounterFn")
    }
}

impl fmt::Debug for GaugeFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GaugeFn")
    }
}
