//! What stands in front of a dense chunk, and can be used without decoding it.

use super::super::ChunkError;
use super::{damaged, what};
use crate::codec::{Reader, put_varint};

/// In place of a decimal exponent: the integers are the floats' bits.
pub(super) const NOT_DECIMAL: u8 = 15;

/// What a dense chunk says of its samples in front of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// How many samples there are.
    pub samples: u16,
    /// The smallest difference between a value and the one before it, in units of the last decimal place of all: not
    /// negative means that no value falls, so that a counter was not reset. `None` where something is no number of
    /// that many places, as infinities and staleness markers are.
    pub min_delta: Option<i64>,
    pub(super) times: Times,
    pub(super) values: Values,
    pub(super) is_corrected: bool,
    pub(super) has_unit: bool,
    /// How many decimal places the integers have, or [`NOT_DECIMAL`].
    pub(super) exponent: u8,
}

/// Where a chunk's times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// The first and the distance of all.
    Regular = 0,
    /// The first and a column of distances.
    Column = 1,
    /// In another chunk of the block.
    Elsewhere = 2,
}

/// How a chunk's integers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// A column.
    Direct = 0,
    /// The first, and a column of differences.
    Differences = 1,
    /// By the entropy coder.
    Entropy = 2,
}

const TIMES: u8 = 0b0000_0011;
const VALUES: u8 = 0b0000_1100;
const VALUES_SHIFT: u8 = 2;
const CORRECTED: u8 = 0b0001_0000;
const UNIT: u8 = 0b0010_0000;
const MIN_DELTA: u8 = 0b0100_0000;

/// Where the times flag is.
pub(super) const FORM_AT: usize = 2;

impl Header {
    /// Reads the header of a dense chunk.
    ///
    /// # Errors
    /// If the chunk is shorter than its header, or has flags that nobody writes.
    pub fn read(chunk: &[u8]) -> Result<Self, ChunkError> {
        Self::take(&mut Reader::new(chunk))
    }

    /// Whether no value is below the one before it, so that a counter was not reset.
    pub fn is_rising(&self) -> bool {
        self.min_delta.is_some_and(|d| d >= 0)
    }

    pub(super) fn take(r: &mut Reader<'_>) -> Result<Self, ChunkError> {
        let cut_off =
            |r: &Reader<'_>| ChunkError::Truncated { len: r.position() + r.remaining(), samples: 0 };
        let start = r.take(4, "a header").map_err(|_| cut_off(r))?;
        let samples = u16::from_be_bytes([start[0], start[1]]);
        let (form, exponent) = (start[2], start[3]);
        let times = match form & TIMES {
            0 => Times::Regular,
            1 => Times::Column,
            2 => Times::Elsewhere,
            _ => return Err(damaged(r, "an unknown place of times")),
        };
        let values = match (form & VALUES) >> VALUES_SHIFT {
            0 => Values::Direct,
            1 => Values::Differences,
            2 => Values::Entropy,
            _ => return Err(damaged(r, "an unknown form of values")),
        };
        if samples == 0 || exponent > NOT_DECIMAL || form & 0x80 != 0 {
            return Err(damaged(r, "a header that no encoder writes"));
        }
        let min_delta = match form & MIN_DELTA {
            0 => None,
            _ => Some(r.varint().map_err(|m| damaged(r, what(m)))?),
        };
        Ok(Self {
            samples,
            min_delta,
            times,
            values,
            is_corrected: form & CORRECTED != 0,
            has_unit: form & UNIT != 0,
            exponent,
        })
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.extend_from_slice(&self.samples.to_be_bytes());
        let form = self.times as u8 | (self.values as u8) << VALUES_SHIFT;
        let flags = flag(self.is_corrected, CORRECTED)
            | flag(self.has_unit, UNIT)
            | flag(self.min_delta.is_some(), MIN_DELTA);
        out.extend_from_slice(&[form | flags, self.exponent]);
        if let Some(delta) = self.min_delta {
            put_varint(out, delta);
        }
    }
}

/// The form byte with another place of times.
pub(super) fn form_with(form: u8, times: Times) -> u8 {
    form & !TIMES | times as u8
}
