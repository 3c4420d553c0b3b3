//! Which cells a thread may write alone.
//!
//! A cell with a single writer needs no locked instruction: it is loaded, changed and stored back. Every live
//! thread therefore borrows a small number, its slot, that no other live thread has, and instruments keep one
//! cell per slot. A slot comes back when its thread ends; the next thread goes on with the same cells, so what
//! a dead thread counted stays counted and costs nothing more.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many threads can have a slot at once; threads beyond share one slower cell.
pub(super) const SLOTS: u32 = 64;
/// What a thread without a slot has instead.
pub(super) const NO_SLOT: u32 = SLOTS;
/// The thread has not asked yet.
const UNKNOWN: u32 = u32::MAX;

/// One bit per slot that some live thread has.
static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    // Without a destructor, so that reading it is one load.
    static SLOT: Cell<u32> = const { Cell::new(UNKNOWN) };
    static LEASE: Lease = Lease::take();
}

/// The calling thread's slot, below [`SLOTS`], or [`NO_SLOT`].
#[inline]
pub(super) fn current() -> u32 {
    let slot = SLOT.get();
    if slot == UNKNOWN { first_use() } else { slot }
}

/// As [`current`], or a number that stands for no slot at all if the thread has not asked for one yet: one load, for
/// those who only compare it.
#[inline]
pub(super) fn if_known() -> u32 {
    SLOT.get()
}

#[cold]
fn first_use() -> u32 {
    // While a thread's locals are being destroyed there may be no lease any more.
    let slot = LEASE.try_with(|lease| lease.slot).unwrap_or(NO_SLOT);
    SLOT.set(slot);
    slot
}

/// A slot for as long as its thread lives.
struct Lease {
    slot: u32,
}

impl Lease {
    fn take() -> Self {
        let mut taken = TAKEN.load(Ordering::Relaxed);
        loop {
            // The lowest free one, so that the slots in use stay few.
            let slot = taken.trailing_ones();
            if slot == SLOTS {
                return Self { slot: NO_SLOT };
            }
            // Acquire: what the slot's last thread stored must be seen before it is changed further.
            match TAKEN.compare_exchange_weak(taken, taken | 1 << slot, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Self { slot },
                Err(now) => taken = now,
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Destructors that run later in this thread may still count something.
        SLOT.set(NO_SLOT);
        if self.slot < SLOTS {
            TAKEN.fetch_and(!(1 << self.slot), Ordering::Release);
        }
    }
}

/// Counts `n` in a cell that only the calling thread writes.
#[inline]
pub(super) fn bump(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

const GROUP: usize = 8;
const GROUPS: usize = SLOTS as usize / GROUP;

/// One `T` per slot that has ever been used with this instrument.
///
/// 128 bytes, another 128 for every eight slots, and the `T`s themselves.
#[derive(Debug)]
pub(super) struct PerSlot<T> {
    groups: [OnceLock<Box<[OnceLock<T>; GROUP]>>; GROUPS],
}

impl<T> PerSlot<T> {
    pub(super) const fn new() -> Self {
        Self { groups: [const { OnceLock::new() }; GROUPS] }
    }

    /// The slot's `T`, if it has been made.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        let slot = slot as usize;
        self.groups.get(slot / GROUP)?.get()?[slot % GROUP].get()
    }

    /// The slot's `T`, made at first use. `slot` is below [`SLOTS`].
    pub(super) fn get_or_init(&self, slot: u32, make: impl FnOnce() -> T) -> &T {
        let slot = slot as usize;
        let group = self.groups[slot / GROUP].get_or_init(|| Box::new([const { OnceLock::new() }; GROUP]));
        group[slot % GROUP].get_or_init(make)
    }

    /// All that exist.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.groups.iter().filter_map(OnceLock::get).flat_map(|g| g.iter()).filter_map(OnceLock::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::{Arc, Barrier};

    #[test]
    fn live_threads_never_share_a_slot() {
        let (all_have_one, done) = (Arc::new(Barrier::new(100)), Arc::new(Barrier::new(100)));
        let threads: Vec<_> = (0..100)
            .map(|_| {
                let (all_have_one, done) = (Arc::clone(&all_have_one), Arc::clone(&done));
                std::thread::spawn(move || {
                    let slot = current();
                    all_have_one.wait();
                    done.wait();
                    slot
                })
            })
            .collect();
        let slots: Vec<u32> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let own: Vec<u32> = slots.iter().copied().filter(|s| *s != NO_SLOT).collect();
        assert_eq!(own.iter().collect::<HashSet<_>>().len(), own.len());
        assert!(own.iter().all(|s| *s < SLOTS));
        assert!(slots.contains(&NO_SLOT), "100 threads cannot all have one");
    }

    #[test]
    fn slots_come_back() {
        for _ in 0..if cfg!(miri) { 5 } else { 200 } {
            let slot = std::thread::spawn(current).join().unwrap();
            // The other test may hold all of them for a moment.
            assert!(slot <= NO_SLOT);
        }
    }
}
