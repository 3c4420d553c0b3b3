//! Writes pages of the classic text format.

use std::borrow::Cow;

use metrics_core::family::{HistogramValue, Metric, MetricFamily, MetricValue};
use metrics_core::{Exemplar, MetricType};

use crate::WriteOptions;
use crate::digits::ShortText;
use crate::escape::write_help;
use crate::line::write_name;
use crate::number::{short_float, write_float, write_integer};
use crate::sample_line::{Dialect, Extra, Number, SampleLine};

/// Appends a page with these families, in their order.
///
/// What the format does not know is shown by what it knows: info and state sets as gauges, gauge histograms as
/// histograms. Native histograms, exemplars, units and times of creation are left out; a family without metrics
/// is left out wholly.
///
/// ```
/// use expo_format::{WriteOptions, text};
/// use metrics_core::{LabelSet, MetricType, family::{MetricFamily, MetricValue}};
/// let mut up = MetricFamily::new("up", "Whether it answers.", MetricType::Gauge);
/// up.push(LabelSet::from_pairs([("job", "node")]), MetricValue::Gauge(1.0));
/// let mut page = Vec::new();
/// text::write(&mut page, &[up], WriteOptions::default());
/// assert_eq!(page, b"# HELP up Whether it answers.\n# TYPE up gauge\nup{job=\"node\"} 1\n");
/// ```
pub fn write(out: &mut Vec<u8>, families: &[MetricFamily], options: WriteOptions) {
    for family in families.iter().filter(|f| !f.metrics.is_empty()) {
        write_family(out, family, options);
    }
}

/// Appends one family: its metadata and all its samples.
pub fn write_family(out: &mut Vec<u8>, family: &MetricFamily, options: WriteOptions) {
    let lines = Lines::of(family, options);
    lines.head(out, family);
    for metric in &family.metrics {
        lines.metric(out, metric);
    }
}

fn type_word(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Unknown => "untyped",
        MetricType::GaugeHistogram => "histogram",
        MetricType::Info | MetricType::StateSet => "gauge",
        known => known.as_str(),
    }
}

/// How the lines of one family look.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    name: Cow<'a, str>,
    options: WriteOptions,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(family: &'a MetricFamily, options: WriteOptions) -> Self {
        let name = options.name(&family.name);
        let is_info = family.metric_type == MetricType::Info;
        let name = if is_info && !name.ends_with("_info") { format!("{name}_info").into() } else { name };
        Self { name, options }
    }
}

impl Dialect for Lines<'_> {
    fn owned(family: &MetricFamily, options: WriteOptions) -> Self {
        let Lines { name, options } = Lines::of(family, options);
        Self { name: Cow::Owned(name.into_owned()), options }
    }

    fn head(&self, out: &mut Vec<u8>, family: &MetricFamily) {
        if !family.help.is_empty() {
            out.extend_from_slice(b"# HELP ");
            write_name(out, &self.name);
            out.push(b' ');
            write_help(out, &family.help, false);
            out.push(b'\n');
        }
        out.extend_from_slice(b"# TYPE ");
        write_name(out, &self.name);
        out.push(b' ');
        out.extend_from_slice(type_word(family.metric_type).as_bytes());
        out.push(b'\n');
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn options(&self) -> WriteOptions {
        self.options
    }

    #[inline]
    fn lines<'m>(&self, metric: &'m Metric, mut line: impl FnMut(SampleLine<'m>)) {
        let plain = |suffix, value| SampleLine::new(suffix, Number::Float(value));
        match &metric.value {
            MetricValue::Unknown(value)
            | MetricValue::Gauge(value)
            | MetricValue::Counter { total: value, .. } => line(plain("", *value)),
            MetricValue::Histogram(histogram) => histogram_lines(histogram, line),
            MetricValue::Summary { quantiles, sum, count } => {
                for (quantile, value) in quantiles {
                    line(SampleLine { extra: Extra::Number("quantile", *quantile), ..plain("", *value) });
                }
                line(plain("_sum", *sum));
                line(plain("_count", *count as f64));
            }
            MetricValue::Info(labels) => line(SampleLine { extra: Extra::Info(labels), ..plain("", 1.0) }),
            MetricValue::StateSet(states) => {
                for (state, on) in states {
                    let on = f64::from(u8::from(*on));
                    line(SampleLine { extra: Extra::State(state), ..plain("", on) });
                }
            }
            _ => {}
        }
    }

    fn bound(&self, out: &mut Vec<u8>, bound: f64) {
        write_float(out, bound);
    }

    fn number(&self, out: &mut Vec<u8>, number: Number) {
        write_float(out, number.value());
    }

    #[inline]
    fn short(&self, number: Number) -> Option<ShortText> {
        short_float(number.value())
    }

    fn tail(&self, out: &mut Vec<u8>, metric: &Metric, _exemplar: Option<&Exemplar>) {
        if let Some(timestamp) = metric.timestamp {
            out.push(b' ');
            write_integer(out, timestamp);
        }
        out.push(b'\n');
    }
}

fn histogram_lines<'m>(histogram: &'m HistogramValue, mut line: impl FnMut(SampleLine<'m>)) {
    let plain = |suffix, value| SampleLine::new(suffix, Number::Float(value));
    let mut bucket = |bound, count| {
        line(SampleLine { extra: Extra::Number("le", bound), ..plain("_bucket", count) });
    };
    for each in &histogram.buckets {
        bucket(each.upper_bound, each.cumulative_count);
    }
    if histogram.buckets.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
        bucket(f64::INFINITY, histogram.count);
    }
    line(plain("_sum", histogram.sum));
    line(plain("_count", histogram.count));
}
