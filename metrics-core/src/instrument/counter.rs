//! A total that only rises.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Instrument;
use super::slot::{self, NO_SLOT, PerSlot, bump};
use crate::family::MetricValue;
use crate::{Exemplar, MetricType};

/// A total that only rises: requests served, bytes sent, seconds spent.
///
/// Clones are handles of the same counter. Counting takes no lock and, in most threads, no locked instruction;
/// a counter that several threads write costs 64 bytes for each of them.
///
/// ```
/// use metrics_core::instrument::Counter;
/// let served = Counter::new();
/// served.inc();
/// served.add(2);
/// served.add_f64(0.5);
/// assert_eq!(served.value(), 3.5);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<Core>);

#[derive(Debug)]
struct Core {
    /// The slot that writes `own`, or one of the two words below.
    owner: AtomicU32,
    own: AtomicU64,
    more: OnceLock<Box<More>>,
}

/// What few counters need.
#[derive(Debug)]
struct More {
    /// For threads without a slot.
    shared: AtomicU64,
    /// What is not whole, as the bits of a float.
    fraction: AtomicU64,
    /// One cell per slot, for all threads once a second one has come.
    spread: PerSlot<Line>,
    exemplar: Mutex<Option<Exemplar>>,
}

impl Default for More {
    fn default() -> Self {
        let (shared, fraction) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shared, fraction, spread: PerSlot::new(), exemplar: Mutex::new(None) }
    }
}

/// Nobody has counted yet.
const NOBODY: u32 = NO_SLOT + 1;
/// Several threads count, each in `spread`.
const SPREAD: u32 = NO_SLOT + 2;

/// A number alone on its cache line, so that neighbours' writers do not disturb its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

impl Default for Core {
    fn default() -> Self {
        Self { owner: AtomicU32::new(NOBODY), own: AtomicU64::new(0), more: OnceLock::new() }
    }
}

impl Counter {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        let slot = slot::current();
        if self.0.owner.load(Relaxed) == slot {
            bump(&self.0.own, n);
        } else {
            self.0.add_elsewhere(slot, n);
        }
    }

    /// Counts an amount that need not be whole. Negative amounts and NaN are not counted, since a counter only rises.
    pub fn add_f64(&self, amount: f64) {
        // Whole numbers go where they stay exact; the cast saturates, so equality means that nothing was lost.
        let whole = amount as u64;
        if whole as f64 == amount && whole < 1 << 53 {
            self.add(whole);
        } else if amount > 0.0 {
            add_float(&self.0.more().fraction, amount);
        }
    }

    /// Counts the exemplar's value and shows the exemplar until a later one takes its place.
    pub fn add_exemplar(&self, exemplar: Exemplar) {
        self.add_f64(exemplar.value);
        *self.0.more().exemplar.lock().unwrap_or_else(PoisonError::into_inner) = Some(exemplar);
    }

    /// The total so far.
    pub fn value(&self) -> f64 {
        let (mut whole, mut fraction) = (self.0.own.load(Relaxed), 0.0);
        if let Some(more) = self.0.more.get() {
            whole += more.shared.load(Relaxed);
            whole += more.spread.iter().map(|line| line.0.load(Relaxed)).sum::<u64>();
            fraction = f64::from_bits(more.fraction.load(Relaxed));
        }
        whole as f64 + fraction
    }

    #[inline]
    fn exemplar(&self) -> Option<Exemplar> {
        self.0.more.get()?.exemplar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Core {
    fn more(&self) -> &More {
        self.more.get_or_init(Box::default)
    }

    #[inline]
    fn add_elsewhere(&self, slot: u32, n: u64) {
        match self.more.get() {
            Some(more) if slot != NO_SLOT && self.owner.load(Relaxed) == SPREAD => {
                bump(&more.spread.get_or_init(slot, Line::default).0, n);
            }
            _ => self.add_first(slot, n),
        }
    }

    #[cold]
    fn add_first(&self, slot: u32, n: u64) {
        if slot == NO_SLOT {
            self.more().shared.fetch_add(n, Relaxed);
        } else if self.owner.compare_exchange(NOBODY, slot, Relaxed, Relaxed).is_ok() {
            bump(&self.own, n);
        } else {
            // From now on the owner leaves this cache line alone, so that reading it stays cheap for all.
            self.owner.store(SPREAD, Relaxed);
            bump(&self.more().spread.get_or_init(slot, Line::default).0, n);
        }
    }
}

/// Adds to a float that several threads may write.
pub(super) fn add_float(cell: &AtomicU64, amount: f64) {
    let mut old = cell.load(Relaxed);
    loop {
        let new = (f64::from_bits(old) + amount).to_bits();
        match cell.compare_exchange_weak(old, new, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => old = now,
        }
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
