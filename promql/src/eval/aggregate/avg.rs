//! `avg`

use std::sync::Arc;

use metrics_core::FloatHistogram;

use super::sum::Hints;
use super::{Fold, at_group};
use crate::eval::row::{ABSENT, Row, is_absent, present};
use crate::eval::{Note, Notes, Operation};
use crate::functions::{HistogramMean, Mean};

/// Means of floats and of histograms.
pub(super) struct Avg<'a> {
    steps: usize,
    groups: Vec<Group>,
    notes: Notes<'a>,
}

struct Group {
    means: Vec<Option<Mean>>,
    /// One per step once the group has seen a histogram.
    histograms: Vec<Option<State>>,
}

struct State {
    /// Absent where a float came first: then there is no result anyway.
    mean: Option<HistogramMean>,
    hints: Hints,
    incompatible: bool,
}

impl<'a> Avg<'a> {
    pub(super) fn new(steps: usize, notes: Notes<'a>) -> Self {
        Self { steps, groups: Vec::new(), notes }
    }
}

impl Fold for Avg<'_> {
    fn add(&mut self, group: usize, row: &Row, metric: &str) {
        let steps = self.steps;
        let group =
            at_group(&mut self.groups, group, || Group { means: vec![None; steps], histograms: Vec::new() });
        if row.has_histograms() && group.histograms.is_empty() {
            group.histograms.resize_with(steps, || None);
        }
        for (step, value) in row.floats.iter().enumerate() {
            let state = group.histograms.get_mut(step);
            if state.as_ref().is_some_and(|s| s.as_ref().is_some_and(|s| s.incompatible)) {
                continue;
            }
            if !is_absent(*value) {
                match &mut group.means[step] {
                    Some(mean) => mean.add(*value),
                    empty => *empty = Some(Mean::new(*value)),
                }
            } else if let (Some(histogram), Some(state)) = (row.histogram(step), state) {
                let first = group.means[step].is_none();
                add_histogram(state, histogram, first, metric, &self.notes);
            }
        }
    }

    fn finish(self: Box<Self>) -> Vec<Row> {
        let notes = self.notes;
        self.groups.into_iter().map(|group| group.finish(&notes)).collect()
    }
}

fn add_histogram(
    state: &mut Option<State>,
    histogram: &FloatHistogram,
    first: bool,
    metric: &str,
    notes: &Notes<'_>,
) {
    let Some(state) = state else {
        let mut hints = Hints::default();
        hints.see(histogram.reset_hint);
        let mean = first.then(|| HistogramMean::new(histogram.clone()));
        *state = Some(State { mean, hints, incompatible: false });
        return;
    };
    let Some(mean) = &mut state.mean else { return };
    state.hints.see(histogram.reset_hint);
    match mean.add(histogram) {
        Ok(seen) if seen.bounds_reconciled => {
            notes.add(Note::CustomBoundsReconciled(Operation::Aggregation));
        }
        Ok(_) => {}
        Err(_) => {
            notes.add(Note::MixedExponentialCustom { metric });
            state.incompatible = true;
        }
    }
}

impl Group {
    fn finish(self, notes: &Notes<'_>) -> Row {
        let floats = self.means.iter().map(|mean| mean.as_ref().map_or(ABSENT, |m| present(m.total())));
        let mut row = Row { floats: floats.collect(), histograms: Vec::new() };
        for (step, state) in self.histograms.into_iter().enumerate() {
            let Some(State { mean, hints, incompatible }) = state else { continue };
            if !is_absent(row.floats[step]) {
                row.floats[step] = ABSENT;
                notes.add(Note::MixedFloatsHistogramsAggregation);
            } else if let (Some(mean), false) = (mean, incompatible) {
                hints.note(notes);
                let mut total = mean.into_total();
                total.compact();
                row.set_histogram(step, Arc::new(total));
            }
        }
        row
    }
}
