use super::*;
use metrics_core::Exemplar;
use metrics_core::family::{Bucket, HistogramValue, MetricValue};
use proptest::prelude::*;

/// A family of each kind, with values made from `n`.
fn families(n: u32) -> Vec<MetricFamily> {
    let value = f64::from(n);
    let bucket = |upper_bound, cumulative_count| Bucket { upper_bound, cumulative_count, exemplar: None };
    let buckets = vec![bucket(0.0, value), bucket(1.5, value * 2.0), bucket(f64::INFINITY, value * 3.0)];
    let histogram = HistogramValue { buckets, sum: 0.5, count: value * 3.0, ..HistogramValue::default() };
    let states = vec![("on".to_owned(), n.is_multiple_of(2)), ("off".to_owned(), n % 2 == 1)];
    [
        ("a_total", MetricType::Counter, MetricValue::Counter { total: value, exemplar: None }),
        ("g", MetricType::Gauge, MetricValue::Gauge(-value / 3.0)),
        ("h", MetricType::Histogram, MetricValue::Histogram(histogram)),
        ("i", MetricType::Info, MetricValue::Info(LabelSet::from_pairs([("version", n.to_string())]))),
        (
            "s",
            MetricType::Summary,
            MetricValue::Summary {
                quantiles: vec![(0.5, value), (0.9, 1e9)],
                sum: value,
                count: u64::from(n),
            },
        ),
        ("t", MetricType::StateSet, MetricValue::StateSet(states)),
        ("with.dots", MetricType::Unknown, MetricValue::Unknown(value)),
    ]
    .into_iter()
    .map(|(name, metric_type, value)| {
        let mut family = MetricFamily::new(name, "Help.", metric_type);
        for path in ["/", "/a"] {
            family.push(LabelSet::from_pairs([("path", path)]), value.clone());
        }
        family
    })
    .collect()
}

/// Takes over values and times from new families, label sets from old ones.
fn renew(families: &mut [MetricFamily], n: u32) {
    for (family, new) in families.iter_mut().zip(self::families(n)) {
        for (metric, new) in family.metrics.iter_mut().zip(new.metrics) {
            metric.value = new.value;
        }
    }
}

fn writers() -> Vec<PageWriter> {
    let formats = [Format::Text, Format::OpenMetrics];
    let options = [WriteOptions::default(), WriteOptions::default().created_lines(true)];
    formats.iter().flat_map(|format| options.map(|o| PageWriter::new(*format, o))).collect()
}

fn check(writers: &mut [PageWriter], families: &[MetricFamily]) {
    for writer in writers {
        let mut plain = Vec::new();
        crate::write(&mut plain, writer.format(), families, writer.options());
        assert_eq!(String::from_utf8_lossy(writer.write(families)), String::from_utf8_lossy(&plain));
    }
}

#[test]
fn copied_pages_are_those_that_are_written_anew() {
    let (mut writers, mut families) = (writers(), families(1));
    for n in [1, 1, 2, 1_000_000, 7] {
        renew(&mut families, n);
        check(&mut writers, &families);
    }
}

#[test]
fn a_plain_page_is_copied() {
    let families = families(3);
    let mut writer = PageWriter::new(Format::Text, WriteOptions::default());
    writer.write(&families[..2]);
    writer.write(&families[..2]);
    // Nothing else can know what is not in the families.
    writer.page.iter_mut().filter(|b| **b == b'3').for_each(|b| *b = b'x');
    let page = String::from_utf8_lossy(writer.write(&families[..2])).into_owned();
    assert!(page.contains("a_total{path=\"/\"} x\n"), "{page}");
}

#[test]
fn metadata_bounds_and_what_follows_the_value_may_change() {
    let (mut writers, mut families) = (writers(), families(1));
    check(&mut writers, &families);
    families[0].help = "Other.".to_owned();
    check(&mut writers, &families);
    if let MetricValue::Histogram(h) = &mut families[2].metrics[1].value {
        h.buckets[1].upper_bound = 2.5;
        h.buckets[0].exemplar =
            Some(Exemplar { labels: LabelSet::from_pairs([("id", "x")]), value: 0.1, timestamp: None });
    }
    check(&mut writers, &families);
    if let MetricValue::Histogram(h) = &mut families[2].metrics[1].value {
        h.buckets[0].exemplar = None;
    }
    check(&mut writers, &families);
    for timestamp in [Some(5), Some(6), None] {
        families[1].metrics[0].timestamp = timestamp;
        check(&mut writers, &families);
    }
    for created in [Some(5000), Some(6000), None] {
        families[0].metrics[0].created = created;
        check(&mut writers, &families);
    }
    if let MetricValue::Histogram(h) = &mut families[2].metrics[0].value {
        h.buckets.pop();
    }
    check(&mut writers, &families);
}

#[test]
fn a_family_may_lose_all_its_metrics_and_get_them_back() {
    let (mut writers, all) = (writers(), families(3));
    let mut page = all.clone();
    for emptied in [false, true, false] {
        page[1].metrics = if emptied { Vec::new() } else { all[1].metrics.clone() };
        check(&mut writers, &page);
    }
}

proptest! {
    /// Whatever families come, go, grow and shrink: the page is the one that is written anew.
    #[test]
    fn pages_do_not_depend_on_the_page_before(
        pages in proptest::collection::vec((0u32..4, proptest::collection::vec(0usize..7, 0..7), 0usize..2), 1..8),
    ) {
        let (mut writers, mut all) = (writers(), families(0));
        for (n, shown, lost) in pages {
            renew(&mut all, n);
            let mut page: Vec<MetricFamily> = shown.iter().map(|at| all[*at].clone()).collect();
            if let Some(family) = page.first_mut() {
                family.metrics.truncate(2 - lost);
            }
            check(&mut writers, &page);
        }
    }
}
