//! A value that rises and falls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::totals::add_float;
use super::{Instrument, Kept};
use crate::MetricType;
use crate::family::MetricValue;

/// A value that rises and falls: a temperature, a queue's length, requests in flight.
///
/// Clones are handles of the same gauge.
///
/// ```
/// use metrics_core::instrument::Gauge;
/// let queued = Gauge::new();
/// queued.set(3.0);
/// queued.dec();
/// assert_eq!(queued.value(), 2.0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// A gauge at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the value.
    #[inline]
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// Adds an amount, which may be negative.
    #[inline]
    pub fn add(&self, amount: f64) {
        add_float(&self.0, amount);
    }

    /// Takes an amount off.
    #[inline]
    pub fn sub(&self, amount: f64) {
        self.add(-amount);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Takes one off.
    #[inline]
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// The value now.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

impl Instrument for Gauge {
    const TYPE: MetricType = MetricType::Gauge;

    fn read(&self) -> MetricValue {
        MetricValue::Gauge(self.value())
    }

    fn keep(self) -> Kept {
        Kept::Gauge(self)
    }

    #[inline]
    fn kept(kept: &Kept) -> Option<&Self> {
        if let Kept::Gauge(instrument) = kept { Some(instrument) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_from_many_threads_all_count() {
        let g = Gauge::new();
        std::thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    for _ in 0..10_000 {
                        g.inc();
                        g.sub(0.5);
                    }
                });
            }
        });
        assert_eq!(g.value(), 40_000.0);
    }
}
