//! The members of a family, by their values.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::hash::{PlainHash, same};
use super::label_limits::LabelLimits;
use crate::instrument::labels::LabelValues;
use crate::{LabelSet, Timestamp};

/// Members whose values are not all of finite kinds, and how many values each label may have.
pub(super) struct Members<M> {
    by_hash: HashMap<u64, Arc<Member<M>>, PlainHash>,
    /// Those whose hashes collide with another's, which hardly ever happens.
    collided: Vec<Arc<Member<M>>>,
    pub(super) limits: LabelLimits,
}

pub(super) struct Member<M> {
    /// The values, each followed by a byte that no UTF-8 text has.
    values: Box<[u8]>,
    pub(super) instrument: M,
    pub(super) created: Option<Timestamp>,
}

const END: u8 = 0xff;

impl<M> Members<M> {
    pub(super) fn new(limits: LabelLimits) -> Self {
        Self { by_hash: HashMap::default(), collided: Vec::new(), limits }
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len() + self.collided.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Member<M>>> {
        self.by_hash.values().chain(&self.collided)
    }

    pub(super) fn find(&self, hash: u64, values: &impl LabelValues) -> Option<Arc<Member<M>>> {
        let first = self.by_hash.get(&hash).filter(|m| m.has(values));
        first.or_else(|| self.collided.iter().find(|m| m.has(values))).cloned()
    }

    pub(super) fn insert(&mut self, hash: u64, member: Arc<Member<M>>) {
        self.limits.note(&*member);
        match self.by_hash.entry(hash) {
            Entry::Vacant(place) => {
                place.insert(member);
            }
            Entry::Occupied(_) => self.collided.push(member),
        }
    }

    /// Says whether there was such a member.
    pub(super) fn remove(&mut self, hash: u64, values: &impl LabelValues) -> bool {
        let removed = match self.by_hash.get(&hash) {
            Some(member) if member.has(values) => self.by_hash.remove(&hash).is_some(),
            _ => {
                let before = self.collided.len();
                self.collided.retain(|m| !m.has(values));
                self.collided.len() < before
            }
        };
        if removed {
            self.limits.forget(values);
        }
        removed
    }

    pub(super) fn clear(&mut self) {
        self.by_hash.clear();
        self.collided.clear();
        self.limits.clear();
    }
}

impl<M> Member<M> {
    pub(super) fn new(values: &impl LabelValues, instrument: M, created: Option<Timestamp>) -> Self {
        let mut packed = Vec::new();
        values.each(|value| {
            packed.extend_from_slice(value.as_bytes());
            packed.push(END);
        });
        Self { values: packed.into(), instrument, created }
    }

    /// One that stands for many.
    pub(super) fn unnamed(instrument: M) -> Self {
        Self { values: Box::default(), instrument, created: None }
    }

    #[inline]
    pub(super) fn has(&self, values: &impl LabelValues) -> bool {
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

    pub(super) fn labels(&self, names: &[&'static str]) -> LabelSet {
        LabelSet::from_pairs(names.iter().copied().zip(self.texts()))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let packed = self.values.strip_suffix(&[END]).into_iter();
        packed.flat_map(|p| p.split(|byte| *byte == END)).map(|v| std::str::from_utf8(v).unwrap_or_default())
    }
}

impl<M> LabelValues for Member<M> {
    fn each(&self, visit: impl FnMut(&str)) {
        self.texts().for_each(visit);
    }
}
