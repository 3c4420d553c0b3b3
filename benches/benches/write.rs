//! Writing pages from metric families.

#![allow(missing_docs, reason = "the macros of criterion document nothing")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use expo_format::{Format, WriteOptions, write};
use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};

fn counters() -> Vec<MetricFamily> {
    let mut family = MetricFamily::new("http_requests_total", "Requests served.", MetricType::Counter);
    for i in 0..10_000u32 {
        let labels = LabelSet::from_pairs([("code", "200"), ("path", &format!("/{i}"))]);
        family.push(labels, MetricValue::Counter { total: f64::from(i) * 1.5, exemplar: None });
    }
    vec![family]
}

fn histograms() -> Vec<MetricFamily> {
    let mut family = MetricFamily::new("http_seconds", "How long requests took.", MetricType::Histogram);
    for i in 0..1_000u32 {
        let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, f64::INFINITY];
        let bucket =
            |(n, upper_bound)| Bucket { upper_bound, cumulative_count: f64::from(i * n), exemplar: None };
        let value = HistogramValue {
            buckets: (1..).zip(bounds).map(bucket).collect(),
            sum: f64::from(i) * 0.7,
            count: f64::from(i * 12),
            ..HistogramValue::default()
        };
        family.push(LabelSet::from_pairs([("path", &format!("/{i}"))]), MetricValue::Histogram(value));
    }
    vec![family]
}

fn pages(c: &mut Criterion) {
    let mut group = c.benchmark_group("write");
    for (corpus, families) in [("10,000 counters", counters()), ("1,000 histograms", histograms())] {
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let mut page = Vec::new();
            write(&mut page, format, &families, WriteOptions::default());
            group.throughput(Throughput::Bytes(page.len() as u64));
            group.bench_function(BenchmarkId::new(format!("{format:?}"), corpus), |b| {
                b.iter(|| {
                    page.clear();
                    write(&mut page, format, black_box(&families), WriteOptions::default());
                    black_box(page.len())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pages);
criterion_main!(benches);
