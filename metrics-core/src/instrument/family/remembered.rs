//! What a thread remembers of the members that it has used, so that it finds them again without a word to others.

use std::any::Any;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::hash::Key;
use super::packed::Packed;
use crate::instrument::labels::LabelValues;
use crate::instrument::{Counter, Gauge, Histogram, Instrument};

/// How many places a thread's memory has at first, and at most: 136 bytes each.
const FIRST: usize = 64;
pub(super) const MOST: usize = 4096;

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory { places: Vec::new() }) };
}

/// One place for each hash, whichever family it is of; the later of two members that want it takes it.
struct Memory {
    places: Vec<Option<Place>>,
}

struct Place {
    epoch: u64,
    key: Key,
    /// The values, if the key does not tell them.
    values: Option<Packed>,
    instrument: Kept,
}

/// An instrument of any type, known at once if it is one of those that are used most.
#[derive(Debug)]
#[doc(hidden)]
pub enum Kept {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
    Other(Box<dyn Any>),
}

/// A number that no family has had before: what threads remember under another one is void.
pub(super) fn new_epoch() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Uses the member of these values if the thread remembers it; else gives `use_it` back.
#[inline]
pub(super) fn with<M: Instrument, R, F: FnOnce(&M) -> R>(
    epoch: u64,
    key: &Key,
    values: &impl LabelValues,
    use_it: F,
) -> Result<R, F> {
    let mut use_it = Some(use_it);
    let found = MEMORY.try_with(|memory| {
        // Borrowed while `use_it` runs; should that come back here, nothing new is remembered meanwhile.
        let memory = memory.try_borrow().ok()?;
        let place = memory.places.get(memory.place_of(key.hash))?.as_ref()?;
        if place.epoch != epoch || !place.key.same(key) {
            return None;
        }
        if !key.is_whole() && !place.values.as_ref().is_some_and(|packed| packed.are(values)) {
            return None;
        }
        let instrument = M::kept(&place.instrument)?;
        use_it.take().map(|use_it| use_it(instrument))
    });
    match found {
        Ok(Some(result)) => Ok(result),
        _ => Err(use_it.expect("it is taken only where there is a result")),
    }
}

/// Remembers a member.
pub(super) fn put<M: Instrument>(epoch: u64, key: &Key, values: &impl LabelValues, instrument: &M) {
    // Where the thread is about to end, or is using a member, it goes without.
    let _ = MEMORY.try_with(|memory| {
        let values = (!key.is_whole()).then(|| Packed::new(values));
        let place = Place { epoch, key: *key, values, instrument: instrument.clone().keep() };
        memory.try_borrow_mut().map(|mut memory| memory.put(place))
    });
}

impl Memory {
    #[inline]
    fn place_of(&self, hash: u64) -> usize {
        hash as usize & self.places.len().wrapping_sub(1)
    }

    fn put(&mut self, place: Place) {
        if self.places.is_empty() {
            self.places.resize_with(FIRST, || None);
        }
        let taken = |at: &Option<Place>| at.as_ref().is_some_and(|other| other.key.hash != place.key.hash);
        while self.places.len() < MOST && taken(&self.places[self.place_of(place.key.hash)]) {
            self.grow();
        }
        let at = self.place_of(place.key.hash);
        self.places[at] = Some(place);
    }

    fn grow(&mut self) {
        let larger = (0..self.places.len() * 2).map(|_| None).collect();
        for place in std::mem::replace(&mut self.places, larger).into_iter().flatten() {
            let at = self.place_of(place.key.hash);
            self.places[at] = Some(place);
        }
    }
}
