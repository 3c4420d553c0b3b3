//! Every limit has an error of its own, in every format that it applies to.

use expo_format::{Format, LimitExceeded, Limits, PageParser, Problem, WriteOptions, openmetrics};
use metrics_core::LabelSet;
use metrics_core::MetricType;
use metrics_core::family::{MetricFamily, MetricValue};

fn formats() -> Vec<Format> {
    let mut formats = vec![Format::Text, Format::OpenMetrics];
    if cfg!(feature = "protobuf") {
        formats.push(Format::Protobuf);
    }
    formats
}

/// One gauge with two labels.
fn page(format: Format) -> Vec<u8> {
    let mut family = MetricFamily::new("metric_name", "", MetricType::Gauge);
    let labels = LabelSet::from_pairs([("label", "long value"), ("z", "")]);
    family.push(labels.to_builder().set("second", "x").build(), MetricValue::Gauge(1.0));
    let mut page = Vec::new();
    expo_format::write(&mut page, format, &[family], WriteOptions::default());
    page
}

fn problem(format: Format, page: &[u8], limits: Limits) -> Option<Problem> {
    let mut parser = PageParser::with_limits(format, page, limits);
    loop {
        match parser.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(e) => return Some(e.problem),
        }
    }
}

#[test]
fn each_limit_is_kept_exactly() {
    for format in formats() {
        let page = page(format);
        for (exact, below, error) in [
            (Limits::NONE.labels(2), Limits::NONE.labels(1), LimitExceeded::Labels(1)),
            (Limits::NONE.name(11), Limits::NONE.name(10), LimitExceeded::Name(10)),
            (Limits::NONE.value(10), Limits::NONE.value(9), LimitExceeded::Value(9)),
            (
                Limits::NONE.body(page.len()),
                Limits::NONE.body(page.len() - 1),
                LimitExceeded::Body(page.len() - 1),
            ),
        ] {
            assert_eq!(problem(format, &page, exact), None, "{format:?}");
            assert_eq!(problem(format, &page, below), Some(Problem::Limit(error)), "{format:?}");
        }
        assert_eq!(problem(format, &page, Limits::default()), None);
        let line = problem(format, &page, Limits::NONE.line(16));
        assert_eq!(line, Some(Problem::Limit(LimitExceeded::Line(16))), "{format:?}");
    }
}

#[test]
fn strict_mode_has_the_same_limits() {
    let page = page(Format::OpenMetrics);
    let limits = Limits::default().labels(1);
    let error = openmetrics::StrictParser::with_limits(&page, limits).find_map(Result::err);
    assert_eq!(error.map(|e| e.problem), Some(Problem::Limit(LimitExceeded::Labels(1))));
}

/// Hostile pages of a megabyte are read or refused in time that grows with their length only.
#[test]
fn nothing_is_quadratic() {
    const SIZE: usize = 1 << 20;
    for unit in [
        "a",
        "{",
        "\"",
        "\\",
        "a{",
        "a{b=\"",
        "a{b=\"c\",",
        "# ",
        "# HELP a \\",
        "a 1\n",
        "\n",
        "a{b=\"\\\\",
        "1",
    ] {
        let mut page = unit.repeat(SIZE / unit.len());
        for format in [Format::Text, Format::OpenMetrics] {
            drop(problem(format, page.as_bytes(), Limits::NONE));
        }
        page.push_str("\n# EOF\n");
        drop(openmetrics::StrictParser::new(page.as_bytes()).find_map(Result::err));
    }
}
