//! The open chunk of floats of a series: its newest bits beside its state, the others elsewhere.

use metrics_core::Timestamp;

use super::series::{CutRule, SAMPLES_PER_CHUNK};
use crate::chunk::decimal_stream::StreamState;

/// Room for the newest bits: what is left of a line and a half of the cache, which is what an append touches. Whole bytes
/// leave when there is no room for a sample.
const TAIL: usize = 28;
const _: () = assert!(TAIL > StreamState::ROOM);
/// Whole bytes from which on the tail is emptied: with less room than eight bytes, samples are written the long way.
const EMPTIED: usize = TAIL - 7;

/// A chunk of floats that grows. Bytes that left the tail are kept by the caller, who hands them back where needed.
#[derive(Debug)]
pub(super) struct OpenFloats {
    state: StreamState,
    first: Timestamp,
    /// Milliseconds after the first sample at which a new chunk is due.
    cut_after: u32,
    tail: [u8; TAIL],
}

impl Default for OpenFloats {
    fn default() -> Self {
        Self { state: StreamState::new(), first: 0, cut_after: 0, tail: [0; TAIL] }
    }
}

impl OpenFloats {
    /// An open chunk whose first sample will have this time.
    pub(super) fn starting_at(first: Timestamp, rule: CutRule) -> Self {
        Self { first, cut_after: rule.cut_after(first), ..Self::default() }
    }

    /// Whether there is no sample.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.state.is_empty()
    }

    /// Number of samples.
    #[inline]
    pub(super) fn samples(&self) -> u16 {
        self.state.samples()
    }

    /// Time of the first sample; meaningless without one.
    #[inline]
    pub(super) fn first(&self) -> Timestamp {
        self.first
    }

    /// Time of the last sample; meaningless without one.
    #[inline]
    pub(super) fn last(&self) -> Timestamp {
        self.state.last_timestamp()
    }

    /// Value of the last sample; meaningless without one.
    pub(super) fn last_value(&self) -> f64 {
        self.state.last_value()
    }

    /// Whether a sample of that time belongs into a new chunk.
    #[inline]
    pub(super) fn is_cut_due(&mut self, timestamp: Timestamp) -> bool {
        is_cut_due(self.samples(), self.first, self.last(), timestamp, &mut self.cut_after)
    }

    /// Appends a sample and reports whether there was room. Bytes that have to leave the tail go to `leave`,
    /// which says whether it took them.
    #[inline]
    pub(super) fn push(
        &mut self,
        timestamp: Timestamp,
        value: f64,
        mut leave: impl FnMut(&[u8]) -> bool,
    ) -> bool {
        if self.state.whole_bytes() >= EMPTIED && !self.empty(&mut leave) {
            return false;
        }
        self.state.append(&mut self.tail, timestamp, value).is_ok()
            || (self.empty(leave) && self.state.append(&mut self.tail, timestamp, value).is_ok())
    }

    /// Takes the whole bytes out of the tail, if they are taken.
    fn empty(&mut self, mut leave: impl FnMut(&[u8]) -> bool) -> bool {
        let has_left = leave(&self.tail[..self.state.whole_bytes()]);
        if has_left {
            self.state.forget_whole_bytes(&mut self.tail);
        }
        has_left
    }

    /// The bytes that have not left.
    pub(super) fn tail(&self) -> &[u8] {
        &self.tail[..self.state.len()]
    }
}

/// Whether a chunk with so many samples, from `first` to `last`, takes none at `timestamp`. As the original: when a quarter is
/// full, the rest of the block range is shared out evenly; a chunk that fills faster than foreseen is cut at twice its
/// size.
#[inline]
pub(super) fn is_cut_due(
    samples: u16,
    first: Timestamp,
    last: Timestamp,
    timestamp: Timestamp,
    cut_after: &mut u32,
) -> bool {
    if samples == SAMPLES_PER_CHUNK / 4 {
        *cut_after = share_out(last - first, *cut_after);
    }
    timestamp.saturating_sub(first) >= i64::from(*cut_after) || samples >= 2 * SAMPLES_PER_CHUNK
}

/// When to cut a chunk that is a quarter full and has taken `elapsed` so far, so that equal chunks fill the time until
/// `end`; all in milliseconds after its first sample.
fn share_out(elapsed: i64, end: u32) -> u32 {
    let chunks = f64::from(end) / (elapsed.saturating_add(1) as f64 * 4.0);
    if chunks <= 1.0 { end } else { (f64::from(end) / chunks.floor()) as u32 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::decimal_stream;

    proptest! {
        #[test]
        fn the_parts_make_one_chunk(
            samples in proptest::collection::vec((1i64..1 << 40, any::<f64>(), any::<bool>()), 1..250)
        ) {
            let (mut open, mut left) = (OpenFloats::default(), Vec::new());
            let (mut t, mut v) = (-5, 0.0f64);
            let mut expected = (Vec::new(), Vec::new());
            for (step, value, is_new) in samples {
                t += step;
                v = if is_new { value } else { v + 1.0 };
                let taken = open.push(t, v, |bytes| {
                    left.extend_from_slice(bytes);
                    true
                });
                prop_assert!(taken);
                expected.0.push(t);
                expected.1.push(v.to_bits());
            }
            let (mut times, mut values) = (Vec::new(), Vec::new());
            left.extend_from_slice(open.tail());
            decimal_stream::decode(&left, expected.0[0], open.samples(), &mut times, &mut values).unwrap();
            prop_assert_eq!(times, expected.0);
            prop_assert_eq!(values.iter().map(|v: &f64| v.to_bits()).collect::<Vec<_>>(), expected.1);
        }
    }
}
