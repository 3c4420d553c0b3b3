//! Walking along a column of times, step by step.

use metrics_core::Timestamp;

/// A place in a column of times that moves on with rising times asked for.
///
/// Samples and steps mostly come at even distances, so it looks first where the last stride would lead.
#[derive(Debug, Clone)]
pub(crate) struct TimeWalk<'t> {
    times: &'t [Timestamp],
    at: usize,
    stride: usize,
}

impl<'t> TimeWalk<'t> {
    /// Begins before the first of the times, which rise.
    pub(crate) fn new(times: &'t [Timestamp]) -> Self {
        Self { times, at: 0, stride: 0 }
    }

    /// How many samples are not behind a time, which is not before the one asked for last.
    pub(crate) fn advance(&mut self, time: Timestamp) -> usize {
        if !self.is_place(self.at + self.stride, time) {
            let rest = &self.times[self.at..];
            let near = rest.iter().take(16).take_while(|t| **t <= time).count();
            self.stride = if near < 16 { near } else { rest.partition_point(|t| *t <= time) };
        }
        self.at += self.stride;
        self.at
    }

    fn is_place(&self, at: usize, time: Timestamp) -> bool {
        let Some(passed) = self.times.get(..at) else { return false };
        passed.last().is_none_or(|t| *t <= time) && self.times.get(at).is_none_or(|t| *t > time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn walks_where_a_search_leads(
            gaps in proptest::collection::vec(prop_oneof![8 => Just(15i64), 1 => 1..100i64], 0..80),
            steps in proptest::collection::vec(prop_oneof![8 => Just(60i64), 1 => 0..700i64], 1..40),
            start in -50..300i64,
        ) {
            let sums = |from: i64, all: Vec<i64>| all.into_iter().scan(from, |sum, by| { *sum += by; Some(*sum) });
            let times: Vec<_> = sums(0, gaps).collect();
            let mut walk = TimeWalk::new(&times);
            for time in sums(start, steps) {
                prop_assert_eq!(walk.advance(time), times.partition_point(|t| *t <= time));
            }
        }
    }
}
