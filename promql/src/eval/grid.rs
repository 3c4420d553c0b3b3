//! The times at which an expression is evaluated.

use metrics_core::Timestamp;

use super::samples::ScopeId;

/// `count` times from `start` on, `step` milliseconds apart, for one part of a query. An instant query has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start: Timestamp,
    pub(crate) step: i64,
    pub(crate) count: usize,
    /// Where samples that are looked at on the way are counted.
    pub(crate) scope: ScopeId,
}

impl Grid {
    /// One time.
    pub(crate) const fn instant(time: Timestamp) -> Self {
        Self::new(time, 1, 1)
    }

    /// From `start` to the last time that is not behind `end`; empty if `end` lies before `start`.
    pub(crate) fn range(start: Timestamp, end: Timestamp, step: i64) -> Self {
        let count = match end.checked_sub(start) {
            Some(length) if length >= 0 => {
                usize::try_from(length / step.max(1)).map_or(usize::MAX, |n| n + 1)
            }
            _ => 0,
        };
        Self::new(start, step.max(1), count)
    }

    pub(crate) const fn new(start: Timestamp, step: i64, count: usize) -> Self {
        Self { start, step, count, scope: ScopeId::QUERY }
    }

    pub(crate) const fn at(&self, step: usize) -> Timestamp {
        self.start.saturating_add((step as i64).saturating_mul(self.step))
    }

    /// The last time; the start if there is none.
    pub(crate) const fn end(&self) -> Timestamp {
        self.at(self.count.saturating_sub(1))
    }

    pub(crate) fn times(self) -> impl Iterator<Item = Timestamp> {
        (0..self.count).map(move |i| self.at(i))
    }

    pub(crate) const fn is_instant(&self) -> bool {
        self.count == 1
    }
}
