//! The open chunk of floats of a series: its newest bytes beside its state, the others elsewhere.

use metrics_core::Timestamp;

use crate::chunk::xor::XorState;

/// Room for the newest bytes. Together with the state this is what an append touches: two neighbouring cache lines, and
/// those of the next series follow. Whole bytes leave when there is no room for the longest sample.
const TAIL: usize = 50;

/// A chunk of floats that grows. Bytes that left the tail are kept by the caller, who hands them back where needed.
#[derive(Debug)]
pub(super) struct OpenFloats {
    state: XorState,
    first: Timestamp,
    tail: [u8; TAIL],
}

impl Default for OpenFloats {
    fn default() -> Self {
        Self { state: XorState::new(), first: 0, tail: [0; TAIL] }
    }
}

impl OpenFloats {
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

    /// Appends a sample and reports whether there was room. Bytes that have to leave the tail go to `leave`,
    /// which says whether it took them.
    #[inline]
    pub(super) fn push(
        &mut self,
        timestamp: Timestamp,
        value: f64,
        leave: impl FnOnce(&[u8]) -> bool,
    ) -> bool {
        if self.is_empty() {
            self.first = timestamp;
        } else if self.state.len() + XorState::ROOM > TAIL {
            let whole = self.state.whole_bytes();
            if !leave(&self.tail[..whole]) {
                return false;
            }
            self.tail.copy_within(whole..whole + 1, 0);
            self.state.forget(whole);
        }
        self.state.append(&mut self.tail, timestamp, value).is_ok()
    }

    /// Makes a whole chunk of what left the tail, which is in `bytes`, and what is in it.
    pub(super) fn complete(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.tail[..self.state.len()]);
        self.state.seal(bytes);
    }

    /// Bytes in the tail.
    pub(super) fn tail_len(&self) -> usize {
        self.state.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::xor;

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
            open.complete(&mut left);
            xor::decode(&left, &mut times, &mut values).unwrap();
            prop_assert_eq!(times, expected.0);
            prop_assert_eq!(values.iter().map(|v: &f64| v.to_bits()).collect::<Vec<_>>(), expected.1);
        }
    }
}
