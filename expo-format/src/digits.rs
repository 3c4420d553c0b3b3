//! Whole numbers as text, all digits at once instead of one after the other.

/// Up to sixteen bytes of text in one number, the first one in the lowest byte; those behind the text are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShortText {
    pub(crate) bytes: u128,
    pub(crate) len: usize,
}

impl ShortText {
    pub(crate) const ZERO: Self = Self { bytes: b'0' as u128, len: 1 };

    /// This text and another one, if there is room.
    #[inline]
    pub(crate) fn then(self, bytes: u32, len: usize) -> Option<Self> {
        let together = self.len + len;
        (together <= 16)
            .then(|| Self { bytes: self.bytes | (u128::from(bytes) << (8 * self.len)), len: together })
    }

    /// Appends it.
    #[inline]
    pub(crate) fn append_to(self, out: &mut Vec<u8>) {
        // Copying all bytes takes less time than copying some.
        let end = out.len() + self.len;
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.truncate(end);
    }

    /// Puts it where a text of the same length begins.
    #[inline]
    pub(crate) fn put(self, place: &mut [u8]) {
        match place.first_chunk_mut::<16>() {
            Some(chunk) if self.len < 16 => {
                let behind = u128::MAX << (8 * self.len);
                *chunk = ((u128::from_le_bytes(*chunk) & behind) | self.bytes).to_le_bytes();
            }
            _ => place.iter_mut().zip(self.bytes.to_le_bytes()).take(self.len).for_each(|(to, b)| *to = b),
        }
    }
}

/// The decimal digits of a whole number from 1 up to 10¹⁶, without leading zeros.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    /// As text, the first one in the lowest byte.
    text: u128,
    count: usize,
    /// Without the zeros at the end.
    significant: usize,
}

impl Digits {
    #[inline]
    pub(crate) fn of(number: u64) -> Self {
        let (high, low) = (number / 100_000_000, number % 100_000_000);
        let digits = u128::from(eight(high)) | (u128::from(eight(low)) << 64);
        let leading = (digits.trailing_zeros() / 8) as usize;
        let trailing = (digits.leading_zeros() / 8) as usize;
        let text = (digits | u128::from_le_bytes([b'0'; 16])) >> (8 * leading);
        Self { text, count: 16 - leading, significant: 16 - leading - trailing }
    }

    /// All of them.
    #[inline]
    pub(crate) fn plain(self) -> ShortText {
        ShortText { bytes: self.text, len: self.count }
    }

    /// The first one, a point, the others up to the zeros at the end, and an exponent: `1.2345e+06`; `None` if that takes more
    /// than sixteen bytes.
    #[inline]
    pub(crate) fn with_exponent(self) -> Option<ShortText> {
        let digits = self.text & (u128::MAX >> (128 - 8 * self.significant));
        let first = digits & 0xff;
        let mantissa = match self.significant {
            1 => ShortText { bytes: first, len: 1 },
            2..16 => ShortText {
                bytes: first | (u128::from(b'.') << 8) | (digits >> 8 << 16),
                len: self.significant + 1,
            },
            _ => return None,
        };
        let exponent = (self.count - 1) as u8;
        let exponent = [b'e', b'+', b'0' + exponent / 10, b'0' + exponent % 10];
        mantissa.then(u32::from_le_bytes(exponent), 4)
    }
}

/// Eight digits of a number below 10⁸, leading zeros included, each in a byte, the first one in the lowest. The number is
/// divided into two lanes of four digits, these into lanes of two, these into digits.
#[inline]
fn eight(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    // Up to 9,999 this is the division by 100, up to 99 below it is that by 10.
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x0f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(short: ShortText) -> String {
        let mut out = b"x".to_vec();
        short.append_to(&mut out);
        for room in [0, 20] {
            let mut place = vec![b'_'; short.len + room];
            short.put(&mut place);
            assert_eq!(place[..short.len], out[1..]);
            assert!(place[short.len..].iter().all(|b| *b == b'_'));
        }
        String::from_utf8(out.split_off(1)).unwrap()
    }

    fn check(number: u64) {
        assert_eq!(text(Digits::of(number).plain()), number.to_string());
        let scientific = format!("{number:e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap();
        let expected = format!("{mantissa}e+{exponent:0>2}");
        match Digits::of(number).with_exponent() {
            Some(short) => assert_eq!(text(short), expected),
            None => assert!(expected.len() > 16),
        }
    }

    #[test]
    fn all_numbers_of_few_digits() {
        (1..100_000).for_each(check);
        (1..10_000).for_each(|n| check(n * 10_000));
    }

    proptest! {
        #[test]
        fn numbers_of_any_length(number in 1..10u64.pow(16), cut in 0u32..16) {
            check((number / 10u64.pow(cut)).max(1));
            check((number / 10u64.pow(cut)).max(1) * 10u64.pow(cut));
        }
    }
}
