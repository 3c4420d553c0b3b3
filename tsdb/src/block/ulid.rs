//! Names of blocks: 48 bits of time and 80 bits of chance, sorted by time.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Crockford's base 32.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A universally unique, lexicographically sortable identifier (the ULID specification).
///
/// ```
/// use tsdb::block::Ulid;
/// let id: Ulid = "01M81MQ15417ANFHPBWENEPJY7".parse()?;
/// assert_eq!(id.to_string(), "01M81MQ15417ANFHPBWENEPJY7");
/// # Ok::<(), tsdb::block::ParseUlidError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ulid(u128);

impl Ulid {
    /// An identifier of a time (milliseconds since 1970) and the lowest 80 bits of `chance`.
    pub fn from_parts(timestamp: u64, chance: u128) -> Self {
        Self((u128::from(timestamp) << 80) | (chance & ((1 << 80) - 1)))
    }

    /// An identifier of a time (milliseconds since 1970) and the process' source of chance.
    pub fn at(timestamp: u64) -> Self {
        // Every `RandomState` has other keys, drawn from the system once per thread.
        let half = |salt: u64| u128::from(RandomState::new().hash_one((timestamp, salt)));
        Self::from_parts(timestamp, (half(0) << 64) | half(1))
    }

    /// The time in it, in milliseconds since 1970.
    pub fn timestamp(self) -> u64 {
        (self.0 >> 80) as u64
    }
}

/// A text that is not 26 characters of a [`Ulid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID")]
pub struct ParseUlidError;

impl FromStr for Ulid {
    type Err = ParseUlidError;

    fn from_str(text: &str) -> Result<Self, ParseUlidError> {
        // 26 characters hold 130 bits: the first may use three of its five.
        if text.len() != 26 || text.as_bytes()[0] > b'7' {
            return Err(ParseUlidError);
        }
        text.bytes()
            .try_fold(0u128, |id, c| {
                let digit = ALPHABET.iter().position(|a| *a == c.to_ascii_uppercase())?;
                Some((id << 5) | digit as u128)
            })
            .map(Self)
            .ok_or(ParseUlidError)
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for i in (0..26).rev() {
            let digit = (self.0 >> (5 * i)) as usize & 31;
            fmt::Write::write_char(f, char::from(ALPHABET[digit]))?;
        }
        Ok(())
    }
}

impl Serialize for Ulid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ulid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_order_follow_time() {
        let ids: Vec<_> = [0, 1, 1_700_000_000_000, (1 << 48) - 1].map(Ulid::at).to_vec();
        assert!(ids.windows(2).all(|w| w[0] < w[1] && w[0].to_string() < w[1].to_string()));
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_ne!(Ulid::at(5), Ulid::at(5));
        assert_eq!(Ulid::at(77).timestamp(), 77);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "chunks_head", "81M81MQ15417ANFHPBWENEPJY7", "01M81MQ15417ANFHPBWENEPJYU", "ä"] {
            assert_eq!(text.parse::<Ulid>(), Err(ParseUlidError), "{text}");
        }
    }
}
