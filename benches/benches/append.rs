//! Stage 5: what it costs to hand a scrape's samples to the database, with and without its log.

use benches::nodemix::workload::{self, timestamp};
use criterion::{BatchSize, Criterion, Throughput};
use metrics_core::{Append, LabelSet, SeriesRef};
use tsdb::{Db, Options};

const HOSTS: usize = 10;
const PER_HOST: usize = 100;
const SCRAPES: usize = 8;

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements((HOSTS * PER_HOST * SCRAPES) as u64));
    let labels: Vec<Vec<LabelSet>> = workload::all(HOSTS, PER_HOST)
        .iter()
        .map(|host| host.iter().map(workload::Series::labels).collect())
        .collect();
    for (name, log) in
        [("new series and 8 scrapes, logged", true), ("new series and 8 scrapes, not logged", false)]
    {
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    let dir = tempfile::tempdir().expect("a temporary directory");
                    let options = Options { log, ..Options::default() };
                    let db = Db::open(dir.path(), options).expect("an empty directory opens");
                    (dir, db, workload::all(HOSTS, PER_HOST))
                },
                |(dir, db, mut hosts)| {
                    let mut known = vec![SeriesRef::UNKNOWN; HOSTS * PER_HOST];
                    for scrape in 0..SCRAPES {
                        for (host, series) in hosts.iter_mut().enumerate() {
                            let mut batch = db.batch();
                            for (i, one) in series.iter_mut().enumerate() {
                                let reference = &mut known[host * PER_HOST + i];
                                let (t, v) = (timestamp(host, scrape), one.next_value());
                                let appended = batch.append_float(*reference, &labels[host][i], t, v);
                                *reference = appended.expect("rising times are taken");
                            }
                            batch.commit().expect("the disk has room");
                        }
                    }
                    (dir, db)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    append(&mut criterion);
    criterion.final_summary();
}
