//! Alerts and samples as failures show them, in the original's form.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_core::histogram::ResetHint;
use metrics_core::number::format_general;
use metrics_core::{FloatHistogram, LabelSet, Span};
use promql::parser::quote;

/// An alert that fires, or should.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShownAlert {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// A sample of a query's result, or one that should be.
#[derive(Debug, Clone)]
pub(super) struct ShownSample {
    pub(super) labels: LabelSet,
    pub(super) value: f64,
    /// Empty for floats.
    pub(super) histogram: String,
}

/// All labels between braces, the metric name among them.
pub(super) fn labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let shown: Vec<String> = labels
        .into_iter()
        .map(|(n, v)| match metrics_core::is_legacy_label_name(n) {
            true => format!("{n}={}", quote(v)),
            false => format!("{}={}", quote(n), quote(v)),
        })
        .collect();
    format!("{{{}}}", shown.join(", "))
}

fn texts(map: &BTreeMap<String, String>) -> String {
    labels(map.iter().map(|(n, v)| (n.as_str(), v.as_str())))
}

pub(super) fn alerts(alerts: &[ShownAlert]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let shown: Vec<String> = alerts
        .iter()
        .enumerate()
        .map(|(i, a)| {
            let text = format!("\nLabels:{}\nAnnotations:{}", texts(&a.labels), texts(&a.annotations));
            format!("{i}:{}", indented(&text, "  "))
        })
        .collect();
    format!("[\n{}\n]", shown.join(",\n"))
}

pub(super) fn samples(samples: &[ShownSample]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    let shown: Vec<String> = samples
        .iter()
        .map(|s| {
            let labels = labels(&s.labels);
            match s.histogram.as_str() {
                "" => format!("{labels} {}", scientific(s.value)),
                histogram => format!("{labels} {histogram}"),
            }
        })
        .collect();
    shown.join(", ")
}

/// Always with an exponent: `1E+00`.
fn scientific(value: f64) -> String {
    let text = metrics_core::number::format_scientific(value);
    if value.is_finite() { text.replace('e', "E") } else { text }
}

/// Every line but the first moved to the right.
pub(super) fn indented(text: &str, indent: &str) -> String {
    text.replace('\n', &format!("\n{indent}"))
}

/// A time as Go shows lengths of time: `5m0s`, `1h0m0s`, `0s`.
pub(super) fn go_duration(length: Duration) -> String {
    let total = length.as_secs();
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    let millis = length.subsec_millis();
    if total == 0 && millis > 0 {
        return format!("{millis}ms");
    }
    let seconds = match millis {
        0 => format!("{seconds}s"),
        millis => format!("{seconds}.{millis:03}").trim_end_matches('0').to_owned() + "s",
    };
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// A histogram in the notation of test files.
pub(super) fn histogram(h: &FloatHistogram) -> String {
    let mut parts = Vec::new();
    let mut number = |name: &str, value: f64| {
        if value != 0.0 {
            parts.push(format!("{name}:{}", format_general(value)));
        }
    };
    number("schema", f64::from(h.schema));
    number("count", h.count);
    number("sum", h.sum);
    number("z_bucket", h.zero_count);
    number("z_bucket_w", h.zero_threshold);
    if h.has_custom_buckets() {
        parts.push(format!("custom_values:{}", list(&h.custom_values)));
    }
    match h.reset_hint {
        ResetHint::Unknown => {}
        ResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
        ResetHint::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
        ResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
    }
    for (prefix, spans, buckets) in
        [("", &h.positive_spans, &h.positive_buckets), ("n_", &h.negative_spans, &h.negative_buckets)]
    {
        let (offset, flat) = flattened(spans, buckets);
        if offset != 0 {
            parts.push(format!("{prefix}offset:{offset}"));
        }
        if !flat.is_empty() {
            parts.push(format!("{prefix}buckets:{}", list(&flat)));
        }
    }
    format!("{{{{{}}}}}", parts.join(" "))
}

fn list(values: &[f64]) -> String {
    let shown: Vec<String> = values.iter().map(|v| format_general(*v)).collect();
    format!("[{}]", shown.join(" "))
}

/// Where the first bucket stands, and all buckets with the gaps between them filled.
fn flattened(spans: &[Span], buckets: &[f64]) -> (i32, Vec<f64>) {
    let mut flat = Vec::new();
    let mut buckets = buckets.iter();
    for (i, span) in spans.iter().enumerate() {
        if i > 0 {
            flat.extend(std::iter::repeat_n(0.0, usize::try_from(span.offset).unwrap_or(0)));
        }
        flat.extend(buckets.by_ref().take(span.length as usize));
    }
    (spans.first().map_or(0, |s| s.offset), flat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_read_back() {
        for text in [
            "{{schema:1 count:3.1 sum:-0.3 z_bucket:7.1 z_bucket_w:0.05 offset:-3 buckets:[5.1 10 7] n_offset:-5 n_buckets:[4.1 5]}}",
            "{{schema:-53 custom_values:[1 2] counter_reset_hint:gauge buckets:[1 2 3]}}",
            "{{}}",
        ] {
            let (_, values) = promql::parser::parse_series(&format!("{{}} {text}")).unwrap();
            let promql::parser::SeriesValue::Histogram { histogram: h, .. } = &values[0] else {
                panic!("{text}")
            };
            assert_eq!(histogram(h), text);
        }
    }

    #[test]
    fn times_as_go_shows_them() {
        for (millis, text) in [(0, "0s"), (300_000, "5m0s"), (3_600_000, "1h0m0s"), (1500, "1.5s")] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
