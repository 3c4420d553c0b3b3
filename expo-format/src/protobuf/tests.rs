use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
use metrics_core::{Exemplar, Histogram, LabelSet, MetricType, Span, Value};

use super::*;
use crate::{Event, WriteOptions};

fn exemplar(timestamp: Option<i64>) -> Exemplar {
    Exemplar { labels: LabelSet::from_pairs([("trace_id", "a\"b")]), value: 0.5, timestamp }
}

fn family() -> MetricFamily {
    let mut family = MetricFamily::new("latency.x", "How\nlong.", MetricType::Histogram);
    family.unit = "seconds".to_owned();
    let native = Histogram {
        schema: 2,
        zero_threshold: 1e-9,
        count: 3,
        sum: 4.5,
        positive_spans: vec![Span { offset: 1, length: 2 }],
        positive_buckets: vec![1, 1],
        ..Histogram::default()
    };
    let buckets = vec![
        Bucket { upper_bound: 1.0, cumulative_count: 1.0, exemplar: Some(exemplar(None)) },
        Bucket { upper_bound: f64::INFINITY, cumulative_count: 3.0, exemplar: Some(exemplar(Some(1500))) },
    ];
    let value =
        HistogramValue { buckets, sum: 4.5, count: 3.0, native: Some(native.into()), exemplars: vec![] };
    family.push(LabelSet::from_pairs([("path", "/\\")]), MetricValue::Histogram(value));
    family.metrics[0].created = Some(-1);
    family.metrics[0].timestamp = Some(77);
    family
}

fn shown(mut parser: Parser<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(event) = parser.next_event().unwrap() {
        lines.push(match event {
            Event::Help { name, help } => format!("help {name} {help:?}"),
            Event::Type { name, metric_type } => format!("type {name} {metric_type}"),
            Event::Unit { name, unit } => format!("unit {name} {unit}"),
            Event::Sample(s) => {
                let labels = s.series.label_set().unwrap();
                let exemplar = s.exemplar.map(|e| e.to_exemplar());
                format!("{labels} {} {:?} {:?} {exemplar:?}", s.value, s.timestamp, s.created)
            }
            Event::Histogram(h) => {
                let Value::Histogram(value) = &h.value else { panic!("{h:?}") };
                format!("{} {} {:?} {:?}", h.series, value.count, h.created, h.exemplars)
            }
            Event::Comment(_) => unreachable!(),
        });
    }
    lines
}

#[test]
fn native_and_classic_forms() {
    let mut page = Vec::new();
    write(&mut page, &[family()], WriteOptions::default());
    let head = ["help latency.x \"How\\nlong.\"", "unit latency.x seconds", "type latency.x histogram"];
    let timed = format!("{:?}", [exemplar(Some(1500))]);
    let native = format!(r#"{{"latency.x",path="/\\"}} 3 Some(-1) {timed}"#);
    let classic = [
        r#"{"latency.x_count", path="/\\"} 3 Some(77) Some(-1) None"#.to_owned(),
        r#"{"latency.x_sum", path="/\\"} 4.5 Some(77) Some(-1) None"#.to_owned(),
        format!(
            r#"{{"latency.x_bucket", le="1.0", path="/\\"}} 1 Some(77) Some(-1) {:?}"#,
            Some(exemplar(None))
        ),
        format!(
            r#"{{"latency.x_bucket", le="+Inf", path="/\\"}} 3 Some(77) Some(-1) {:?}"#,
            Some(exemplar(Some(1500)))
        ),
    ];
    let with = |parts: &[&[String]]| -> Vec<String> {
        head.iter().map(|s| (*s).to_owned()).chain(parts.iter().flat_map(|p| p.iter().cloned())).collect()
    };
    assert_eq!(shown(Parser::new(&page)), with(&[std::slice::from_ref(&native)]));
    assert_eq!(shown(Parser::new(&page).keep_classic()), with(&[&[native], &classic]));
    assert_eq!(shown(Parser::new(&page).ignore_native()), with(&[&classic]));
}

#[test]
fn infinity_is_added_and_quantiles_are_not_needed() {
    let mut histogram = MetricFamily::new("h", "", MetricType::Histogram);
    let bucket = Bucket { upper_bound: 0.1, cumulative_count: 2.0, exemplar: None };
    let value = HistogramValue { buckets: vec![bucket], sum: 1.0, count: 5.0, ..HistogramValue::default() };
    histogram.push(LabelSet::empty(), MetricValue::Histogram(value));
    let mut summary = MetricFamily::new("s", "", MetricType::Summary);
    summary.push(LabelSet::empty(), MetricValue::Summary { quantiles: vec![], sum: 2.0, count: 1 });
    let empty = MetricFamily::new("nothing", "", MetricType::Gauge);
    let mut page = Vec::new();
    write(&mut page, &[histogram, empty, summary], WriteOptions::default());
    assert_eq!(
        shown(Parser::new(&page)),
        [
            "help h \"\"",
            "type h histogram",
            "h_count 5 None None None",
            "h_sum 1 None None None",
            "h_bucket{le=\"0.1\"} 2 None None None",
            "h_bucket{le=\"+Inf\"} 5 None None None",
            "help s \"\"",
            "type s summary",
            "s_count 1 None None None",
            "s_sum 2 None None None",
        ]
    );
}

#[test]
fn a_cut_page_is_an_error_with_its_place() {
    let mut page = Vec::new();
    write(&mut page, &[family()], WriteOptions::default());
    for cut in 1..page.len() {
        let mut parser = Parser::new(&page[..cut]);
        let error = loop {
            match parser.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{cut} of {} bytes accepted", page.len()),
                Err(e) => break e,
            }
        };
        assert!(error.to_string().starts_with("byte "), "{error}");
        assert_eq!(parser.next_event(), Ok(None));
    }
}
