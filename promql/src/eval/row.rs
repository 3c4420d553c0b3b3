//! The values of one series over all steps.

use std::sync::Arc;

use metrics_core::{FloatHistogram, STALE_NAN, is_stale};

use super::samples::Seen;
use crate::value::Point;

/// A step without a float. The staleness marker never is a value of a result: selectors take it out, and
/// arithmetic turns it into an ordinary NaN. So the mask of present steps costs nothing.
pub(crate) const ABSENT: f64 = STALE_NAN;

pub(crate) fn is_absent(value: f64) -> bool {
    is_stale(value)
}

/// Makes sure that a computed value does not look absent.
pub(crate) fn present(value: f64) -> f64 {
    if is_absent(value) { f64::NAN } else { value }
}

/// One value per step: a float, a histogram, or nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// As many as steps; [`ABSENT`] where there is no float.
    pub(crate) floats: Vec<f64>,
    /// As many as steps, or none at all where the row has no histogram.
    pub(crate) histograms: Vec<Option<Arc<FloatHistogram>>>,
}

impl Row {
    /// A row without values.
    pub(crate) fn empty(steps: usize) -> Self {
        Self { floats: vec![ABSENT; steps], histograms: Vec::new() }
    }

    /// The same value at every step.
    pub(crate) fn constant(value: &Point, steps: usize) -> Self {
        match value {
            Point::Float(v) => Self { floats: vec![*v; steps], histograms: Vec::new() },
            Point::Histogram(h) => {
                Self { floats: vec![ABSENT; steps], histograms: vec![Some(h.clone()); steps] }
            }
        }
    }

    /// Empties the row and keeps its memory.
    pub(crate) fn reset(&mut self, steps: usize) {
        self.floats.clear();
        self.floats.resize(steps, ABSENT);
        self.histograms.clear();
    }

    pub(crate) fn steps(&self) -> usize {
        self.floats.len()
    }

    pub(crate) fn histogram(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        self.histograms.get(step).and_then(Option::as_ref)
    }

    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// The value at a step.
    pub(crate) fn get(&self, step: usize) -> Option<Point> {
        match self.floats.get(step) {
            Some(v) if !is_absent(*v) => Some(Point::Float(*v)),
            _ => self.histogram(step).cloned().map(Point::Histogram),
        }
    }

    pub(crate) fn is_present(&self, step: usize) -> bool {
        self.floats.get(step).is_some_and(|v| !is_absent(*v)) || self.histogram(step).is_some()
    }

    pub(crate) fn set(&mut self, step: usize, value: Point) {
        match value {
            Point::Float(v) => self.floats[step] = present(v),
            Point::Histogram(h) => self.set_histogram(step, h),
        }
    }

    pub(crate) fn set_histogram(&mut self, step: usize, histogram: Arc<FloatHistogram>) {
        if self.histograms.is_empty() {
            self.histograms.resize(self.floats.len(), None);
        }
        self.histograms[step] = Some(histogram);
    }

    /// Whether no step has a value.
    pub(crate) fn is_vacant(&self) -> bool {
        self.floats.iter().all(|v| is_absent(*v)) && self.histograms.iter().all(Option::is_none)
    }

    /// Samples that the row holds; histograms weigh as many floats as they take room.
    pub(crate) fn weight(&self) -> usize {
        let floats = self.floats.iter().filter(|v| !is_absent(**v)).count();
        floats + self.histograms.iter().flatten().map(|h| histogram_weight(h)).sum::<usize>()
    }

    /// What the original counts of a step's sample when it is read.
    pub(crate) fn seen(&self, step: usize) -> Seen {
        let float = self.floats.get(step).is_some_and(|v| !is_absent(*v));
        let histogram = self.histogram(step).map_or(0, |h| histogram_weight(h));
        Seen::new((usize::from(float) + histogram) as u64)
    }

    /// Takes over the values of another row. Returns false if both have a value at some step.
    pub(crate) fn absorb(&mut self, other: &Self) -> bool {
        for step in 0..other.steps() {
            if let Some(value) = other.get(step) {
                if self.is_present(step) {
                    return false;
                }
                self.set(step, value);
            }
        }
        true
    }
}

/// How many float samples a histogram weighs: its time and data by 16 bytes.
pub(crate) fn histogram_weight(histogram: &FloatHistogram) -> usize {
    (histogram.weight() + 8) / 16
}
