//! One instrument per set of labels.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use super::Instrument;
use super::labels::{LabelValues, Labels};
use crate::LabelSet;
use crate::family::Metric;

/// One instrument `M` per set of label values, made at first use.
///
/// `L` is the shape of the labels: `[&str; N]` for names known when the program runs. Clones are handles of the same
/// family. [`Family::get`] looks a member up without allocating; keep what it returns where a member is used
/// often, for that is a plain handle.
///
/// ```
/// use metrics_core::instrument::{Counter, Family};
/// let requests: Family<[&str; 2], Counter> = Family::new(["method", "status"], Counter::new);
/// requests.get(["GET", "200"]).inc();
/// requests.get(["GET", "200"]).inc();
/// assert_eq!(requests.get(["GET", "200"]).value(), 2.0);
/// assert_eq!(requests.len(), 1);
/// ```
pub struct Family<L, M>(Arc<Core<L, M>>);

struct Core<L, M> {
    names: Box<[&'static str]>,
    make: Box<dyn Fn() -> M + Send + Sync>,
    /// Seeded at random, so that clients who choose label values cannot choose their places.
    hasher: RandomState,
    members: RwLock<Members<M>>,
    shape: std::marker::PhantomData<fn() -> L>,
}

/// Members by the hash of their values; the list takes those whose hashes collide.
type Members<M> = HashMap<u64, Vec<Member<M>>, PlainHash>;

struct Member<M> {
    values: Box<[Box<str>]>,
    instrument: M,
}

impl<L: Labels, M: Instrument> Family<L, M> {
    /// The values' hash, and the member that has them.
    fn place(&self, values: &L::Values<'_>) -> u64 {
        use std::hash::Hasher;
        let mut hasher = self.0.hasher.build_hasher();
        values.each(|v| {
            hasher.write(v.as_bytes());
            // No UTF-8 text has this byte, so that ["ab", "c"] and ["a", "bc"] differ.
            hasher.write_u8(0xff);
        });
        hasher.finish()
    }

    /// The member with these label values, made if it is not there yet.
    pub fn get(&self, values: L::Values<'_>) -> M {
        let hash = self.place(&values);
        let find = |members: &Members<M>| {
            let member = members.get(&hash)?.iter().find(|m| m.has(&values))?;
            Some(member.instrument.clone())
        };
        let known = find(&self.0.members.read().unwrap_or_else(PoisonError::into_inner));
        known.unwrap_or_else(|| {
            // Made before the lock is taken: `make` is the user's and may come back here.
            let instrument = (self.0.make)();
            let mut members = self.0.members.write().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have been faster.
            find(&members).unwrap_or_else(|| {
                let mut owned = Vec::with_capacity(self.0.names.len());
                values.each(|v| owned.push(Box::from(v)));
                let member = Member { values: owned.into(), instrument: instrument.clone() };
                members.entry(hash).or_default().push(member);
                instrument
            })
        })
    }

    /// Forgets the member with these label values; says whether there was one. Handles of it live on, unseen.
    pub fn remove(&self, values: L::Values<'_>) -> bool {
        let hash = self.place(&values);
        let mut members = self.0.members.write().unwrap_or_else(PoisonError::into_inner);
        let Some(same_hash) = members.get_mut(&hash) else { return false };
        let before = same_hash.len();
        same_hash.retain(|m| !m.has(&values));
        let removed = same_hash.len() < before;
        if same_hash.is_empty() {
            members.remove(&hash);
        }
        removed
    }
}

impl<const N: usize, M: Instrument> Family<[&'static str; N], M> {
    /// A family without members, whose members `make` makes.
    pub fn new(names: [&'static str; N], make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        Self::with_names(names.into(), make)
    }
}

impl<L, M: Instrument> Family<L, M> {
    fn with_names(names: Box<[&'static str]>, make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        Self(Arc::new(Core {
            names,
            make: Box::new(make),
            hasher: RandomState::new(),
            members: RwLock::default(),
            shape: std::marker::PhantomData,
        }))
    }

    /// The names of its labels.
    pub fn label_names(&self) -> &[&'static str] {
        &self.0.names
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.members.read().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all members.
    pub fn clear(&self) {
        self.0.members.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What all members show, in no order.
    pub(super) fn read(&self) -> Vec<Metric> {
        // Handles are cloned first, so that the lock is not held while they are read.
        let members: Vec<(LabelSet, M)> = {
            let members = self.0.members.read().unwrap_or_else(PoisonError::into_inner);
            let labels = |m: &Member<M>| LabelSet::from_pairs(self.0.names.iter().zip(m.values.iter()));
            members.values().flatten().map(|m| (labels(m), m.instrument.clone())).collect()
        };
        let show =
            |(labels, m): (LabelSet, M)| Metric { labels, value: m.read(), timestamp: None, created: None };
        members.into_iter().map(show).collect()
    }
}

impl<M> Member<M> {
    fn has(&self, values: &impl LabelValues) -> bool {
        let mut own = self.values.iter();
        let mut same = true;
        values.each(|v| same &= own.next().is_some_and(|o| **o == *v));
        same
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

impl std::hash::Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Counter;
    use super::*;

    #[test]
    fn members_are_told_apart_by_all_values() {
        let f: Family<[&str; 2], Counter> = Family::new(["a", "b"], Counter::new);
        f.get(["ab", "c"]).add(1);
        f.get(["a", "bc"]).add(2);
        f.get(["", "abc"]).add(4);
        assert_eq!(f.len(), 3);
        assert_eq!(f.get(["a", "bc"]).value(), 2.0);
        let mut shown: Vec<String> = f.read().iter().map(|m| m.labels.to_string()).collect();
        shown.sort();
        assert_eq!(shown, [r#"{a="a", b="bc"}"#, r#"{a="ab", b="c"}"#, r#"{b="abc"}"#]);
    }

    #[test]
    fn a_removed_member_starts_anew() {
        let f: Family<[&str; 1], Counter> = Family::new(["a"], Counter::new);
        let old = f.get(["x"]);
        old.inc();
        assert!(f.remove(["x"]));
        assert!(!f.remove(["x"]));
        old.inc();
        assert_eq!(f.get(["x"]).value(), 0.0);
        f.clear();
        assert!(f.is_empty());
    }

    #[test]
    fn threads_that_race_get_the_same_member() {
        let f: Family<[&str; 1], Counter> = Family::new(["n"], Counter::new);
        std::thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| (0..200).for_each(|i| f.get([&i.to_string()]).inc()));
            }
        });
        assert_eq!(f.len(), 200);
        assert_eq!(f.get(["7"]).value(), 8.0);
    }

    #[test]
    fn a_factory_may_use_its_own_family() {
        let seen: Arc<std::sync::OnceLock<Family<[&'static str; 1], Counter>>> = Arc::default();
        let inside = Arc::clone(&seen);
        let f = Family::new(["a"], move || {
            let counter = Counter::new();
            if let Some(family) = inside.get() {
                counter.add(family.len() as u64);
            }
            counter
        });
        seen.set(f.clone()).unwrap();
        assert_eq!(f.get(["x"]).value(), 0.0);
        assert_eq!(f.get(["y"]).value(), 1.0);
    }
}
