use super::*;
use metrics_core::family::{Bucket, HistogramValue, MetricValue};
use metrics_core::instrument::{Buckets, Gatherer, Registry};
use metrics_core::{Exemplar, LabelSet, MetricType};
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
    for n in [1, 1, 2, 1_000_000, 7, 1_234_567, 1_234_568, 4_000_000_000] {
        renew(&mut families, n);
        check(&mut writers, &families);
    }
}

#[test]
fn a_page_stays_in_place_while_no_value_changes_its_length() {
    let mut families = families(3);
    families.retain(|family| !matches!(family.metric_type, MetricType::Info | MetricType::StateSet));
    for writer in &mut writers() {
        let (first, text) = (writer.write(&families).as_ptr(), writer.write(&families).to_vec());
        assert_eq!((writer.write(&families).as_ptr(), writer.write(&families)), (first, &*text));
        let mut set = |n: f64| {
            families[0].metrics[1].value = MetricValue::Counter { total: n, exemplar: None };
            let mut plain = Vec::new();
            crate::write(&mut plain, writer.format(), &families, writer.options());
            let page = writer.write(&families);
            assert_eq!(page, plain);
            page.as_ptr() == first
        };
        assert!(set(4.0));
        assert!(!set(10.0));
        // Now the other buffer is the page.
        assert!(set(1e6) && !set(1e6 + 1.0));
    }
}

#[test]
fn what_a_gatherer_reads_is_written_as_anew() {
    let registry = Registry::new().const_label("zone", "eu");
    let hits = registry.counter_family("hits", "Hits.", ["path"]).unwrap();
    let waits = registry.histogram("waits", "Waits.", Buckets::new([1.0, 2.0]).unwrap()).unwrap();
    let level = registry.gauge("level", "Level.").unwrap();
    let (mut gatherer, mut writers) = (Gatherer::new(&registry), writers());
    for n in 0..200u64 {
        match n % 10 {
            0 => hits.inc([&format!("/{n}")]),
            1 if n > 100 => assert!(hits.remove([&format!("/{}", n - 101)])),
            2 => waits.observe(n as f64 / 7.0),
            3 => level.set(0.1 * n as f64 - 10.0),
            4 => level.set(f64::NAN),
            5 if n > 100 => drop(registry.counter(&format!("more_{n}"), "More.").unwrap()),
            6 if n > 150 => assert!(registry.unregister(&format!("more_{}_total", n - 41))),
            _ => hits.add(["/0"], n * n * n * n),
        }
        let gathered = gatherer.gather();
        for writer in &mut writers {
            let mut plain = Vec::new();
            crate::write(&mut plain, writer.format(), &gathered.families, writer.options());
            let page = String::from_utf8_lossy(writer.write_gathered(gathered));
            assert_eq!(page, String::from_utf8_lossy(&plain), "{n}");
        }
    }
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
        pages in proptest::collection::vec((prop_oneof![0u32..4, 999_990u32..1_000_010, 0..u32::MAX], proptest::collection::vec(0usize..7, 0..7), 0usize..2), 1..8),
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
