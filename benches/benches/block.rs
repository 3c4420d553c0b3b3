//! Stage 8: blocks written, opened, searched and merged.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use benches::nodemix::workload::{self, timestamp};
use criterion::{BatchSize, Criterion, Throughput};
use metrics_core::LabelSet;
use tsdb::block::{Block, BlockMeta, BlockWriter, ChunkData, Ulid};
use tsdb::chunk::dense::Level;
use tsdb::chunk::{ChunkEncoder, EncodedChunk};
use tsdb::compact::{Style, merge};
use tsdb::fs::{Fs, OsFs};

const HOSTS: usize = 20;
const PER_HOST: usize = 100;
const SCRAPES: usize = 480;

type Series = (LabelSet, Vec<EncodedChunk>);

/// Two hours of the workload from a scrape on, as chunks by series.
fn series(from: usize) -> Vec<Series> {
    let mut all = workload::all(HOSTS, PER_HOST);
    let mut list = Vec::new();
    for (host, series) in all.iter_mut().enumerate() {
        for one in series {
            let mut encoder = ChunkEncoder::new(120);
            for scrape in from..from + SCRAPES {
                encoder.push_float(timestamp(host, scrape), one.next_value()).expect("floats are known");
            }
            list.push((one.labels(), encoder.finish()));
        }
    }
    list.sort_by(|a, b| a.0.cmp(&b.0));
    list
}

fn write(dir: &Path, name: u64, series: &[Series]) -> Block {
    let times = || series.iter().flat_map(|(_, chunks)| chunks);
    let start = times().map(|c| c.min_time).min().unwrap_or(0);
    let end = times().map(|c| c.max_time).max().unwrap_or(0);
    let symbols: BTreeSet<&str> =
        series.iter().flat_map(|(l, _)| l.iter().flat_map(|(n, v)| [n, v])).collect();
    let meta = BlockMeta::new(Ulid::from_parts(name, 0), start, end + 1);
    let mut writer = BlockWriter::create(Arc::new(OsFs), dir, meta, symbols).expect("a fresh directory");
    for (labels, chunks) in series {
        let data: Vec<ChunkData<'_>> = chunks.iter().map(EncodedChunk::as_data).collect();
        writer.add_series(labels, &data).expect("series in order");
    }
    let (path, _) = writer.finish().expect("the disk has room");
    Block::open(&OsFs, &path).expect("a whole block")
}

fn block(c: &mut Criterion) {
    let first = series(0);
    let mut group = c.benchmark_group("block");
    group.throughput(Throughput::Elements((HOSTS * PER_HOST) as u64));
    let fresh = || tempfile::tempdir().expect("a temporary directory");
    group.bench_function("write, per series of 480 samples", |b| {
        b.iter_batched(fresh, |dir| (write(dir.path(), 1, &first), dir), BatchSize::PerIteration);
    });
    let dir = fresh();
    let blocks = [write(dir.path(), 1, &first), write(dir.path(), 2, &series(SCRAPES))];
    group.bench_function("open", |b| b.iter(|| Block::open(&OsFs, blocks[0].dir()).expect("a whole block")));
    group.bench_function("read labels and chunk places, per series", |b| {
        let mut ids = Vec::new();
        b.iter(|| {
            ids.clear();
            blocks[0].index().all_postings(&mut ids).expect("a whole index");
            ids.iter()
                .map(|id| blocks[0].index().series(*id).expect("a whole index").chunks.len())
                .sum::<usize>()
        });
    });
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    for (name, style) in [
        ("merge two, copying chunks", Style::Field),
        ("merge two into dense chunks", Style::dense(Level::Fast)),
    ] {
        group.bench_function(name, |b| {
            b.iter_batched(
                fresh,
                |dir| (merge(&fs, dir.path(), &[&blocks[0], &blocks[1]], Ulid::from_parts(3, 0), style), dir),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    block(&mut criterion);
    criterion.final_summary();
}
