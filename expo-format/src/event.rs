//! What every parser yields: one event per line or message, borrowed from the page.

use std::borrow::Cow;

use metrics_core::{Exemplar, LabelSet, MetricType, Timestamp, Value};

use crate::series::{Labels, Series};

/// One thing that a page says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// What a metric family means.
    Help {
        /// The family's name.
        name: Cow<'a, str>,
        /// The text, without escapes.
        help: Cow<'a, str>,
    },
    /// The kind of a metric family.
    Type {
        /// The family's name.
        name: Cow<'a, str>,
        /// The kind.
        metric_type: MetricType,
    },
    /// The unit of a metric family.
    Unit {
        /// The family's name.
        name: Cow<'a, str>,
        /// The unit, such as `seconds`.
        unit: &'a str,
    },
    /// A comment of the classic text format, its `#` included. It need not be UTF-8.
    Comment(&'a [u8]),
    /// A float sample.
    Sample(Sample<'a>),
    /// A native histogram.
    Histogram(NativeHistogram<'a>),
}

/// A float sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Whose sample this is.
    pub series: Series<'a>,
    /// The value; every NaN of a text page is the same one.
    pub value: f64,
    /// When it was measured, if the page says so.
    pub timestamp: Option<Timestamp>,
    /// When counting began, if the format says so beside the sample.
    pub created: Option<Timestamp>,
    /// An example event.
    pub exemplar: Option<ExemplarRef<'a>>,
}

/// What a sample line says behind its series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail<'a> {
    pub(crate) value: f64,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) exemplar: Option<ExemplarRef<'a>>,
}

impl<'a> Tail<'a> {
    pub(crate) fn into_sample(self, series: Series<'a>) -> Sample<'a> {
        let Self { value, timestamp, exemplar } = self;
        Sample { series, value, timestamp, created: None, exemplar }
    }
}

/// A native histogram with integer or float counts.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeHistogram<'a> {
    /// Whose histogram this is.
    pub series: Series<'a>,
    /// [`Value::Histogram`] or [`Value::FloatHistogram`].
    pub value: Value,
    /// When it was measured, if the page says so.
    pub timestamp: Option<Timestamp>,
    /// When counting began, if the page says so.
    pub created: Option<Timestamp>,
    /// Example events.
    pub exemplars: Vec<Exemplar>,
}

/// An exemplar as the page writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExemplarRef<'a> {
    /// Labels that name the event.
    pub labels: Labels<'a>,
    /// The value of the event.
    pub value: f64,
    /// When it happened, if the page says so.
    pub timestamp: Option<Timestamp>,
}

impl ExemplarRef<'_> {
    /// An exemplar that outlives the page.
    pub fn to_exemplar(&self) -> Exemplar {
        Exemplar { labels: LabelSet::from_pairs(self.labels), value: self.value, timestamp: self.timestamp }
    }
}
