//! Floats as the difference in bits to the float before: what XOR and histogram chunks have in common.

use super::bits::{BitReader, BitWriter, put, put_long};

/// Which bits of a difference are written: those between the leading and trailing zeros of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) leading: u8,
    pub(super) trailing: u8,
}

impl Window {
    /// No window has been written yet.
    pub(super) const NONE: Self = Self { leading: 0xff, trailing: 0 };

    #[inline(always)]
    pub(super) fn is_none(self) -> bool {
        self.leading == Self::NONE.leading
    }

    /// Bits between the zeros; meaningless without a window.
    #[inline(always)]
    pub(super) fn width(self) -> u32 {
        64u32.wrapping_sub(u32::from(self.leading)).wrapping_sub(u32::from(self.trailing))
    }

    /// Whether all bits that are set in `xor` lie inside.
    #[inline(always)]
    pub(super) fn covers(self, xor: u64) -> bool {
        xor.leading_zeros() >= u32::from(self.leading) && xor.trailing_zeros() >= u32::from(self.trailing)
    }
}

/// Writes a difference at bit `at`, in the window in force or in a new one.
#[inline]
pub(super) fn put_xor(buf: &mut [u8], at: usize, xor: u64, window: &mut Window) -> usize {
    if xor == 0 {
        return put(buf, at, 0, 1);
    }
    // The length of the leading zeros has five bits.
    let leading = xor.leading_zeros().min(31);
    let trailing = xor.trailing_zeros();
    if !window.is_none() && leading >= u32::from(window.leading) && trailing >= u32::from(window.trailing) {
        let at = put(buf, at, 0b10, 2);
        return put_long(buf, at, xor >> window.trailing, window.width());
    }
    *window = Window { leading: leading as u8, trailing: trailing as u8 };
    let width = window.width();
    // A width of 64 has no room in six bits and is written as 0, which cannot occur otherwise.
    let at = put(buf, at, (0b11 << 11) | u64::from(leading << 6) | u64::from(width & 63), 13);
    put_long(buf, at, xor >> trailing, width)
}

/// A float and the window of its last difference.
#[derive(Debug, Clone, Copy)]
pub(super) struct XorField {
    value: u64,
    window: Window,
}

impl XorField {
    /// A float that was written or read as it is.
    pub(super) fn new(value: f64) -> Self {
        Self { value: value.to_bits(), window: Window::NONE }
    }

    /// Where reading starts: a reader takes the whole width for the first window.
    pub(super) fn start(value: f64) -> Self {
        Self { value: value.to_bits(), window: Window { leading: 0, trailing: 0 } }
    }

    /// Goes on behind a float, with the window in force.
    pub(super) fn resume(value: f64, window: Window) -> Self {
        Self { value: value.to_bits(), window }
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.value)
    }

    /// Writes the next value.
    pub(super) fn put(&mut self, w: &mut BitWriter, value: f64) {
        let xor = value.to_bits() ^ self.value;
        self.value = value.to_bits();
        let window = &mut self.window;
        w.with_room(|buf, at| put_xor(buf, at, xor, window));
    }

    /// Reads the next value; `None` if the bits are none that a writer writes.
    pub(super) fn take(&mut self, r: &mut BitReader<'_>) -> Option<f64> {
        if r.take(1) == 1 {
            if r.take(1) == 1 {
                let leading = r.take(5) as u8;
                // 64 is written as 0.
                let width = (r.take(6) as u8).wrapping_sub(1) % 64 + 1;
                let trailing = 64u8.checked_sub(leading + width)?;
                self.window = Window { leading, trailing };
            }
            self.value ^= r.take(self.window.width()) << self.window.trailing;
        }
        Some(self.value())
    }
}
