//! Reading remote-write requests, beside structs that `prost` derives from the same messages.

#![allow(missing_docs, reason = "the macros of criterion document nothing")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use expo_format::remote_write::{self, v1, v2};
use metrics_core::{LabelSet, Metadata};
use prost::Message as _;

/// Series of one request, with a sample each.
const SAMPLES: usize = 10_000;

/// The messages of both versions as generated code has them, without what these requests do not hold.
mod derived {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Label {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(super) struct Sample {
        #[prost(double, tag = "1")]
        pub(super) value: f64,
        #[prost(int64, tag = "2")]
        pub(super) timestamp: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TimeSeriesV1 {
        #[prost(message, repeated, tag = "1")]
        pub(super) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<Sample>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct RequestV1 {
        #[prost(message, repeated, tag = "1")]
        pub(super) series: Vec<TimeSeriesV1>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TimeSeriesV2 {
        #[prost(uint32, repeated, tag = "1")]
        pub(super) labels: Vec<u32>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<Sample>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct RequestV2 {
        #[prost(string, repeated, tag = "4")]
        pub(super) symbols: Vec<String>,
        #[prost(message, repeated, tag = "5")]
        pub(super) series: Vec<TimeSeriesV2>,
    }
}

fn requests() -> (Vec<u8>, Vec<u8>) {
    let (mut old, mut new) = (v1::RequestBuilder::default(), v2::RequestBuilder::default());
    for i in 0..SAMPLES {
        let labels = LabelSet::from_pairs([
            ("__name__", "http_requests_total"),
            ("code", "200"),
            ("instance", &format!("host-{}:9100", i % 100)),
            ("job", "api"),
            ("path", &format!("/{}", i / 100)),
        ]);
        let samples = [(1_700_000_000_000, i as f64)];
        let series = remote_write::Series { samples: &samples, ..remote_write::Series::new(&labels) };
        old.series(&series);
        new.series(&series, &Metadata::default(), None);
    }
    (old.finish(), new.finish())
}

/// Every label and sample, borrowed from the message, against messages of owned parts. The labels of the new
/// version are looked up in its table on both sides.
fn decode(c: &mut Criterion) {
    let (old, new) = requests();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function(BenchmarkId::new("remote write 1.0", "labels"), |b| {
        b.iter(|| {
            for series in v1::Request::new(&old).series().flatten() {
                series.labels().for_each(|label| drop(black_box(label)));
                series.samples().for_each(|sample| drop(black_box(sample)));
            }
        });
    });
    group.bench_function(BenchmarkId::new("remote write 1.0", "label sets"), |b| {
        b.iter(|| {
            for series in v1::Request::new(&old).series().flatten() {
                black_box(series.label_set()).ok();
                series.samples().for_each(|sample| drop(black_box(sample)));
            }
        });
    });
    group.bench_function(BenchmarkId::new("remote write 1.0", "prost"), |b| {
        b.iter(|| drop(black_box(derived::RequestV1::decode(&old[..]))));
    });
    group.bench_function(BenchmarkId::new("remote write 2.0", "labels"), |b| {
        b.iter(|| {
            let Ok(request) = v2::Request::new(&new) else { return };
            for series in request.series().flatten() {
                series.labels().for_each(|label| drop(black_box(label)));
                series.samples().for_each(|sample| drop(black_box(sample)));
            }
        });
    });
    group.bench_function(BenchmarkId::new("remote write 2.0", "label sets"), |b| {
        b.iter(|| {
            let Ok(request) = v2::Request::new(&new) else { return };
            for series in request.series().flatten() {
                black_box(series.label_set()).ok();
                series.samples().for_each(|sample| drop(black_box(sample)));
            }
        });
    });
    group.bench_function(BenchmarkId::new("remote write 2.0", "prost"), |b| {
        b.iter(|| {
            let Ok(request) = derived::RequestV2::decode(&new[..]) else { return };
            for series in &request.series {
                for label in series.labels.chunks_exact(2) {
                    let text = |number: u32| request.symbols.get(number as usize);
                    black_box((text(label[0]), text(label[1])));
                }
                for sample in &series.samples {
                    black_box(sample);
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
