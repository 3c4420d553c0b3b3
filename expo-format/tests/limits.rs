//! Every limit has an error of its own, in every format that it applies to.

use std::time::Instant;

use expo_format::{
    CustomBuckets, Format, LimitExceeded, Limits, PageParser, Problem, Rescraper, Update, WriteOptions,
    openmetrics,
};
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

/// Unknown groups, at every place of a message where one may stand.
#[cfg(feature = "protobuf")]
#[test]
fn nesting_of_groups_is_kept_exactly() {
    /// Keys of field 100: the beginning and the end of a group.
    const BEGIN: [u8; 2] = [0xa3, 0x06];
    const END: [u8; 2] = [0xa4, 0x06];
    let page = |in_family: usize, in_metric: usize| {
        let groups = |depth: usize| [BEGIN.repeat(depth), END.repeat(depth)].concat();
        // A varint of four bytes, whatever the number.
        let length = |n: usize| [0, 7, 14, 21].map(|bit| (n >> bit & 0x7f) as u8 | u8::from(bit < 21) << 7);
        // MetricFamily { name: "a", type: GAUGE, metric: [Metric { gauge: Gauge { value: 1 } }] }
        let gauge = b"\x12\x09\x09\0\0\0\0\0\0\xf0\x3f";
        let metric = [&groups(in_metric)[..], gauge].concat();
        let head: &[u8] = b"\x0a\x01a\x18\x01\x22";
        let family = [&groups(in_family)[..], head, &length(metric.len()), &metric].concat();
        [&length(family.len())[..], &family].concat()
    };
    let exceeded = |limit| Some(Problem::Limit(LimitExceeded::Nesting(limit)));
    let problem = |page: &[u8], limits| problem(Format::Protobuf, page, limits);
    for page in [page(0, 3), page(3, 0), page(2, 3)] {
        assert_eq!(problem(&page, Limits::NONE.nesting(3)), None);
        assert_eq!(problem(&page, Limits::NONE.nesting(2)), exceeded(2));
        assert_eq!(problem(&page, Limits::NONE.nesting(0)), exceeded(0));
    }
    assert_eq!(problem(&page(0, 0), Limits::NONE.nesting(0)), None);
    assert_eq!(problem(&page(0, 16), Limits::default()), None);
    assert_eq!(problem(&page(0, 17), Limits::default()), exceeded(16));
    // The stack is not what bounds it.
    assert_eq!(problem(&page(0, 200_000), Limits::NONE), None);
}

#[test]
fn strict_mode_has_the_same_limits() {
    let page = page(Format::OpenMetrics);
    let limits = Limits::default().labels(1);
    let error = openmetrics::StrictParser::with_limits(&page, limits).find_map(Result::err);
    assert_eq!(error.map(|e| e.problem), Some(Problem::Limit(LimitExceeded::Labels(1))));
}

/// Also where a line is known from the page before.
#[test]
fn rescrapers_have_the_same_limits() {
    for (format, end) in [(Format::Text, ""), (Format::OpenMetrics, "# EOF\n")] {
        let problem = |limits: Limits, first: &str, second: &str| {
            let mut rescraper = Rescraper::<u32>::new(format).expect("a format of lines").with_limits(limits);
            let mut found = None;
            for page in [first, second].map(|lines| format!("{lines}{end}")) {
                let mut pass = rescraper.begin(page.as_bytes());
                loop {
                    match pass.next_update() {
                        Ok(Some(Update::New(_))) => pass.assign(0),
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(e) => {
                            found = Some(e.problem);
                            break;
                        }
                    }
                }
                drop(pass.finish());
            }
            found
        };
        let (first, second) = ("a 1\nb{c=\"d\"} 1\n", "a 1\nb{c=\"d\"} 1000000\n");
        assert_eq!(problem(Limits::NONE, first, second), None);
        let line = problem(Limits::NONE.line(16), first, second);
        assert_eq!(line, Some(Problem::Limit(LimitExceeded::Line(16))), "{format:?}");
        let length = first.len() + end.len();
        let body = problem(Limits::NONE.body(length), first, second);
        assert_eq!(body, Some(Problem::Limit(LimitExceeded::Body(length))), "{format:?}");
        let labels = problem(Limits::NONE.labels(0), first, second);
        assert_eq!(labels, Some(Problem::Limit(LimitExceeded::Labels(0))), "{format:?}");
    }
}

/// Pieces of which hostile pages are made, each with what may follow it.
const HOSTILE: [&str; 20] = [
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
    // What the memory of the line before makes of lines that hardly differ.
    "a{b=\"c\",d=\"e\",f=\"g\"} 1\na{b=\"c\",d=\"e\",f=\"h\"} 1\n",
    "a{b=\"c\\\\\"} 1\n",
    // What looks ahead for a line that never comes.
    "# TYPE a counter\na_total 1\n",
    "a_total 1\na_created 1\n",
    "# TYPE a histogram\na_bucket{le=\"1\"} 1\n",
    "a_bucket{le=\"1\"} 1\n",
    "# TYPE a summary\na{quantile=\"0.5\"} 1\n",
];

/// Reads a page in every way there is.
fn read_every_way(page: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        let mut parser = PageParser::with_limits(format, page, Limits::NONE).read_created();
        let mut stage = CustomBuckets::new(false);
        while let Ok(Some(event)) = parser.next_event() {
            drop(stage.offer(&event));
        }
        let Some(mut rescraper) = Rescraper::<u32>::new(format) else { continue };
        for _ in 0..2 {
            let mut pass = rescraper.begin(page);
            while let Ok(Some(update)) = pass.next_update() {
                if matches!(update, Update::New(_)) {
                    pass.assign(0);
                }
            }
            drop(pass.finish());
        }
    }
    drop(openmetrics::StrictParser::new(page).find_map(Result::err));
}

/// Reading a page of sixteen times the length takes about sixteen times as long, where something quadratic would
/// take 256 times. The shortest of some runs is taken, because other programs run as well.
#[test]
fn nothing_is_quadratic() {
    const SHORT: usize = 1 << 12;
    let time = |unit: &str, size: usize| {
        let mut page = String::from("# TYPE a counter\n");
        page.push_str(&unit.repeat(size / unit.len()));
        page.push_str("\n# EOF\n");
        let run = |_| {
            let start = Instant::now();
            read_every_way(page.as_bytes());
            start.elapsed()
        };
        (0..4).map(run).min().unwrap_or_default()
    };
    let grows_at_most = |unit: &str, factor: f64| {
        let (short, long) = (time(unit, SHORT), time(unit, 16 * SHORT));
        long.as_secs_f64() < factor * short.as_secs_f64().max(20e-6)
    };
    for unit in HOSTILE {
        // Another program may have had the processor all through a measurement, but not through all of them.
        assert!(
            (0..8).any(|_| grows_at_most(unit, 100.0)),
            "{unit:?} takes more than a hundred times as long"
        );
    }
}
