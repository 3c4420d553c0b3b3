//! What is written here, the field's Python client reads: strictly, and with equal values. Skipped with a printed
//! word where its module is not installed (`pip install prometheus_client`).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers outside test functions")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use expo_format::{Event, Format, PageParser, WriteOptions, write};
use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
use metrics_core::{Exemplar, LabelSet, MetricType};
use serde_json::{Value as Json, json};

/// Prints every sample that the client's parser yields, as one JSON document.
const SCRIPT: &str = r#"
import json, math, sys
kind = sys.argv[1]
if kind == "openmetrics":
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
else:
    from prometheus_client.parser import text_string_to_metric_families as parse
samples = []
for family in parse(sys.stdin.read()):
    for s in family.samples:
        timestamp = None if s.timestamp is None else round(float(s.timestamp) * 1000)
        exemplar = None if s.exemplar is None else [s.exemplar.labels, float(s.exemplar.value)]
        samples.append([s.name, s.labels, repr(float(s.value)), timestamp, exemplar])
print(json.dumps(samples))
"#;

/// Every kind of metric, with names and values that need escapes.
fn families() -> Vec<MetricFamily> {
    // The client takes an escaped quote in an exemplar for a real one, so here they come in pairs.
    let exemplar = || Exemplar {
        labels: LabelSet::from_pairs([("trace_id", "\"a\"\\\nb")]),
        value: 0.25,
        timestamp: Some(1_700_000_000_125),
    };
    let histogram = || {
        let buckets = vec![
            Bucket { upper_bound: 0.1, cumulative_count: 1.0, exemplar: Some(exemplar()) },
            Bucket { upper_bound: 1e6, cumulative_count: 2.0, exemplar: None },
            Bucket { upper_bound: f64::INFINITY, cumulative_count: 1e7, exemplar: None },
        ];
        MetricValue::Histogram(HistogramValue { buckets, sum: 3.5, count: 1e7, ..HistogramValue::default() })
    };
    let quantiles = vec![(0.5, 1.25), (0.99, f64::NAN)];
    let states = vec![("on".to_owned(), true), ("o\"ff\n".to_owned(), false)];
    let mut families = Vec::new();
    for (name, metric_type, value) in [
        (
            "hits_total",
            MetricType::Counter,
            MetricValue::Counter { total: 1.5e300, exemplar: Some(exemplar()) },
        ),
        ("temperature_celsius", MetricType::Gauge, MetricValue::Gauge(-0.000_012_5)),
        ("odd", MetricType::Unknown, MetricValue::Unknown(f64::NEG_INFINITY)),
        ("latency_seconds", MetricType::Histogram, histogram()),
        ("queue", MetricType::GaugeHistogram, histogram()),
        ("rpc", MetricType::Summary, MetricValue::Summary { quantiles, sum: 7.0, count: 9_000_000 }),
        ("build_info", MetricType::Info, MetricValue::Info(LabelSet::from_pairs([("version", "1.0")]))),
        ("switch", MetricType::StateSet, MetricValue::StateSet(states)),
    ] {
        let mut family = MetricFamily::new(name, "Says \"what\\it\"\nmeans.", metric_type);
        family.unit = "seconds".to_owned();
        family.push(LabelSet::empty(), value.clone());
        family.push(LabelSet::from_pairs([("path", "/ü\\x\n\"{}, #"), ("z", "")]), value);
        for metric in &mut family.metrics {
            metric.created = Some(1_600_000_000_500);
        }
        // The client misreads timestamps with an exponent, which the field writes from 1e6 seconds on.
        // The metrics of an info family cannot be told apart, so that either all have a timestamp or none.
        if metric_type != MetricType::Info {
            family.metrics[1].timestamp = Some(123_456_250);
        }
        families.push(family);
    }
    families
}

/// A sample as JSON: name, labels, value, milliseconds, exemplar.
fn ours(format: Format, page: &[u8]) -> Vec<Json> {
    let mut parser = PageParser::new(format, page);
    let mut samples = Vec::new();
    while let Some(event) = parser.next_event().unwrap() {
        let Event::Sample(sample) = event else { continue };
        let labels = |pairs: expo_format::Labels<'_>| -> BTreeMap<String, String> {
            pairs.map(|(n, v)| (n.into_owned(), v.into_owned())).collect()
        };
        let exemplar = sample.exemplar.map(|e| json!([labels(e.labels), e.value]));
        let name = sample.series.name();
        samples.push(json!([name, labels(sample.series.labels()), sample.value, sample.timestamp, exemplar]));
        // JSON has no word for what is not finite.
        if !sample.value.is_finite() {
            samples.last_mut().unwrap()[2] = json!(sample.value.to_string().to_lowercase());
        }
    }
    samples
}

fn theirs(kind: &str, page: &[u8]) -> Option<Vec<Json>> {
    let has_client = Command::new("python3").args(["-c", "import prometheus_client"]).output();
    if !has_client.is_ok_and(|out| out.status.success()) {
        println!("python client: skipped, its module is not installed");
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT, kind])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(page).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(
        out.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&out.stderr),
        String::from_utf8_lossy(page)
    );
    let mut samples: Vec<Json> = serde_json::from_slice(&out.stdout).unwrap();
    for sample in &mut samples {
        let value: f64 = sample[2].as_str().unwrap().parse().unwrap();
        sample[2] = if value.is_finite() { json!(value) } else { json!(value.to_string().to_lowercase()) };
    }
    Some(samples)
}

fn compare(format: Format, kind: &str) {
    let mut page = Vec::new();
    write(&mut page, format, &families(), WriteOptions::default().created_lines(true));
    let Some(theirs) = theirs(kind, &page) else { return };
    // The client groups lines by their family, so the order is its own.
    let sorted = |samples: Vec<Json>| {
        let mut lines: Vec<String> = samples.iter().map(Json::to_string).collect();
        lines.sort();
        lines
    };
    let (ours, theirs) = (sorted(ours(format, &page)), sorted(theirs));
    assert_eq!(theirs, ours, "{}", String::from_utf8_lossy(&page));
    println!("python client: {} {kind} samples agree", ours.len());
}

#[test]
fn reads_our_openmetrics() {
    compare(Format::OpenMetrics, "openmetrics");
}

#[test]
fn reads_our_classic_text() {
    compare(Format::Text, "text");
}
