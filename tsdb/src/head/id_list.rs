//! A rising list of series ids, kept as differences: one or two bytes per series instead of four.

/// Ids in rising order, appended at the end only.
///
/// Holds the first id beside the bytes, so that the many lists with one series need no allocation.
#[derive(Debug, Clone, Default)]
pub(super) struct IdList {
    bytes: Vec<u8>,
    first: u32,
    last: u32,
    len: u32,
}

impl IdList {
    /// Adds an id that is larger than all before it; a repeat of the last one is ignored.
    pub(super) fn push(&mut self, id: u32) {
        if self.len == 0 {
            self.first = id;
        } else if id == self.last {
            return;
        } else {
            debug_assert!(id > self.last, "ids rise");
            let mut delta = id - self.last;
            if self.bytes.len() == self.bytes.capacity() {
                // Growth by an eighth: there are many lists, and doubling would leave a quarter of them empty.
                self.bytes.reserve_exact(5 + self.bytes.len() / 8);
            }
            while delta >= 0x80 {
                self.bytes.push(delta as u8 | 0x80);
                delta >>= 7;
            }
            self.bytes.push(delta as u8);
        }
        self.last = id;
        self.len += 1;
    }

    /// How many ids there are.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The ids from small to large.
    pub(super) fn iter(&self) -> Ids<'_> {
        Ids { bytes: self.bytes.iter(), next: (self.len > 0).then_some(self.first) }
    }
}

/// Walks an [`IdList`].
pub(super) struct Ids<'a> {
    bytes: std::slice::Iter<'a, u8>,
    next: Option<u32>,
}

impl Iterator for Ids<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let id = self.next?;
        let (mut delta, mut shift) = (0u32, 0);
        self.next = None;
        for byte in self.bytes.by_ref() {
            delta |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.next = Some(id + delta);
                break;
            }
            shift += 7;
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_come_back(set in proptest::collection::btree_set(1u32.., 0..200)) {
            let mut list = IdList::default();
            for id in &set {
                list.push(*id);
                list.push(*id);
            }
            prop_assert_eq!(list.len(), set.len());
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), set.into_iter().collect::<Vec<_>>());
        }
    }
}
