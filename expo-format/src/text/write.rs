//! Writes pages of the classic text format.

use metrics_core::family::{HistogramValue, Metric, MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};

use crate::WriteOptions;
use crate::escape::{write_help, write_quoted};
use crate::line::{ExtraLabel, write_name, write_series};
use crate::number::{write_float, write_integer};

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
    let name = options.name(&family.name);
    let is_info = family.metric_type == MetricType::Info;
    let suffix = if is_info && !name.ends_with("_info") { "_info" } else { "" };
    let shown = format_args!("{name}{suffix}").to_string();
    if !family.help.is_empty() {
        out.extend_from_slice(b"# HELP ");
        write_name(out, &shown);
        out.push(b' ');
        write_help(out, &family.help, false);
        out.push(b'\n');
    }
    out.extend_from_slice(b"# TYPE ");
    write_name(out, &shown);
    out.push(b' ');
    out.extend_from_slice(type_word(family.metric_type).as_bytes());
    out.push(b'\n');
    let lines = Lines { name: &shown, options };
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

/// The sample lines of one family.
struct Lines<'a> {
    name: &'a str,
    options: WriteOptions,
}

impl Lines<'_> {
    fn metric(&self, out: &mut Vec<u8>, metric: &Metric) {
        match &metric.value {
            MetricValue::Unknown(value)
            | MetricValue::Gauge(value)
            | MetricValue::Counter { total: value, .. } => {
                self.sample(out, metric, "", None, *value);
            }
            MetricValue::Histogram(histogram) => self.histogram(out, metric, histogram),
            MetricValue::Summary { quantiles, sum, count } => {
                let mut quantile = Vec::new();
                for (q, value) in quantiles {
                    quantile.clear();
                    write_float(&mut quantile, *q);
                    self.sample(out, metric, "", Some(("quantile", &quantile)), *value);
                }
                self.sample(out, metric, "_sum", None, *sum);
                self.sample(out, metric, "_count", None, *count as f64);
            }
            MetricValue::Info(labels) => {
                write_series(out, self.name, "", &[&metric.labels, labels], None, self.options);
                self.end(out, metric, 1.0);
            }
            MetricValue::StateSet(states) => {
                let mut state = Vec::new();
                for (text, on) in states {
                    state.clear();
                    write_quoted(&mut state, text);
                    self.sample(out, metric, "", Some((self.name, &state)), f64::from(u8::from(*on)));
                }
            }
            _ => {}
        }
    }

    fn histogram(&self, out: &mut Vec<u8>, metric: &Metric, histogram: &HistogramValue) {
        let mut bound = Vec::new();
        for bucket in &histogram.buckets {
            bound.clear();
            write_float(&mut bound, bucket.upper_bound);
            self.sample(out, metric, "_bucket", Some(("le", &bound)), bucket.cumulative_count);
        }
        if histogram.buckets.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
            self.sample(out, metric, "_bucket", Some(("le", b"+Inf")), histogram.count);
        }
        self.sample(out, metric, "_sum", None, histogram.sum);
        self.sample(out, metric, "_count", None, histogram.count);
    }

    fn sample(
        &self,
        out: &mut Vec<u8>,
        metric: &Metric,
        suffix: &str,
        extra: Option<ExtraLabel<'_>>,
        value: f64,
    ) {
        let labels: [&LabelSet; 1] = [&metric.labels];
        write_series(out, self.name, suffix, &labels, extra, self.options);
        self.end(out, metric, value);
    }

    fn end(&self, out: &mut Vec<u8>, metric: &Metric, value: f64) {
        out.push(b' ');
        write_float(out, value);
        if let Some(timestamp) = metric.timestamp {
            out.push(b' ');
            write_integer(out, timestamp);
        }
        out.push(b'\n');
    }
}
