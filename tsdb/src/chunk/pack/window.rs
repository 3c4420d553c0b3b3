//! Which integers of a block are written in few bits, and which as corrections.

use super::shape::{Shape, width};
use super::{BLOCK, MAX_CORRECTIONS};
use crate::codec::{varint_len, zigzag};

/// Bits that a correction takes besides its distance, and all of them once.
const CORRECTION_BITS: usize = 8;
const CORRECTIONS_BITS: usize = 16;

/// A base, and the distances from there that are written in the block itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) base: i64,
    /// The largest distance.
    pub(super) range: u64,
    pub(super) shape: Shape,
}

impl Window {
    fn new(base: i64, last: i64) -> Self {
        let range = last.wrapping_sub(base) as u64;
        Self { base, range, shape: Shape::of(range) }
    }

    /// How far an integer in the window is from its base.
    #[inline]
    pub(super) fn distance(&self, x: i64) -> Option<u64> {
        let distance = x.wrapping_sub(self.base) as u64;
        (x >= self.base && distance <= self.range).then_some(distance)
    }

    /// Places of integers outside, and their zigzag distances from the base.
    pub(super) fn outside(&self, block: &[i64]) -> Vec<(u8, u64)> {
        let outside = block.iter().zip(0..=u8::MAX).filter(|(x, _)| self.distance(**x).is_none());
        outside.map(|(x, place)| (place, zigzag(x.wrapping_sub(self.base)))).collect()
    }

    /// Bits of a head that says all this.
    fn head_cost(&self) -> usize {
        let radix =
            if let Shape::Digits { .. } = self.shape { 8 * (1 + usize::from(self.range >= 127)) } else { 0 };
        8 * varint_len(self.base) + radix
    }

    fn end(&self) -> i64 {
        self.base.wrapping_add(self.range as i64)
    }
}

/// A window for each block: its own, or one for all where the heads that this saves take more than it costs.
pub(super) fn choose_windows<'a>(blocks: impl Iterator<Item = &'a [i64]> + Clone) -> Vec<Window> {
    let mut own: Vec<Window> = blocks.clone().map(choose_window).collect();
    let base = own.iter().map(|w| w.base).min().unwrap_or(0);
    let common = Window::new(base, own.iter().map(Window::end).max().unwrap_or(base));
    let sizes = || blocks.clone().map(<[i64]>::len);
    let own_cost: usize = own.iter().zip(sizes()).map(|(w, n)| w.head_cost() + w.shape.cost(n)).sum();
    let common_cost: usize = common.head_cost() + sizes().map(|n| common.shape.cost(n)).sum::<usize>();
    if common_cost <= own_cost {
        own.fill(common);
    }
    own
}

/// The window that makes a block shortest.
fn choose_window(block: &[i64]) -> Window {
    let (Some(min), Some(max)) = (block.iter().min(), block.iter().max()) else { return Window::new(0, 0) };
    let whole = Window::new(*min, *max);
    if !may_leave_out(block, &whole) {
        return whole;
    }
    let mut sorted = [0i64; BLOCK];
    let sorted = &mut sorted[..block.len()];
    sorted.copy_from_slice(block);
    sorted.sort_unstable();
    let n = block.len();
    let mut best = (whole.shape.cost(n), whole);
    for bits in (0..width(whole.range)).rev() {
        let (start, count) = most_in(sorted, if bits == 0 { 0 } else { u64::MAX >> (64 - bits) });
        if n - count > MAX_CORRECTIONS {
            break;
        }
        let window = Window::new(sorted[start], sorted[start + count - 1]);
        let cost = window.shape.cost(n) + corrections_cost(n - count, whole.range);
        if cost < best.0 {
            best = (cost, window);
        }
    }
    best.1
}

/// Bits of so many corrections within a range.
fn corrections_cost(corrections: usize, range: u64) -> usize {
    CORRECTIONS_BITS + corrections * (CORRECTION_BITS + width(range) as usize + 1)
}

/// Parts that a range is divided into to count what is where.
const PARTS: usize = 64;

/// Whether corrections may make a block shorter: no only if they surely do not. Far quicker than looking for them.
fn may_leave_out(block: &[i64], whole: &Window) -> bool {
    let n = block.len();
    let full = width(whole.range);
    let shift = full.saturating_sub(PARTS.ilog2());
    // How many are in the parts before each.
    let mut before = [0usize; PARTS + 1];
    for x in block {
        before[1 + (x.wrapping_sub(whole.base) as u64 >> shift) as usize] += 1;
    }
    for i in 1..before.len() {
        before[i] += before[i - 1];
    }
    for bits in (0..full).rev() {
        // A window that begins within a part ends in one more.
        let parts = ((1usize << bits.saturating_sub(shift)) + 1).min(PARTS);
        let most = (parts..=PARTS).map(|end| before[end] - before[end - parts]).max().unwrap_or(n);
        let corrections = n - most;
        if corrections > MAX_CORRECTIONS {
            return false;
        }
        // A window of that width that is needed spans more than half of it.
        let least = n * bits.saturating_sub(1) as usize + corrections_cost(corrections, whole.range);
        if least < whole.shape.cost(n) {
            return true;
        }
    }
    false
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
