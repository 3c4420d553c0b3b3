//! How many samples a query looks at, step by step, in the original's way of counting.
//!
//! A sample counts as *queried* at every step that it is used for, and as *read* at the first of them. Parts of a query
//! that run over times of their own, subqueries and what is the same at every step, count for themselves and are added to
//! what is around them at the end.

use parking_lot::Mutex;

use super::grid::Grid;
use metrics_core::Timestamp;

/// Samples queried and read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) queried: u64,
    pub(crate) read: u64,
}

impl Seen {
    /// Samples that were looked at for the first time.
    pub(crate) fn new(samples: u64) -> Self {
        Self { queried: samples, read: samples }
    }

    fn add(&mut self, other: Self) {
        self.queried += other.queried;
        self.read += other.read;
    }
}

/// Which part of a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ScopeId(usize);

impl ScopeId {
    /// The query as a whole.
    pub(crate) const QUERY: Self = Self(0);
}

/// How a part of the query relates to what is around it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// It is evaluated once and stands for every step.
    Once,
    /// Its results are samples of the windows around it, which begin `range` before a step that is `offset` later.
    Subquery { offset: i64, range: i64 },
    /// Its results are the answer.
    Shown,
}

/// What all parts of a query have counted.
#[derive(Debug)]
pub(crate) struct SampleCounts {
    by_step: bool,
    scopes: Mutex<Vec<Scope>>,
}

#[derive(Debug)]
struct Scope {
    /// The scope around it and how it relates to that; none for the query itself.
    outer: Option<(usize, Part)>,
    grid: Grid,
    total: Seen,
    /// By step, if that is asked for.
    steps: Vec<Seen>,
}

impl SampleCounts {
    /// Counts step by step only if that is asked for, since it costs time at every series.
    pub(crate) fn new(by_step: bool) -> Self {
        Self { by_step, scopes: Mutex::new(Vec::new()) }
    }

    /// The times of the whole query.
    pub(crate) fn query(&self, grid: Grid) -> Grid {
        self.scope(None, grid)
    }

    /// The times of a part of what is evaluated at the times of `outer`.
    pub(crate) fn part(&self, outer: Grid, part: Part, grid: Grid) -> Grid {
        self.scope(Some((outer.scope.0, part)), grid)
    }

    fn scope(&self, outer: Option<(usize, Part)>, grid: Grid) -> Grid {
        let mut scopes = self.scopes.lock();
        let grid = Grid { scope: ScopeId(scopes.len()), ..grid };
        let steps = if self.by_step { vec![Seen::default(); grid.count] } else { Vec::new() };
        scopes.push(Scope { outer, grid, total: Seen::default(), steps });
        grid
    }

    /// Counts samples of one series, as a whole and by step: the latter is used only if it is asked for.
    pub(crate) fn count(&self, grid: Grid, total: u64, by_step: impl Iterator<Item = Seen>) {
        let mut scopes = self.scopes.lock();
        let Some(scope) = scopes.get_mut(grid.scope.0) else { return };
        if !self.by_step {
            scope.total.add(Seen::new(total));
            return;
        }
        for (step, seen) in scope.steps.iter_mut().zip(by_step) {
            step.add(seen);
            scope.total.add(seen);
        }
    }

    /// All that was counted, as a whole and, if that was asked for, by step.
    pub(crate) fn finish(&self) -> (Seen, Vec<Seen>) {
        let mut scopes = std::mem::take(&mut *self.scopes.lock());
        // What is inside was entered later.
        while let Some(inner) = scopes.pop() {
            match inner.outer.and_then(|(at, part)| Some((scopes.get_mut(at)?, part))) {
                Some((outer, part)) => outer.absorb(&inner, part),
                None => return (inner.total, inner.steps),
            }
        }
        (Seen::default(), Vec::new())
    }
}

impl Scope {
    fn absorb(&mut self, inner: &Self, part: Part) {
        let queried = inner.total.queried;
        match part {
            Part::Once => {
                self.total.add(Seen { queried: queried * self.grid.count as u64, read: inner.total.read });
                self.steps.iter_mut().for_each(|step| step.queried += queried);
                if let Some(first) = self.steps.first_mut() {
                    first.read += inner.total.read;
                }
            }
            Part::Shown => {
                self.total.queried += queried;
                if let Some(last) = self.steps.last_mut() {
                    last.queried += queried;
                }
                self.absorb_reads(inner, 0, None);
            }
            Part::Subquery { offset, range } => self.absorb_reads(inner, offset, Some(range)),
        }
    }

    /// Adds what was read at each inner step to the first outer step that uses it. Inner steps between two windows are used
    /// by none; only an instant query takes all.
    fn absorb_reads(&mut self, inner: &Self, offset: i64, range: Option<i64>) {
        if inner.steps.is_empty() || self.grid.is_instant() {
            self.total.read += inner.total.read;
            if let Some(first) = self.steps.first_mut() {
                first.read += inner.total.read;
            }
            return;
        }
        for (time, seen) in inner.grid.times().zip(&inner.steps).filter(|(_, seen)| seen.read > 0) {
            let time = time.saturating_add(offset);
            let step = self.first_step_from(time);
            let is_used = range.is_none_or(|range| time > self.grid.at(step).saturating_sub(range));
            if is_used {
                self.total.read += seen.read;
                if let Some(outer) = self.steps.get_mut(step) {
                    outer.read += seen.read;
                }
            }
        }
    }

    /// The first step that is not before a time; the last if all are.
    fn first_step_from(&self, time: Timestamp) -> usize {
        let Grid { start, step, count, .. } = self.grid;
        let behind = time.saturating_sub(start).max(0);
        let steps = behind / step + i64::from(behind % step != 0);
        usize::try_from(steps).unwrap_or(0).min(count.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(queried: u64, read: u64) -> Seen {
        Seen { queried, read }
    }

    #[test]
    fn what_runs_once_counts_at_every_step_and_is_read_at_the_first() {
        let counts = SampleCounts::new(true);
        let query = counts.query(Grid::range(0, 20, 10));
        let once = counts.part(query, Part::Once, Grid { count: 1, ..query });
        counts.count(once, 4, [Seen::new(4)].into_iter());
        counts.count(query, 3, [Seen::new(1); 3].into_iter());
        assert_eq!(counts.finish(), (seen(15, 7), vec![seen(5, 5), seen(5, 1), seen(5, 1)]));
    }

    #[test]
    fn subqueries_are_read_by_the_first_window_that_uses_them() {
        let counts = SampleCounts::new(true);
        let query = counts.query(Grid::range(100, 200, 100));
        let part = Part::Subquery { offset: 0, range: 50 };
        let inner = counts.part(query, part, Grid::range(60, 200, 20));
        counts.count(inner, 8, [Seen::new(1); 8].into_iter());
        // 60, 80, 100 for the first; 120 and 140 lie between the windows; 160, 180, 200 for the second.
        assert_eq!(counts.finish(), (seen(0, 6), vec![seen(0, 3), seen(0, 3)]));
    }
}
