//! Finds where names and quoted strings end, eight bytes at a time.
//!
//! The words are loaded little-endian, so that the lowest set bit belongs to the first byte that was looked for.

/// Every byte of a word set to `b`.
pub(crate) const fn splat(b: u8) -> u64 {
    u64::from_ne_bytes([b; 8])
}

pub(crate) const HIGH: u64 = splat(0x80);

#[inline]
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// Which byte of the word the lowest mark stands for.
#[inline]
pub(crate) fn first_marked(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Marks the bytes of `x` (none above 0x7f) from `low` to `high`.
#[inline]
const fn in_range(x: u64, low: u8, high: u8) -> u64 {
    (x + splat(0x80 - low)) & !(x + splat(0x7f - high)) & HIGH
}

/// Marks zero bytes exactly up to the first one, which is all that is asked for.
#[inline]
const fn zero_bytes(x: u64) -> u64 {
    x.wrapping_sub(splat(1)) & !x & HIGH
}

/// Where the run of name bytes ends that begins at `at`: `[a-zA-Z0-9_]`, and `:` if `COLON`.
#[inline]
pub(crate) fn name_end<const COLON: bool>(bytes: &[u8], mut at: usize) -> usize {
    while let Some(x) = word(bytes, at) {
        let ascii = x & !HIGH;
        let letters = in_range(ascii | splat(0x20), b'a', b'z');
        // The colon follows the nine.
        let digits = in_range(ascii, b'0', if COLON { b':' } else { b'9' });
        let underscores = !((ascii ^ splat(b'_')) + splat(0x7f)) & HIGH;
        let others = !(letters | digits | underscores) & HIGH | (x & HIGH);
        if others != 0 {
            return at + first_marked(others);
        }
        at += 8;
    }
    let is_inside = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || (COLON && b == b':');
    while bytes.get(at).copied().is_some_and(is_inside) {
        at += 1;
    }
    at
}

/// Where the quoted string ends whose inside begins at `at`, and whether it holds a backslash, which takes the
/// next byte with it. If `LINE`, there is no such place beyond a line break.
#[inline]
pub(crate) fn closing_quote<const LINE: bool>(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        match word(bytes, at) {
            Some(x) => {
                let mut marks = zero_bytes(x ^ splat(b'"')) | zero_bytes(x ^ splat(b'\\'));
                if LINE {
                    marks |= zero_bytes(x ^ splat(b'\n'));
                }
                if marks == 0 {
                    at += 8;
                    continue;
                }
                at += first_marked(marks);
            }
            None => {
                while !(matches!(bytes.get(at)?, b'"' | b'\\') || (LINE && bytes.get(at) == Some(&b'\n'))) {
                    at += 1;
                }
            }
        }
        match bytes.get(at)? {
            b'"' => return Some((at, escaped)),
            b'\n' => return None,
            _ if LINE && bytes.get(at + 1) == Some(&b'\n') => return None,
            _ => (at, escaped) = (at + 2, true),
        }
    }
}

/// How many bytes are the same from `a` and from `b` on, at most `limit`.
#[inline]
pub(crate) fn common_length(bytes: &[u8], a: usize, b: usize, limit: usize) -> usize {
    let (a, b) = (bytes.get(a..).unwrap_or_default(), bytes.get(b..).unwrap_or_default());
    let (a_words, b_words) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
    let mut length = 0;
    for (x, y) in a_words.iter().zip(b_words) {
        let differ = u128::from_le_bytes(*x) ^ u128::from_le_bytes(*y);
        if differ != 0 {
            return limit.min(length + (differ.trailing_zeros() / 8) as usize);
        }
        length += 16;
        if length >= limit {
            return limit;
        }
    }
    let rest = a.iter().zip(b).skip(length).take(limit - length);
    length + rest.take_while(|(x, y)| x == y).count()
}

/// Where the first equals sign is.
#[inline]
pub(crate) fn equals_sign(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(x) = word(bytes, at) {
        let marks = zero_bytes(x ^ splat(b'='));
        if marks != 0 {
            return Some(at + first_marked(marks));
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|b| *b == b'=').map(|n| at + n)
}

/// Where the first blank, line break or opening brace is: the end of a word.
#[inline]
pub(crate) fn word_end<const BRACE: bool>(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b) = bytes.get(at) {
        if matches!(b, b' ' | b'\n') || (BRACE && matches!(b, b'\t' | b'{')) {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_end_where_a_plain_loop_ends_them(bytes: Vec<u8>, start in 0usize..4) {
            let mut text = b"abc_XYZ:09".to_vec();
            text.extend(&bytes);
            let plain = |colon: bool| {
                let inside = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || (colon && *b == b':');
                start + text[start..].iter().take_while(|b| inside(b)).count()
            };
            prop_assert_eq!(name_end::<true>(&text, start), plain(true));
            prop_assert_eq!(name_end::<false>(&text, start), plain(false));
        }

        #[test]
        fn every_byte_value_is_classified(b: u8, before in 0usize..8) {
            let mut text = vec![b'a'; 16];
            text[before] = b;
            let inside = b.is_ascii_alphanumeric() || b == b'_' || b == b':';
            prop_assert_eq!(name_end::<true>(&text, 0), if inside { 16 } else { before });
        }

        #[test]
        fn quotes_end_where_a_plain_loop_ends_them(text in "[a\"\\\\ü\n]{0,30}") {
            let bytes = text.as_bytes();
            let (mut at, mut escaped) = (0, false);
            let plain = loop {
                match bytes.get(at) {
                    None => break None,
                    Some(b'"') => break Some((at, escaped)),
                    Some(b'\\') => (at, escaped) = (at + 2, true),
                    Some(_) => at += 1,
                }
            };
            prop_assert_eq!(closing_quote::<false>(bytes, 0), plain);
            let in_line = plain.filter(|(end, _)| !bytes[..*end].contains(&b'\n'));
            prop_assert_eq!(closing_quote::<true>(bytes, 0), in_line);
        }

        #[test]
        fn common_parts_end_where_a_plain_loop_ends_them(text in "[ab]{2,40}", b in 0usize..40, limit in 0usize..40) {
            let (bytes, b) = (text.as_bytes(), b % text.len());
            let plain = bytes.iter().zip(&bytes[b..]).take(limit).take_while(|(x, y)| x == y).count();
            prop_assert_eq!(common_length(bytes, 0, b, limit), plain);
        }

        #[test]
        fn equals_signs_are_found(text in "[a=\\PC]{0,30}") {
            prop_assert_eq!(equals_sign(text.as_bytes(), 0), text.find('='));
        }
    }
}
