//! Where things with a hash are, in five bytes for each place of the table.

/// Numbers found by hash; whoever has the things behind the numbers compares them.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What is in each place: nothing, what was removed, or some bits of a hash.
    tags: Vec<u8>,
    numbers: Vec<u32>,
    /// How many places are not [`EMPTY`].
    used: usize,
    /// How many have a number.
    len: usize,
}

const EMPTY: u8 = 0;
/// Here was something: a search goes on.
const GONE: u8 = 1;

/// The bits of a hash that do not choose its place.
fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8 | 2
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number with this hash that `is` the one looked for.
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.place(hash, is).map(|at| self.numbers[at])
    }

    fn place(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<usize> {
        self.places(hash)
            .take_while(|at| self.tags[*at] != EMPTY)
            .find(|at| self.tags[*at] == tag(hash) && is(self.numbers[*at]))
    }

    /// Adds a number that is not there; `hash_of` tells the hashes of those that are.
    pub(super) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        // A quarter of the places stays empty, lest searches become long.
        if (self.used + 1) * 4 > self.tags.len() * 3 {
            self.rebuild(hash_of);
        }
        self.put(hash, number);
    }

    /// Removes a number; says whether it was there.
    pub(super) fn remove(&mut self, hash: u64, number: u32) -> bool {
        let place = self.place(hash, |other| other == number);
        if let Some(at) = place {
            self.tags[at] = GONE;
            self.len -= 1;
        }
        place.is_some()
    }

    /// All places, in the order in which those with this hash are looked for.
    fn places(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.tags.len().wrapping_sub(1);
        (0..self.tags.len()).map(move |step| (hash as usize).wrapping_add(step) & mask)
    }

    fn put(&mut self, hash: u64, number: u32) {
        if let Some(at) = self.places(hash).find(|at| self.tags[*at] <= GONE) {
            self.used += usize::from(self.tags[at] == EMPTY);
            self.len += 1;
            self.tags[at] = tag(hash);
            self.numbers[at] = number;
        }
    }

    /// Twice as large if it is full, else without what is gone.
    fn rebuild(&mut self, hash_of: impl Fn(u32) -> u64) {
        let places = ((self.len + 1) * 2).next_power_of_two().max(8);
        let (tags, numbers) = (vec![EMPTY; places], vec![0; places]);
        let before = std::mem::replace(self, Self { tags, numbers, used: 0, len: 0 });
        for (tag, number) in before.tags.into_iter().zip(before.numbers) {
            if tag > GONE {
                self.put(hash_of(number), number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    proptest::proptest! {
        /// Few hashes, so that they collide, and few numbers, so that they come and go.
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((proptest::bool::ANY, 0u32..200), 0..600)) {
            let hash_of = |number: u32| u64::from(number % 7) << 61 | u64::from(number % 5);
            let (mut table, mut set) = (Table::default(), BTreeSet::new());
            for (add, number) in steps {
                let there = set.contains(&number);
                let found = table.find(hash_of(number), |other| other == number);
                proptest::prop_assert_eq!(found.is_some(), there);
                if add && !there {
                    table.insert(hash_of(number), number, hash_of);
                    set.insert(number);
                } else if !add {
                    proptest::prop_assert_eq!(table.remove(hash_of(number), number), there);
                    set.remove(&number);
                }
                proptest::prop_assert_eq!(table.len(), set.len());
            }
            proptest::prop_assert!(set.iter().all(|n| table.find(hash_of(*n), |m| m == *n) == Some(*n)));
        }
    }
}
