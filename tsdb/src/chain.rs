//! Samples of one series from sources that overlap, as one run in order of time.
//!
//! Which of two samples at one time stays follows Prometheus' `storage/merge.go`, so that the same files give the same
//! answers: reading stays with a source while its samples come first, and where another source has reached the same
//! time, goes over to that.

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{Column, Columns, FloatHistogram, TimeRange, Timestamp, Value};

/// A sample of a merged run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    /// Where it comes from.
    pub(crate) source: usize,
    /// Its position there.
    pub(crate) at: usize,
    /// Whether the sample before comes before it in its source, too. If not, nobody knows whether a counter was reset
    /// between the two.
    pub(crate) is_consecutive: bool,
}

/// Merges sources with rising times, which are in order of their first times. Each time is picked once.
pub(crate) fn chain(sources: &[&[Timestamp]]) -> Vec<Pick> {
    let mut picks = Vec::with_capacity(sources.iter().map(|s| s.len()).sum());
    let mut rest = 0;
    while rest < sources.len() {
        let len = overlapping(&sources[rest..]);
        chain_overlapping(&sources[rest..rest + len], rest, &mut picks);
        rest += len;
    }
    picks
}

/// How many sources at the front overlap each other, one at least.
fn overlapping(sources: &[&[Timestamp]]) -> usize {
    let mut end = None;
    let joins = |source: &[Timestamp]| {
        let Some((first, last)) = source.first().zip(source.last()) else { return true };
        let joins = end.is_none_or(|end| *first <= end);
        end = end.max(Some(*last));
        joins
    };
    sources.iter().copied().map(joins).take_while(|joins| *joins).count().max(1)
}

fn chain_overlapping(sources: &[&[Timestamp]], offset: usize, picks: &mut Vec<Pick>) {
    if let [alone] = sources {
        // Its first sample follows nothing of the same source, but what it says of itself is still true.
        picks.extend((0..alone.len()).map(|at| Pick { source: offset, at, is_consecutive: true }));
        return;
    }
    let mut waiting = Waiting { heap: Vec::with_capacity(sources.len()) };
    for (source, times) in sources.iter().enumerate().skip(1) {
        if let Some(time) = times.first() {
            waiting.push(Place { source, at: 0, time: *time });
        }
    }
    let mut current = (0, 0);
    let mut last = None;
    let mut is_consecutive = false;
    loop {
        let (source, at) = current;
        let place = match sources[source].get(at) {
            Some(time) if Some(*time) == last => {
                current.1 += 1;
                continue;
            }
            Some(time) if waiting.first().is_none_or(|first| *time < first) => {
                Place { source, at, time: *time }
            }
            other => {
                if let Some(time) = other {
                    waiting.push(Place { source, at, time: *time });
                }
                let Some(next) = waiting.pop() else { return };
                is_consecutive = false;
                current = (next.source, next.at);
                if Some(next.time) == last {
                    continue;
                }
                next
            }
        };
        picks.push(Pick { source: offset + place.source, at: place.at, is_consecutive });
        last = Some(place.time);
        is_consecutive = true;
        current = (place.source, place.at + 1);
    }
}

/// Where reading stands in a source.
#[derive(Debug, Clone, Copy)]
struct Place {
    source: usize,
    at: usize,
    time: Timestamp,
}

/// Sources that wait for their turn: a binary heap that breaks ties as that of the Go library does.
struct Waiting {
    heap: Vec<Place>,
}

impl Waiting {
    fn first(&self) -> Option<Timestamp> {
        self.heap.first().map(|place| place.time)
    }

    fn push(&mut self, place: Place) {
        let mut at = self.heap.len();
        self.heap.push(place);
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.heap[at].time >= self.heap[parent].time {
                break;
            }
            self.heap.swap(at, parent);
            at = parent;
        }
    }

    fn pop(&mut self) -> Option<Place> {
        let last = self.heap.len().checked_sub(1)?;
        self.heap.swap(0, last);
        let first = self.heap.pop();
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let Some(mut least) = self.heap.get(left).map(|_| left) else { return first };
            if self.heap.get(right).is_some_and(|r| r.time < self.heap[left].time) {
                least = right;
            }
            if self.heap[least].time >= self.heap[at].time {
                return first;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }
}

/// Merges chunks that were decoded each into columns of its own, and adds their samples in the range.
pub(crate) fn append_chained(mut chunks: Vec<Columns>, range: TimeRange, into: &mut Columns) {
    chunks.sort_by_key(|chunk| times(chunk).first().copied());
    let sources: Vec<&[Timestamp]> = chunks.iter().map(times).collect();
    for pick in chain(&sources) {
        let Columns { floats, histograms, .. } = &chunks[pick.source];
        if !range.contains(sources[pick.source][pick.at]) {
            continue;
        }
        if floats.timestamps.is_empty() {
            push(histograms, pick.at, &mut into.histograms);
            if let Some(histogram) = into.histograms.values.last_mut().filter(|_| !pick.is_consecutive) {
                forget(histogram);
            }
        } else {
            push(floats, pick.at, &mut into.floats);
        }
    }
}

/// The times of a chunk, which has samples of one kind.
fn times(chunk: &Columns) -> &[Timestamp] {
    if chunk.floats.timestamps.is_empty() { &chunk.histograms.timestamps } else { &chunk.floats.timestamps }
}

fn push<T: Clone>(from: &Column<T>, at: usize, into: &mut Column<T>) {
    into.push(from.timestamps[at], from.values[at].clone());
}

/// Makes a histogram say that it does not know whether a counter reset came before.
pub(crate) fn forget_reset(value: &mut Value) {
    match value {
        Value::Histogram(h) if has_hint(h.reset_hint) => Arc::make_mut(h).reset_hint = ResetHint::Unknown,
        Value::FloatHistogram(h) => forget(h),
        _ => {}
    }
}

fn forget(histogram: &mut Arc<FloatHistogram>) {
    if has_hint(histogram.reset_hint) {
        Arc::make_mut(histogram).reset_hint = ResetHint::Unknown;
    }
}

fn has_hint(hint: ResetHint) -> bool {
    matches!(hint, ResetHint::Reset | ResetHint::NotReset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picked(sources: &[&[Timestamp]]) -> Vec<(Timestamp, usize, bool)> {
        chain(sources).iter().map(|p| (sources[p.source][p.at], p.source, p.is_consecutive)).collect()
    }

    #[test]
    fn of_equal_times_that_of_the_source_gone_over_to_stays() {
        let merged = picked(&[&[0, 10, 20], &[10]]);
        assert_eq!(merged, [(0, 0, false), (10, 1, false), (20, 0, false)]);
        let merged = picked(&[&[0, 10, 20, 30], &[5, 10]]);
        let expected = [(0, 0, false), (5, 1, false), (10, 0, false), (20, 0, false), (30, 0, true)];
        assert_eq!(merged, expected);
    }

    #[test]
    fn sources_apart_keep_what_they_say() {
        let merged = picked(&[&[0, 10], &[20, 30], &[25]]);
        let expected = [(0, 0, true), (10, 0, true), (20, 1, false), (25, 2, false), (30, 1, false)];
        assert_eq!(merged, expected);
    }

    proptest! {
        #[test]
        fn every_time_comes_once_and_in_order(
            sources in proptest::collection::vec(proptest::collection::btree_set(0i64..60, 1..20), 1..6)
        ) {
            let mut sources: Vec<Vec<i64>> = sources.into_iter().map(|s| s.into_iter().collect()).collect();
            sources.sort_by_key(|s| s[0]);
            let slices: Vec<&[i64]> = sources.iter().map(Vec::as_slice).collect();
            let times: Vec<i64> = picked(&slices).iter().map(|(t, _, _)| *t).collect();
            let mut expected: Vec<i64> = sources.concat();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(times, expected);
        }
    }
}
