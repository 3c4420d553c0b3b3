//! A total that only rises.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::totals::Totals;
use super::{BLOCK, Instrument, Kept};
use crate::family::MetricValue;
use crate::{Exemplar, MetricType};

/// A total that only rises: requests served, bytes sent, seconds spent.
///
/// Clones are handles of the same counter. Counting takes no lock and, in most threads, no locked instruction. A counter
/// takes some 50 bytes, as the member of a family 9. Once a second thread counts, each thread takes 128 bytes for a counter
/// of its own, and 10 bytes for the member of a family (which come by 64).
///
/// ```
/// use metrics_core::instrument::Counter;
/// let served = Counter::new();
/// served.inc();
/// served.add(2);
/// served.add_f64(0.5);
/// assert_eq!(served.value(), 3.5);
/// ```
#[derive(Debug, Clone)]
pub struct Counter {
    totals: Arc<Totals>,
    /// Which of the totals it is.
    at: usize,
}

impl Default for Counter {
    fn default() -> Self {
        Self { totals: Arc::new(Totals::<[AtomicU64; 1]>::new()), at: 0 }
    }
}

impl Counter {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one.
    #[inline(always)]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts `n`.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        self.totals.add(self.at, n);
    }

    /// Counts an amount that need not be whole. Negative amounts and NaN are not counted, since a counter only rises.
    pub fn add_f64(&self, amount: f64) {
        // Whole numbers go where they stay exact; the cast saturates, so equality means that nothing was lost.
        let whole = amount as u64;
        if whole as f64 == amount && whole < 1 << 53 {
            self.add(whole);
        } else if amount > 0.0 {
            self.totals.add_fraction(self.at, amount);
        }
    }

    /// Counts the exemplar's value and shows the exemplar until a later one takes its place.
    pub fn add_exemplar(&self, exemplar: Exemplar) {
        self.add_f64(exemplar.value);
        self.totals.set_exemplar(self.at, exemplar);
    }

    /// The total so far.
    pub fn value(&self) -> f64 {
        self.totals.value(self.at)
    }

    #[inline]
    fn exemplar(&self) -> Option<Exemplar> {
        self.totals.exemplar(self.at)
    }
}

impl Instrument for Counter {
    const TYPE: MetricType = MetricType::Counter;

    fn read(&self) -> MetricValue {
        MetricValue::Counter { total: self.value(), exemplar: self.exemplar() }
    }

    fn refresh(&self, value: &mut MetricValue) {
        match value {
            MetricValue::Counter { total, exemplar } => {
                *total = self.value();
                *exemplar = self.exemplar();
            }
            other => *other = self.read(),
        }
    }

    fn is_blank(&self) -> bool {
        self.totals.len() == 1 && Arc::strong_count(&self.totals) == 1 && self.totals.is_new()
    }

    fn block(&self) -> Self {
        Self { totals: Arc::new(Totals::<[AtomicU64; BLOCK]>::new()), at: 0 }
    }

    fn neighbour(&self, at: usize) -> Self {
        Self { totals: Arc::clone(&self.totals), at }
    }

    fn keep(self) -> Kept {
        Kept::Counter(self)
    }

    #[inline]
    fn kept(kept: &Kept) -> Option<&Self> {
        if let Kept::Counter(instrument) = kept { Some(instrument) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_falls() {
        let c = Counter::new();
        for amount in [1.0, -1.0, f64::NAN, -0.0, f64::NEG_INFINITY, 0.25] {
            c.add_f64(amount);
        }
        assert_eq!(c.value(), 1.25);
        c.add_f64(f64::INFINITY);
        assert_eq!(c.value(), f64::INFINITY);
    }

    #[test]
    fn no_increment_is_lost_over_many_threads() {
        // More threads than slots, several generations of them, all kinds of cells.
        let c = Counter::new();
        for _ in 0..3 {
            std::thread::scope(|s| {
                for _ in 0..80 {
                    s.spawn(|| {
                        for _ in 0..1000 {
                            c.inc();
                        }
                        c.add_f64(0.5);
                    });
                }
            });
        }
        assert_eq!(c.value(), 3.0 * 80.0 * 1000.5);
    }
}
