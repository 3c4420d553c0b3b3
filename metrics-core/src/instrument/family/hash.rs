//! Hashes of label values, and comparing them.

use crate::instrument::labels::LabelValues;

/// Whether two texts are the same; most are too short for a call to pay.
#[inline]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && if a.len() <= SHORT { ends(a) == ends(b) } else { same_long(a, b) }
}

/// Texts of this length and below are hashed and compared by their ends.
const SHORT: usize = 16;

/// Whether two texts of one length above [`SHORT`] are the same.
#[inline]
fn same_long(a: &[u8], b: &[u8]) -> bool {
    let (words_a, words_b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    words_a.iter().zip(words_b).all(|(x, y)| u64::from_le_bytes(*x) == u64::from_le_bytes(*y))
        && a.last_chunk::<8>() == b.last_chunk::<8>()
}

/// All bytes of a short text in two numbers: its first ones and its last ones, which may overlap.
#[inline]
fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
    } else if let [first, .., last] = text {
        (u64::from(*first), u64::from(*last) | u64::from(text[text.len() / 2]) << 8)
    } else {
        (text.first().map_or(0, |only| u64::from(*only)), 0)
    }
}

/// Mixes a text into a hash.
#[inline]
pub(super) fn mix_text(hash: u64, text: &[u8]) -> u64 {
    mix_with_ends(hash, text, ends(text))
}

#[inline]
fn mix_with_ends(hash: u64, text: &[u8], (first, last): (u64, u64)) -> u64 {
    let hash = if text.len() > SHORT { mix_long(hash, text) } else { hash };
    // The length keeps ["ab", "c"] and ["a", "bc"] apart, and texts whose ends are the same.
    mix(hash ^ first, last ^ (text.len() as u64).rotate_right(8))
}

#[inline]
fn mix_long(hash: u64, text: &[u8]) -> u64 {
    let pairs = text.as_chunks::<SHORT>().0.iter().chain(text.last_chunk());
    pairs.fold(hash, |hash, pair| {
        let (first, last) = ends(pair);
        mix(hash ^ first, last)
    })
}

/// A multiplication whose halves are folded together: every bit of the input reaches every bit of the result.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(b ^ 0x8bb8_4b93_962e_acc9);
    (product >> 64) as u64 ^ product as u64
}

/// What a member is looked for by: the hash of its values and, where these are few and short, they themselves, in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) hash: u64,
    /// The ends of the first values; zeros where there are none.
    ends: [(u64, u64); FEW],
    /// The lengths of these values.
    lengths: u64,
    labels: usize,
    /// Whether the numbers tell all of the values.
    whole: bool,
}

/// So many values go into a key.
const FEW: usize = 3;

impl Key {
    /// The key of these values; the hash begins with `seed`.
    #[inline]
    pub(super) fn new(seed: u64, values: &impl LabelValues) -> Self {
        let mut key = Self { hash: seed, ends: [(0, 0); FEW], lengths: 0, labels: 0, whole: true };
        values.each(|value| key.add(value.as_bytes()));
        key
    }

    #[inline]
    fn add(&mut self, text: &[u8]) {
        let ends = ends(text);
        self.hash = mix_with_ends(self.hash, text, ends);
        match self.ends.get_mut(self.labels) {
            Some(place) if text.len() <= SHORT => *place = ends,
            _ => self.whole = false,
        }
        self.lengths = self.lengths << 8 ^ text.len() as u64;
        self.labels += 1;
    }

    /// Whether the numbers tell all of the values: then those with the same numbers are the same.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether all numbers are those of another key with as many labels.
    #[inline]
    pub(super) fn same(&self, other: &Self) -> bool {
        let pairs = self.ends.iter().zip(&other.ends).take(self.labels);
        self.hash == other.hash
            && pairs.fold(self.lengths ^ other.lengths, |all, (a, b)| all | (a.0 ^ b.0) | (a.1 ^ b.1)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn texts_have_hashes_of_their_own() {
        let numbers = (0..20_000).map(|n: u32| n.to_string());
        let routes = (0..20_000).map(|n: u32| format!("/a/route/of/some/length/{n}/and/more"));
        let runs = (0..100).map(|n| "a".repeat(n));
        let texts: Vec<String> = numbers.chain(routes).chain(runs).collect();
        // Half of the bits, as tables use them.
        for shift in [0, 16, 32] {
            let hashes: HashSet<u32> =
                texts.iter().map(|t| (mix_text(1, t.as_bytes()) >> shift) as u32).collect();
            assert!(texts.len() - hashes.len() < 10, "{} of {}", hashes.len(), texts.len());
        }
    }

    #[test]
    fn keys_tell_values_apart() {
        let key = |values: &[&str; 2]| Key::new(1, values);
        let values = ["", "a", "aa", "aaa", "aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaab"];
        for a in values {
            for b in values {
                for (c, d) in values.iter().flat_map(|c| values.map(|d| (*c, d))) {
                    assert_eq!(key(&[a, b]).same(&key(&[c, d])), (a, b) == (c, d), "{a} {b}, {c} {d}");
                }
            }
        }
        assert!(key(&["a", "0123456789abcdef"]).is_whole() && !key(&["a", "0123456789abcdefg"]).is_whole());
        assert!(Key::new(1, &["", "", ""]).is_whole() && !Key::new(1, &["", "", "", ""]).is_whole());
        assert_eq!(key(&["x", "y"]).hash, mix_text(mix_text(1, b"x"), b"y"));
    }

    proptest::proptest! {
        #[test]
        fn texts_are_compared_as_any(mut a in proptest::collection::vec(0u8..3, 0..50), change in 0usize..50) {
            let b = a.clone();
            proptest::prop_assert!(same(&a, &b));
            if let Some(byte) = a.get_mut(change) {
                *byte ^= 0x80;
                proptest::prop_assert!(!same(&a, &b));
                proptest::prop_assert_ne!(mix_text(1, &a), mix_text(1, &b));
                a.truncate(change);
                proptest::prop_assert!(!same(&a, &b));
                proptest::prop_assert_ne!(mix_text(1, &a), mix_text(1, &b));
            }
        }
    }
}
