//! Writes OpenMetrics pages.

use metrics_core::family::{HistogramValue, Metric, MetricFamily, MetricValue};
use metrics_core::{Exemplar, LabelSet, MetricType, Timestamp};

use crate::WriteOptions;
use crate::escape::{write_help, write_quoted};
use crate::line::{ExtraLabel, write_name, write_series};
use crate::number::{write_float_with_point, write_unsigned};

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

/// Appends the line that ends a page.
pub fn write_eof(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# EOF\n");
}

/// Appends one family: its metadata and all its samples.
pub fn write_family(out: &mut Vec<u8>, family: &MetricFamily, options: WriteOptions) {
    let shown = options.name(&family.name);
    let (name, metric_type) = match family.metric_type {
        MetricType::Counter => match shown.strip_suffix("_total") {
            Some(base) => (base, MetricType::Counter),
            None => (&*shown, MetricType::Unknown),
        },
        MetricType::Info => (shown.strip_suffix("_info").unwrap_or(&shown), MetricType::Info),
        other => (&*shown, other),
    };
    if !family.help.is_empty() {
        write_metadata(out, b"# HELP ", name);
        write_help(out, &family.help, true);
        out.push(b'\n');
    }
    write_metadata(out, b"# TYPE ", name);
    out.extend_from_slice(metric_type.as_str().as_bytes());
    out.push(b'\n');
    // The format demands that the name ends in its unit, and refuses the page otherwise.
    let has_unit = name.strip_suffix(family.unit.as_str()).is_some_and(|base| base.ends_with('_'));
    if !family.unit.is_empty() && has_unit {
        write_metadata(out, b"# UNIT ", name);
        write_help(out, &family.unit, true);
        out.push(b'\n');
    }
    let lines = Lines { name, metric_type, options };
    for metric in &family.metrics {
        lines.metric(out, metric);
    }
}

fn write_metadata(out: &mut Vec<u8>, keyword: &[u8], name: &str) {
    out.extend_from_slice(keyword);
    write_name(out, name);
    out.push(b' ');
}

/// The sample lines of one family.
struct Lines<'a> {
    name: &'a str,
    metric_type: MetricType,
    options: WriteOptions,
}

impl Lines<'_> {
    fn metric(&self, out: &mut Vec<u8>, metric: &Metric) {
        match &metric.value {
            MetricValue::Unknown(value) | MetricValue::Gauge(value) => {
                self.sample(out, metric, "", None, Number::Float(*value), None);
            }
            MetricValue::Counter { total, exemplar } => {
                let suffix = if self.metric_type == MetricType::Counter { "_total" } else { "" };
                self.sample(out, metric, suffix, None, Number::Float(*total), exemplar.as_ref());
                self.created(out, metric);
            }
            MetricValue::Histogram(histogram) => self.histogram(out, metric, histogram),
            MetricValue::Summary { quantiles, sum, count } => {
                let mut quantile = Vec::new();
                for (q, value) in quantiles {
                    quantile.clear();
                    write_float_with_point(&mut quantile, *q);
                    self.sample(out, metric, "", Some(("quantile", &quantile)), Number::Float(*value), None);
                }
                self.sample(out, metric, "_sum", None, Number::Float(*sum), None);
                self.sample(out, metric, "_count", None, Number::Count(*count as f64), None);
                self.created(out, metric);
            }
            MetricValue::Info(labels) => {
                write_series(out, self.name, "_info", &[&metric.labels, labels], None, self.options);
                self.end(out, metric.timestamp, Number::Count(1.0), None);
            }
            MetricValue::StateSet(states) => {
                let mut state = Vec::new();
                for (text, on) in states {
                    state.clear();
                    write_quoted(&mut state, text);
                    let on = Number::Count(f64::from(u8::from(*on)));
                    self.sample(out, metric, "", Some((self.name, &state)), on, None);
                }
            }
            _ => {}
        }
    }

    fn histogram(&self, out: &mut Vec<u8>, metric: &Metric, histogram: &HistogramValue) {
        let (sum, count) = match self.metric_type {
            MetricType::GaugeHistogram => ("_gsum", "_gcount"),
            _ => ("_sum", "_count"),
        };
        let mut bound = Vec::new();
        for bucket in &histogram.buckets {
            bound.clear();
            write_float_with_point(&mut bound, bucket.upper_bound);
            let value = Number::Count(bucket.cumulative_count);
            self.sample(out, metric, "_bucket", Some(("le", &bound)), value, bucket.exemplar.as_ref());
        }
        if histogram.buckets.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
            self.sample(out, metric, "_bucket", Some(("le", b"+Inf")), Number::Count(histogram.count), None);
        }
        self.sample(out, metric, sum, None, Number::Float(histogram.sum), None);
        self.sample(out, metric, count, None, Number::Count(histogram.count), None);
        self.created(out, metric);
    }

    fn created(&self, out: &mut Vec<u8>, metric: &Metric) {
        let has_created =
            matches!(self.metric_type, MetricType::Counter | MetricType::Histogram | MetricType::Summary);
        let Some(created) = metric.created.filter(|_| has_created && self.options.created_lines) else {
            return;
        };
        write_series(out, self.name, "_created", &[&metric.labels], None, self.options);
        // Either all samples of a metric have a timestamp or none.
        self.end(out, metric.timestamp, Number::Float(seconds(created)), None);
    }

    fn sample(
        &self,
        out: &mut Vec<u8>,
        metric: &Metric,
        suffix: &str,
        extra: Option<ExtraLabel<'_>>,
        value: Number,
        exemplar: Option<&Exemplar>,
    ) {
        let labels: [&LabelSet; 1] = [&metric.labels];
        write_series(out, self.name, suffix, &labels, extra, self.options);
        self.end(out, metric.timestamp, value, exemplar);
    }

    fn end(&self, out: &mut Vec<u8>, at: Option<Timestamp>, value: Number, exemplar: Option<&Exemplar>) {
        out.push(b' ');
        value.write(out);
        if let Some(at) = at {
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

/// The format shows observations counted as whole numbers, everything else with point or exponent.
#[derive(Clone, Copy)]
enum Number {
    Float(f64),
    Count(f64),
}

impl Number {
    fn write(self, out: &mut Vec<u8>) {
        /// Below this every whole float is that whole number.
        const EXACT: f64 = (1u64 << 53) as f64;
        match self {
            Self::Count(n) if n.fract() == 0.0 && (0.0..=EXACT).contains(&n) => write_unsigned(out, n as u64),
            Self::Count(n) | Self::Float(n) => write_float_with_point(out, n),
        }
    }
}

fn seconds(timestamp: Timestamp) -> f64 {
    timestamp as f64 / 1000.0
}
