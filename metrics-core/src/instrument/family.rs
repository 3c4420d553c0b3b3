//! One instrument per set of labels.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, TryLockError};

use super::labels::{LabelValues, Labels, NamedLabels};
use super::slot::{self, NO_SLOT, PerSlot};
use super::source::Clock;
use super::{Counter, Gauge, Histogram, Instrument};
use crate::family::Metric;
use crate::{LabelSet, Timestamp};

/// One instrument `M` per set of label values, made at first use.
///
/// `L` is the shape of the labels: `[&str; N]` for names known when the program runs, or a struct with
/// `derive(Labels)`. Clones are handles of the same family.
///
/// [`Family::get`] returns a plain handle of a member: keep it where a member is used often. [`Family::with`] and what
/// builds on it (`inc`, `observe`, …) look up and use in one go. Neither allocates for a member that is there.
///
/// ```
/// use metrics_core::instrument::{Counter, Family};
/// let requests: Family<[&str; 2], Counter> = Family::new(["method", "status"], Counter::new);
/// requests.inc(["GET", "200"]);
/// requests.get(["GET", "200"]).add(2);
/// assert_eq!(requests.get(["GET", "200"]).value(), 3.0);
/// assert_eq!(requests.len(), 1);
/// ```
pub struct Family<L, M>(Arc<Core<L, M>>);

struct Core<L, M> {
    names: Box<[&'static str]>,
    make: Box<dyn Fn() -> M + Send + Sync>,
    /// Random, so that clients who choose label values cannot choose their places.
    seed: u64,
    /// If there can only be so many members: one place for each, found without hashing.
    places: Box<[OnceLock<Arc<Member<M>>>]>,
    members: RwLock<Members<M>>,
    /// Goes up when members are removed: what threads remember from before is void.
    removals: AtomicU64,
    /// Goes up when members come or go: the order of before is void.
    changes: AtomicU64,
    /// Members in the order of pages, kept from scrape to scrape.
    order: Mutex<Ordered<M>>,
    remembered: PerSlot<Mutex<Remembered<M>>>,
    limit: Option<Limit<M>>,
    clock: OnceLock<Clock>,
    shape: PhantomData<fn() -> L>,
}

struct Members<M> {
    by_hash: HashMap<u64, Arc<Member<M>>, PlainHash>,
    /// Those whose hashes collide with another's, which hardly ever happens.
    collided: Vec<Arc<Member<M>>>,
}

struct Member<M> {
    /// The values, each followed by a byte that no UTF-8 text has.
    values: Box<[u8]>,
    instrument: M,
    created: Option<Timestamp>,
}

const END: u8 = 0xff;

/// Members that a slot's threads have used, to be found again without disturbing other threads.
struct Remembered<M> {
    removals: u64,
    by_hash: HashMap<u64, Arc<Member<M>>, PlainHash>,
}

/// Members with their labels, in the order in which pages show them.
struct Ordered<M> {
    changes: u64,
    members: Arc<[(LabelSet, Arc<Member<M>>)]>,
}

impl<M> Clone for Ordered<M> {
    fn clone(&self) -> Self {
        Self { changes: self.changes, members: Arc::clone(&self.members) }
    }
}

/// How many members a slot remembers at most.
const MEMORY: usize = 4096;
/// The largest family that gets a place for each possible member.
const MAX_PLACES: usize = 4096;

/// Where members beyond the allowed number are counted.
struct Limit<M> {
    members: usize,
    overflow: Arc<Member<M>>,
    refused: AtomicU64,
}

/// The value of every label of the member that stands for those beyond the limit.
const OVERFLOW: &str = "overflow";

impl<const N: usize, M: Instrument> Family<[&'static str; N], M> {
    /// A family without members, whose members `make` makes.
    pub fn new(names: [&'static str; N], make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        Self::build(names.into(), Box::new(make))
    }
}

impl<L: NamedLabels, M: Instrument> Family<L, M> {
    /// A family without members, whose members `make` makes and whose labels are named by their type.
    pub fn typed(make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        Self::build(L::NAMES.into(), Box::new(make))
    }
}

impl<L: Labels, M: Instrument> Family<L, M> {
    fn build(names: Box<[&'static str]>, make: Box<dyn Fn() -> M + Send + Sync>) -> Self {
        let places = if L::COUNT <= MAX_PLACES { L::COUNT } else { 0 };
        Self(Arc::new(Core {
            names,
            make,
            seed: RandomState::new().build_hasher().finish(),
            places: (0..places).map(|_| OnceLock::new()).collect(),
            members: RwLock::new(Members { by_hash: HashMap::default(), collided: Vec::new() }),
            removals: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            order: Mutex::new(Ordered { changes: 0, members: Arc::new([]) }),
            remembered: PerSlot::new(),
            limit: None,
            clock: OnceLock::new(),
            shape: PhantomData,
        }))
    }

    /// Allows only so many members; look-ups beyond find one common member, all of whose labels say `overflow`.
    ///
    /// Call this on a new family: handles that were cloned before keep the family without limit, and members that were
    /// made before are not taken over.
    ///
    /// ```
    /// use metrics_core::instrument::{Counter, Family};
    /// let by_user: Family<[&str; 1], Counter> = Family::new(["user"], Counter::new).max_members(1000);
    /// (0..1100).for_each(|n| by_user.inc([&n.to_string()]));
    /// assert_eq!((by_user.len(), by_user.refused()), (1000, 100));
    /// assert_eq!(by_user.get(["somebody else"]).value(), 100.0);
    /// ```
    #[must_use]
    pub fn max_members(self, members: usize) -> Self {
        let renew = |core: Core<L, M>| {
            let instrument = (core.make)();
            let overflow = Arc::new(Member { values: Box::default(), instrument, created: None });
            let limit = Limit { members, overflow, refused: AtomicU64::new(0) };
            Self(Arc::new(Core { limit: Some(limit), ..core }))
        };
        match Arc::try_unwrap(self.0) {
            Ok(core) => renew(core),
            // Somebody else has a handle; what they made cannot be shared with a limit that they do not know.
            Err(shared) => {
                let (names, source) = (shared.names.clone(), Arc::clone(&shared));
                let Self(fresh) = Self::build(names, Box::new(move || (source.make)()));
                Arc::try_unwrap(fresh).map_or_else(Self, renew)
            }
        }
    }

    /// The member with these label values, made if it is not there yet.
    pub fn get(&self, values: L::Values<'_>) -> M {
        if let Some(place) = self.0.places.get(values.index()) {
            return self.0.placed(place, &values).instrument.clone();
        }
        let hash = self.0.hash(&values);
        self.0.find_or_make(hash, &values).map_or_else(M::clone, |member| member.instrument.clone())
    }

    /// Uses the member with these label values where it is. Faster than [`Family::get`], which has to make a handle.
    #[inline]
    pub fn with<R>(&self, values: L::Values<'_>, use_it: impl FnOnce(&M) -> R) -> R {
        let core = &*self.0;
        if let Some(place) = core.places.get(values.index()) {
            return use_it(&core.placed(place, &values).instrument);
        }
        core.with_remembered(&values, use_it)
    }

    /// Forgets the member with these label values; says whether there was one. Handles of it live on, unseen.
    ///
    /// Members of a family whose labels are all enums stay: there can only be so many.
    pub fn remove(&self, values: L::Values<'_>) -> bool {
        let hash = self.0.hash(&values);
        let mut members = self.0.members.write().unwrap_or_else(PoisonError::into_inner);
        let removed = match members.by_hash.get(&hash) {
            Some(member) if member.has(&values) => members.by_hash.remove(&hash).is_some(),
            _ => {
                let before = members.collided.len();
                members.collided.retain(|m| !m.has(&values));
                members.collided.len() < before
            }
        };
        if removed {
            self.0.removals.fetch_add(1, Ordering::Release);
            self.0.changes.fetch_add(1, Ordering::Release);
        }
        removed
    }

    /// How many members there are, the one for overflow not counted.
    pub fn len(&self) -> usize {
        let placed = self.0.places.iter().filter(|p| p.get().is_some()).count();
        placed + self.0.members.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all members that [`Family::remove`] could forget.
    pub fn clear(&self) {
        let mut members = self.0.members.write().unwrap_or_else(PoisonError::into_inner);
        members.by_hash.clear();
        members.collided.clear();
        self.0.removals.fetch_add(1, Ordering::Release);
        self.0.changes.fetch_add(1, Ordering::Release);
    }

    /// How many look-ups found no place because of [`Family::max_members`].
    pub fn refused(&self) -> u64 {
        self.0.limit.as_ref().map_or(0, |limit| limit.refused.load(Ordering::Relaxed))
    }
}

impl<L, M: Instrument> Family<L, M> {
    /// The names of its labels.
    pub fn label_names(&self) -> &[&'static str] {
        &self.0.names
    }

    /// Members made from now on know when they were made.
    pub(super) fn use_clock(&self, clock: Clock) {
        // The first registry's clock is as good as another's.
        let _ = self.0.clock.set(clock);
    }

    /// What all members show, in the order of pages.
    pub(super) fn read(&self) -> Vec<Metric> {
        let show = |(labels, member): &(LabelSet, Arc<Member<M>>)| Metric {
            labels: labels.clone(),
            value: member.instrument.read(),
            timestamp: None,
            created: member.created,
        };
        // No lock is held while instruments are read.
        self.0.ordered().members.iter().map(show).collect()
    }

    /// Goes up when members come or go.
    pub(super) fn version(&self) -> u64 {
        self.0.ordered().changes
    }

    /// Brings what was read at this version up to date, if the members are still the same.
    pub(super) fn refresh(&self, metrics: &mut [Metric], version: u64) -> bool {
        let Ordered { changes, members } = self.0.ordered();
        let same = changes == version && members.len() == metrics.len();
        if same {
            for (metric, (_, member)) in metrics.iter_mut().zip(members.iter()) {
                member.instrument.refresh(&mut metric.value);
            }
        }
        same
    }
}

impl<L, M: Instrument> Core<L, M> {
    fn ordered(&self) -> Ordered<M> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.changes.load(Ordering::Acquire);
        if order.changes != changes {
            let labelled = |m: &Arc<Member<M>>| (m.labels(&self.names), Arc::clone(m));
            let mut members: Vec<_> = self.places.iter().filter_map(OnceLock::get).map(labelled).collect();
            {
                let dynamic = self.members.read().unwrap_or_else(PoisonError::into_inner);
                members.extend(dynamic.by_hash.values().chain(&dynamic.collided).map(labelled));
            }
            if let Some(limit) = self.limit.as_ref().filter(|l| l.refused.load(Ordering::Relaxed) > 0) {
                let labels = LabelSet::from_pairs(self.names.iter().map(|name| (*name, OVERFLOW)));
                members.push((labels, Arc::clone(&limit.overflow)));
            }
            members.sort_by(|(a, _), (b, _)| Metric::order_of_labels(a, b));
            *order = Ordered { changes, members: members.into() };
        }
        order.clone()
    }
}

impl<L: Labels, M: Instrument> Core<L, M> {
    #[inline]
    fn placed<'a>(
        &self,
        place: &'a OnceLock<Arc<Member<M>>>,
        values: &impl LabelValues,
    ) -> &'a Arc<Member<M>> {
        match place.get() {
            Some(member) => member,
            None => {
                let member = place.get_or_init(|| Arc::new(self.new_member(values)));
                self.changes.fetch_add(1, Ordering::Release);
                member
            }
        }
    }

    fn new_member(&self, values: &impl LabelValues) -> Member<M> {
        Member::new(values, (self.make)(), self.clock.get().map(|now| now()))
    }

    #[inline]
    fn hash(&self, values: &L::Values<'_>) -> u64 {
        let mut hash = self.seed;
        values.each(|value| hash = mix_text(hash, value.as_bytes()));
        hash
    }

    fn with_remembered<R>(&self, values: &L::Values<'_>, use_it: impl FnOnce(&M) -> R) -> R {
        let hash = self.hash(values);
        let slot = slot::current();
        if slot == NO_SLOT {
            return self.with_member(hash, values, use_it);
        }
        let removals = self.removals.load(Ordering::Acquire);
        let empty = || Mutex::new(Remembered { removals: 0, by_hash: HashMap::default() });
        let place = self.remembered.get_or_init(slot, empty);
        let mut remembered = match place.try_lock() {
            Ok(remembered) => remembered,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // `use_it` of this very thread has come back here.
            Err(TryLockError::WouldBlock) => return self.with_member(hash, values, use_it),
        };
        if remembered.removals != removals {
            remembered.by_hash.clear();
            remembered.removals = removals;
        }
        if let Some(member) = remembered.by_hash.get(&hash)
            && member.has(values)
        {
            return use_it(&member.instrument);
        }
        drop(remembered);
        match self.find_or_make(hash, values) {
            Err(overflow) => use_it(overflow),
            Ok(member) => {
                if let Ok(mut remembered) = place.try_lock()
                    && remembered.removals == removals
                {
                    if remembered.by_hash.len() >= MEMORY {
                        remembered.by_hash.clear();
                    }
                    remembered.by_hash.insert(hash, Arc::clone(&member));
                }
                use_it(&member.instrument)
            }
        }
    }

    fn with_member<R>(&self, hash: u64, values: &L::Values<'_>, use_it: impl FnOnce(&M) -> R) -> R {
        match self.find_or_make(hash, values) {
            Ok(member) => use_it(&member.instrument),
            Err(overflow) => use_it(overflow),
        }
    }

    /// The member, or the one for overflow.
    fn find_or_make(&self, hash: u64, values: &L::Values<'_>) -> Result<Arc<Member<M>>, &M> {
        let known = self.members.read().unwrap_or_else(PoisonError::into_inner).find(hash, values);
        if let Some(member) = known {
            return Ok(member);
        }
        // Made before the lock is taken: `make` is the user's and may come back here.
        let member = Arc::new(self.new_member(values));
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(member) = members.find(hash, values) {
            return Ok(member);
        }
        if let Some(limit) = self.limit.as_ref().filter(|limit| members.len() >= limit.members) {
            if limit.refused.fetch_add(1, Ordering::Relaxed) == 0 {
                // The member for overflow is shown from now on.
                self.changes.fetch_add(1, Ordering::Release);
            }
            return Err(&limit.overflow.instrument);
        }
        members.insert(hash, Arc::clone(&member));
        self.changes.fetch_add(1, Ordering::Release);
        Ok(member)
    }
}

impl<M> Members<M> {
    fn len(&self) -> usize {
        self.by_hash.len() + self.collided.len()
    }

    fn find(&self, hash: u64, values: &impl LabelValues) -> Option<Arc<Member<M>>> {
        let first = self.by_hash.get(&hash).filter(|m| m.has(values));
        first.or_else(|| self.collided.iter().find(|m| m.has(values))).cloned()
    }

    fn insert(&mut self, hash: u64, member: Arc<Member<M>>) {
        match self.by_hash.entry(hash) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(member);
            }
            std::collections::hash_map::Entry::Occupied(_) => self.collided.push(member),
        }
    }
}

impl<M> Member<M> {
    fn new(values: &impl LabelValues, instrument: M, created: Option<Timestamp>) -> Self {
        let mut packed = Vec::new();
        values.each(|value| {
            packed.extend_from_slice(value.as_bytes());
            packed.push(END);
        });
        Self { values: packed.into(), instrument, created }
    }

    #[inline]
    fn has(&self, values: &impl LabelValues) -> bool {
        let mut rest = Some(&*self.values);
        values.each(|value| {
            rest = rest.and_then(|r| {
                let (head, tail) = r.split_at_checked(value.len())?;
                let (end, tail) = tail.split_first()?;
                (*end == END && same(head, value.as_bytes())).then_some(tail)
            });
        });
        rest.is_some_and(<[u8]>::is_empty)
    }

    fn labels(&self, names: &[&'static str]) -> LabelSet {
        let values =
            self.values.split(|byte| *byte == END).map(|v| std::str::from_utf8(v).unwrap_or_default());
        LabelSet::from_pairs(names.iter().copied().zip(values))
    }
}

impl<L: Labels> Family<L, Counter> {
    /// Counts one at the member with these label values.
    #[inline]
    pub fn inc(&self, values: L::Values<'_>) {
        self.with(values, Counter::inc);
    }

    /// Counts `n` at the member with these label values.
    #[inline]
    pub fn add(&self, values: L::Values<'_>, n: u64) {
        self.with(values, |counter| counter.add(n));
    }
}

impl<L: Labels> Family<L, Gauge> {
    /// Sets the member with these label values.
    #[inline]
    pub fn set(&self, values: L::Values<'_>, value: f64) {
        self.with(values, |gauge| gauge.set(value));
    }
}

impl<L: Labels> Family<L, Histogram> {
    /// Observes a value at the member with these label values.
    #[inline]
    pub fn observe(&self, values: L::Values<'_>, value: f64) {
        self.with(values, |histogram| histogram.observe(value));
    }
}

impl<L, M> Clone for Family<L, M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L, M> fmt::Debug for Family<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("label_names", &self.0.names).finish_non_exhaustive()
    }
}

/// Whether two texts of one length are the same; most are too short for a call to pay.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let ((words_a, rest_a), (words_b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    words_a.iter().zip(words_b).all(|(x, y)| u64::from_le_bytes(*x) == u64::from_le_bytes(*y))
        && short_word(rest_a) == short_word(rest_b)
}

/// Up to seven bytes as a number; bytes are read in as few pieces as their number allows.
#[inline]
fn short_word(rest: &[u8]) -> u64 {
    match rest {
        [] => 0,
        [a] => u64::from(*a),
        [a, b] => u64::from(u16::from_le_bytes([*a, *b])),
        [a, b, c] => u64::from(u16::from_le_bytes([*a, *b])) | u64::from(*c) << 16,
        [a, b, c, d, end @ ..] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])) | short_tail(end) << 32,
    }
}

#[inline]
fn short_tail(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Mixes a text into a hash, eight bytes at a time.
#[inline]
fn mix_text(hash: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    // The length keeps ["ab", "c"] and ["a", "bc"] apart.
    mix((hash ^ short_word(rest)).rotate_left(5) ^ text.len() as u64)
}

/// A multiplication whose halves are folded together: every bit of the input reaches every bit of the result.
#[inline]
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x2d35_8dcc_aa6c_78a5) * 0x8bb8_4b93_962e_acc9_u128;
    (product >> 64) as u64 ^ product as u64
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct PlainHash;

impl BuildHasher for PlainHash {
    type Hasher = Plain;

    fn build_hasher(&self) -> Plain {
        Plain(0)
    }
}

#[derive(Debug)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix_text(self.0, bytes);
    }
}

#[cfg(test)]
mod tests;
