//! What a range function sees: the samples of one series inside one window.

use std::sync::Arc;

use metrics_core::{FloatHistogram, Timestamp};

use crate::eval::{DataError, Note, Notes};
use crate::parser::Edges;
use crate::value::Point;

/// Times and values of one kind of samples, in order of time.
#[derive(Debug)]
pub(crate) struct Samples<'a, T> {
    pub(crate) times: &'a [Timestamp],
    pub(crate) values: &'a [T],
    /// When counting began, as far as known: shorter than the others, or 0.
    pub(crate) starts: &'a [Timestamp],
}

impl<T> Clone for Samples<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Samples<'_, T> {}

impl<'a, T> Samples<'a, T> {
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Those from one position up to another.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        Self {
            times: &self.times[from..to],
            values: &self.values[from..to],
            starts: self.starts.get(from..to).unwrap_or(&[]),
        }
    }

    pub(crate) fn start(&self, at: usize) -> Timestamp {
        self.starts.get(at).copied().unwrap_or(0)
    }

    /// How many were taken at or before a time.
    pub(crate) fn up_to(&self, time: Timestamp) -> usize {
        self.times.partition_point(|t| *t <= time)
    }

    pub(crate) fn first(&self) -> Option<(Timestamp, &'a T)> {
        self.times.first().copied().zip(self.values.first())
    }

    pub(crate) fn last(&self) -> Option<(Timestamp, &'a T)> {
        self.times.last().copied().zip(self.values.last())
    }
}

/// One window of one series, and what else a function may ask for. Never without any sample.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    pub(crate) floats: Samples<'a, f64>,
    pub(crate) histograms: Samples<'a, Arc<FloatHistogram>>,
    /// The window is `(start, end]`; for anchored and smoothed edges samples reach beyond.
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) edges: Edges,
    /// The time of evaluation.
    pub(crate) time: Timestamp,
    /// The function's scalar arguments at this step.
    pub(crate) params: [f64; 2],
    /// The metric's name, for annotations.
    pub(crate) metric: &'a str,
    pub(crate) notes: Notes<'a>,
}

impl Window<'_> {
    pub(crate) fn range_seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }

    /// Notes a mix of floats and histograms, where there is one.
    pub(crate) fn is_mixed(&self) -> bool {
        let mixed = !self.floats.is_empty() && !self.histograms.is_empty();
        if mixed {
            self.notes.add(Note::MixedFloatsHistograms { metric: self.metric });
        }
        mixed
    }

    /// Notes that histograms were left out, where there are some.
    pub(crate) fn ignore_histograms(&self) {
        if !self.histograms.is_empty() {
            self.notes.add(Note::HistogramIgnoredInRange { metric: self.metric });
        }
    }

    pub(crate) fn note_mixed_schemas(&self) {
        self.notes.add(Note::MixedExponentialCustom { metric: self.metric });
    }
}

/// What a range function yields for a window.
pub(crate) type Outcome = Result<Option<Point>, DataError>;

/// A range function, window by window: the definition that sliding versions must equal.
pub(crate) type RangeFunction = fn(&Window<'_>) -> Outcome;

pub(crate) fn float(value: f64) -> Outcome {
    Ok(Some(Point::Float(value)))
}

pub(crate) fn histogram(value: FloatHistogram) -> Outcome {
    Ok(Some(Point::Histogram(Arc::new(value))))
}
