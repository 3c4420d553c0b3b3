//! The sample lines of a metric before they are text: what both text formats have in common.

use metrics_core::family::{Metric, MetricFamily};
use metrics_core::{Exemplar, LabelSet};

use crate::WriteOptions;
use crate::digits::ShortText;
use crate::escape::write_quoted;
use crate::line::write_series;

/// One sample line of a metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleLine<'a> {
    /// Behind the family's name.
    pub(crate) suffix: &'static str,
    pub(crate) extra: Extra<'a>,
    pub(crate) number: Number,
    pub(crate) exemplar: Option<&'a Exemplar>,
}

impl SampleLine<'_> {
    pub(crate) fn new(suffix: &'static str, number: Number) -> Self {
        Self { suffix, extra: Extra::None, number, exemplar: None }
    }
}

/// What a line has beside the metric's own labels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extra<'a> {
    None,
    /// A bucket's bound or a quantile.
    Number(&'static str, f64),
    /// One of a state set's states, under the family's name.
    State(&'a str),
    /// Describing labels.
    Info(&'a LabelSet),
}

/// A sample's value; some formats tell what is measured from what is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Float(f64),
    Count(f64),
}

impl Number {
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::Float(value) | Self::Count(value) => value,
        }
    }
}

/// How a format shows one family's samples.
pub(crate) trait Dialect {
    /// The lines of this family, for longer than it lives.
    fn owned(family: &MetricFamily, options: WriteOptions) -> Self;

    /// Appends the family's metadata.
    fn head(&self, out: &mut Vec<u8>, family: &MetricFamily);

    /// The family's name, as its samples show it before their suffix.
    fn name(&self) -> &str;

    fn options(&self) -> WriteOptions;

    /// Hands out a metric's lines in their order.
    fn lines<'m>(&self, metric: &'m Metric, line: impl FnMut(SampleLine<'m>));

    /// Appends a bound or a quantile.
    fn bound(&self, out: &mut Vec<u8>, bound: f64);

    /// Appends a value.
    fn number(&self, out: &mut Vec<u8>, number: Number);

    /// A value as [`Dialect::number`] appends it, if that is short and quick; nearly all are.
    fn short(&self, number: Number) -> Option<ShortText>;

    /// Appends what stands behind the value, with the line's end.
    fn tail(&self, out: &mut Vec<u8>, metric: &Metric, exemplar: Option<&Exemplar>);

    /// Appends all of a metric's lines.
    fn metric(&self, out: &mut Vec<u8>, metric: &Metric) {
        self.lines(metric, |line| {
            self.series(out, metric, &line);
            self.rest(out, metric, &line);
        });
    }

    /// Appends a line from behind its series part.
    fn rest(&self, out: &mut Vec<u8>, metric: &Metric, line: &SampleLine<'_>) {
        out.push(b' ');
        self.number(out, line.number);
        self.tail(out, metric, line.exemplar);
    }

    /// Appends a line up to its value.
    fn series(&self, out: &mut Vec<u8>, metric: &Metric, line: &SampleLine<'_>) {
        let (name, own, options) = (self.name(), &metric.labels, self.options());
        let mut text = Vec::new();
        let (info, extra) = match line.extra {
            Extra::None => (None, None),
            Extra::Info(labels) => (Some(labels), None),
            Extra::Number(label, bound) => {
                self.bound(&mut text, bound);
                (None, Some(label))
            }
            Extra::State(state) => {
                write_quoted(&mut text, state);
                (None, Some(name))
            }
        };
        let extra = extra.map(|label| (label, text.as_slice()));
        match info {
            Some(info) => write_series(out, name, line.suffix, &[own, info], extra, options),
            None => write_series(out, name, line.suffix, &[own], extra, options),
        }
    }
}
