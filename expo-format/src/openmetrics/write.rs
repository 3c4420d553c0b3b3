//! Writes OpenMetrics pages.

use std::borrow::Cow;

use metrics_core::family::{HistogramValue, Metric, MetricFamily, MetricValue};
use metrics_core::{Exemplar, MetricType, Timestamp};

use crate::WriteOptions;
use crate::digits::ShortText;
use crate::escape::write_help;
use crate::line::{write_name, write_series};
use crate::number::{short_count, short_float_with_point, write_count, write_float_with_point};
use crate::sample_line::{Dialect, Extra, Number, SampleLine};

/// Appends a whole page: these families in their order, and `# EOF`.
///
/// A counter whose name does not end in `_total` is shown as of unknown type, because the format would refuse
/// it. Native histograms are left out; a family without metrics shows its metadata.
///
/// ```
/// use expo_format::{WriteOptions, openmetrics};
/// use metrics_core::{LabelSet, MetricType, family::{MetricFamily, MetricValue}};
/// let mut hits = MetricFamily::new("hits_total", "Hits.", MetricType::Counter);
/// hits.push(LabelSet::empty(), MetricValue::Counter { total: 3.0, exemplar: None });
/// let mut page = Vec::new();
/// openmetrics::write(&mut page, &[hits], WriteOptions::default());
/// assert_eq!(page, b"# HELP hits Hits.\n# TYPE hits counter\nhits_total 3.0\n# EOF\n");
/// ```
pub fn write(out: &mut Vec<u8>, families: &[MetricFamily], options: WriteOptions) {
    for family in families {
        write_family(out, family, options);
    }
    write_eof(out);
}

/// The line that ends a page.
pub(crate) const EOF: &[u8] = b"# EOF\n";

/// Appends the line that ends a page.
pub fn write_eof(out: &mut Vec<u8>) {
    out.extend_from_slice(EOF);
}

/// Appends one family: its metadata and all its samples.
pub fn write_family(out: &mut Vec<u8>, family: &MetricFamily, options: WriteOptions) {
    let lines = Lines::of(family, options);
    lines.head(out, family);
    for metric in &family.metrics {
        lines.metric(out, metric);
    }
}

fn write_metadata(out: &mut Vec<u8>, keyword: &[u8], name: &str) {
    out.extend_from_slice(keyword);
    write_name(out, name);
    out.push(b' ');
}

/// How the lines of one family look.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    /// As shown, with the suffix that belongs to the samples.
    shown: Cow<'a, str>,
    /// How much of it is the family's name.
    base: usize,
    metric_type: MetricType,
    options: WriteOptions,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(family: &'a MetricFamily, options: WriteOptions) -> Self {
        let shown = options.name(&family.name);
        let (base, metric_type) = match family.metric_type {
            MetricType::Counter => match shown.strip_suffix("_total") {
                Some(base) => (base.len(), MetricType::Counter),
                None => (shown.len(), MetricType::Unknown),
            },
            MetricType::Info => (shown.strip_suffix("_info").unwrap_or(&shown).len(), MetricType::Info),
            other => (shown.len(), other),
        };
        Self { shown, base, metric_type, options }
    }

    fn histogram<'m>(&self, histogram: &'m HistogramValue, mut line: impl FnMut(SampleLine<'m>)) {
        let (sum, count) = match self.metric_type {
            MetricType::GaugeHistogram => ("_gsum", "_gcount"),
            _ => ("_sum", "_count"),
        };
        let mut bucket = |bound, count, exemplar| {
            let extra = Extra::Number("le", bound);
            line(SampleLine { suffix: "_bucket", extra, number: Number::Count(count), exemplar });
        };
        for each in &histogram.buckets {
            bucket(each.upper_bound, each.cumulative_count, each.exemplar.as_ref());
        }
        if histogram.buckets.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
            bucket(f64::INFINITY, histogram.count, None);
        }
        line(SampleLine::new(sum, Number::Float(histogram.sum)));
        line(SampleLine::new(count, Number::Count(histogram.count)));
    }

    /// When the metric began to count, if that is shown.
    fn created(&self, metric: &Metric) -> Option<SampleLine<'static>> {
        let counts =
            matches!(self.metric_type, MetricType::Counter | MetricType::Histogram | MetricType::Summary);
        let created = metric.created.filter(|_| counts && self.options.created_lines)?;
        Some(SampleLine::new("_created", Number::Float(seconds(created))))
    }
}

impl Dialect for Lines<'_> {
    fn owned(family: &MetricFamily, options: WriteOptions) -> Self {
        let Lines { shown, base, metric_type, options } = Lines::of(family, options);
        Self { shown: Cow::Owned(shown.into_owned()), base, metric_type, options }
    }

    fn head(&self, out: &mut Vec<u8>, family: &MetricFamily) {
        let name = self.name();
        if !family.help.is_empty() {
            write_metadata(out, b"# HELP ", name);
            write_help(out, &family.help, true);
            out.push(b'\n');
        }
        write_metadata(out, b"# TYPE ", name);
        out.extend_from_slice(self.metric_type.as_str().as_bytes());
        out.push(b'\n');
        // The format demands that the name ends in its unit, and refuses the page otherwise.
        let has_unit = name.strip_suffix(family.unit.as_str()).is_some_and(|base| base.ends_with('_'));
        if !family.unit.is_empty() && has_unit {
            write_metadata(out, b"# UNIT ", name);
            write_help(out, &family.unit, true);
            out.push(b'\n');
        }
    }

    fn name(&self) -> &str {
        &self.shown[..self.base]
    }

    fn options(&self) -> WriteOptions {
        self.options
    }

    #[inline]
    fn lines<'m>(&self, metric: &'m Metric, mut line: impl FnMut(SampleLine<'m>)) {
        match &metric.value {
            MetricValue::Unknown(value) | MetricValue::Gauge(value) => {
                line(SampleLine::new("", Number::Float(*value)));
            }
            MetricValue::Counter { total, exemplar } => {
                let suffix = if self.metric_type == MetricType::Counter { "_total" } else { "" };
                let exemplar = exemplar.as_ref();
                line(SampleLine { exemplar, ..SampleLine::new(suffix, Number::Float(*total)) });
            }
            MetricValue::Histogram(histogram) => self.histogram(histogram, &mut line),
            MetricValue::Summary { quantiles, sum, count } => {
                for (quantile, value) in quantiles {
                    let extra = Extra::Number("quantile", *quantile);
                    line(SampleLine { extra, ..SampleLine::new("", Number::Float(*value)) });
                }
                line(SampleLine::new("_sum", Number::Float(*sum)));
                line(SampleLine::new("_count", Number::Count(*count as f64)));
            }
            MetricValue::Info(labels) => {
                line(SampleLine {
                    extra: Extra::Info(labels),
                    ..SampleLine::new("_info", Number::Count(1.0))
                });
            }
            MetricValue::StateSet(states) => {
                for (state, on) in states {
                    let on = Number::Count(f64::from(u8::from(*on)));
                    line(SampleLine { extra: Extra::State(state), ..SampleLine::new("", on) });
                }
            }
            _ => {}
        }
        if let Some(created) = self.created(metric) {
            line(created);
        }
    }

    fn bound(&self, out: &mut Vec<u8>, bound: f64) {
        write_float_with_point(out, bound);
    }

    /// Observations counted are shown as whole numbers, everything else with point or exponent.
    fn number(&self, out: &mut Vec<u8>, number: Number) {
        match number {
            Number::Count(n) => write_count(out, n),
            Number::Float(n) => write_float_with_point(out, n),
        }
    }

    #[inline]
    fn short(&self, number: Number) -> Option<ShortText> {
        match number {
            Number::Count(n) => short_count(n),
            Number::Float(n) => short_float_with_point(n),
        }
    }

    fn tail(&self, out: &mut Vec<u8>, metric: &Metric, exemplar: Option<&Exemplar>) {
        // Either all samples of a metric have a timestamp or none.
        if let Some(at) = metric.timestamp {
            out.push(b' ');
            write_float_with_point(out, seconds(at));
        }
        if let Some(exemplar) = exemplar.filter(|e| !e.labels.is_empty()) {
            out.extend_from_slice(b" # ");
            write_series(out, "", "", &[&exemplar.labels], None, self.options);
            out.push(b' ');
            write_float_with_point(out, exemplar.value);
            if let Some(at) = exemplar.timestamp {
                out.push(b' ');
                write_float_with_point(out, seconds(at));
            }
        }
        out.push(b'\n');
    }
}

fn seconds(timestamp: Timestamp) -> f64 {
    timestamp as f64 / 1000.0
}
