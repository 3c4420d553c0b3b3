//! `min`, `max`

use super::{Fold, at_group};
use crate::eval::row::{Row, is_absent};
use crate::eval::{Note, Notes};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Min,
    Max,
}

/// The smallest or largest float; NaN only where there is nothing else.
pub(super) struct Extreme<'a> {
    steps: usize,
    which: Which,
    groups: Vec<Row>,
    notes: Notes<'a>,
}

impl<'a> Extreme<'a> {
    pub(super) fn new(steps: usize, which: Which, notes: Notes<'a>) -> Self {
        Self { steps, which, groups: Vec::new(), notes }
    }
}

impl Fold for Extreme<'_> {
    fn add(&mut self, group: usize, row: &Row, _: &str) {
        let steps = self.steps;
        let best = at_group(&mut self.groups, group, || Row::empty(steps));
        if row.histograms.iter().any(Option::is_some) {
            let aggregation = if self.which == Which::Min { "min" } else { "max" };
            self.notes.add(Note::HistogramIgnoredInAggregation { aggregation });
        }
        let which = self.which;
        for (best, value) in best.floats.iter_mut().zip(&row.floats) {
            let beats = match which {
                Which::Min => *best > *value,
                Which::Max => *best < *value,
            };
            // What is absent so far is NaN as well.
            if (beats || best.is_nan()) && !is_absent(*value) {
                *best = *value;
            }
        }
    }

    fn finish(self: Box<Self>) -> Vec<Row> {
        self.groups
    }
}
