//! Writes pages of delimited messages.

use metrics_core::family::{Bucket, HistogramValue, Metric, MetricFamily, MetricValue, NativeHistogram};
use metrics_core::{Exemplar, LabelSet, MetricType, Timestamp};

use super::TYPES;
use super::histogram::{write_native, write_native_floats};
use crate::WriteOptions;
use crate::wire;

/// Appends a page with these families, in their order; a family without metrics is left out.
///
/// Info and state sets, which the format does not know, are shown as gauges.
///
/// ```
/// use expo_format::{Event, WriteOptions, protobuf};
/// use metrics_core::{LabelSet, MetricType, family::{MetricFamily, MetricValue}};
/// let mut up = MetricFamily::new("up", "", MetricType::Gauge);
/// up.push(LabelSet::from_pairs([("job", "node")]), MetricValue::Gauge(1.0));
/// let mut page = Vec::new();
/// protobuf::write(&mut page, &[up], WriteOptions::default());
/// let mut parser = protobuf::Parser::new(&page);
/// while let Some(event) = parser.next_event().unwrap() {
///     if let Event::Sample(sample) = event {
///         assert_eq!(sample.series.as_str(), r#"up{job="node"}"#);
///     }
/// }
/// ```
pub fn write(out: &mut Vec<u8>, families: &[MetricFamily], options: WriteOptions) {
    for family in families.iter().filter(|f| !f.metrics.is_empty()) {
        write_family(out, family, options);
    }
}

/// Appends one family.
pub fn write_family(out: &mut Vec<u8>, family: &MetricFamily, options: WriteOptions) {
    let mut name = options.name(&family.name);
    if family.metric_type == MetricType::Info && !name.ends_with("_info") {
        name.to_mut().push_str("_info");
    }
    let shown_type = match family.metric_type {
        MetricType::Info | MetricType::StateSet => MetricType::Gauge,
        other => other,
    };
    let number = TYPES.iter().position(|t| *t == shown_type).unwrap_or(0);
    wire::delimited(out, |out| {
        wire::string(out, 1, name.as_bytes());
        wire::string(out, 2, family.help.as_bytes());
        wire::uint64(out, 3, number as u64);
        for metric in &family.metrics {
            write_metric(out, &name, metric, options);
        }
        wire::string(out, 5, family.unit.as_bytes());
    });
}

/// One message per metric, but one per state of a state set.
fn write_metric(out: &mut Vec<u8>, family: &str, metric: &Metric, options: WriteOptions) {
    let message = |out: &mut Vec<u8>, extra: &LabelSet, value: &dyn Fn(&mut Vec<u8>)| {
        wire::message(out, 4, |out| {
            write_labels(out, &metric.labels, options);
            write_labels(out, extra, options);
            value(out);
            wire::int64(out, 6, metric.timestamp.unwrap_or(0));
        });
    };
    let none = LabelSet::empty();
    match &metric.value {
        MetricValue::Gauge(value) => message(out, &none, &|out| write_number(out, 2, *value)),
        MetricValue::Unknown(value) => message(out, &none, &|out| write_number(out, 5, *value)),
        MetricValue::Counter { total, exemplar } => message(out, &none, &|out| {
            wire::message(out, 3, |out| {
                wire::double(out, 1, *total);
                write_exemplar(out, 2, exemplar.as_ref(), options);
                write_time(out, 3, metric.created);
            });
        }),
        MetricValue::Summary { quantiles, sum, count } => message(out, &none, &|out| {
            wire::message(out, 4, |out| {
                wire::int64(out, 1, *count as i64);
                wire::double(out, 2, *sum);
                for (quantile, value) in quantiles {
                    wire::message(out, 3, |out| {
                        wire::double(out, 1, *quantile);
                        wire::double(out, 2, *value);
                    });
                }
                write_time(out, 4, metric.created);
            });
        }),
        MetricValue::Histogram(histogram) => message(out, &none, &|out| {
            wire::message(out, 7, |out| write_histogram(out, histogram, metric.created, options));
        }),
        MetricValue::Info(labels) => message(out, labels, &|out| write_number(out, 2, 1.0)),
        MetricValue::StateSet(states) => {
            for (state, on) in states {
                let extra = LabelSet::from_pairs([(family, state.as_str())]);
                message(out, &extra, &|out| write_number(out, 2, f64::from(u8::from(*on))));
            }
        }
        _ => {}
    }
}

fn write_number(out: &mut Vec<u8>, field: u32, value: f64) {
    wire::message(out, field, |out| wire::double(out, 1, value));
}

fn write_histogram(
    out: &mut Vec<u8>,
    histogram: &HistogramValue,
    created: Option<Timestamp>,
    options: WriteOptions,
) {
    match histogram.native {
        // Readers take float counts for what they are by this field.
        Some(NativeHistogram::FloatCounts(_)) => wire::double(out, 4, histogram.count),
        _ => write_count(out, 1, 4, histogram.count),
    }
    wire::double(out, 2, histogram.sum);
    for Bucket { upper_bound, cumulative_count, exemplar } in &histogram.buckets {
        wire::message(out, 3, |out| {
            write_count(out, 1, 4, *cumulative_count);
            wire::double(out, 2, *upper_bound);
            write_exemplar(out, 3, exemplar.as_ref(), options);
        });
    }
    match &histogram.native {
        Some(NativeHistogram::Counts(native)) => write_native(out, native),
        Some(NativeHistogram::FloatCounts(native)) => write_native_floats(out, native),
        None => {}
    }
    write_time(out, 15, created);
    for exemplar in &histogram.exemplars {
        write_exemplar(out, 16, Some(exemplar), options);
    }
}

/// A count in the field for whole numbers, or in the one for floats.
fn write_count(out: &mut Vec<u8>, whole: u32, float: u32, count: f64) {
    /// Below this every whole float is that whole number.
    const EXACT: f64 = (1u64 << 53) as f64;
    if count.fract() == 0.0 && (0.0..=EXACT).contains(&count) {
        wire::int64(out, whole, count as i64);
    } else {
        wire::double(out, float, count);
    }
}

fn write_labels(out: &mut Vec<u8>, labels: &LabelSet, options: WriteOptions) {
    for (name, value) in labels {
        wire::message(out, 1, |out| {
            wire::string(out, 1, options.name(name).as_bytes());
            wire::string(out, 2, value.as_bytes());
        });
    }
}

fn write_exemplar(out: &mut Vec<u8>, field: u32, exemplar: Option<&Exemplar>, options: WriteOptions) {
    let Some(exemplar) = exemplar else { return };
    wire::message(out, field, |out| {
        write_labels(out, &exemplar.labels, options);
        wire::double(out, 2, exemplar.value);
        write_time(out, 3, exemplar.timestamp);
    });
}

fn write_time(out: &mut Vec<u8>, field: u32, time: Option<Timestamp>) {
    let Some(time) = time else { return };
    wire::message(out, field, |out| {
        wire::int64(out, 1, time.div_euclid(1000));
        wire::int64(out, 2, time.rem_euclid(1000) * 1_000_000);
    });
}
