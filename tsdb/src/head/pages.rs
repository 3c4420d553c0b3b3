//! The samples of all series, by slot, in pages that are locked one at a time.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use metrics_core::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use super::series::Series;
use super::slab::Slab;

/// Series per page. A scraped target's series lie side by side, so that a batch takes few locks.
pub(super) const PAGE: u32 = 256;

/// Slots of the first shelf; each further one doubles.
const SHELVES: usize = 25;

/// All series of a head. Grows without moving what is there, so that it is read without a lock of its own.
#[derive(Debug)]
pub(super) struct Pages {
    // Shelf n holds 2^n pages.
    shelves: [OnceLock<Shelf>; SHELVES],
    /// Bytes of all pages.
    bytes: Arc<AtomicUsize>,
}

type Shelf = Box<[OnceLock<Box<Page>>]>;

/// Neighbouring series.
#[derive(Debug)]
pub(super) struct Page {
    /// Time of each series' newest sample, readable without the lock; [`NO_SAMPLE`] or [`NO_SERIES`].
    newest: Box<[AtomicI64]>,
    samples: Mutex<Samples>,
    /// Bytes of all pages of the head, this one's among them.
    bytes: Arc<AtomicUsize>,
}

/// What the lock of a page guards.
#[derive(Debug)]
struct Samples {
    /// All of the page or, as long as none has had a sample, none.
    series: Box<[Series]>,
    slab: Slab,
    /// How many of the bytes of all pages are this one's.
    accounted: usize,
}

impl Samples {
    fn heap_size(&self) -> usize {
        size_of_val(&*self.series) + self.slab.heap_size()
    }
}

/// The series is there and takes any sample.
pub(super) const NO_SAMPLE: Timestamp = Timestamp::MIN;
/// The slot has no series, or none any more.
pub(super) const NO_SERIES: Timestamp = Timestamp::MAX;

impl Pages {
    pub(super) fn new() -> Self {
        Self { shelves: std::array::from_fn(|_| OnceLock::new()), bytes: Arc::default() }
    }

    /// Bytes of all pages with their samples.
    #[inline]
    pub(super) fn heap_size(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The page of a slot, if there is one.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&Page> {
        let (shelf, at) = place(slot / PAGE);
        self.shelves[shelf].get()?.get(at)?.get().map(|page| &**page)
    }

    /// The page of a slot, made if it is missing.
    pub(super) fn make(&self, slot: u32) -> &Page {
        let (shelf, at) = place(slot / PAGE);
        let pages = self.shelves[shelf].get_or_init(|| (0..1 << shelf).map(|_| OnceLock::new()).collect());
        pages[at].get_or_init(|| Box::new(Page::new(self.bytes.clone())))
    }
}

/// Shelf and position of a page: shelf n begins at page 2^n − 1.
fn place(page: u32) -> (usize, usize) {
    let shelf = (page + 1).ilog2();
    (shelf as usize, (page + 1 - (1 << shelf)) as usize)
}

impl Page {
    fn new(bytes: Arc<AtomicUsize>) -> Self {
        bytes.fetch_add(size_of::<Self>() + PAGE as usize * size_of::<AtomicI64>(), Ordering::Relaxed);
        Self {
            newest: (0..PAGE).map(|_| AtomicI64::new(NO_SERIES)).collect(),
            samples: Mutex::new(Samples { series: Box::default(), slab: Slab::default(), accounted: 0 }),
            bytes,
        }
    }

    /// Time of a series' newest sample. May lag behind a commit that is going on.
    #[inline]
    pub(super) fn newest(&self, slot: u32) -> Timestamp {
        self.newest[(slot % PAGE) as usize].load(Ordering::Acquire)
    }

    /// Sets what [`Page::newest`] answers.
    #[inline]
    pub(super) fn set_newest(&self, slot: u32, timestamp: Timestamp) {
        self.newest[(slot % PAGE) as usize].store(timestamp, Ordering::Release);
    }

    /// The series, until the guard is dropped.
    #[inline]
    pub(super) fn lock(&self) -> PageGuard<'_> {
        PageGuard { samples: self.samples.lock(), page: self }
    }
}

/// The locked series of a page. Notes what they take when it is dropped.
pub(super) struct PageGuard<'a> {
    samples: MutexGuard<'a, Samples>,
    page: &'a Page,
}

impl Drop for PageGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        let now = self.samples.heap_size();
        let before = std::mem::replace(&mut self.samples.accounted, now);
        if now != before {
            // Wraps where less is taken, as the sum does.
            self.page.bytes.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        }
    }
}

impl PageGuard<'_> {
    /// The series in a slot of this page.
    #[inline]
    pub(super) fn series(&mut self, slot: u32) -> &mut Series {
        self.parts(slot).0
    }

    /// The series in a slot of this page, and where its bytes are.
    #[inline]
    pub(super) fn parts(&mut self, slot: u32) -> (&mut Series, &mut Slab) {
        let samples = &mut *self.samples;
        if samples.series.is_empty() {
            samples.series = (0..PAGE).map(|_| Series::default()).collect();
        }
        (&mut samples.series[(slot % PAGE) as usize], &mut samples.slab)
    }

    /// Gives memory back if no series has a chunk that is open.
    pub(super) fn release_unused(&mut self) {
        if self.samples.series.iter().all(Series::has_no_bytes) {
            self.samples.slab.clear();
        }
    }

    /// Gives memory back if the page has no series any more. Slots are not given out again, so that
    /// otherwise every series that ever was would take room.
    pub(super) fn release_vacant(&mut self) {
        if self.page.newest.iter().all(|newest| newest.load(Ordering::Acquire) == NO_SERIES) {
            self.samples.series = Box::default();
            self.samples.slab.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shelves_follow_each_other_without_gaps() {
        let mut expected = (0, 0);
        for page in 0..100_000 {
            assert_eq!(place(page), expected);
            expected.1 += 1;
            if expected.1 == 1 << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(place(u32::MAX / PAGE).0 < SHELVES);
    }

    #[test]
    fn a_slot_keeps_its_series() {
        let pages = Pages::new();
        assert!(pages.get(1000).is_none());
        pages.make(1000).set_newest(1000, 7);
        pages.make(70_000);
        assert_eq!(pages.get(1000).map(|p| p.newest(1000)), Some(7));
        assert_eq!(pages.get(1001).map(|p| p.newest(1001)), Some(NO_SERIES));
    }
}
