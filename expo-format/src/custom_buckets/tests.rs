use metrics_core::Value;

use super::*;
use crate::{Format, PageParser};

/// What comes through the stage: series, and for histograms their count, sum, bounds and buckets.
fn through(format: Format, page: &str, keeps_classic: bool) -> Vec<String> {
    let mut parser = PageParser::new(format, page.as_bytes());
    let mut stage = CustomBuckets::new(keeps_classic);
    let mut seen = Vec::new();
    while let Some(event) = parser.next_event().unwrap() {
        let offered = stage.offer(&event);
        seen.extend(offered.converted.map(|h| show(&h)));
        if let (true, Event::Sample(sample)) = (offered.remains, &event) {
            seen.push(format!("{} {}", sample.series, sample.value));
        }
    }
    seen.extend(stage.finish().map(|h| show(&h)));
    seen
}

fn show(histogram: &NativeHistogram<'_>) -> String {
    let labels = histogram.series.label_set().unwrap();
    assert_eq!(labels.metric_name(), Some(&*histogram.series.name()));
    let (series, time) = (&histogram.series, histogram.timestamp);
    match &histogram.value {
        Value::Histogram(h) => {
            format!("{series} {} {} {:?} {:?} {time:?}", h.count, h.sum, h.custom_values, h.positive_buckets)
        }
        Value::FloatHistogram(h) => {
            format!(
                "{series} {:?} {} {:?} {:?} {time:?}",
                h.count, h.sum, h.custom_values, h.positive_buckets
            )
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_metric_becomes_one_histogram() {
    let page = "# TYPE h histogram
h_bucket{a=\"x\",le=\"0.5\"} 1
h_bucket{le=\"2\",a=\"x\"} 1
h_bucket{a=\"x\",le=\"+Inf\"} 4
h_sum{a=\"x\"} 9.5
h_count{a=\"x\"} 4
h_created{a=\"x\"} 17
h_bucket{a=\"\\\"}\",le=\"1\"} 2 99
h_count{a=\"\\\"}\"} 3 99
# TYPE g gauge
g_bucket{le=\"1\"} 5
";
    assert_eq!(
        through(Format::Text, page, false),
        [
            "h{a=\"x\"} 4 9.5 [0.5, 2.0] [1, -1, 3] None",
            "h_created{a=\"x\"} 17",
            "h{a=\"\\\"}\"} 3 0 [1.0] [2, -1] Some(99)",
            "g_bucket{le=\"1\"} 5",
        ]
    );
    let all = through(Format::Text, page, true);
    assert_eq!((all.len(), &*all[5]), (11, "h{a=\"x\"} 4 9.5 [0.5, 2.0] [1, -1, 3] None"));
}

#[test]
fn fractions_make_float_histograms() {
    let page = "# TYPE \"h.x\" histogram\n{\"h.x_bucket\",le=\"1\",\"k.y\"=\"v\"} 0.5\n{\"h.x_count\",\"k.y\"=\"v\"} 2\n";
    assert_eq!(through(Format::Text, page, false), ["{\"h.x\",\"k.y\"=\"v\"} 2.0 0 [1.0] [0.5, 1.5] None"]);
}

#[test]
fn contradictions_make_nothing() {
    for lines in [
        "h_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 1\nh_count 2\n",
        "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_count 4\n",
        "h_bucket{le=\"1\"} -1\nh_count 4\n",
        "h_count -1\n",
        "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 2\nh_count 2\n",
    ] {
        let page = format!("# TYPE h histogram\n{lines}");
        assert_eq!(through(Format::Text, &page, false), [""; 0], "{lines}");
    }
    // Order and repetition contradict nothing.
    let page =
        "# TYPE h histogram\nh_count 3\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"1\"} 1\n";
    assert_eq!(through(Format::Text, page, false), ["h 3 0 [1.0, 2.0] [2, -1] None"]);
}

#[cfg(feature = "protobuf")]
#[test]
fn native_histograms_are_left_alone() {
    use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
    use metrics_core::{Histogram, LabelSet, Span};

    let native = Histogram {
        count: 1,
        positive_spans: vec![Span { offset: 0, length: 1 }],
        positive_buckets: vec![1],
        ..Histogram::default()
    };
    let bucket = Bucket { upper_bound: f64::INFINITY, cumulative_count: 1.0, exemplar: None };
    let value = HistogramValue { buckets: vec![bucket], count: 1.0, ..HistogramValue::default() };
    let mut family = MetricFamily::new("h", "", MetricType::Histogram);
    let with_native = HistogramValue { native: Some(native.into()), ..value.clone() };
    family.push(LabelSet::from_pairs([("n", "1")]), MetricValue::Histogram(with_native));
    family.push(LabelSet::from_pairs([("n", "2")]), MetricValue::Histogram(value));
    let mut page = Vec::new();
    crate::write(&mut page, Format::Protobuf, &[family], WriteOptions::default());
    let mut parser = PageParser::new(Format::Protobuf, &page).keep_classic();
    let mut stage = CustomBuckets::new(false);
    let mut seen = Vec::new();
    while let Some(event) = parser.next_event().unwrap() {
        let offered = stage.offer(&event);
        assert!(offered.converted.is_none());
        match &event {
            Event::Sample(sample) if offered.remains => seen.push(sample.series.to_string()),
            Event::Histogram(histogram) => seen.push(histogram.series.to_string()),
            _ => {}
        }
    }
    seen.extend(stage.finish().map(|h| h.series.to_string()));
    let classic = ["h_count{n=\"1\"}", "h_sum{n=\"1\"}", "h_bucket{n=\"1\",le=\"+Inf\"}"];
    assert_eq!(seen, [&["h{n=\"1\"}"], &classic[..], &["h{n=\"2\"}"]].concat());
}
