//! Hashes of label values, and comparing them.

use std::hash::{BuildHasher, Hasher};

/// Whether two texts of one length are the same; most are too short for a call to pay.
#[inline]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    let ((words_a, rest_a), (words_b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    words_a.iter().zip(words_b).all(|(x, y)| u64::from_le_bytes(*x) == u64::from_le_bytes(*y))
        && short_word(rest_a) == short_word(rest_b)
}

/// Up to seven bytes as a number; bytes are read in as few pieces as their number allows.
#[inline]
fn short_word(rest: &[u8]) -> u64 {
    match rest {
        [] => 0,
        [a] => u64::from(*a),
        [a, b] => u64::from(u16::from_le_bytes([*a, *b])),
        [a, b, c] => u64::from(u16::from_le_bytes([*a, *b])) | u64::from(*c) << 16,
        [a, b, c, d, end @ ..] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])) | short_tail(end) << 32,
    }
}

#[inline]
fn short_tail(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Mixes a text into a hash, eight bytes at a time.
#[inline]
pub(super) fn mix_text(hash: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    // The length keeps ["ab", "c"] and ["a", "bc"] apart.
    mix((hash ^ short_word(rest)).rotate_left(5) ^ text.len() as u64)
}

/// A multiplication whose halves are folded together: every bit of the input reaches every bit of the result.
#[inline]
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x2d35_8dcc_aa6c_78a5) * 0x8bb8_4b93_962e_acc9_u128;
    (product >> 64) as u64 ^ product as u64
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct PlainHash;

impl BuildHasher for PlainHash {
    type Hasher = Plain;

    fn build_hasher(&self) -> Plain {
        Plain(0)
    }
}

#[derive(Debug)]
pub(super) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix_text(self.0, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn short_texts_are_compared_as_any(mut a in proptest::collection::vec(0u8..3, 0..20), change in 0usize..20) {
            let b = a.clone();
            proptest::prop_assert!(same(&a, &b));
            if let Some(byte) = a.get_mut(change) {
                *byte ^= 0x80;
                proptest::prop_assert!(!same(&a, &b));
                proptest::prop_assert_ne!(mix_text(1, &a), mix_text(1, &b));
            }
        }
    }
}
