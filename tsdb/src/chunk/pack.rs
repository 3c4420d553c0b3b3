//! Blocks of integers in few bits: what a dense chunk is made of.
//!
//! A block is up to 256 integers as distances from a base, in a fixed number of bits each. Where the range is no power
//! of two, several distances are written as the digits of one number. What lies far outside the range of most is set
//! right afterwards, so that one outlier does not widen all. The layout is drawn in `docs/format.md`.

use crate::codec::{Reader, put_uvarint, put_varint, zigzag};

/// Integers in a block, except in the last one of a column.
pub(super) const BLOCK: usize = 256;

/// Set in the first byte of a block with corrections.
const CORRECTED: u8 = 0x80;
/// Above this, the first byte says how many bits a group of digits has.
const DIGITS: u8 = 64;
/// Most bits of a group of digits, so that a digit is split off by one multiplication.
const MAX_GROUP: u32 = 32;
/// Most corrections of a block.
const MAX_CORRECTIONS: usize = 64;
/// Bits that a correction takes besides its distance, and all of them once.
const CORRECTION_BITS: usize = 8;
const CORRECTIONS_BITS: usize = 16;

/// Appends a column of integers.
pub(super) fn put_column(out: &mut Vec<u8>, column: &[i64]) {
    let mut sorted = [0i64; BLOCK];
    for block in column.chunks(BLOCK) {
        let sorted = &mut sorted[..block.len()];
        sorted.copy_from_slice(block);
        sorted.sort_unstable();
        put_block(out, block, sorted);
    }
}

/// Which distances from which base are written in the block itself.
#[derive(Debug, Clone, Copy)]
struct Window {
    base: i64,
    /// The largest distance.
    range: u64,
    corrections: usize,
}

/// How distances become bits.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Bits each.
    Bits(u32),
    /// Numbers of so many bits, of so many digits each, in a base of one more than the largest distance.
    Digits { bits: u32, digits: usize },
}

fn put_block(out: &mut Vec<u8>, block: &[i64], sorted: &[i64]) {
    let window = choose_window(sorted);
    let shape = choose_shape(window.range);
    let first = match shape {
        Shape::Bits(bits) => bits as u8,
        Shape::Digits { bits, .. } => DIGITS + bits as u8,
    };
    out.push(first | if window.corrections > 0 { CORRECTED } else { 0 });
    put_varint(out, window.base);
    if let Shape::Digits { .. } = shape {
        put_uvarint(out, window.range + 1);
    }
    let distance = |x: i64| x.wrapping_sub(window.base) as u64;
    let is_outside = |x: i64| x < window.base || distance(x) > window.range;
    if window.corrections > 0 {
        put_corrections(out, block, window.base, is_outside);
    }
    let inside = block.iter().map(|x| if is_outside(*x) { 0 } else { distance(*x) });
    let mut bits = LowBits::new(out);
    match shape {
        Shape::Bits(0) => {}
        Shape::Bits(n) => inside.for_each(|d| bits.put(d, n)),
        Shape::Digits { bits: n, digits } => {
            let distances: Vec<u64> = inside.collect();
            let radix = window.range + 1;
            for group in distances.chunks(digits) {
                let number = group.iter().fold(0, |number, digit| number * radix + digit);
                // The last may lack digits at the end.
                bits.put((group.len()..digits).fold(number, |number, _| number * radix), n);
            }
        }
    }
    bits.finish();
}

fn put_corrections(out: &mut Vec<u8>, block: &[i64], base: i64, is_outside: impl Fn(i64) -> bool) {
    let outside: Vec<(usize, u64)> = block
        .iter()
        .enumerate()
        .filter(|(_, x)| is_outside(**x))
        .map(|(i, x)| (i, zigzag(x.wrapping_sub(base))))
        .collect();
    let width = outside.iter().map(|(_, d)| width(*d)).max().unwrap_or(0);
    out.push(outside.len() as u8);
    out.push(width as u8);
    out.extend(outside.iter().map(|(i, _)| *i as u8));
    let mut bits = LowBits::new(out);
    outside.iter().for_each(|(_, d)| bits.put(*d, width));
    bits.finish();
}

/// The window that makes the block shortest.
fn choose_window(sorted: &[i64]) -> Window {
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
        return Window { base: 0, range: 0, corrections: 0 };
    };
    let range = max.wrapping_sub(*min) as u64;
    let whole = Window { base: *min, range, corrections: 0 };
    let full = width(range);
    if full == 0 {
        return whole;
    }
    let n = sorted.len();
    let correction = CORRECTION_BITS + full as usize + 1;
    let mut best = (shape_bits(choose_shape(range), n), whole);
    for bits in (0..full).rev() {
        let (start, count) = most_in(sorted, if bits == 0 { 0 } else { u64::MAX >> (64 - bits) });
        let corrections = n - count;
        if corrections > MAX_CORRECTIONS {
            break;
        }
        let (base, last) = (sorted[start], sorted[start + count - 1]);
        let range = last.wrapping_sub(base) as u64;
        let cost = shape_bits(choose_shape(range), n) + CORRECTIONS_BITS + corrections * correction;
        if cost < best.0 {
            best = (cost, Window { base, range, corrections });
        }
    }
    best.1
}

/// The longest run of a sorted list whose ends are at most `range` apart: where it starts, how long it is.
fn most_in(sorted: &[i64], range: u64) -> (usize, usize) {
    let (mut start, mut best) = (0, (0, 1));
    for (end, x) in sorted.iter().enumerate() {
        while x.wrapping_sub(sorted[start]) as u64 > range {
            start += 1;
        }
        if end + 1 - start > best.1 {
            best = (start, end + 1 - start);
        }
    }
    best
}

/// Bits that a number takes.
fn width(x: u64) -> u32 {
    64 - x.leading_zeros()
}

/// Digits if they save a thirty-second part or more.
fn choose_shape(range: u64) -> Shape {
    let plain = width(range);
    let mut best = (plain as usize * 32, Shape::Bits(plain));
    if plain > 16 || range.wrapping_add(1).is_power_of_two() {
        return best.1;
    }
    let radix = range + 1;
    let mut number = radix;
    for digits in 2.. {
        number *= radix;
        if number > 1 << MAX_GROUP {
            break;
        }
        let bits = width(number - 1);
        // A reader takes as many digits as the bits can hold.
        let cost = bits as usize * 32 / digits;
        if cost + plain as usize <= best.0 && digits_in(bits, radix) == digits {
            best = (cost, Shape::Digits { bits, digits });
        }
    }
    best.1
}

/// How many digits in a base every number of so many bits can hold.
fn digits_in(bits: u32, radix: u64) -> usize {
    let mut digits = 0;
    let mut number = radix;
    while number <= 1 << bits {
        number *= radix;
        digits += 1;
    }
    digits
}

/// Bits of a block of `n` distances.
fn shape_bits(shape: Shape, n: usize) -> usize {
    match shape {
        Shape::Bits(bits) => n * bits as usize,
        Shape::Digits { bits, digits } => n.div_ceil(digits) * bits as usize,
    }
}

/// Writes numbers of a fixed width, least significant bit first.
struct LowBits<'a> {
    out: &'a mut Vec<u8>,
    word: u128,
    used: u32,
}

impl<'a> LowBits<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, word: 0, used: 0 }
    }

    fn put(&mut self, x: u64, n: u32) {
        self.word |= u128::from(x) << self.used;
        self.used += n;
        while self.used >= 32 {
            self.out.extend_from_slice(&(self.word as u32).to_le_bytes());
            self.word >>= 32;
            self.used -= 32;
        }
    }

    fn finish(self) {
        let bytes = self.used.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.word.to_le_bytes()[..bytes]);
    }
}

/// Reads a column of `n` integers and hands each block of it to `each`. `Err` says what is wrong.
#[inline]
pub(super) fn take_column(
    r: &mut Reader<'_>,
    n: usize,
    mut each: impl FnMut(&mut [i64]),
) -> Result<(), &'static str> {
    let mut block = [0i64; BLOCK];
    let mut left = n;
    while left > 0 {
        let len = left.min(BLOCK);
        take_block(r, len, &mut block)?;
        each(&mut block[..len]);
        left -= len;
    }
    Ok(())
}

const CUT_OFF: &str = "a block is cut off";

fn take_block(r: &mut Reader<'_>, n: usize, block: &mut [i64; BLOCK]) -> Result<(), &'static str> {
    let first = r.u8().map_err(|_| CUT_OFF)?;
    let base = r.varint().map_err(|_| CUT_OFF)?;
    let bits = u32::from(first & !CORRECTED);
    let radix = if bits > u32::from(DIGITS) { r.uvarint().map_err(|_| CUT_OFF)? } else { 0 };
    let corrections = if first & CORRECTED != 0 { Some(take_corrections(r, n)?) } else { None };
    let block = &mut block[..n];
    if bits <= u32::from(DIGITS) {
        take_bits(r, bits, base, block)?;
    } else {
        take_digits(r, bits - u32::from(DIGITS), radix, base, block)?;
    }
    if let Some((places, distances)) = corrections {
        for (place, zigzag) in places.iter().zip(distances) {
            let distance = ((zigzag as u64 >> 1) as i64) ^ -(zigzag & 1);
            block[usize::from(*place)] = base.wrapping_add(distance);
        }
    }
    Ok(())
}

/// Places within the block, all below `n`, and zigzag distances from its base.
type Corrections<'a> = (&'a [u8], [i64; MAX_CORRECTIONS]);

fn take_corrections<'a>(r: &mut Reader<'a>, n: usize) -> Result<Corrections<'a>, &'static str> {
    let count = usize::from(r.u8().map_err(|_| CUT_OFF)?);
    let bits = u32::from(r.u8().map_err(|_| CUT_OFF)?);
    let places = r.take(count, CUT_OFF).map_err(|_| CUT_OFF)?;
    if count > MAX_CORRECTIONS || bits > 64 || places.iter().any(|p| usize::from(*p) >= n) {
        return Err("corrections that no encoder writes");
    }
    let mut distances = [0i64; MAX_CORRECTIONS];
    take_bits(r, bits, 0, &mut distances[..count])?;
    Ok((places, distances))
}

/// Reads distances of a fixed width from a base.
fn take_bits(r: &mut Reader<'_>, bits: u32, base: i64, into: &mut [i64]) -> Result<(), &'static str> {
    let len = (into.len() * bits as usize).div_ceil(8);
    let bytes = r.take(len, CUT_OFF).map_err(|_| CUT_OFF)?;
    macro_rules! widths {
        ($($width:literal)*) => {
            match bits {
                0 => into.fill(base),
                $($width => unpack::<$width>(bytes, base, into),)*
                _ => unpack_wide(bytes, bits, base, into),
            }
        };
    }
    widths!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    Ok(())
}

/// Eight numbers at a time, which take `WIDTH` whole bytes: all shifts are known when compiling.
fn unpack<const WIDTH: usize>(bytes: &[u8], base: i64, into: &mut [i64]) {
    let mut octets = into.chunks_exact_mut(8);
    let mut rest = bytes;
    // While there is more behind the eight, their words can be loaded from where they are.
    while let Some(window) = rest.get(..WIDTH + 8) {
        let Some(eight) = octets.next() else { return };
        unpack_eight::<WIDTH>(window, base, eight);
        rest = &rest[WIDTH..];
    }
    let unpack_padded = |bytes: &[u8], into: &mut [i64]| {
        let mut padded = [0u8; 40];
        padded[..bytes.len()].copy_from_slice(bytes);
        let mut eight = [0; 8];
        unpack_eight::<WIDTH>(&padded[..WIDTH + 8], base, &mut eight);
        into.copy_from_slice(&eight[..into.len()]);
    };
    for eight in octets.by_ref() {
        let (packed, after) = rest.split_at(WIDTH);
        unpack_padded(packed, eight);
        rest = after;
    }
    // Fewer than eight bits may be left over.
    unpack_padded(&rest[..rest.len().min(WIDTH)], octets.into_remainder());
}

/// Needs eight bytes more than the eight numbers have.
#[inline(always)]
fn unpack_eight<const WIDTH: usize>(window: &[u8], base: i64, eight: &mut [i64]) {
    let window = &window[..WIDTH + 8];
    for (i, x) in eight.iter_mut().enumerate() {
        let at = i * WIDTH;
        let mut word = [0u8; 8];
        word.copy_from_slice(&window[at / 8..at / 8 + 8]);
        let distance = (u64::from_le_bytes(word) >> (at % 8)) & ((1 << WIDTH) - 1);
        *x = base.wrapping_add(distance as i64);
    }
}

/// Numbers of more than 32 bits.
fn unpack_wide(bytes: &[u8], bits: u32, base: i64, into: &mut [i64]) {
    let mask = u64::MAX >> (64 - bits.min(64));
    for (i, x) in into.iter_mut().enumerate() {
        let at = i * bits as usize;
        let from = &bytes[at / 8..];
        let word = match from.first_chunk::<16>() {
            Some(window) => u128::from_le_bytes(*window),
            None => {
                let mut window = [0u8; 16];
                window[..from.len()].copy_from_slice(from);
                u128::from_le_bytes(window)
            }
        };
        *x = base.wrapping_add(((word >> (at % 8)) as u64 & mask) as i64);
    }
}

/// Reads distances from a base that are digits of numbers.
fn take_digits(
    r: &mut Reader<'_>,
    bits: u32,
    radix: u64,
    base: i64,
    into: &mut [i64],
) -> Result<(), &'static str> {
    if bits > MAX_GROUP || !(2..=1 << 16).contains(&radix) {
        return Err("digits that no encoder writes");
    }
    let digits = digits_in(bits, radix);
    if digits == 0 {
        return Err("digits that do not fit");
    }
    let mut groups = [0i64; BLOCK / 2];
    let groups = groups.get_mut(..into.len().div_ceil(digits)).ok_or("groups of one digit")?;
    take_bits(r, bits, 0, groups)?;
    let splitter = Splitter::new(radix, digits as u32, base);
    match digits {
        2 => splitter.split_all::<2>(groups, into),
        3 => splitter.split_all::<3>(groups, into),
        4 => splitter.split_all::<4>(groups, into),
        5 => splitter.split_all::<5>(groups, into),
        6 => splitter.split_all::<6>(groups, into),
        7 => splitter.split_all::<7>(groups, into),
        _ => {
            for (group, digits) in groups.iter().zip(into.chunks_mut(digits)) {
                splitter.split(*group, digits);
            }
        }
    }
    Ok(())
}

/// Splits numbers into their digits, the most significant first, without a division.
///
/// A number is taken as a fraction of what all its digits can express, in 64 bits behind the point; each multiplication
/// by the radix then moves a digit in front of it. The fraction is too large by less than the number, which is below
/// 2^32: too little to reach the next digit.
#[derive(Debug, Clone, Copy)]
struct Splitter {
    radix: u64,
    reciprocal: u64,
    base: i64,
}

impl Splitter {
    /// For numbers of so many digits, which have 32 bits at most.
    fn new(radix: u64, digits: u32, base: i64) -> Self {
        // `digits_in` says that they fit.
        Self { radix, reciprocal: u64::MAX / radix.pow(digits) + 1, base }
    }

    /// As [`Splitter::split`], for numbers of a known number of digits.
    fn split_all<const DIGITS: usize>(self, groups: &[i64], into: &mut [i64]) {
        let mut whole = into.chunks_exact_mut(DIGITS);
        for (group, digits) in groups.iter().zip(whole.by_ref()) {
            self.split(*group, &mut digits[..DIGITS]);
        }
        if let Some(last) = groups.last() {
            self.split(*last, whole.into_remainder());
        }
    }

    #[inline(always)]
    fn split(self, number: i64, digits: &mut [i64]) {
        let mut fraction = (number as u64).wrapping_mul(self.reciprocal);
        for digit in digits {
            let product = u128::from(fraction) * u128::from(self.radix);
            *digit = self.base.wrapping_add((product >> 64) as i64);
            fraction = product as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(column: &[i64]) -> usize {
        let mut bytes = vec![];
        put_column(&mut bytes, column);
        let mut r = Reader::new(&bytes);
        let mut found = vec![];
        take_column(&mut r, column.len(), |block| found.extend_from_slice(block)).unwrap();
        assert!(r.is_empty());
        assert_eq!(found, column);
        bytes.len()
    }

    proptest! {
        #[test]
        fn columns_come_back(
            column in proptest::collection::vec((any::<i64>(), 0u32..64), 0..600),
            narrow in 1i64..30_000,
            outliers in any::<bool>(),
        ) {
            let wild: Vec<i64> = column.iter().map(|(x, shift)| x >> shift).collect();
            round_trip(&wild);
            let tame: Vec<i64> = column
                .iter()
                .map(|(x, shift)| if outliers && *shift == 7 { *x } else { x.rem_euclid(narrow) - 100 })
                .collect();
            round_trip(&tame);
        }

        #[test]
        fn garbage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400), n in 0usize..600) {
            let _ = take_column(&mut Reader::new(&bytes), n, |_| ());
        }
    }

    #[test]
    fn sizes_are_near_the_entropy() {
        let column = |radix: u64, every: usize, outlier: i64| -> Vec<i64> {
            let mut x = 1u64;
            (0..2560)
                .map(|i| {
                    x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if i % every == 0 { outlier } else { ((x >> 33) % radix) as i64 }
                })
                .collect()
        };
        // Bits a number: log₂ of the radix, and ten blocks' headers.
        for (radix, bits) in [(1, 0.1), (3, 1.75), (21, 4.6), (201, 7.9), (2001, 11.2), (20_001, 14.7)] {
            let found = round_trip(&column(radix, usize::MAX, 0)) as f64 * 8.0 / 2560.0;
            assert!(found <= bits, "{radix}: {found}");
        }
        // One outlier in a hundred, as wide as it gets.
        let found = round_trip(&column(2, 100, i64::MAX)) as f64 * 8.0 / 2560.0;
        assert!(found < 2.0, "{found}");
    }
}
