//! One instrument per set of labels.

mod expiry;
mod hash;
mod label_limits;
mod members;
mod order;
mod packed;
mod remembered;
mod shelf;
mod symbols;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use self::expiry::Expiry;
use self::hash::Key;
use self::label_limits::LabelLimits;
use self::members::{Fresh, Members};
use self::order::Ordered;
use self::packed::Packed;
pub use self::remembered::Kept;
use super::labels::{LabelLimit, LabelValues, Labels, NamedLabels};
use super::source::Clock;
use super::{Counter, Gauge, Histogram, Instrument};
use crate::Timestamp;

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
    places: Box<[OnceLock<Box<Placed<M>>>]>,
    members: RwLock<Members<M>>,
    /// Another one after members are removed, and never that of another family: what threads remember under it is void.
    epoch: AtomicU64,
    /// Goes up when members come or go: the order of before is void.
    changes: AtomicU64,
    /// Members in the order of pages, kept from scrape to scrape.
    order: Mutex<Ordered<M>>,
    limit: Option<Limit<M>>,
    /// How many look-ups found no place, because of the limit of the family or of a label.
    refused: AtomicU64,
    expiry: Option<Expiry>,
    clock: OnceLock<Clock>,
    shape: PhantomData<fn() -> L>,
}

/// A member that has a place of its own.
struct Placed<M> {
    values: Packed,
    instrument: M,
    created: Option<Timestamp>,
}

/// The largest family that gets a place for each possible member.
const MAX_PLACES: usize = 4096;

/// How many places a family with these labels has; none if that would be too many.
const fn places<L: Labels>() -> usize {
    if L::COUNT <= MAX_PLACES { L::COUNT } else { 0 }
}

/// Where members beyond the allowed number are counted.
struct Limit<M> {
    members: usize,
    overflow: M,
    /// Whether it is shown.
    used: AtomicBool,
}

/// The value of every label of the member that stands for those beyond the limit.
const OVERFLOW: &str = "overflow";

impl<const N: usize, M: Instrument> Family<[&'static str; N], M> {
    /// A family without members, whose members `make` makes.
    pub fn new(names: [&'static str; N], make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        Self(Arc::new(Core::new(names.into(), LabelLimits::default(), Box::new(make))))
    }
}

impl<L: NamedLabels, M: Instrument> Family<L, M> {
    /// A family without members, whose members `make` makes and whose labels are named by their type.
    pub fn typed(make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        Self(Arc::new(Core::new(L::NAMES.into(), LabelLimits::new(L::LIMITS), Box::new(make))))
    }
}

impl<L: Labels, M: Instrument> Family<L, M> {
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
        self.renew(|core| {
            let overflow = (core.make)();
            core.limit = Some(Limit { members, overflow, used: AtomicBool::new(false) });
        })
    }

    /// Tells only so many values of one label apart; members with further ones share those that say `overflow`
    /// instead. A value that no member has any more gives its place free.
    ///
    /// Call this on a new family, as [`Family::max_members`]; a label that the family does not have is not limited. In
    /// structs with `derive(Labels)` it is `#[label(max = 200, overflow = "other")]`.
    ///
    /// ```
    /// use metrics_core::instrument::{Counter, Family, LabelLimit};
    /// let requests: Family<[&str; 2], Counter> = Family::new(["method", "route"], Counter::new);
    /// let requests = requests.limit_label("route", LabelLimit::new(2).overflow("other"));
    /// for route in ["/", "/orders", "/made-up", "/made-up-too"] {
    ///     requests.inc(["GET", route]);
    /// }
    /// assert_eq!((requests.len(), requests.refused()), (3, 2));
    /// assert_eq!(requests.get(["GET", "other"]).value(), 2.0);
    /// ```
    #[must_use]
    pub fn limit_label(self, name: &str, limit: LabelLimit) -> Self {
        self.renew(|core| {
            if let Some(label) = core.names.iter().position(|n| *n == name) {
                core.members.get_mut().unwrap_or_else(PoisonError::into_inner).limits.set(label, limit);
            }
        })
    }

    /// Forgets members that have shown the same value for so long. Looked after at each scrape, by the clock of the
    /// registry ([`Registry::clock`](super::Registry::clock)); without one nothing expires.
    ///
    /// Call this on a new family, as [`Family::max_members`]. Handles from [`Family::get`] live on, unseen: keep none
    /// in families whose members expire. Members of a family whose labels are all enums stay, as do infos and state
    /// sets.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicI64, Ordering};
    /// use std::time::Duration;
    /// use metrics_core::instrument::{Counter, Family, Registry};
    ///
    /// static NOW: AtomicI64 = AtomicI64::new(0);
    /// let registry = Registry::new().clock(|| NOW.load(Ordering::Relaxed));
    /// let by_user: Family<[&str; 1], Counter> = Family::new(["user"], Counter::new);
    /// let by_user = registry.obtain(("seen", "Seen."), by_user.expire_after(Duration::from_secs(60)))?;
    /// by_user.inc(["ann"]);
    /// registry.gather();
    /// NOW.store(40_000, Ordering::Relaxed);
    /// by_user.inc(["bob"]);
    /// registry.gather();
    /// NOW.store(60_000, Ordering::Relaxed);
    /// assert_eq!(registry.gather().families[0].metrics.len(), 1);
    /// assert_eq!(by_user.len(), 1);
    /// # Ok::<(), metrics_core::instrument::RegisterError>(())
    /// ```
    #[must_use]
    pub fn expire_after(self, idle: Duration) -> Self {
        self.renew(|core| core.expiry = Some(Expiry::new(idle)))
    }

    /// This family with other settings; if somebody else has a handle, a new family like it, for what they made cannot
    /// be shared with settings that they do not know.
    fn renew(self, change: impl FnOnce(&mut Core<L, M>)) -> Self {
        let mut core = Arc::try_unwrap(self.0).unwrap_or_else(Core::like);
        change(&mut core);
        Self(Arc::new(core))
    }

    /// The member with these label values, made if it is not there yet.
    pub fn get(&self, values: L::Values<'_>) -> M {
        if let Some(place) = self.0.places.get(values.index()) {
            return self.0.fill(place, &values).instrument.clone();
        }
        let hash = self.0.hash(&values);
        self.0.find_or_make(hash, &values).unwrap_or_else(M::clone)
    }

    /// Uses the member with these label values where it is. Faster than [`Family::get`], which has to make a handle.
    #[inline]
    pub fn with<R>(&self, values: L::Values<'_>, use_it: impl FnOnce(&M) -> R) -> R {
        let core = &*self.0;
        if const { places::<L>() } == 0 {
            return core.with_remembered(&values, use_it);
        }
        match core.places.get(values.index()).and_then(OnceLock::get) {
            Some(placed) => use_it(&placed.instrument),
            None => core.with_new(values, use_it),
        }
    }

    /// Forgets the member with these label values; says whether there was one. Handles of it live on, unseen.
    ///
    /// Members of a family whose labels are all enums stay: there can only be so many.
    pub fn remove(&self, values: L::Values<'_>) -> bool {
        let hash = self.0.hash(&values);
        let removed = self.0.members.write().unwrap_or_else(PoisonError::into_inner).remove(hash, &values);
        if removed {
            self.0.note_removal();
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
        self.0.members.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.0.note_removal();
    }

    /// How many look-ups found no place because of [`Family::max_members`] or [`Family::limit_label`].
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
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
}

impl<L, M: Instrument> Core<L, M> {
    /// What threads remember, and the order of before, are void.
    fn note_removal(&self) {
        self.epoch.store(remembered::new_epoch(), Ordering::Release);
        self.changes.fetch_add(1, Ordering::Release);
    }

    #[inline]
    fn hash(&self, values: &impl LabelValues) -> u64 {
        Key::new(self.seed, values).hash
    }
}

impl<L: Labels, M: Instrument> Core<L, M> {
    fn new(names: Box<[&'static str]>, limits: LabelLimits, make: Box<dyn Fn() -> M + Send + Sync>) -> Self {
        let seed = RandomState::new().build_hasher().finish();
        Self {
            members: RwLock::new(Members::new(names.len(), seed, limits)),
            names,
            make,
            seed,
            places: (0..const { places::<L>() }).map(|_| OnceLock::new()).collect(),
            epoch: AtomicU64::new(remembered::new_epoch()),
            changes: AtomicU64::new(0),
            order: Mutex::default(),
            limit: None,
            refused: AtomicU64::new(0),
            expiry: None,
            clock: OnceLock::new(),
            shape: PhantomData,
        }
    }

    /// A family without members and with the same settings.
    fn like(other: Arc<Self>) -> Self {
        let limits = other.members.read().unwrap_or_else(PoisonError::into_inner).limits.fresh();
        let limit = other.limit.as_ref().map(|limit| Limit {
            members: limit.members,
            overflow: (other.make)(),
            used: AtomicBool::new(false),
        });
        let expiry = other.expiry.as_ref().map(|expiry| Expiry::new(expiry.idle));
        let names = other.names.clone();
        Self { limit, expiry, ..Self::new(names, limits, Box::new(move || (other.make)())) }
    }

    /// The member of a place, made if it is not there yet.
    fn fill<'a>(&self, place: &'a OnceLock<Box<Placed<M>>>, values: &impl LabelValues) -> &'a Placed<M> {
        if let Some(placed) = place.get() {
            return placed;
        }
        let placed = place.get_or_init(|| {
            let Fresh { instrument, created } = self.fresh();
            Box::new(Placed { values: Packed::new(values), instrument, created })
        });
        self.changes.fetch_add(1, Ordering::Release);
        placed
    }

    #[cold]
    fn with_new<R>(&self, values: L::Values<'_>, use_it: impl FnOnce(&M) -> R) -> R {
        match self.places.get(values.index()) {
            Some(place) => use_it(&self.fill(place, &values).instrument),
            None => self.with_remembered(&values, use_it),
        }
    }

    fn fresh(&self) -> Fresh<M> {
        Fresh { instrument: (self.make)(), created: self.clock.get().map(|now| now()) }
    }

    #[inline]
    fn with_remembered<R>(&self, values: &L::Values<'_>, use_it: impl FnOnce(&M) -> R) -> R {
        let key = Key::new(self.seed, values);
        let epoch = self.epoch.load(Ordering::Acquire);
        match remembered::with(epoch, &key, values, use_it) {
            Ok(result) => result,
            Err(use_it) => self.with_found(epoch, &key, values, use_it),
        }
    }

    #[inline(never)]
    fn with_found<R>(
        &self,
        epoch: u64,
        key: &Key,
        values: &L::Values<'_>,
        use_it: impl FnOnce(&M) -> R,
    ) -> R {
        match self.find_or_make(key.hash, values) {
            Err(overflow) => use_it(overflow),
            Ok(instrument) => {
                remembered::put(epoch, key, values, &instrument);
                use_it(&instrument)
            }
        }
    }

    /// The member, or the one for overflow.
    fn find_or_make(&self, hash: u64, values: &L::Values<'_>) -> Result<M, &M> {
        loop {
            let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(member) = members.find(hash, values) {
                return Ok(member);
            }
            let Some(replaced) = members.limits.replaced(values) else {
                drop(members);
                match self.make(hash, values) {
                    Some(made) => return made,
                    // The last place of a label was taken meanwhile.
                    None => continue,
                }
            };
            self.refused.fetch_add(1, Ordering::Relaxed);
            let hash = self.hash(&replaced);
            if let Some(member) = members.find(hash, &replaced) {
                return Ok(member);
            }
            drop(members);
            if let Some(made) = self.make(hash, &replaced) {
                return made;
            }
        }
    }

    /// The member newly made, unless another thread was faster; nothing if a label's value has no place.
    fn make(&self, hash: u64, values: &impl LabelValues) -> Option<Result<M, &M>> {
        // Made before the lock is taken: `make` is the user's and may come back here.
        let fresh = self.fresh();
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = members.find(hash, values) {
            return Some(Ok(member));
        }
        if members.limits.replaced(values).is_some() {
            return None;
        }
        if let Some(limit) = self.limit.as_ref().filter(|limit| members.len() >= limit.members) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            if !limit.used.swap(true, Ordering::Relaxed) {
                // The member for overflow is shown from now on.
                self.changes.fetch_add(1, Ordering::Release);
            }
            return Some(Err(&limit.overflow));
        }
        members.insert(hash, values, fresh);
        self.changes.fetch_add(1, Ordering::Release);
        members.find(hash, values).map(Ok)
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
