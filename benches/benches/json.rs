//! Stage 10: writing the answer of a range query as JSON, 18 MB of it, piece by piece as a connection takes it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use criterion::{BatchSize, Criterion, Throughput};
use http::Request;
use http_body::Body;
use metrics_core::{Append, LabelSet, MemStore, Select, SeriesRef, Timestamp};
use promql::api::{Api, ApiBody, Sources};
use promql::{Engine, Options};

const SERIES: u32 = 1500;
const POINTS: i64 = 361;
const MINUTE: i64 = 60_000;

struct Program(MemStore);

impl Sources for Program {
    fn store(&self) -> &dyn Select {
        &self.0
    }

    fn now(&self) -> Timestamp {
        0
    }
}

/// Takes all pieces and returns how long they are together.
fn drain(mut body: ApiBody) -> usize {
    let mut context = Context::from_waker(Waker::noop());
    let mut bytes = 0;
    while let Poll::Ready(Some(Ok(piece))) = Pin::new(&mut body).poll_frame(&mut context) {
        bytes += piece.data_ref().map_or(0, |data| std::hint::black_box(data).len());
    }
    bytes
}

/// Values with all their digits, as rates have them.
fn program() -> Program {
    let store = MemStore::default();
    let mut batch = store.batch();
    for series in 0..SERIES {
        let labels =
            LabelSet::from_pairs([("__name__", "m"), ("instance", &format!("host-{series:04}:9100"))]);
        for point in 0..POINTS {
            let value = (f64::from(series) + 1.5).sqrt() * (point as f64 + 0.7).ln();
            batch.append_float(SeriesRef::UNKNOWN, &labels, point * MINUTE, value).expect("a new time");
        }
    }
    batch.commit().expect("a store in memory");
    Program(store)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let api = Api::new(Engine::new(Options::default()), program());
    let path = format!("/api/v1/query_range?query=m&start=0&end={}&step=60", (POINTS - 1) * 60);
    let request = Request::get(path).body("").expect("a request");
    let bytes = drain(api.handle(&request).into_body());
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(bytes as u64)).sample_size(20);
    // The query runs outside the clock.
    group.bench_function("matrix", |b| {
        b.iter_batched(|| api.handle(&request), |answer| drain(answer.into_body()), BatchSize::PerIteration);
    });
    group.finish();
    criterion.final_summary();
}
