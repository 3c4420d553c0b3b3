use metrics_core::{
    Append, AppendError, Batch, LabelSet, LateSamples, MemStore, SeriesRef, Timestamp, Value, is_stale,
};

use super::*;
use crate::config::Config;
use crate::target::discovered_labels;

/// A scraper of `job` for the target `t:1`, with its store.
struct Bench {
    store: MemStore,
    scraper: Scraper,
    time: Timestamp,
}

impl Bench {
    fn new(options: &str) -> Self {
        let text = format!("scrape_configs:\n- job_name: j\n{options}");
        let config = Config::parse(&text, "t.yml", &|_| None).unwrap();
        let job = config.scrape_configs[0].clone();
        let address = metrics_core::LabelSet::from_pairs([("__address__", "t:1")]);
        let labels = discovered_labels(&job, &address, &metrics_core::LabelSet::empty());
        let target = Arc::new(Target::new(&job, labels).unwrap().unwrap());
        let scraper = Scraper::new(job, target, SeriesCache::new(), Arc::default(), Arc::default());
        Self { store: MemStore::default(), scraper, time: 0 }
    }

    /// Scrapes a page of classic text, or fails to.
    fn scrape(&mut self, page: Option<&str>) -> (Report, Option<String>) {
        self.scrape_as("text/plain; version=0.0.4", page)
    }

    fn scrape_as(&mut self, content_type: &str, page: Option<&str>) -> (Report, Option<String>) {
        self.time += 1000;
        let page = page.map(|p| Page { body: p.as_bytes().to_vec(), content_type: content_type.to_owned() });
        let fetched = page.as_ref().ok_or(ScrapeError::Fetch(FetchError::Timeout { url: "u".to_owned() }));
        let (report, error) =
            self.scraper.append(&self.store, self.time, fetched, &|| Duration::from_millis(5));
        (report, error.map(|e| e.to_string()))
    }

    /// The samples of the store without report series: `labels @time value …`, one line per series.
    fn dump(&self) -> String {
        self.lines(|name| name != "up" && !name.starts_with("scrape_"))
    }

    fn lines(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut out = String::new();
        for (labels, samples) in self.store.dump() {
            if wanted(labels.value("__name__")) {
                out.push_str(&labels.to_string());
                for sample in samples {
                    let value = match sample.value {
                        Value::Float(v) if is_stale(v) => "stale".to_owned(),
                        Value::Float(v) => v.to_string(),
                        other => format!("{other:?}"),
                    };
                    out.push_str(&format!(" @{} {value}", sample.timestamp));
                }
                out.push('\n');
            }
        }
        out
    }
}

#[test]
fn a_page_gets_its_targets_labels() {
    let mut bench = Bench::new("");
    let page = "# HELP a What.\n# TYPE a gauge\na{job=\"other\",x=\"1\"} 3\nb 4 500\n";
    let (report, error) = bench.scrape(Some(page));
    assert_eq!((error, report.scraped, report.kept, report.added), (None, 2, 2, 2));
    assert_eq!(
        bench.dump(),
        "a{exported_job=\"other\", instance=\"t:1\", job=\"j\", x=\"1\"} @1000 3\n\
         b{instance=\"t:1\", job=\"j\"} @500 4\n"
    );
    let metadata = bench.scraper.metadata.get("a").unwrap();
    assert_eq!((metadata.metric_type.as_str(), metadata.help.as_str()), ("gauge", "What."));
    assert_eq!(
        bench.lines(|n| n == "up" || n.starts_with("scrape_s")),
        "scrape_samples_post_metric_relabeling{instance=\"t:1\", job=\"j\"} @1000 2\n\
         scrape_samples_scraped{instance=\"t:1\", job=\"j\"} @1000 2\n\
         scrape_series_added{instance=\"t:1\", job=\"j\"} @1000 2\n\
         up{instance=\"t:1\", job=\"j\"} @1000 1\n"
    );
}

#[test]
fn honored_labels_win_and_may_be_empty() {
    let mut bench = Bench::new("  honor_labels: true\n");
    bench.scrape(Some("a{job=\"own\"} 1\nb{instance=\"\"} 2\n"));
    assert_eq!(bench.dump(), "a{instance=\"t:1\", job=\"own\"} @1000 1\nb{job=\"j\"} @1000 2\n");
}

#[test]
fn displaced_labels_find_a_free_name() {
    let mut bench = Bench::new("");
    bench.scrape(Some("a{job=\"1\",exported_job=\"2\"} 1\n"));
    let expected =
        "a{exported_exported_job=\"1\", exported_job=\"2\", instance=\"t:1\", job=\"j\"} @1000 1\n";
    assert_eq!(bench.dump(), expected);
}

#[test]
fn timestamps_are_honored_only_if_wanted() {
    let mut bench = Bench::new("  honor_timestamps: false\n");
    bench.scrape(Some("a 1 77\n"));
    assert_eq!(bench.dump(), "a{instance=\"t:1\", job=\"j\"} @1000 1\n");
}

#[test]
fn vanished_series_are_marked_once() {
    let mut bench = Bench::new("");
    bench.scrape(Some("a 1\nb 1\nc 1 5\n"));
    let (report, _) = bench.scrape(Some("b 2\nd 2\n"));
    assert_eq!(report.added, 1);
    bench.scrape(Some("b 3\n"));
    bench.scrape(Some("a 4\nb 4\n"));
    assert_eq!(
        bench.dump(),
        "a{instance=\"t:1\", job=\"j\"} @1000 1 @2000 stale @4000 4\n\
         b{instance=\"t:1\", job=\"j\"} @1000 1 @2000 2 @3000 3 @4000 4\n\
         c{instance=\"t:1\", job=\"j\"} @5 1\n\
         d{instance=\"t:1\", job=\"j\"} @2000 2 @3000 stale\n"
    );
}

#[test]
fn a_failed_scrape_marks_everything() {
    let mut bench = Bench::new("");
    bench.scrape(Some("a 1\n"));
    let (report, error) = bench.scrape(None);
    assert_eq!((report.up, error.as_deref()), (false, Some("Get \"u\": context deadline exceeded")));
    bench.scrape(None);
    bench.scrape(Some("a 4\n"));
    assert_eq!(bench.dump(), "a{instance=\"t:1\", job=\"j\"} @1000 1 @2000 stale @4000 4\n");
    assert_eq!(
        bench.lines(|n| n == "up"),
        "up{instance=\"t:1\", job=\"j\"} @1000 1 @2000 0 @3000 0 @4000 1\n"
    );
}

#[test]
fn tracked_timestamps_go_stale_too() {
    let mut bench = Bench::new("  track_timestamps_staleness: true\n");
    bench.scrape(Some("a 1 5\n"));
    bench.scrape(Some("b 1\n"));
    assert!(
        bench.dump().starts_with("a{instance=\"t:1\", job=\"j\"} @5 1 @2000 stale\n"),
        "{}",
        bench.dump()
    );
}

#[test]
fn a_broken_page_leaves_nothing() {
    let mut bench = Bench::new("");
    let (report, error) = bench.scrape(Some("a 1\nb{ 2\n"));
    assert!(!report.up && error.is_some_and(|e| e.contains("line 2")));
    assert_eq!(bench.dump(), "");
}

#[test]
fn relabeled_samples_are_dropped_and_renamed() {
    let mut bench = Bench::new(
        "  metric_relabel_configs:
  - {source_labels: [__name__], regex: secret.*, action: drop}
  - {source_labels: [__name__], regex: old, target_label: __name__, replacement: new}
",
    );
    let (report, _) = bench.scrape(Some("secret_a 1\nold 2\n"));
    assert_eq!((report.scraped, report.kept, report.added), (2, 1, 1));
    bench.scrape(Some("secret_a 1\nold 3\n"));
    assert_eq!(bench.dump(), "new{instance=\"t:1\", job=\"j\"} @1000 2 @2000 3\n");
    let mut bench = Bench::new("  metric_relabel_configs:\n  - {action: labeldrop, regex: __name__}\n");
    assert_eq!(bench.scrape(Some("a 1\n")).1.as_deref(), Some("missing metric name (__name__ label)"));
}

#[test]
fn limits_fail_the_scrape() {
    let mut bench = Bench::new("  sample_limit: 2\n");
    bench.scrape(Some("a 1\nb 1\n"));
    let (report, error) = bench.scrape(Some("a 2\nb 2\nc 2\n"));
    assert_eq!((report.scraped, report.kept, error.as_deref()), (3, 3, Some("sample limit exceeded")));
    assert_eq!(bench.scraper.stats.exceeded_sample_limit.get(), 1);

    for (option, error) in [
        ("label_limit: 2", "label_limit exceeded (metric: a, number of labels: 3, limit: 2)"),
        (
            "label_name_length_limit: 7",
            "label_name_length_limit exceeded (metric: a, label name: __name__, length: 8, limit: 7)",
        ),
        (
            "label_value_length_limit: 2",
            "label_value_length_limit exceeded (metric: a, label name: instance, value: \"t:1\", length: 3, limit: 2)",
        ),
    ] {
        let mut bench = Bench::new(&format!("  {option}\n"));
        assert_eq!(bench.scrape(Some("a 1\n")).1.as_deref(), Some(error));
    }
}

#[test]
fn a_series_twice_on_a_page_counts_as_refused() {
    let mut bench = Bench::new("");
    let (report, error) = bench.scrape(Some("a 1\na 2\n"));
    assert_eq!((report.up, report.kept, error), (true, 2, None));
    assert_eq!(bench.scraper.stats.sample_duplicate.get(), 1);
    assert_eq!(bench.dump(), "a{instance=\"t:1\", job=\"j\"} @1000 1\n");
}

#[test]
fn content_types_decide() {
    let mut bench = Bench::new("");
    let (_, error) = bench.scrape_as("text/html", Some("a 1\n"));
    let expected = "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target";
    assert_eq!(error.as_deref(), Some(expected));
    let mut bench = Bench::new("  fallback_scrape_protocol: PrometheusText0.0.4\n");
    assert_eq!(bench.scrape_as("text/html", Some("a 1\n")).1, None);
    let (_, error) = bench.scrape_as("application/openmetrics-text", Some("a 1\n"));
    assert!(error.is_some_and(|e| e.contains("# EOF")));
}

#[test]
fn legacy_names_only_if_the_job_says_so() {
    let mut bench = Bench::new("  metric_name_validation_scheme: legacy\n");
    let (_, error) = bench.scrape_as("text/plain; version=1.0.0", Some("{\"a.b\"} 1\n"));
    assert!(error.is_some_and(|e| e.starts_with("invalid metric name or label names")));
}

#[test]
fn a_target_that_ends_goes_stale_whole() {
    let mut bench = Bench::new("");
    bench.scrape(Some("a 1\n"));
    bench.scraper.append_end(&bench.store, 9000);
    assert_eq!(
        bench.lines(|n| n == "a" || n == "up"),
        "a{instance=\"t:1\", job=\"j\"} @1000 1 @9000 stale\nup{instance=\"t:1\", job=\"j\"} @1000 1 @9000 stale\n"
    );
}

#[test]
fn native_histograms_only_if_the_job_wants_them() {
    use expo_format::{WriteOptions, write};
    use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
    use metrics_core::{Histogram, LabelSet, MetricType, Span};

    let native = Histogram {
        schema: 1,
        count: 3,
        sum: 4.0,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![1, 1],
        ..Histogram::default()
    };
    let bucket = Bucket { upper_bound: f64::INFINITY, cumulative_count: 3.0, exemplar: None };
    let value = HistogramValue {
        buckets: vec![bucket],
        sum: 4.0,
        count: 3.0,
        native: Some(native.into()),
        exemplars: Vec::new(),
    };
    let mut family = MetricFamily::new("h", "", MetricType::Histogram);
    family.push(LabelSet::empty(), MetricValue::Histogram(value));
    let mut body = Vec::new();
    write(&mut body, Format::Protobuf, &[family], WriteOptions::default());
    let content_type = Format::Protobuf.media_type().to_owned();
    let page = Page { body, content_type };

    let names = |options: &str| {
        let mut bench = Bench::new(options);
        let elapsed = || Duration::ZERO;
        let (_, error) = bench.scraper.append(&bench.store, 1000, Ok(&page), &elapsed);
        assert!(error.is_none(), "{error:?}");
        let dump = bench.store.dump().into_iter();
        let names = dump.map(|(l, _)| l.value("__name__").to_owned());
        names.filter(|n| n.starts_with('h')).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(""), "h_bucket h_count h_sum");
    assert_eq!(names("  scrape_native_histograms: true\n"), "h");
    let both = "  scrape_native_histograms: true\n  always_scrape_classic_histograms: true\n";
    assert_eq!(names(both), "h h_bucket h_count h_sum");
}

/// Notes under which policy each sample came, and whether it was a staleness marker.
#[derive(Default)]
struct Policies(std::sync::Mutex<Vec<(bool, LateSamples)>>);

struct PolicyBatch<'a> {
    store: &'a Policies,
    policy: LateSamples,
}

impl Append for Policies {
    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(PolicyBatch { store: self, policy: LateSamples::default() })
    }
}

impl Batch for PolicyBatch<'_> {
    fn append(
        &mut self,
        series: SeriesRef,
        _: &LabelSet,
        _: Timestamp,
        value: &Value,
    ) -> Result<SeriesRef, AppendError> {
        let is_marker = matches!(value, Value::Float(v) if is_stale(*v));
        self.store.0.lock().unwrap().push((is_marker, self.policy));
        Ok(series)
    }

    fn late_samples(&mut self, policy: LateSamples) {
        self.policy = policy;
    }

    fn commit(self: Box<Self>) -> Result<(), AppendError> {
        Ok(())
    }

    fn rollback(self: Box<Self>) {}
}

#[test]
fn staleness_markers_never_go_where_somebody_wrote_newer_samples() {
    let mut bench = Bench::new("");
    let policies = Policies::default();
    let page = |body: &str| Page { body: body.as_bytes().to_vec(), content_type: "text/plain".to_owned() };
    for (time, body) in [(1000, "a 1\nb 1\n"), (2000, "a 1\n")] {
        bench.scraper.append(&policies, time, Ok(&page(body)), &|| Duration::ZERO);
    }
    bench.scraper.append_end(&policies, 3000);
    let seen = policies.0.into_inner().unwrap();
    assert!(
        seen.iter().all(|(is_marker, policy)| *is_marker == (*policy == LateSamples::Refuse)),
        "{seen:?}"
    );
    // One series vanished, then all that was left went, with at least five of the report.
    assert!(seen.iter().filter(|(is_marker, _)| *is_marker).count() >= 7);
}

#[test]
fn classic_histograms_become_native_ones_if_the_job_says_so() {
    let page = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 7\nh_count 3\n";
    let names = |options: &str| -> Vec<String> {
        let mut bench = Bench::new(options);
        let (report, error) = bench.scrape(Some(page));
        assert_eq!((error, report.kept as usize), (None, bench.dump().lines().count()));
        bench.dump().lines().map(|line| line[..line.find('{').unwrap()].to_owned()).collect()
    };
    let classic = ["h_bucket", "h_bucket", "h_count", "h_sum"];
    assert_eq!(names(""), classic);
    assert_eq!(names("  convert_classic_histograms_to_nhcb: true\n"), ["h"]);
    let both = "  convert_classic_histograms_to_nhcb: true\n  always_scrape_classic_histograms: true\n";
    assert_eq!(names(both), [&["h"], &classic[..]].concat());
}

#[test]
fn types_and_units_are_labels_if_asked_for() {
    let mut bench = Bench::new("");
    let job = Arc::make_mut(&mut bench.scraper.job);
    job.type_and_unit_labels = true;
    let page =
        "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n# TYPE b counter\nb_total 2\n# EOF\n";
    bench.scrape_as("application/openmetrics-text; version=1.0.0", Some(page));
    assert_eq!(
        bench.dump(),
        "a_seconds{__type__=\"gauge\", __unit__=\"seconds\", instance=\"t:1\", job=\"j\"} @1000 1\n\
         b_total{__type__=\"counter\", instance=\"t:1\", job=\"j\"} @1000 2\n"
    );
}

#[test]
fn counting_begins_with_a_zero_if_asked_for() {
    let page = |value: f64| {
        format!(
            "# TYPE a counter\na_total {value}\na_created 0.5\n# TYPE b counter\nb_total {value}\nb_created 9\n# EOF\n"
        )
    };
    let mut bench = Bench::new("");
    let scrape = |bench: &mut Bench, value| {
        let (report, error) =
            bench.scrape_as("application/openmetrics-text; version=1.0.0", Some(&page(value)));
        assert_eq!(error, None);
        report.scraped
    };
    assert_eq!(scrape(&mut bench, 1.0), 4);
    assert!(bench.dump().contains("a_created"));

    let mut bench = Bench::new("");
    Arc::make_mut(&mut bench.scraper.job).created_zeros = true;
    assert_eq!((scrape(&mut bench, 2.0), scrape(&mut bench, 3.0)), (2, 2));
    // The time of the other lies ahead.
    assert_eq!(
        bench.dump(),
        "a_total{instance=\"t:1\", job=\"j\"} @500 0 @1000 2 @2000 3\n\
         b_total{instance=\"t:1\", job=\"j\"} @1000 2 @2000 3\n"
    );
}

#[test]
fn histograms_begin_with_a_histogram_of_nothing() {
    let options = "  scrape_native_histograms: true\n  convert_classic_histograms_to_nhcb: true\n";
    let mut bench = Bench::new(options);
    Arc::make_mut(&mut bench.scraper.job).created_zeros = true;
    let page = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 7\nh_count 3\nh_created 0.25\n# EOF\n";
    bench.scrape_as("application/openmetrics-text; version=1.0.0", Some(page));
    let dump = bench.store.dump();
    let samples = &dump.iter().find(|(labels, _)| labels.value("__name__") == "h").unwrap().1;
    let counts: Vec<_> = samples
        .iter()
        .map(|s| match &s.value {
            Value::Histogram(h) => (s.timestamp, h.count, h.custom_values.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [(250, 0, vec![1.0]), (1000, 3, vec![1.0])]);
}
