//! An open-addressing table from hashes to ids, for keys that live elsewhere.

/// Maps hashes to ids; the caller compares keys. Eight bytes per slot, no removal: tables are rebuilt.
#[derive(Debug, Default)]
pub(super) struct HashTable {
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    id: u32,
}

const EMPTY: Slot = Slot { tag: 0, id: u32::MAX };

impl HashTable {
    /// The id with this hash for which `same` holds.
    pub(super) fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = (hash >> 32) as u32;
        let mut at = self.home(tag);
        // The table is never full, so an empty slot ends the walk.
        while let Some(slot) = self.slots.get(at) {
            if slot.id == u32::MAX {
                return None;
            }
            if slot.tag == tag && same(slot.id) {
                return Some(slot.id);
            }
            at = self.after(at);
        }
        None
    }

    /// Adds an id that is not in the table. `u32::MAX` is not an id.
    pub(super) fn insert(&mut self, hash: u64, id: u32) {
        debug_assert_ne!(id, u32::MAX);
        if self.len * 8 >= self.slots.len() * 7 {
            self.grow();
        }
        self.place(Slot { tag: (hash >> 32) as u32, id });
        self.len += 1;
    }

    /// Bytes of the slots.
    pub(super) fn heap_size(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    fn place(&mut self, slot: Slot) {
        let mut at = self.home(slot.tag);
        while self.slots[at].id != u32::MAX {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    /// Grows by half: the table of a million series is then at most a third empty.
    fn grow(&mut self) {
        let capacity = (self.slots.len() + self.slots.len() / 2).max(64);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; capacity]);
        // In the order of the old slots, which is nearly the order of the new ones: memory is walked once.
        for slot in old.into_iter().filter(|s| s.id != u32::MAX) {
            self.place(slot);
        }
    }

    /// Spreads tags over any capacity without a division.
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.slots.len() as u64) >> 32) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_nothing_else() {
        let mut table = HashTable::default();
        let hash = |id: u32| u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert_eq!(table.find(1, |_| true), None);
        for id in 0..10_000 {
            table.insert(hash(id), id);
        }
        for id in 0..10_000 {
            assert_eq!(table.find(hash(id), |found| found == id), Some(id));
            assert_eq!(table.find(hash(id + 10_000), |found| found == id + 10_000), None);
        }
    }

    #[test]
    fn keys_with_one_hash_are_told_apart() {
        let mut table = HashTable::default();
        for id in 0..100 {
            table.insert(u64::MAX, id);
        }
        assert_eq!(table.find(u64::MAX, |id| id == 77), Some(77));
        assert_eq!(table.find(u64::MAX, |id| id == 100), None);
    }
}
