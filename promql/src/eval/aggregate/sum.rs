//! `sum`

use std::sync::Arc;

use metrics_core::histogram::{CompensatedHistogram, ResetHint};
use metrics_core::{FloatHistogram, kahan_add};

use super::{Fold, at_group};
use crate::eval::row::{ABSENT, Row, is_absent, present};
use crate::eval::{Note, Notes, Operation};

/// Compensated sums of floats and of histograms.
pub(super) struct Sum<'a> {
    steps: usize,
    groups: Vec<Group>,
    notes: Notes<'a>,
}

struct Group {
    sums: Vec<f64>,
    compensations: Vec<f64>,
    /// One per step once the group has seen a histogram.
    histograms: Vec<Option<HistogramSum>>,
}

/// A sum of histograms at one step.
pub(super) struct HistogramSum {
    /// Absent where a float came first: then there is no result anyway.
    sum: Option<CompensatedHistogram>,
    pub(super) hints: Hints,
    pub(super) incompatible: bool,
}

/// What the histograms of a sum say about counter resets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hints {
    reset: bool,
    not_reset: bool,
}

impl Hints {
    pub(super) fn see(&mut self, hint: ResetHint) {
        self.reset |= hint == ResetHint::Reset;
        self.not_reset |= hint == ResetHint::NotReset;
    }

    pub(super) fn note(self, notes: &Notes<'_>) {
        if self.reset && self.not_reset {
            notes.add(Note::ResetCollision(Operation::Aggregation));
        }
    }
}

impl<'a> Sum<'a> {
    pub(super) fn new(steps: usize, notes: Notes<'a>) -> Self {
        Self { steps, groups: Vec::new(), notes }
    }
}

impl Fold for Sum<'_> {
    fn add(&mut self, group: usize, row: &Row, metric: &str) {
        let steps = self.steps;
        let group = at_group(&mut self.groups, group, || Group {
            sums: vec![ABSENT; steps],
            compensations: vec![0.0; steps],
            histograms: Vec::new(),
        });
        if row.has_histograms() || !group.histograms.is_empty() {
            group.add_mixed(row, metric, &self.notes);
        } else {
            group.add_floats(&row.floats);
        }
    }

    fn finish(self: Box<Self>) -> Vec<Row> {
        let notes = self.notes;
        self.groups.into_iter().map(|group| group.finish(&notes)).collect()
    }
}

impl Group {
    fn add_floats(&mut self, floats: &[f64]) {
        for ((value, sum), c) in floats.iter().zip(&mut self.sums).zip(&mut self.compensations) {
            add_float(*value, sum, c);
        }
    }

    fn add_mixed(&mut self, row: &Row, metric: &str, notes: &Notes<'_>) {
        if self.histograms.is_empty() {
            self.histograms.resize_with(self.sums.len(), || None);
        }
        for step in 0..row.steps() {
            let state = &mut self.histograms[step];
            if state.as_ref().is_some_and(|s| s.incompatible) {
                continue;
            }
            let Some(histogram) = row.histogram(step) else {
                add_float(row.floats[step], &mut self.sums[step], &mut self.compensations[step]);
                continue;
            };
            match state {
                Some(state) => state.add(histogram, metric, notes),
                None => {
                    let mut hints = Hints::default();
                    hints.see(histogram.reset_hint);
                    let first = is_absent(self.sums[step]);
                    let sum = first.then(|| CompensatedHistogram::new(FloatHistogram::clone(histogram)));
                    *state = Some(HistogramSum { sum, hints, incompatible: false });
                }
            }
        }
    }

    fn finish(mut self, notes: &Notes<'_>) -> Row {
        for (sum, c) in self.sums.iter_mut().zip(&self.compensations) {
            if !is_absent(*sum) {
                *sum = present(*sum + c);
            }
        }
        let mut row = Row { floats: self.sums, histograms: Vec::new() };
        for (step, state) in self.histograms.into_iter().enumerate() {
            let Some(HistogramSum { sum, hints, incompatible }) = state else { continue };
            if !is_absent(row.floats[step]) {
                row.floats[step] = ABSENT;
                notes.add(Note::MixedFloatsHistogramsAggregation);
            } else if let (Some(sum), false) = (sum, incompatible) {
                hints.note(notes);
                let mut total = sum.into_total();
                total.compact();
                row.set_histogram(step, Arc::new(total));
            }
        }
        row
    }
}

/// Adds to a sum that is absent as long as nothing was added.
fn add_float(value: f64, sum: &mut f64, c: &mut f64) {
    if is_absent(value) {
        return;
    }
    (*sum, *c) = if is_absent(*sum) { (value, 0.0) } else { kahan_add(value, *sum, *c) };
}

impl HistogramSum {
    fn add(&mut self, histogram: &FloatHistogram, metric: &str, notes: &Notes<'_>) {
        let Some(sum) = &mut self.sum else { return };
        self.hints.see(histogram.reset_hint);
        match sum.add(histogram) {
            Ok(seen) if seen.bounds_reconciled => {
                notes.add(Note::CustomBoundsReconciled(Operation::Aggregation));
            }
            Ok(_) => {}
            Err(_) => {
                notes.add(Note::MixedExponentialCustom { metric });
                self.incompatible = true;
            }
        }
    }
}
