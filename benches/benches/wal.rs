//! Stage 7: commits into the write-ahead log and back, per sample.

use std::hint::black_box;
use std::sync::Arc;

use benches::nodemix::workload::{self, timestamp};
use criterion::{BatchSize, Criterion, Throughput};
use tsdb::fs::OsFs;
use tsdb::wal::{
    Compression, FloatSample, SegmentReader, Wal, WalOptions, put_samples, read_samples, segment_path,
};

const HOSTS: usize = 10;
const PER_HOST: usize = 1000;
const SCRAPES: usize = 10;

/// One commit a host and scrape.
fn commits() -> Vec<Vec<FloatSample>> {
    let mut all = workload::all(HOSTS, PER_HOST);
    let mut commits = Vec::new();
    for scrape in 0..SCRAPES {
        for (host, series) in all.iter_mut().enumerate() {
            let sample = |(i, one): (usize, &mut workload::Series)| FloatSample {
                series: (host * PER_HOST + i + 1) as u64,
                timestamp: timestamp(host, scrape),
                value: one.next_value(),
            };
            commits.push(series.iter_mut().enumerate().map(sample).collect());
        }
    }
    commits
}

fn write(wal: &mut Wal, commits: &[Vec<FloatSample>]) {
    let mut record = Vec::new();
    for commit in commits {
        record.clear();
        put_samples(&mut record, commit.iter().copied());
        wal.log(&record).expect("the disk has room");
        wal.flush().expect("the disk has room");
    }
}

fn log(c: &mut Criterion) {
    let commits = commits();
    let mut group = c.benchmark_group("wal");
    group.throughput(Throughput::Elements((HOSTS * PER_HOST * SCRAPES) as u64));
    let mut record = Vec::new();
    group.bench_function("encode", |b| {
        b.iter(|| {
            for commit in &commits {
                record.clear();
                put_samples(&mut record, black_box(commit).iter().copied());
            }
        });
    });
    for compression in [Compression::None, Compression::Snappy] {
        let open = || {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let options = WalOptions { compression, ..WalOptions::default() };
            let wal = Wal::open(Arc::new(OsFs), dir.path(), options).expect("an empty directory");
            (dir, wal)
        };
        group.bench_function(format!("write, {compression:?}"), |b| {
            b.iter_batched(
                open,
                |(dir, mut wal)| {
                    write(&mut wal, &commits);
                    (dir, wal)
                },
                BatchSize::PerIteration,
            );
        });
        let (dir, mut wal) = open();
        write(&mut wal, &commits);
        let mut samples = Vec::new();
        group.bench_function(format!("read, {compression:?}"), |b| {
            b.iter(|| {
                let mut reader =
                    SegmentReader::open(&OsFs, &segment_path(dir.path(), 0)).expect("a whole segment");
                while let Some(record) = reader.next().expect("a whole segment") {
                    samples.clear();
                    read_samples(record, &mut samples).expect("records of samples only");
                }
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    log(&mut criterion);
    criterion.final_summary();
}
