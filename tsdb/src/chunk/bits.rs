//! Bits, most significant first: the ground of every chunk encoding of the field.

/// Writes `n` ≤ 56 bits of `x` at bit `at` and clears what follows them up to the eighth byte.
///
/// The bits before `at` in its byte are kept. All bits of `x` above the lowest `n` must be zero.
///
/// # Panics
/// If fewer than eight bytes follow from the byte of `at`.
#[inline(always)]
pub(super) fn put(buf: &mut [u8], at: usize, x: u64, n: u32) -> usize {
    debug_assert!(n <= 56 && (x >> n) == 0);
    let byte = at >> 3;
    let offset = (at & 7) as u32;
    // One fixed-size window: a single bounds check, then an unconditional eight byte store. Because at most
    // 63 bits are in use, the next byte to be written is always cleared here.
    let window: &mut [u8; 8] =
        (&mut buf[byte..byte + 8]).try_into().expect("a slice of eight bytes is an array of eight bytes");
    let kept = u64::from(window[0]) << 56;
    // n + offset ≤ 63, so the shift is at least 1; n = 0 shifts by at most 64 − offset and x is zero then.
    let placed = if n == 0 { 0 } else { x << (64 - offset - n) };
    *window = (kept | placed).to_be_bytes();
    at + n as usize
}

/// Writes `n` ≤ 64 bits; see [`put`].
#[inline(always)]
pub(super) fn put_long(buf: &mut [u8], at: usize, x: u64, n: u32) -> usize {
    if n > 56 {
        let at = put(buf, at, x >> 32, n - 32);
        put(buf, at, x & 0xffff_ffff, 32)
    } else {
        put(buf, at, x, n)
    }
}

/// Bits in a buffer that grows.
#[derive(Debug, Clone, Default)]
pub(super) struct BitWriter {
    buf: Vec<u8>,
    at: usize,
}

impl BitWriter {
    /// Room behind the place of writing that every write may need.
    const ROOM: usize = 32;

    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Bits written.
    #[cfg(test)]
    pub(super) fn len_bits(&self) -> usize {
        self.at
    }

    /// Lets `write` write up to 20 bytes at a bit of a slice, and goes on where it says.
    #[inline]
    pub(super) fn with_room(&mut self, write: impl FnOnce(&mut [u8], usize) -> usize) {
        let needed = self.at / 8 + Self::ROOM;
        if self.buf.len() < needed {
            self.buf.resize(needed.max(2 * self.buf.len()), 0);
        }
        self.at = write(&mut self.buf, self.at);
    }

    /// Writes the lowest `n` ≤ 64 bits of `x`; the others must be zero.
    #[inline]
    pub(super) fn put(&mut self, x: u64, n: u32) {
        self.with_room(|buf, at| put_long(buf, at, x, n));
    }

    /// Bytes written, the last one perhaps in part.
    pub(super) fn len_bytes(&self) -> usize {
        self.at.div_ceil(8)
    }

    /// A copy of the bytes, the last filled up with zeros.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        self.buf[..self.len_bytes()].to_vec()
    }

    /// The bytes, the last filled up with zeros.
    #[cfg(test)]
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.buf.truncate(self.len_bytes());
        self.buf
    }
}

/// Where a reader stands in a slice of bytes. Behind the end it reads zeros: check [`BitReader::is_past_end`]
/// once instead of checking every bit.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// A reader at bit `at` of `bytes`.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The bit to be read next, counted from the start of the slice.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The byte to be read next, counted from the start of the slice.
    pub(super) fn byte_position(&self) -> usize {
        self.at >> 3
    }

    /// Whether more was read than was there.
    pub(super) fn is_past_end(&self) -> bool {
        self.at > self.bytes.len() * 8
    }

    /// The slice that is read.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether fewer than eight bytes follow from the byte to be read next.
    #[inline]
    pub(super) fn is_near_end(&self) -> bool {
        self.byte_position() + 8 > self.bytes.len()
    }

    /// The bytes from the one to be read next, zeros behind them; nothing if they are eight or more.
    #[inline]
    pub(super) fn tail(&self) -> Option<[u8; 16]> {
        self.is_near_end().then(|| {
            let mut tail = [0; 16];
            let rest = self.bytes.get(self.byte_position()..).unwrap_or_default();
            tail[..rest.len()].copy_from_slice(rest);
            tail
        })
    }

    /// The next bits at the top of a word; at least 57 of them are valid.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.peek_at(self.at)
    }

    /// As [`BitReader::peek`], the bits from `at` on.
    #[inline(always)]
    pub(super) fn peek_at(&self, at: usize) -> u64 {
        word_at(self.bytes, at).unwrap_or_else(|| tail_word(self.bytes, at >> 3) << (at & 7))
    }

    /// `n` bits from `at` on, 1 ≤ n ≤ 64.
    #[inline(always)]
    pub(super) fn bits_at(&self, at: usize, n: u32) -> u64 {
        debug_assert!((1..=64).contains(&n));
        if n <= 57 {
            self.peek_at(at) >> (64 - n)
        } else {
            (self.peek_at(at) >> 32 << (n - 32)) | (self.peek_at(at + 32) >> (96 - n))
        }
    }

    /// Goes on reading at bit `at`.
    #[inline(always)]
    pub(super) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    /// Steps over `n` bits.
    #[inline(always)]
    pub(super) fn skip(&mut self, n: u32) {
        self.at += n as usize;
    }

    /// Reads `n` bits, 1 ≤ n ≤ 64.
    #[inline(always)]
    pub(super) fn take(&mut self, n: u32) -> u64 {
        let x = self.bits_at(self.at, n);
        self.skip(n);
        x
    }

    /// Reads an unsigned number of seven-bit groups, least significant first, each in eight bits of the stream.
    /// `None` if it does not fit into 64 bits.
    pub(super) fn take_uvarint(&mut self) -> Option<u64> {
        let (mut x, mut shift) = (0u64, 0);
        loop {
            let byte = self.take(8);
            if shift == 63 && byte > 1 {
                return None;
            }
            x |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(x);
            }
            shift += 7;
        }
    }

    /// Reads a zigzag-coded signed number; see [`BitReader::take_uvarint`].
    pub(super) fn take_varint(&mut self) -> Option<i64> {
        self.take_uvarint().map(|u| ((u >> 1) as i64) ^ -((u & 1) as i64))
    }
}

/// `n` bits, 1 ≤ n ≤ 64, as the field writes signed numbers: `2^(n-1)` is positive.
#[inline(always)]
pub(super) fn sign(bits: u64, n: u32) -> i64 {
    if n < 64 && bits > (1 << (n - 1)) { (bits as i64).wrapping_sub(1 << n) } else { bits as i64 }
}

/// Whether `x` lies in `-(2^(n-1) - 1) ..= 2^(n-1)`, which `n` bits hold.
#[inline(always)]
pub(super) fn fits_signed(x: i64, n: u32) -> bool {
    let half = 1i64 << (n - 1);
    -(half - 1) <= x && x <= half
}

/// The bits from `at` on at the top of a word, at least 57 of them; nothing if the slice ends before the word does.
#[inline(always)]
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let window = bytes.get(at >> 3..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*window) << (at & 7))
}

/// Up to eight bytes from `byte` on, zeros behind the end.
#[inline(never)]
fn tail_word(bytes: &[u8], byte: usize) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        let missing = byte.saturating_sub(bytes.len() - 8);
        return if missing < 8 { u64::from_be_bytes(*last) << (8 * missing) } else { 0 };
    }
    let mut window = [0; 8];
    if let Some(rest) = bytes.get(byte..) {
        window[..rest.len()].copy_from_slice(rest);
    }
    u64::from_be_bytes(window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(items in proptest::collection::vec((any::<u64>(), 1u32..=64), 0..200)) {
            let mut buf = vec![0xffu8; items.len() * 8 + 16];
            buf[..8].fill(0);
            let mut at = 0;
            for (x, n) in &items {
                at = put_long(&mut buf, at, x >> (64 - n), *n);
            }
            let bytes = &buf[..at.div_ceil(8)];
            let mut reader = BitReader::new(bytes, 0);
            for (x, n) in &items {
                prop_assert_eq!(reader.take(*n), x >> (64 - n));
            }
            prop_assert!(!reader.is_past_end());
            reader.take(8);
            prop_assert!(reader.is_past_end());
        }
    }

    #[test]
    fn signed_ranges_are_lopsided() {
        assert!(fits_signed(8192, 14) && fits_signed(-8191, 14));
        assert!(!fits_signed(8193, 14) && !fits_signed(-8192, 14));
        assert_eq!(sign(8192, 14), 8192);
        assert_eq!(sign(8193, 14), -8191);
        assert_eq!(sign(u64::MAX, 64), -1);
    }

    #[test]
    fn endless_varints_are_refused() {
        assert_eq!(BitReader::new(&[0xff; 12], 0).take_uvarint(), None);
        assert_eq!(BitReader::new(&[0xff, 0x01], 0).take_uvarint(), Some(255));
        assert_eq!(BitReader::new(&[0x01], 0).take_varint(), Some(-1));
    }
}
