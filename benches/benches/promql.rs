//! Stage 9: evaluating queries over columns in memory.

use benches::nodemix::workload::{self, START, timestamp};
use criterion::{Criterion, Throughput};
use metrics_core::{Columns, LabelSet, Select, SelectError, SelectRequest, SeriesSet};
use promql::{Engine, Options};

const HOSTS: usize = 10;
const PER_HOST: usize = 100;
const SCRAPES: usize = 480;
const MINUTE: i64 = 60_000;

/// A store that has nothing to decode, so that the engine alone is measured.
struct InMemory(Vec<(LabelSet, Columns)>);

impl InMemory {
    /// Two hours of samples.
    fn filled() -> Self {
        let mut found: Vec<(LabelSet, Columns)> = Vec::new();
        for (host, series) in workload::all(HOSTS, PER_HOST).into_iter().enumerate() {
            for mut one in series {
                let mut columns = Columns::default();
                for scrape in 0..SCRAPES {
                    columns.floats.push(timestamp(host, scrape), one.next_value());
                }
                found.push((one.labels(), columns));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Self(found)
    }
}

impl Select for InMemory {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        let matching = self.0.iter().filter(|(l, _)| request.matchers.iter().all(|m| m.matches_labels(l)));
        let found = matching.map(|(labels, columns)| {
            let times = &columns.floats.timestamps;
            let inside = times.partition_point(|t| *t < request.range.start)
                ..times.partition_point(|t| *t <= request.range.end);
            (labels, columns, inside)
        });
        Ok(Box::new(Found(found.collect())))
    }
}

struct Found<'a>(Vec<(&'a LabelSet, &'a Columns, std::ops::Range<usize>)>);

impl SeriesSet for Found<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        self.0[series].0
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        let (_, columns, inside) = &self.0[series];
        into.clear();
        into.floats.timestamps.extend_from_slice(&columns.floats.timestamps[inside.clone()]);
        into.floats.values.extend_from_slice(&columns.floats.values[inside.clone()]);
        Ok(())
    }
}

fn evaluate(c: &mut Criterion) {
    let store = InMemory::filled();
    let mut options = Options::default();
    options.threads = 1;
    let engine = Engine::new(options);
    let end = START + SCRAPES as i64 * 15_000;
    let queries = [
        ("parse and plan", "sum by (instance)(rate(nothing[5m])) / on(instance) group_left nothing"),
        ("selector", "node_cpu_seconds_total"),
        ("sum of rates", "sum(rate(node_cpu_seconds_total[5m]))"),
        ("maximum over an hour", "max_over_time(node_memory_usage[1h])"),
        ("quantile over an hour", "quantile_over_time(0.9, node_memory_usage[1h])"),
        ("subquery", "max_over_time(rate(node_network_bytes_total[5m])[1h:1m])"),
        (
            "histogram quantile",
            "histogram_quantile(0.99, sum by (le)(rate(http_request_duration_seconds_bucket[5m])))",
        ),
        ("join", r#"node_memory_usage / on(instance) group_left node_load_exact{id="0"}"#),
    ];
    let mut group = c.benchmark_group("promql");
    group.throughput(Throughput::Elements(1));
    for (name, query) in queries {
        group.bench_function(name, |b| {
            b.iter(|| {
                engine.range(&store, query, end - 60 * MINUTE, end, MINUTE).expect("the query has an answer")
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    evaluate(&mut criterion);
    criterion.final_summary();
}
