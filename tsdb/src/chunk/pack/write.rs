//! Columns into a chunk.

use super::shape::{Shape, width};
use super::window::{Window, choose_windows};
use super::{BLOCK, CORRECTED, DIGITS, SAME};
use crate::codec::{put_uvarint, put_varint};

/// Appends a column of integers.
pub(in crate::chunk) fn put_column(out: &mut Vec<u8>, column: &[i64]) {
    let blocks = column.chunks(BLOCK);
    let windows = choose_windows(blocks.clone());
    let mut before = None;
    for (block, window) in blocks.zip(windows) {
        put_block(out, block, window, before.replace(window));
    }
}

/// Appends a column of integers as differences: of each block the first as difference to that of the block before, then
/// the others as differences to the one before.
pub(in crate::chunk) fn put_sums(out: &mut Vec<u8>, column: &[i64]) {
    let mut differences = vec![0; column.len()];
    for (difference, pair) in differences.iter_mut().skip(1).zip(column.windows(2)) {
        *difference = pair[1].wrapping_sub(pair[0]);
    }
    let blocks = differences.chunks(BLOCK).map(|block| &block[1..]);
    let windows = choose_windows(blocks.clone());
    let (mut first, mut before) = (0i64, None);
    for ((block, window), of) in blocks.zip(windows).zip(column.chunks(BLOCK)) {
        put_varint(out, of[0].wrapping_sub(first));
        first = of[0];
        put_block(out, block, window, before.replace(window));
    }
}

fn put_block(out: &mut Vec<u8>, block: &[i64], window: Window, before: Option<Window>) {
    let corrections = window.outside(block);
    let flag = if corrections.is_empty() { 0 } else { CORRECTED };
    if before == Some(window) {
        out.push(SAME | flag);
    } else {
        put_head(out, window, flag);
    }
    if !corrections.is_empty() {
        put_corrections(out, &corrections);
    }
    let inside = block.iter().map(|x| window.distance(*x).unwrap_or(0));
    let mut bits = LowBits::new(out);
    match window.shape {
        Shape::Bits(0) => {}
        Shape::Bits(n) => inside.for_each(|d| bits.put(d, n)),
        Shape::Digits { bits: n, digits } => {
            let radix = window.range + 1;
            let (mut number, mut digits_left) = (0, digits);
            for digit in inside {
                number = number * radix + digit;
                digits_left -= 1;
                if digits_left == 0 {
                    bits.put(number, n);
                    (number, digits_left) = (0, digits);
                }
            }
            // The last may lack digits at the end.
            if digits_left < digits {
                bits.put(number * radix.pow(digits_left as u32), n);
            }
        }
    }
    bits.finish();
}

fn put_head(out: &mut Vec<u8>, window: Window, flag: u8) {
    match window.shape {
        Shape::Bits(bits) => {
            out.push(bits as u8 | flag);
            put_varint(out, window.base);
        }
        Shape::Digits { bits, .. } => {
            out.push((DIGITS + bits as u8) | flag);
            put_varint(out, window.base);
            put_uvarint(out, window.range + 1);
        }
    }
}

/// Writes places, and zigzag distances from the base.
fn put_corrections(out: &mut Vec<u8>, corrections: &[(u8, u64)]) {
    let width = corrections.iter().map(|(_, d)| width(*d)).max().unwrap_or(0);
    out.push(corrections.len() as u8);
    out.push(width as u8);
    out.extend(corrections.iter().map(|(place, _)| *place));
    let mut bits = LowBits::new(out);
    corrections.iter().for_each(|(_, d)| bits.put(*d, width));
    bits.finish();
}

/// Writes numbers of a fixed width, least significant bit first.
struct LowBits<'a> {
    out: &'a mut Vec<u8>,
    /// Fewer than 32 bits between calls.
    word: u64,
    used: u32,
}

impl<'a> LowBits<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, word: 0, used: 0 }
    }

    #[inline]
    fn put(&mut self, x: u64, n: u32) {
        if n <= 32 {
            self.put_half(x, n);
        } else {
            self.put_half(x & u64::from(u32::MAX), 32);
            self.put_half(x >> 32, n - 32);
        }
    }

    #[inline]
    fn put_half(&mut self, x: u64, n: u32) {
        self.word |= x << self.used;
        self.used += n;
        if self.used >= 32 {
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
