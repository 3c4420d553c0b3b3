//! The newest exemplars of all series, in a ring of fixed size.

use std::collections::{HashMap, VecDeque};

use metrics_core::{AppendError, Exemplar, TimeRange, Timestamp};

use super::limits::exemplar_size;

/// Characters that the labels of one exemplar may have in all (OpenMetrics 1.0, "Exemplars").
const MAX_LABEL_CHARS: usize = 128;

/// Keeps the exemplars appended last and forgets the oldest.
#[derive(Debug, Default)]
pub(super) struct ExemplarRing {
    capacity: usize,
    ring: VecDeque<(u32, Exemplar)>,
    /// The newest of each series, and how many of it are in the ring.
    newest: HashMap<u32, (Exemplar, usize)>,
    bytes: usize,
}

impl ExemplarRing {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Bytes that the exemplars take.
    pub(super) fn heap_size(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.capacity > 0
    }

    /// Whether to keep an exemplar; `false` for one that repeats the newest.
    pub(super) fn check(&self, slot: u32, exemplar: &Exemplar) -> Result<bool, AppendError> {
        let chars: usize = exemplar.labels.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
        if chars > MAX_LABEL_CHARS {
            return Err(AppendError::InvalidLabels(format!(
                "labels of an exemplar have {chars} characters, {MAX_LABEL_CHARS} are allowed"
            )));
        }
        let Some((newest, _)) = self.newest.get(&slot) else { return Ok(true) };
        if newest == exemplar {
            return Ok(false);
        }
        let (time, newest_time) = (time_of(exemplar), time_of(newest));
        // Several at one time, for several buckets, come in order of value and then labels.
        let late = time < newest_time
            || time == newest_time
                && (exemplar.value < newest.value
                    || exemplar.value == newest.value
                        && exemplar.labels.stable_hash() < newest.labels.stable_hash());
        if late { Err(AppendError::OutOfOrder) } else { Ok(true) }
    }

    /// Adds an exemplar, unless it repeats or precedes the newest.
    pub(super) fn push(&mut self, slot: u32, exemplar: Exemplar) {
        if self.capacity == 0 || !matches!(self.check(slot, &exemplar), Ok(true)) {
            return;
        }
        if self.ring.len() == self.capacity
            && let Some((slot, oldest)) = self.ring.pop_front()
        {
            self.bytes -= exemplar_size(&oldest);
            if let Some((_, left)) = self.newest.get_mut(&slot) {
                *left -= 1;
                if *left == 0 {
                    self.newest.remove(&slot);
                }
            }
        }
        self.bytes += exemplar_size(&exemplar);
        let of_series = self.newest.entry(slot).or_insert_with(|| (exemplar.clone(), 0));
        of_series.0 = exemplar.clone();
        of_series.1 += 1;
        self.ring.push_back((slot, exemplar));
    }

    /// Exemplars in a range, oldest first within each series.
    pub(super) fn in_range(&self, range: TimeRange) -> impl Iterator<Item = (u32, &Exemplar)> {
        self.ring.iter().filter(move |(_, e)| range.contains(time_of(e))).map(|(slot, e)| (*slot, e))
    }
}

/// When an exemplar happened; those that do not say come first.
fn time_of(exemplar: &Exemplar) -> Timestamp {
    exemplar.timestamp.unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_core::LabelSet;

    fn exemplar(timestamp: Timestamp, value: f64) -> Exemplar {
        Exemplar { labels: LabelSet::from_pairs([("trace_id", "a")]), value, timestamp: Some(timestamp) }
    }

    #[test]
    fn the_oldest_make_room() {
        let mut ring = ExemplarRing::new(3);
        for i in 0..5 {
            ring.push(i as u32 % 2, exemplar(i, 1.0));
        }
        let times: Vec<_> = ring.in_range(TimeRange::ALL).map(|(s, e)| (s, e.timestamp)).collect();
        assert_eq!(times, [(0, Some(2)), (1, Some(3)), (0, Some(4))]);
        assert_eq!(ring.in_range(TimeRange::new(3, 3)).count(), 1);
        assert_eq!(ring.heap_size(), 3 * exemplar_size(&exemplar(0, 1.0)));
    }

    #[test]
    fn repeats_are_dropped_and_late_ones_refused() {
        let mut ring = ExemplarRing::new(3);
        ring.push(1, exemplar(10, 1.0));
        assert!(matches!(ring.check(1, &exemplar(10, 1.0)), Ok(false)));
        assert!(matches!(ring.check(1, &exemplar(9, 1.0)), Err(AppendError::OutOfOrder)));
        assert!(matches!(ring.check(1, &exemplar(10, 0.5)), Err(AppendError::OutOfOrder)));
        assert!(matches!(ring.check(1, &exemplar(10, 2.0)), Ok(true)));
        assert!(matches!(ring.check(2, &exemplar(9, 1.0)), Ok(true)));
        let long = LabelSet::from_pairs([("trace_id", "x".repeat(121))]);
        let long = Exemplar { labels: long, value: 1.0, timestamp: None };
        assert!(matches!(ring.check(2, &long), Err(AppendError::InvalidLabels(_))));
    }
}
