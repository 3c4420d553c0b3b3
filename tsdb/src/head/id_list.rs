//! A rising list of series ids, kept as runs: a byte or two for each run instead of four for each series.

use std::ops::RangeInclusive;

use crate::codec::put_uvarint;

/// Ids in rising order, appended at the end only.
///
/// Series are made target by target, so that what they have in common makes runs: a label that all carry is one run. A
/// closed run is its distance from the end of the one before, twice, plus one if its length follows. The newest run
/// is beside the bytes, so that the many lists with one series need no allocation.
#[derive(Debug, Clone, Default)]
pub(super) struct IdList {
    closed: Vec<u8>,
    /// The last id of the closed runs.
    closed_end: u32,
    start: u32,
    end: u32,
    len: u32,
}

impl IdList {
    /// Adds an id that is larger than all before it; a repeat of the last one is ignored.
    pub(super) fn push(&mut self, id: u32) {
        if self.len == 0 {
            self.start = id;
        } else if id == self.end {
            return;
        } else {
            debug_assert!(id > self.end, "ids rise");
            if id != self.end + 1 {
                self.close();
                self.start = id;
            }
        }
        self.end = id;
        self.len += 1;
    }

    /// How many ids there are.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Bytes on the heap.
    pub(super) fn heap_size(&self) -> usize {
        self.closed.capacity()
    }

    /// The ids from small to large.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.runs().flatten()
    }

    /// The ids as runs, which do not touch each other.
    fn runs(&self) -> impl Iterator<Item = RangeInclusive<u32>> {
        let newest = (self.len > 0).then_some(self.start..=self.end);
        ClosedRuns { bytes: self.closed.iter(), end: 0 }.chain(newest)
    }

    fn close(&mut self) {
        // Growth by an eighth: there are many lists, and doubling would leave a quarter of them empty.
        if self.closed.capacity() - self.closed.len() < 10 {
            self.closed.reserve_exact(10 + self.closed.len() / 8);
        }
        let distance = u64::from(self.start - self.closed_end);
        let more = self.end - self.start;
        put_uvarint(&mut self.closed, distance << 1 | u64::from(more > 0));
        if more > 0 {
            put_uvarint(&mut self.closed, more.into());
        }
        self.closed_end = self.end;
    }
}

/// Walks the closed runs of an [`IdList`].
struct ClosedRuns<'a> {
    bytes: std::slice::Iter<'a, u8>,
    end: u32,
}

impl ClosedRuns<'_> {
    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = *self.bytes.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }
}

impl Iterator for ClosedRuns<'_> {
    type Item = RangeInclusive<u32>;

    fn next(&mut self) -> Option<Self::Item> {
        let token = self.number()?;
        let start = self.end + (token >> 1) as u32;
        self.end = start + if token & 1 == 1 { self.number()? as u32 } else { 0 };
        Some(start..=self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(ids: impl IntoIterator<Item = u32>) -> IdList {
        let mut list = IdList::default();
        for id in ids {
            list.push(id);
            list.push(id);
        }
        list
    }

    proptest! {
        #[test]
        fn ids_come_back(runs in proptest::collection::vec((1u32..20_000_000, 0u32..200), 0..200)) {
            let mut last = 0;
            let mut ids = Vec::new();
            for (gap, more) in runs {
                ids.extend(last + gap..=last + gap + more);
                last += gap + more;
            }
            let list = list(ids.iter().copied());
            prop_assert_eq!(list.len(), ids.len());
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), ids);
        }
    }

    #[test]
    fn what_all_series_have_takes_no_room() {
        assert_eq!(list(1..1_000_000).heap_size(), 0);
        // Every eighth takes a byte.
        assert!(list((1..80_000).step_by(8)).heap_size() < 12_000);
        assert_eq!(list([0, u32::MAX]).iter().collect::<Vec<_>>(), [0, u32::MAX]);
    }
}
