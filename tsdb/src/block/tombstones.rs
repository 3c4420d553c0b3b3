//! The file of tombstones: ranges of time deleted from single series.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::meta::replace;
use crate::codec::{Malformed, Reader, put_crc, put_uvarint, put_varint};
use crate::fs::{FileError, Fs};

const NAME: &str = "tombstones";
const MAGIC: u32 = 0x0130_BA30;
const VERSION: u8 = 1;

/// Magic number and version.
const HEADER: usize = 5;

/// A stretch of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    /// First millisecond.
    pub start: i64,
    /// Last millisecond.
    pub end: i64,
}

/// Ranges of time deleted, by series.
///
/// ```
/// use tsdb::block::Tombstones;
/// let mut tombstones = Tombstones::default();
/// tombstones.add(7, 10, 20);
/// tombstones.add(7, 21, 30);
/// assert_eq!(tombstones.of(7).len(), 1);
/// assert!(tombstones.covers(7, 25) && !tombstones.covers(7, 31));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tombstones {
    by_series: BTreeMap<u64, Vec<Interval>>,
}

impl Tombstones {
    /// Deletes a range of a series; ranges that touch become one.
    pub fn add(&mut self, series: u64, start: i64, end: i64) {
        let intervals = self.by_series.entry(series).or_default();
        let first = intervals.partition_point(|i| i.end < start && i.end.saturating_add(1) < start);
        let behind = intervals.partition_point(|i| i.start <= end.saturating_add(1));
        let merged = intervals[first..behind.max(first)].iter().fold(Interval { start, end }, |m, i| {
            Interval { start: m.start.min(i.start), end: m.end.max(i.end) }
        });
        intervals.splice(first..behind.max(first), [merged]);
    }

    /// The deleted ranges of a series, in order, none touching another.
    pub fn of(&self, series: u64) -> &[Interval] {
        self.by_series.get(&series).map_or(&[], Vec::as_slice)
    }

    /// Whether a time of a series is deleted.
    pub fn covers(&self, series: u64, timestamp: i64) -> bool {
        self.of(series).iter().any(|i| i.start <= timestamp && timestamp <= i.end)
    }

    /// Series with deleted ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[Interval])> {
        self.by_series.iter().map(|(series, intervals)| (*series, intervals.as_slice()))
    }

    /// Number of deleted ranges.
    pub fn len(&self) -> usize {
        self.by_series.values().map(Vec::len).sum()
    }

    /// Whether nothing is deleted.
    pub fn is_empty(&self) -> bool {
        self.by_series.is_empty()
    }

    /// Reads the file of a block; a block without it has nothing deleted.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, FileError> {
        let path = dir.join(NAME);
        match fs.read(&path) {
            Ok(bytes) => Self::decode(&bytes).map_err(|m| FileError::damaged(&path, m.at as u64, m.expected)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(FileError::io("read", &path)(e)),
        }
    }

    /// Writes the file of a block, replacing what was there in one step.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
        replace(fs, dir, NAME, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut stones = Vec::new();
        for (series, intervals) in self.iter() {
            for interval in intervals {
                put_uvarint(&mut stones, series);
                put_varint(&mut stones, interval.start);
                put_varint(&mut stones, interval.end);
            }
        }
        let mut bytes = MAGIC.to_be_bytes().to_vec();
        bytes.push(VERSION);
        bytes.extend_from_slice(&stones);
        put_crc(&mut bytes, &stones);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        if r.u32()? != MAGIC {
            return Err(Malformed { at: 0, expected: "the magic number of tombstones" });
        }
        if r.u8()? != VERSION {
            return Err(Malformed { at: 4, expected: "version 1" });
        }
        let Some((body, crc)) = bytes[HEADER..].split_last_chunk::<4>() else {
            return Err(r.malformed("a checksum"));
        };
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return Err(Malformed { at: HEADER, expected: "bytes that match the checksum" });
        }
        let mut tombstones = Self::default();
        let mut r = Reader::new(body);
        let shifted = |m: Malformed| Malformed { at: m.at + HEADER, ..m };
        while !r.is_empty() {
            let series = r.uvarint().map_err(shifted)?;
            let (start, end) = (r.varint().map_err(shifted)?, r.varint().map_err(shifted)?);
            tombstones.add(series, start, end);
        }
        Ok(tombstones)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_are_a_set_of_times(ranges in proptest::collection::vec((0i64..60, 0i64..10), 0..20)) {
            let mut tombstones = Tombstones::default();
            for (start, len) in &ranges {
                tombstones.add(1, *start, start + len);
            }
            for t in -1..80 {
                let expected = ranges.iter().any(|(s, l)| *s <= t && t <= s + l);
                prop_assert_eq!(tombstones.covers(1, t), expected, "at {}", t);
            }
            prop_assert!(tombstones.of(1).windows(2).all(|w| w[0].end + 1 < w[1].start));
            prop_assert_eq!(Tombstones::decode(&tombstones.encode()), Ok(tombstones));
        }
    }

    #[test]
    fn damage_is_noticed() {
        let mut tombstones = Tombstones::default();
        tombstones.add(1, i64::MIN, 5);
        tombstones.add(900, 7, i64::MAX);
        let bytes = tombstones.encode();
        for len in 0..bytes.len() {
            assert!(Tombstones::decode(&bytes[..len]).is_err());
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(Tombstones::decode(&damaged).is_err(), "byte {at}");
        }
    }
}
