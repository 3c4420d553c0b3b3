//! Stage 8: finding series by their labels, and reading their columns.

use benches::nodemix::workload::{self, timestamp};
use criterion::{Criterion, Throughput};
use metrics_core::{
    Append, Columns, LabelSet, MatchOp, Matcher, Select, SelectHints, SelectRequest, SeriesRef, TimeRange,
};
use tsdb::{Db, Options};

const HOSTS: usize = 20;
const PER_HOST: usize = 100;
const SCRAPES: usize = 240;

/// An hour of samples in memory.
fn filled(dir: &std::path::Path) -> Db {
    let db = Db::open(dir, Options { log: false, ..Options::default() }).expect("an empty directory opens");
    for (host, mut series) in workload::all(HOSTS, PER_HOST).into_iter().enumerate() {
        let labels: Vec<LabelSet> = series.iter().map(workload::Series::labels).collect();
        for scrape in 0..SCRAPES {
            let mut batch = db.batch();
            for (one, labels) in series.iter_mut().zip(&labels) {
                let (t, v) = (timestamp(host, scrape), one.next_value());
                batch.append_float(SeriesRef::UNKNOWN, labels, t, v).expect("rising times are taken");
            }
            batch.commit().expect("nothing to write");
        }
    }
    db
}

fn select(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let db = filled(dir.path());
    let regex = |name, op, pattern| Matcher::new(name, op, pattern).expect("a valid pattern");
    let cases = [
        ("one name", vec![Matcher::metric_name("node_cpu_seconds_total")]),
        (
            "name and host",
            vec![Matcher::metric_name("node_cpu_seconds_total"), Matcher::equal("instance", "host-7")],
        ),
        ("regex on name", vec![regex("__name__", MatchOp::Regex, "node_.*total")]),
        (
            "everything but",
            vec![Matcher::equal("job", "node"), regex("mode", MatchOp::NotRegex, "idle|user")],
        ),
    ];

    let mut group = c.benchmark_group("select");
    for (name, matchers) in &cases {
        group.bench_function(*name, |b| {
            b.iter(|| {
                let request =
                    SelectRequest { matchers, range: TimeRange::ALL, hints: SelectHints::default() };
                db.select(&request).map(|set| set.len()).expect("memory can be read")
            });
        });
    }
    group.bench_function("label values", |b| {
        b.iter(|| db.label_values("instance", &[], TimeRange::ALL).expect("memory can be read"));
    });
    group.bench_function("label values with a matcher", |b| {
        b.iter(|| db.label_values("instance", &cases[0].1, TimeRange::ALL).expect("memory can be read"));
    });
    group.bench_function("cardinality", |b| b.iter(|| db.cardinality(10)));
    let request =
        SelectRequest { matchers: &cases[0].1, range: TimeRange::ALL, hints: SelectHints::default() };
    let set = db.select(&request).expect("memory can be read");
    group.throughput(Throughput::Elements((set.len() * SCRAPES) as u64));
    group.bench_function("read columns", |b| {
        let mut columns = Columns::default();
        b.iter(|| {
            let mut samples = 0;
            for series in 0..set.len() {
                set.read(series, &mut columns).expect("memory can be read");
                samples += columns.len();
            }
            samples
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    select(&mut criterion);
    criterion.final_summary();
}
