use super::*;

fn problem(page: &str) -> Option<String> {
    StrictParser::new(page.as_bytes()).find_map(Result::err).map(|e| e.to_string())
}

#[test]
fn every_rule_has_its_words() {
    for (page, wanted) in [
        (
            "# TYPE a gauge\na 1\n# HELP a x\n# EOF\n",
            "line 3, column 1: metadata after samples of its metric",
        ),
        ("# HELP a x\n# HELP a x\n# EOF\n", "line 2, column 1: more than one HELP for a metric"),
        ("# TYPE a info\n# TYPE a_info gauge\n# EOF\n", "line 3, column 1: clashing name"),
        ("a{b=\"1\",b=\"2\"} 1\n# EOF\n", "line 1, column 1: label name is not unique"),
        ("# TYPE a stateset\na{b=\"c\"} 1\n# EOF\n", "line 2, column 1: state set without its label"),
        ("# TYPE a summary\na_sum NaN\n# EOF\n", "line 2, column 1: counter-like samples cannot be NaN"),
        ("# TYPE a gauge\na 1 2\na 1 1\n# EOF\n", "line 3, column 1: timestamps of a metric went backwards"),
        (
            "a{b=\"1\"} 1\na{b=\"2\"} 1\na{b=\"1\"} 1\n# EOF\n",
            "line 3, column 1: samples of a metric are not together",
        ),
        ("a{b=\"c\",} 1\n# EOF\n", "line 1, column 1: comma behind the last label"),
        ("# TYPE a histogram\na_bucket{le=\"1\"} 1\n# EOF\n", "line 3, column 1: +Inf bucket missing"),
        ("# TYPE a_s info\n# UNIT a_s s\n# EOF\n", "line 3, column 1: metrics of this type have no unit"),
        ("# TYPE a gauge\na 1 # {} 1\n# EOF\n", "line 2, column 1: exemplars belong to buckets and counters"),
    ] {
        assert_eq!(problem(page).as_deref(), Some(wanted), "{page}");
    }
}

#[test]
fn what_is_written_here_is_strict() {
    use crate::{WriteOptions, openmetrics};
    use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
    use metrics_core::{Exemplar, LabelSet};

    let labels = || LabelSet::from_pairs([("x", "a\"\\\n")]);
    let exemplar = Exemplar { labels: labels(), value: 1.5, timestamp: Some(1234) };
    let buckets = || {
        vec![
            Bucket { upper_bound: 0.1, cumulative_count: 1.0, exemplar: Some(exemplar.clone()) },
            Bucket { upper_bound: f64::INFINITY, cumulative_count: 2.0, exemplar: None },
        ]
    };
    let histogram = || {
        MetricValue::Histogram(HistogramValue {
            buckets: buckets(),
            sum: 3.0,
            count: 2.0,
            ..Default::default()
        })
    };
    let mut families = Vec::new();
    for (name, metric_type, value) in [
        (
            "c_total",
            MetricType::Counter,
            MetricValue::Counter { total: 1.0, exemplar: Some(exemplar.clone()) },
        ),
        ("bare", MetricType::Counter, MetricValue::Counter { total: 1.0, exemplar: None }),
        ("g_seconds", MetricType::Gauge, MetricValue::Gauge(f64::NAN)),
        ("h", MetricType::Histogram, histogram()),
        ("gh", MetricType::GaugeHistogram, histogram()),
        ("s", MetricType::Summary, MetricValue::Summary { quantiles: vec![(0.5, 1.0)], sum: 1.0, count: 3 }),
        ("i_info", MetricType::Info, MetricValue::Info(LabelSet::from_pairs([("version", "1")]))),
        ("st", MetricType::StateSet, MetricValue::StateSet(vec![("on".into(), true), ("off".into(), false)])),
    ] {
        let mut family = MetricFamily::new(name, "Help \\ \"it\".\n", metric_type);
        family.unit = "seconds".to_owned();
        family.push(LabelSet::empty(), value.clone());
        family.push(labels(), value);
        family.metrics[1].created = Some(5);
        family.metrics[0].created = Some(5);
        families.push(family);
    }
    let mut page = Vec::new();
    openmetrics::write(&mut page, &families, WriteOptions::default().created_lines(true));
    let text = String::from_utf8(page).unwrap();
    assert_eq!(problem(&text), None, "{text}");
    assert!(text.contains("gh_gcount") && text.contains("# UNIT g_seconds seconds\n"), "{text}");
}
