//! `stddev`, `stdvar`

use super::{Fold, at_group};
use crate::eval::row::{ABSENT, Row, is_absent, present};
use crate::eval::{Note, Notes};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Stddev,
    Stdvar,
}

/// Population variance by Welford's method.
pub(super) struct Deviation<'a> {
    steps: usize,
    of: Of,
    groups: Vec<Vec<State>>,
    notes: Notes<'a>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    count: f64,
    mean: f64,
    squares: f64,
}

impl<'a> Deviation<'a> {
    pub(super) fn new(steps: usize, of: Of, notes: Notes<'a>) -> Self {
        Self { steps, of, groups: Vec::new(), notes }
    }
}

impl Fold for Deviation<'_> {
    fn add(&mut self, group: usize, row: &Row, _: &str) {
        let steps = self.steps;
        let states = at_group(&mut self.groups, group, || vec![State::default(); steps]);
        if row.histograms.iter().any(Option::is_some) {
            let aggregation = if self.of == Of::Stddev { "stddev" } else { "stdvar" };
            self.notes.add(Note::HistogramIgnoredInAggregation { aggregation });
        }
        for (state, value) in states.iter_mut().zip(&row.floats).filter(|(_, v)| !is_absent(**v)) {
            state.add(*value);
        }
    }

    fn finish(self: Box<Self>) -> Vec<Row> {
        let value = |state: &State| match (state.count, self.of) {
            (0.0, _) => ABSENT,
            (count, Of::Stdvar) => present(state.squares / count),
            (count, Of::Stddev) => present((state.squares / count).sqrt()),
        };
        let row =
            |states: &Vec<State>| Row { floats: states.iter().map(value).collect(), histograms: Vec::new() };
        self.groups.iter().map(row).collect()
    }
}

impl State {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }
}
