use super::*;
use crate::{WriteOptions, write};

const PAGE: &str = concat!(
    "# HELP hits Hits.\n# TYPE hits counter\n",
    "hits_total{path=\"/\"} 3.0 # {trace_id=\"x\"} 1.0 1.5\nhits_created{path=\"/\"} 7.5\n",
    "# TYPE bare unknown\nbare 1.5\n",
    "# TYPE t_seconds gauge\n# UNIT t_seconds seconds\nt_seconds NaN 2.5\n",
    "# TYPE h histogram\n",
    "h_bucket{a=\"1\",le=\"0.5\"} 1\nh_bucket{a=\"1\",le=\"+Inf\"} 2\nh_sum{a=\"1\"} 3.0\nh_count{a=\"1\"} 2\n",
    "h_bucket{a=\"2\",le=\"0.5\"} 0\nh_bucket{a=\"2\",le=\"+Inf\"} 0\nh_sum{a=\"2\"} 0.0\nh_count{a=\"2\"} 0\n",
    "# TYPE gh gaugehistogram\ngh_bucket{le=\"+Inf\"} 2\ngh_gsum -3.0\ngh_gcount 2\n",
    "# TYPE s summary\ns{quantile=\"0.5\"} 1.0\ns_sum 2.0\ns_count 3\n",
    "# TYPE build info\nbuild_info{version=\"1\"} 1\n",
    "# TYPE st stateset\nst{st=\"on\"} 1\nst{st=\"off\"} 0\n",
    "# EOF\n"
);

#[test]
fn a_page_of_everything_survives() {
    let families = read_families(Format::OpenMetrics, PAGE.as_bytes(), Limits::default()).unwrap();
    let names: Vec<_> = families.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["hits_total", "bare", "t_seconds", "h", "gh", "s", "build_info", "st"]);
    let mut page = Vec::new();
    write(&mut page, Format::OpenMetrics, &families, WriteOptions::default().created_lines(true));
    assert_eq!(String::from_utf8(page).unwrap(), PAGE);
}

#[test]
fn classic_text_keeps_what_it_can_show() {
    let families = read_families(Format::OpenMetrics, PAGE.as_bytes(), Limits::default()).unwrap();
    let mut text = Vec::new();
    write(&mut text, Format::Text, &families, WriteOptions::default());
    let again = read_families(Format::Text, &text, Limits::default()).unwrap();
    let mut back = Vec::new();
    write(&mut back, Format::Text, &again, WriteOptions::default());
    assert_eq!(String::from_utf8(back).unwrap(), String::from_utf8(text).unwrap());
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_keeps_native_histograms() {
    use metrics_core::family::{HistogramValue, MetricFamily, MetricValue};
    use metrics_core::{FloatHistogram, Histogram, Span};

    let mut family = MetricFamily::new("n", "N.", MetricType::Histogram);
    let native = Histogram { count: 4, sum: 2.0, zero_count: 4, ..Histogram::default() };
    let value =
        HistogramValue { native: Some(native.into()), sum: 2.0, count: 4.0, ..HistogramValue::default() };
    family.push(LabelSet::from_pairs([("a", "b")]), MetricValue::Histogram(value));
    let mut page = Vec::new();
    let floats = FloatHistogram {
        schema: 1,
        count: 4.0,
        sum: 2.5,
        positive_spans: vec![Span { offset: -2, length: 1 }],
        positive_buckets: vec![1.5],
        negative_spans: vec![Span { offset: 3, length: 2 }],
        negative_buckets: vec![2.0, 0.5],
        ..FloatHistogram::default()
    };
    let value =
        HistogramValue { native: Some(floats.into()), sum: 2.5, count: 4.0, ..HistogramValue::default() };
    family.push(LabelSet::from_pairs([("a", "c")]), MetricValue::Histogram(value));
    write(&mut page, Format::Protobuf, &[family.clone()], WriteOptions::default());
    assert_eq!(read_families(Format::Protobuf, &page, Limits::default()).unwrap(), [family]);
}

#[test]
fn a_label_twice_is_an_error() {
    let error = read_families(Format::Text, b"a{b=\"1\",b=\"2\"} 1\n", Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "impossible series");
}
