//! Stage 6: the samples of a series into chunks and back, per sample.

use std::hint::black_box;

use benches::nodemix::workload::{self, timestamp};
use criterion::{Criterion, Throughput};
use tsdb::chunk::dense;
use tsdb::chunk::xor::{self, XorAppender};

const HOSTS: usize = 2;
const PER_HOST: usize = 100;
const SAMPLES: usize = 960;

/// Columns of every series of the workload.
fn columns() -> Vec<(Vec<i64>, Vec<f64>)> {
    let mut all = workload::all(HOSTS, PER_HOST);
    let mut columns = Vec::new();
    for (host, series) in all.iter_mut().enumerate() {
        for one in series {
            let times = (0..SAMPLES).map(|scrape| timestamp(host, scrape)).collect();
            columns.push((times, (0..SAMPLES).map(|_| one.next_value()).collect()));
        }
    }
    columns
}

fn encode_xor(columns: &[(Vec<i64>, Vec<f64>)]) -> Vec<Vec<u8>> {
    let mut appender = XorAppender::new();
    let mut chunks = Vec::new();
    for (times, values) in columns {
        for (times, values) in times.chunks(120).zip(values.chunks(120)) {
            for (t, v) in times.iter().zip(values) {
                appender.append(*t, *v).expect("120 samples fit");
            }
            chunks.push(appender.take());
        }
    }
    chunks
}

fn chunk(c: &mut Criterion) {
    let columns = columns();
    let mut group = c.benchmark_group("chunk");
    group.throughput(Throughput::Elements((columns.len() * SAMPLES) as u64));
    group.bench_function("encode XOR", |b| b.iter(|| encode_xor(black_box(&columns))));
    let chunks = encode_xor(&columns);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    group.bench_function("decode XOR", |b| {
        b.iter(|| {
            for chunk in &chunks {
                times.clear();
                values.clear();
                xor::decode(black_box(chunk), &mut times, &mut values).expect("an honest chunk");
            }
        });
    });
    let encode_dense = || -> Vec<_> {
        columns.iter().map(|(t, v)| dense::encode(t, v).expect("there are samples")).collect()
    };
    group.bench_function("encode dense", |b| b.iter(|| black_box(encode_dense())));
    let chunks: Vec<_> =
        encode_dense().into_iter().filter(|c| c.encoding == tsdb::chunk::Encoding::Dense).collect();
    group.throughput(Throughput::Elements((chunks.len() * SAMPLES) as u64));
    group.bench_function("decode dense", |b| {
        b.iter(|| {
            for chunk in &chunks {
                times.clear();
                values.clear();
                dense::decode(black_box(&chunk.bytes), &mut times, &mut values).expect("an honest chunk");
            }
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    chunk(&mut criterion);
    criterion.final_summary();
}
