//! Which series the head knows: labels to slot, slot to labels, label pairs to slots.

use metrics_core::LabelSet;

use super::hash_table::HashTable;
use super::id_list::IdList;
use super::pairs::{Pairs, TextFull};
use crate::codec::put_uvarint;

/// Labels and postings of all series in the head. A series goes by its slot, a number that is never reused.
///
/// Series are only ever added; what truncation removes is left out of the index that is built anew.
#[derive(Debug, Default)]
pub(super) struct Index {
    pairs: Pairs,
    /// For each slot, where its pairs end in `labels`; they begin where those of the slot before end.
    ends: Vec<u32>,
    /// The pairs of all slots as varints: those that many series have came first, and are short.
    labels: Vec<u8>,
    by_labels: HashTable,
    all: IdList,
    newest: Newest,
}

/// The series that came last. The next one has most of its labels, at the same places.
#[derive(Debug, Default)]
struct Newest {
    labels: LabelSet,
    pairs: Vec<u32>,
}

/// A limit of the index: more text, pairs or series than its numbers can count.
#[derive(Debug, thiserror::Error)]
#[error("the head's index is full at {series} series")]
pub(super) struct IndexFull {
    pub(super) series: usize,
}

impl Index {
    /// An index whose next slot is at least `next`.
    pub(super) fn starting_at(next: u32) -> Self {
        let mut index = Self::default();
        index.skip_to(next);
        index
    }

    /// The slot of a series that exists. `hash` is the labels' [`LabelSet::stable_hash`].
    pub(super) fn find(&self, labels: &LabelSet, hash: u64) -> Option<u32> {
        self.by_labels.find(hash, |slot| self.has_labels(slot, labels))
    }

    fn has_labels(&self, slot: u32, labels: &LabelSet) -> bool {
        let mut mine = self.pair_ids(slot);
        labels.iter().all(|pair| mine.next().is_some_and(|id| self.pairs.get(id) == pair))
            && mine.next().is_none()
    }

    /// Adds a series that [`Index::find`] did not find and returns its slot.
    pub(super) fn add(&mut self, labels: &LabelSet, hash: u64) -> Result<u32, IndexFull> {
        let mut newest = std::mem::take(&mut self.newest);
        self.intern_all(labels, &mut newest).map_err(|TextFull| IndexFull { series: self.len() })?;
        let slot = self.add_interned(&newest.pairs, hash)?;
        self.newest = newest;
        Ok(slot)
    }

    /// Adds a series that is not there yet by the ids of its pairs, in the order of names, all of them interned. `hash` is
    /// that of its labels.
    pub(super) fn add_interned(&mut self, pairs: &[u32], hash: u64) -> Result<u32, IndexFull> {
        let slot = self.next_slot();
        let room = u32::MAX as usize - self.labels.len();
        if slot == u32::MAX || room < pairs.len() * MAX_VARINT {
            return Err(IndexFull { series: self.len() });
        }
        for id in pairs {
            self.pairs.add_series(*id, slot);
            put_uvarint(&mut self.labels, u64::from(*id));
        }
        self.ends.push(self.labels.len() as u32);
        self.by_labels.insert(hash, slot);
        self.all.push(slot);
        Ok(slot)
    }

    /// All label pairs, in the order of their ids.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter()
    }

    /// The id of a label pair, made if it is new.
    pub(super) fn intern(&mut self, name: &str, value: &str) -> Result<u32, IndexFull> {
        self.pairs.intern(name, value).map_err(|TextFull| IndexFull { series: self.len() })
    }

    /// Turns the labels into numbers, and makes them the newest.
    fn intern_all(&mut self, labels: &LabelSet, newest: &mut Newest) -> Result<(), TextFull> {
        let before = std::mem::replace(&mut newest.labels, labels.clone());
        let mut before = before.iter();
        let mut len = 0;
        for pair in labels {
            if before.next() != Some(pair) {
                let id = self.pairs.intern(pair.0, pair.1)?;
                match newest.pairs.get_mut(len) {
                    Some(place) => *place = id,
                    None => newest.pairs.push(id),
                }
            }
            len += 1;
        }
        newest.pairs.truncate(len);
        Ok(())
    }

    /// The slot that the next series gets.
    pub(super) fn next_slot(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Leaves out slots, so that the next series gets at least `slot`.
    pub(super) fn skip_to(&mut self, slot: u32) {
        if self.ends.len() < slot as usize {
            self.ends.resize(slot as usize, self.labels.len() as u32);
        }
    }

    /// Bytes of labels and postings.
    pub(super) fn heap_size(&self) -> usize {
        self.pairs.heap_size()
            + self.ends.capacity() * size_of::<u32>()
            + self.labels.capacity()
            + self.by_labels.heap_size()
            + self.all.heap_size()
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Labels of a series; empty for a slot without one.
    pub(super) fn labels(&self, slot: u32) -> LabelSet {
        LabelSet::from_sorted(self.pair_ids(slot).map(|id| self.pairs.get(id)))
    }

    /// The value of one label of a series, or the empty string.
    pub(super) fn label(&self, slot: u32, name: &str) -> &str {
        self.pair_ids(slot).map(|id| self.pairs.get(id)).find(|(n, _)| *n == name).map_or("", |p| p.1)
    }

    /// Names of the labels of a series.
    pub(super) fn names_of(&self, slot: u32) -> impl Iterator<Item = &str> {
        self.pair_ids(slot).map(|id| self.pairs.get(id).0)
    }

    /// Ids of a series' label pairs, in the order of names.
    pub(super) fn pair_ids(&self, slot: u32) -> PairIds<'_> {
        PairIds(self.labels[self.range_of(slot)].iter())
    }

    /// Where the pairs of a slot are in `labels`.
    fn range_of(&self, slot: u32) -> std::ops::Range<usize> {
        let slot = slot as usize;
        let Some(end) = self.ends.get(slot) else { return 0..0 };
        let start = slot.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..*end as usize
    }

    /// All series.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.all.iter()
    }

    /// Series with this label value.
    pub(super) fn series_with(&self, name: &str, value: &str) -> Option<&IdList> {
        self.pairs.find(name, value).map(|id| self.pairs.series(id))
    }

    /// Values of a label and the series that carry each, in the order in which they came.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = (&str, &IdList)> {
        self.pairs.with_name(name).iter().map(|id| (self.pairs.get(*id).1, self.pairs.series(*id)))
    }

    /// All label names, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.names()
    }
}

/// Bytes of the longest 32-bit number.
const MAX_VARINT: usize = 5;

/// The pairs of a series.
pub(super) struct PairIds<'a>(std::slice::Iter<'a, u8>);

impl Iterator for PairIds<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let mut id = 0;
        for (byte, shift) in self.0.by_ref().zip((0..).step_by(7)) {
            id |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(id);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn add(index: &mut Index, labels: &LabelSet) -> u32 {
        index.add(labels, labels.stable_hash()).unwrap()
    }

    #[test]
    fn a_series_is_found_by_all_its_labels_only() {
        let mut index = Index::starting_at(1);
        let up = LabelSet::from_pairs([("__name__", "up"), ("job", "node")]);
        let slot = add(&mut index, &up);
        assert_eq!(slot, 1);
        assert_eq!(index.find(&up, up.stable_hash()), Some(1));
        for other in [
            LabelSet::empty(),
            LabelSet::from_pairs([("__name__", "up")]),
            LabelSet::from_pairs([("__name__", "up"), ("job", "node"), ("zone", "eu")]),
        ] {
            // With the hash of the other, as if the two collided.
            assert_eq!(index.find(&other, up.stable_hash()), None);
        }
        assert_eq!(index.labels(1), up);
        assert_eq!(index.labels(0), LabelSet::empty());
        assert_eq!(index.labels(99), LabelSet::empty());
    }

    proptest! {
        /// Whatever the series before had in common with it, a series has its own labels.
        #[test]
        fn labels_come_back(sets in proptest::collection::vec(
            proptest::collection::btree_map("[a-c]{1,2}", "[a-z]{1,2}", 1..5), 1..300,
        )) {
            let mut index = Index::starting_at(1);
            let mut model = std::collections::BTreeMap::new();
            for set in sets.into_iter().map(LabelSet::from_iter) {
                let known = index.find(&set, set.stable_hash());
                prop_assert_eq!(known, model.get(&set).copied());
                if known.is_none() {
                    let slot = add(&mut index, &set);
                    model.insert(set, slot);
                }
            }
            for (set, slot) in &model {
                prop_assert_eq!(&index.labels(*slot), set);
                for (name, value) in set {
                    let list = index.series_with(name, value).unwrap();
                    let expected = model.iter().filter(|(l, _)| l.get(name) == Some(value)).count();
                    prop_assert_eq!(list.len(), expected);
                    prop_assert!(list.iter().any(|s| s == *slot));
                }
            }
        }
    }

    #[test]
    fn skipped_slots_have_no_series() {
        let mut index = Index::starting_at(1);
        index.skip_to(10);
        let labels = LabelSet::from_pairs([("a", "b")]);
        assert_eq!(add(&mut index, &labels), 10);
        assert_eq!((1..11).filter(|s| !index.labels(*s).is_empty()).collect::<Vec<_>>(), [10]);
        assert_eq!(index.series_with("a", "b").map(|s| s.iter().collect()), Some(vec![10]));
        assert_eq!(index.label(10, "a"), "b");
    }
}
