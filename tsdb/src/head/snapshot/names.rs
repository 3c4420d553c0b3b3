//! What a snapshot says besides samples and labels: where the log goes on, and how it calls series.

use std::collections::HashMap;

use crate::codec::{Malformed, Reader, put_uvarint};

/// Where the log goes on behind a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The first segment of which the snapshot may lack something.
    pub(crate) segment: u32,
    /// Length of the segment before it, by which the log is known again.
    pub(crate) before: u64,
    /// The slot of the next series.
    pub(super) next_slot: u32,
}

impl Position {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_uvarint(out, self.segment.into());
        put_uvarint(out, self.before);
        put_uvarint(out, self.next_slot.into());
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let segment = u32::try_from(r.uvarint()?).map_err(|_| r.malformed("the number of a segment"))?;
        let before = r.uvarint()?;
        let next_slot = u32::try_from(r.uvarint()?).map_err(|_| r.malformed("a slot"))?;
        Ok(Self { segment, before, next_slot })
    }
}

/// How the log calls series where that is not by their slot.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct References {
    /// The number under which a slot is logged.
    pub(super) logged: HashMap<u32, u64>,
    /// Other numbers of slots.
    pub(super) aliases: HashMap<u64, u32>,
    /// Removed series, and the last segment that may speak of them.
    pub(super) removed: HashMap<u64, u32>,
}

impl References {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let mut put = |pairs: &mut dyn ExactSizeIterator<Item = (u64, u32)>| {
            put_uvarint(out, pairs.len() as u64);
            for (reference, number) in pairs {
                put_uvarint(out, reference);
                put_uvarint(out, number.into());
            }
        };
        put(&mut self.logged.iter().map(|(slot, reference)| (*reference, *slot)));
        put(&mut self.aliases.iter().map(|(reference, slot)| (*reference, *slot)));
        put(&mut self.removed.iter().map(|(reference, segment)| (*reference, *segment)));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let logged = read_pairs(r)?.into_iter().map(|(reference, slot)| (slot, reference)).collect();
        let aliases = read_pairs(r)?.into_iter().collect();
        let removed = read_pairs(r)?.into_iter().collect();
        Ok(Self { logged, aliases, removed })
    }
}

fn read_pairs(r: &mut Reader<'_>) -> Result<Vec<(u64, u32)>, Malformed> {
    (0..r.count(2)?)
        .map(|_| {
            let reference = r.uvarint()?;
            let number = u32::try_from(r.uvarint()?).map_err(|_| r.malformed("a number of 32 bits"))?;
            Ok((reference, number))
        })
        .collect()
}
