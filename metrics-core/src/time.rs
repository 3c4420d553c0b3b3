//! Points in time, ranges, and the field's duration syntax such as `1h30m`.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z, negative before. The unit of every timestamp in the stack.
pub type Timestamp = i64;

/// A closed range of time: both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First millisecond that belongs to the range.
    pub start: Timestamp,
    /// Last millisecond that belongs to the range.
    pub end: Timestamp,
}

impl TimeRange {
    /// Everything that a timestamp can express.
    pub const ALL: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// The range from `start` to `end`, both included; empty if `end < start`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// Whether a point lies inside.
    pub const fn contains(&self, t: Timestamp) -> bool {
        self.start <= t && t <= self.end
    }

    /// Whether the two have a millisecond in common.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// Whether nothing lies inside.
    pub const fn is_empty(&self) -> bool {
        self.end < self.start
    }
}

/// Why a duration text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurationError {
    /// The text is empty.
    Empty,
    /// The text is not numbers with units in falling order, such as `1h30m`.
    Syntax,
    /// The duration does not fit into the field's 64-bit nanoseconds (about 292 years).
    OutOfRange,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty duration string",
            Self::Syntax => "not a valid duration string",
            Self::OutOfRange => "duration out of range",
        })
    }
}

impl std::error::Error for DurationError {}

/// Units in the order in which they must appear, with their length in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads a duration as configuration files and PromQL write it: `15s`, `1h30m`, `0`, `1y2w3d4h5m6s7ms`.
///
/// Each unit at most once, largest first; a year is 365 days.
///
/// # Errors
/// [`DurationError`] if the text is not such a duration or is longer than about 292 years.
///
/// ```
/// use std::time::Duration;
/// use metrics_core::time::parse_duration;
/// assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_secs(5400));
/// assert!(parse_duration("30m1h").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    match text {
        "" => return Err(DurationError::Empty),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let (mut rest, mut next_unit, mut total) = (text, 0, 0u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(unit_len);
        let found = UNITS.iter().skip(next_unit).position(|(u, _)| *u == unit);
        let (Some(skip), false) = (found, number.is_empty()) else {
            return Err(DurationError::Syntax);
        };
        let index = next_unit + skip;
        next_unit = index + 1;
        let n: u64 = number.parse().map_err(|_| DurationError::OutOfRange)?;
        total = n
            .checked_mul(UNITS[index].1)
            .and_then(|ms| total.checked_add(ms))
            // The original counts nanoseconds in 64 bits.
            .filter(|ms| *ms <= i64::MAX as u64 / 1_000_000)
            .ok_or(DurationError::OutOfRange)?;
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration as configuration files do: `1h30m`, `0s`; units below a millisecond are cut off.
///
/// Weeks and years appear only where they divide the duration exactly, as in the original.
///
/// ```
/// use std::time::Duration;
/// use metrics_core::time::format_duration;
/// assert_eq!(format_duration(Duration::from_secs(5400)), "1h30m");
/// assert_eq!(format_duration(Duration::ZERO), "0s");
/// ```
pub fn format_duration(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, size) in UNITS {
        let exact_only = matches!(unit, "y" | "w");
        if ms < size || (exact_only && ms % size != 0) {
            continue;
        }
        out.push_str(&format!("{}{unit}", ms / size));
        ms %= size;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_refuses_as_the_original() {
        for (text, ms) in [
            ("0", 0),
            ("0s", 0),
            ("324ms", 324),
            ("5m", 300_000),
            ("4d1h", 349_200_000),
            ("3w2d1h", 1_990_800_000),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_millis(), ms, "{text}");
        }
        for text in ["", "1", "1y1m1d", "-1w", "1.5d", "d", "294y", "200y10400w", "107675d", "2584200h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["1y", "2w", "15d", "1h30m", "3s", "1m1ms", "8d"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
