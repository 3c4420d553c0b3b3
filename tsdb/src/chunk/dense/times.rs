//! The times of a dense chunk: the first, and the distance of all or a column of distances.

use std::ops::Range;

use metrics_core::TimeRange;

use super::header::{Header, Times};
use super::what;
use crate::chunk::pack::{BLOCK, first_sums, put_sums, take_sums};
use crate::codec::{Reader, put_varint};

/// Appends times in their order, of which there is one at least, and says how.
pub(super) fn put(out: &mut Vec<u8>, timestamps: &[i64]) -> Times {
    let step = timestamps.get(1).map_or(0, |second| second.wrapping_sub(timestamps[0]));
    if timestamps.windows(2).all(|w| w[1].wrapping_sub(w[0]) == step) {
        put_varint(out, timestamps[0]);
        put_varint(out, step);
        return Times::Regular;
    }
    put_sums(out, timestamps);
    Times::Column
}

/// The places of those times that are in a range; all where no range is given.
pub(super) fn places_in(times: &[i64], range: Option<TimeRange>) -> Range<usize> {
    let Some(range) = range else { return 0..times.len() };
    let start = times.partition_point(|t| *t < range.start);
    start..times.partition_point(|t| *t <= range.end).max(start)
}

/// Reads times that the chunk holds itself and appends those in a range; returns their places. `Err` says what is wrong.
pub(super) fn take(
    r: &mut Reader<'_>,
    header: &Header,
    range: Option<TimeRange>,
    into: &mut Vec<i64>,
) -> Result<Range<usize>, &'static str> {
    let n = usize::from(header.samples);
    if header.times == Times::Regular {
        let regular = Regular { first: r.varint().map_err(what)?, step: r.varint().map_err(what)? };
        let places = range.and_then(|range| regular.places_in(range, n)).unwrap_or(0..n);
        regular.extend(places.clone(), into);
        return Ok(places);
    }
    let mut column = r.clone();
    let blocks = blocks_in(r, n, range)?;
    let old = into.len();
    into.reserve(blocks.len());
    take_sums(&mut column, n, blocks.clone(), |block| into.extend_from_slice(block))?;
    let found = places_in(&into[old..], range);
    into.truncate(old + found.end);
    into.drain(old..old + found.start);
    Ok(blocks.start + found.start..blocks.start + found.end)
}

/// Passes over times. `Err` says what is wrong.
pub(super) fn skip(r: &mut Reader<'_>, header: &Header) -> Result<(), &'static str> {
    match header.times {
        Times::Regular => r.varint().and_then(|_| r.varint()).map(|_| ()).map_err(what),
        _ => blocks_in(r, header.samples.into(), None).map(|_| ()),
    }
}

/// Passes over a column of `n` times and tells in which whole blocks of it those in a range are.
fn blocks_in(r: &mut Reader<'_>, n: usize, range: Option<TimeRange>) -> Result<Range<usize>, &'static str> {
    let (mut start, mut end) = (0, 0);
    for (first, at) in first_sums(r, n).zip((0..).step_by(BLOCK)) {
        let first = first?;
        if range.is_some_and(|range| first <= range.start) {
            start = at;
        }
        if range.is_none_or(|range| first <= range.end) {
            end = at + BLOCK;
        }
    }
    Ok(start..end.clamp(start, n))
}

/// Times at one distance.
#[derive(Debug, Clone, Copy)]
struct Regular {
    first: i64,
    step: i64,
}

impl Regular {
    /// The places of those of `n` times that are in a range; `None` if the times do not rise.
    fn places_in(self, range: TimeRange, n: usize) -> Option<Range<usize>> {
        if n == 1 {
            return Some(0..usize::from(range.contains(self.first)));
        }
        let length = self.step.checked_mul(n as i64 - 1).filter(|length| *length > 0)?;
        self.first.checked_add(length)?;
        let before = |time: i64| match time.checked_sub(self.first) {
            Some(distance) if distance <= 0 => 0,
            Some(distance) => ((distance - 1) / self.step + 1).min(n as i64) as usize,
            None if time < self.first => 0,
            None => n,
        };
        let start = before(range.start);
        Some(start..range.end.checked_add(1).map_or(n, before).max(start))
    }

    fn extend(self, places: Range<usize>, into: &mut Vec<i64>) {
        let old = into.len();
        into.resize(old + places.len(), 0);
        let mut time = self.first.wrapping_add(self.step.wrapping_mul(places.start as i64));
        // Four at a time, none of which waits for another.
        let ahead: [i64; 4] = std::array::from_fn(|i| self.step.wrapping_mul(i as i64));
        let (fours, rest) = into[old..].as_chunks_mut::<4>();
        for times in fours {
            *times = ahead.map(|ahead| time.wrapping_add(ahead));
            time = time.wrapping_add(self.step.wrapping_mul(4));
        }
        rest.iter_mut().zip(ahead).for_each(|(t, ahead)| *t = time.wrapping_add(ahead));
    }
}
