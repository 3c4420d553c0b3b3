//! Start timestamps: since when a counter counts, sample by sample. They are stepped over, not handed out.

use super::bits::BitReader;
use super::varbit::take_int;

/// Which samples of a chunk are followed by a start timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StartTimes {
    first: bool,
    /// From which sample on; 0 if no sample behind the first has one.
    from: u16,
}

impl StartTimes {
    /// What the byte in the chunk's header says.
    pub(super) fn of(header: u8) -> Self {
        Self { first: header & 0x80 != 0, from: u16::from(header & 0x7f) }
    }

    /// Steps over what follows sample number `i`; `None` if that is damaged.
    pub(super) fn skip(self, r: &mut BitReader<'_>, i: u16) -> Option<()> {
        if i == 0 && self.first {
            r.take_varint()?;
        } else if i > 0 && self.from > 0 && i >= self.from {
            take_int(r);
        }
        Some(())
    }
}
