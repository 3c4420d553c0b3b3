//! Totals that threads count in without waiting for each other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::slot::{self, NO_SLOT, PerSlot, bump};
use crate::Exemplar;

/// Totals side by side: one for a counter of its own, many for the members of a family.
///
/// They belong to the first thread that counts in one of them. Once a second thread comes, each gets totals of its
/// own, and the first ones rest; so no thread ever writes where another one does.
#[derive(Debug)]
pub(super) struct Totals<A: ?Sized = [AtomicU64]> {
    /// The slot that writes `first`, or one of the two words below.
    owner: AtomicU32,
    more: OnceLock<Box<More>>,
    first: A,
}

/// Nobody has counted yet.
const NOBODY: u32 = NO_SLOT + 1;
/// Several threads count, each in `spread`.
const SPREAD: u32 = NO_SLOT + 2;

/// What few totals need.
#[derive(Debug)]
struct More {
    /// One column per slot, for all threads once a second one has come.
    spread: PerSlot<Column>,
    /// For threads without a slot.
    shared: OnceLock<Column>,
    /// What is not whole, as the bits of floats.
    fractions: OnceLock<Column>,
    exemplars: Mutex<BTreeMap<usize, Exemplar>>,
}

impl More {
    fn new() -> Box<Self> {
        let (shared, fractions) = (OnceLock::new(), OnceLock::new());
        Box::new(Self { spread: PerSlot::new(), shared, fractions, exemplars: Mutex::default() })
    }

    fn exemplars(&self) -> MutexGuard<'_, BTreeMap<usize, Exemplar>> {
        self.exemplars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many numbers as there are totals, alone on their cache lines, so that neighbours' writers do not disturb: the
/// allocator does not align them, so a line is left free at both ends.
#[derive(Debug)]
struct Column(Box<[AtomicU64]>);

/// How many numbers a cache line has.
const LINE: usize = 8;

impl Column {
    fn new(count: usize) -> Self {
        Self((0..LINE + count + LINE - 1).map(|_| AtomicU64::new(0)).collect())
    }

    #[inline]
    fn get(&self, at: usize) -> Option<&AtomicU64> {
        self.0.get(at + LINE)
    }

    /// The number there, 0 if there is none.
    fn value(&self, at: usize) -> u64 {
        self.get(at).map_or(0, |number| number.load(Relaxed))
    }
}

impl<const N: usize> Totals<[AtomicU64; N]> {
    /// All at zero.
    pub(super) const fn new() -> Self {
        Self { owner: AtomicU32::new(NOBODY), more: OnceLock::new(), first: [const { AtomicU64::new(0) }; N] }
    }
}

impl Totals {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// Whether nothing has ever been counted.
    pub(super) fn is_new(&self) -> bool {
        self.owner.load(Relaxed) == NOBODY && self.more.get().is_none()
    }

    /// Adds to a total.
    #[inline(always)] // A few instructions, the same ones in every program's loops.
    pub(super) fn add(&self, at: usize, n: u64) {
        let slot = slot::if_known();
        match self.first.get(at) {
            Some(total) if self.owner.load(Relaxed) == slot => bump(total, n),
            _ => self.add_spread(at, n, slot),
        }
    }

    /// Kept apart from the usual way and from what is rare, so that neither has to save registers.
    #[inline(never)]
    fn add_spread(&self, at: usize, n: u64, slot: u32) {
        let own = self.more.get().and_then(|more| more.spread.get(slot)).and_then(|column| column.get(at));
        match own {
            Some(total) => bump(total, n),
            None => self.add_first(at, n),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_first(&self, at: usize, n: u64) {
        let slot = slot::current();
        if slot == NO_SLOT {
            if let Some(total) = self.more().shared.get_or_init(|| self.column()).get(at) {
                total.fetch_add(n, Relaxed);
            }
            return;
        }
        let claimed = self.owner.compare_exchange(NOBODY, slot, Relaxed, Relaxed);
        let total = if claimed.is_ok() || claimed == Err(slot) {
            self.first.get(at)
        } else {
            // From now on the owner leaves its cache lines alone, so that reading them stays cheap for all.
            self.owner.store(SPREAD, Relaxed);
            self.more().spread.get_or_init(slot, || self.column()).get(at)
        };
        if let Some(total) = total {
            bump(total, n);
        }
    }

    /// Adds to what is not whole of a total.
    pub(super) fn add_fraction(&self, at: usize, amount: f64) {
        if let Some(fraction) = self.more().fractions.get_or_init(|| self.column()).get(at) {
            add_float(fraction, amount);
        }
    }

    /// The total so far.
    pub(super) fn value(&self, at: usize) -> f64 {
        let mut whole = self.first.get(at).map_or(0, |total| total.load(Relaxed));
        let mut fraction = 0.0;
        if let Some(more) = self.more.get() {
            let columns = more.spread.iter().chain(more.shared.get());
            whole = columns.fold(whole, |sum, column| sum.wrapping_add(column.value(at)));
            fraction = f64::from_bits(more.fractions.get().map_or(0, |column| column.value(at)));
        }
        whole as f64 + fraction
    }

    pub(super) fn set_exemplar(&self, at: usize, exemplar: Exemplar) {
        self.more().exemplars().insert(at, exemplar);
    }

    #[inline]
    pub(super) fn exemplar(&self, at: usize) -> Option<Exemplar> {
        self.more.get()?.exemplars().get(&at).cloned()
    }

    fn more(&self) -> &More {
        self.more.get_or_init(More::new)
    }

    fn column(&self) -> Column {
        Column::new(self.first.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// More threads than slots, several generations of them, each in every total.
    #[test]
    fn neighbours_are_counted_apart() {
        let totals: &Totals = &Totals::<[AtomicU64; 20]>::new();
        let threads = if cfg!(miri) { 3 } else { 80 };
        for _ in 0..3 {
            std::thread::scope(|s| {
                for _ in 0..threads {
                    s.spawn(|| (0..20).for_each(|at| totals.add(at, at as u64)));
                }
            });
        }
        let seen: Vec<f64> = (0..20).map(|at| totals.value(at)).collect();
        let expected: Vec<f64> = (0..20).map(|at| f64::from(at * 3 * threads)).collect();
        assert_eq!(seen, expected);
    }
}
