//! Columns out of a chunk: whole, or the blocks that are wanted.

use std::ops::Range;

use super::shape::{MAX_GROUP, Shape, digits_in};
use super::unpack::unpack_bits;
use super::{BLOCK, CORRECTED, DIGITS, MAX_CORRECTIONS, SAME, digits};
use crate::codec::{Reader, unzigzag};

/// Hands those of a column of `n` integers that are at the `wanted` places to `each`, block by block, and stops behind
/// the last of them. `Err` says what is wrong.
#[inline]
pub(in crate::chunk) fn take_column(
    r: &mut Reader<'_>,
    n: usize,
    wanted: Range<usize>,
    mut each: impl FnMut(&mut [i64]),
) -> Result<(), &'static str> {
    let mut integers = [0i64; BLOCK];
    let mut head = None;
    for (places, len) in blocks(n, wanted) {
        let block = Block::take(r, len, &mut head)?;
        if !places.is_empty() {
            block.unpack(&mut integers[..len]);
            block.add_base(&mut integers[..len]);
            each(&mut integers[places]);
        }
    }
    Ok(())
}

/// As [`take_column`], for a column that [`put_sums`](super::put_sums) wrote.
#[inline]
pub(in crate::chunk) fn take_sums(
    r: &mut Reader<'_>,
    n: usize,
    wanted: Range<usize>,
    mut each: impl FnMut(&mut [i64]),
) -> Result<(), &'static str> {
    let mut integers = [0i64; BLOCK];
    let (mut first, mut head) = (0i64, None);
    for (places, len) in blocks(n, wanted) {
        first = first.wrapping_add(r.varint().map_err(|_| CUT_OFF)?);
        let block = Block::take(r, len - 1, &mut head)?;
        if !places.is_empty() {
            block.unpack(&mut integers[1..len]);
            integers[0] = first;
            block.add_up(first, &mut integers[1..len]);
            each(&mut integers[places]);
        }
    }
    Ok(())
}

/// Passes over a column that [`put_sums`](super::put_sums) wrote, block by block, and tells the first integer of each.
pub(in crate::chunk) fn first_sums(
    r: &mut Reader<'_>,
    n: usize,
) -> impl Iterator<Item = Result<i64, &'static str>> {
    let (mut first, mut head) = (0i64, None);
    blocks(n, 0..n).map(move |(_, len)| {
        first = first.wrapping_add(r.varint().map_err(|_| CUT_OFF)?);
        Block::take(r, len - 1, &mut head)?;
        Ok(first)
    })
}

/// The blocks of a column up to the last wanted place: which places in the block are wanted, and its length.
fn blocks(n: usize, wanted: Range<usize>) -> impl Iterator<Item = (Range<usize>, usize)> {
    let end = wanted.end.min(n);
    (0..end).step_by(BLOCK).map(move |start| {
        let len = (n - start).min(BLOCK);
        (wanted.start.saturating_sub(start).min(len)..(end - start).min(len), len)
    })
}

const CUT_OFF: &str = "a block is cut off";

/// A block whose parts are known to be there, still packed.
#[derive(Debug)]
struct Block<'a> {
    head: Head,
    corrections: Option<Corrections<'a>>,
    /// The distances, and all that is behind them.
    bytes: &'a [u8],
}

/// What blocks may have in common with the one before.
#[derive(Debug, Clone, Copy)]
struct Head {
    base: i64,
    shape: Shape,
    /// Of digits.
    radix: u64,
}

/// Places within the block, and zigzag distances from its base.
#[derive(Debug)]
struct Corrections<'a> {
    places: &'a [u8],
    bits: u32,
    bytes: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads over a block of `n` integers, behind one with that head.
    fn take(r: &mut Reader<'a>, n: usize, head: &mut Option<Head>) -> Result<Self, &'static str> {
        let first = r.u8().map_err(|_| CUT_OFF)?;
        let head = match first & !CORRECTED {
            SAME => (*head).ok_or("a first block as the one before it")?,
            shape => *head.insert(Head::take(r, shape)?),
        };
        let corrections = if first & CORRECTED != 0 { Some(Corrections::take(r, n)?) } else { None };
        let bytes = take_packed(r, head.shape.cost(n))?;
        Ok(Self { head, corrections, bytes })
    }

    /// Fills in the distances from the base.
    #[inline]
    fn unpack(&self, into: &mut [i64]) {
        match self.head.shape {
            Shape::Bits(bits) => unpack_bits(self.bytes, bits, into),
            Shape::Digits { bits, digits } => {
                let mut groups = [0i64; BLOCK / 2];
                let groups = &mut groups[..into.len().div_ceil(digits)];
                unpack_bits(self.bytes, bits, groups);
                digits::split_all(groups, self.head.radix, digits, into);
            }
        }
        if let Some(corrections) = &self.corrections {
            corrections.apply(into);
        }
    }

    #[inline]
    fn add_base(&self, integers: &mut [i64]) {
        if self.head.base != 0 {
            integers.iter_mut().for_each(|x| *x = x.wrapping_add(self.head.base));
        }
    }

    /// Makes sums of differences that lack their base.
    #[inline]
    fn add_up(&self, first: i64, integers: &mut [i64]) {
        let mut sum = first;
        for x in integers {
            sum = sum.wrapping_add(x.wrapping_add(self.head.base));
            *x = sum;
        }
    }
}

impl Head {
    fn take(r: &mut Reader<'_>, shape: u8) -> Result<Self, &'static str> {
        let base = r.varint().map_err(|_| CUT_OFF)?;
        if shape <= DIGITS {
            return Ok(Self { base, shape: Shape::Bits(shape.into()), radix: 0 });
        }
        let bits = u32::from(shape - DIGITS);
        let radix = r.uvarint().map_err(|_| CUT_OFF)?;
        if bits > MAX_GROUP || !(2..=1 << 16).contains(&radix) {
            return Err("digits that no encoder writes");
        }
        let digits = digits_in(bits, radix);
        if digits < 2 {
            return Err("digits that do not fit");
        }
        Ok(Self { base, shape: Shape::Digits { bits, digits }, radix })
    }
}

impl<'a> Corrections<'a> {
    fn take(r: &mut Reader<'a>, n: usize) -> Result<Self, &'static str> {
        let count = usize::from(r.u8().map_err(|_| CUT_OFF)?);
        let bits = u32::from(r.u8().map_err(|_| CUT_OFF)?);
        let places = r.take(count, CUT_OFF).map_err(|_| CUT_OFF)?;
        if count > MAX_CORRECTIONS || bits > 64 || places.iter().any(|p| usize::from(*p) >= n) {
            return Err("corrections that no encoder writes");
        }
        Ok(Self { places, bits, bytes: take_packed(r, count * bits as usize)? })
    }

    fn apply(&self, integers: &mut [i64]) {
        let mut distances = [0i64; MAX_CORRECTIONS];
        let distances = &mut distances[..self.places.len()];
        unpack_bits(self.bytes, self.bits, distances);
        for (place, zigzag) in self.places.iter().zip(distances) {
            integers[usize::from(*place)] = unzigzag(*zigzag as u64);
        }
    }
}

/// Reads over so many bits: their bytes, and all behind them.
fn take_packed<'a>(r: &mut Reader<'a>, bits: usize) -> Result<&'a [u8], &'static str> {
    let bytes = r.clone().rest();
    r.take(bits.div_ceil(8), CUT_OFF).map_err(|_| CUT_OFF)?;
    Ok(bytes)
}
