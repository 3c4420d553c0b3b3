//! Stage 1: what counting and observing cost the program that does it, beside the crates that people use today.
//!
//! `1T` is one thread, `2T` is the time per operation of two threads that use the same instrument at once. The loop is
//! part of every figure, and of the one that does nothing.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use metrics_core::instrument::{Buckets, Counter, Family, Histogram, Labels, Native};

const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Measures `operation` on one thread, and on two at once.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, operation: impl Fn(u64) + Sync) {
    group.bench_function(format!("{name}/1T"), |b| {
        let mut n = 0;
        b.iter(|| {
            n += 1;
            operation(black_box(n));
        });
    });
    group.bench_function(format!("{name}/2T"), |b| {
        b.iter_custom(|iterations| {
            let start = Barrier::new(2);
            let work = || {
                start.wait();
                let begin = Instant::now();
                (0..iterations).for_each(|n| operation(black_box(n)));
                begin.elapsed()
            };
            std::thread::scope(|s| {
                let other = s.spawn(work);
                let own = work();
                own.max(other.join().expect("the other thread does not panic"))
            })
        });
    });
}

/// Latencies spread over the buckets, as a real service has them.
fn latency(n: u64) -> f64 {
    const SPREAD: [f64; 8] = [0.0007, 0.004, 0.012, 0.03, 0.09, 0.2, 0.7, 3.0];
    SPREAD[(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61) as usize]
}

fn loops(c: &mut Criterion) {
    let mut group = c.benchmark_group("nothing but the loop");
    measure(&mut group, "none", |_| {});
}

fn counters(c: &mut Criterion) {
    let mut group = c.benchmark_group("counter increment");
    let ours = Counter::new();
    measure(&mut group, "ours", |_| ours.inc());
    let prometheus = prometheus::IntCounter::new("c", "c").expect("a valid name");
    measure(&mut group, "prometheus", |_| prometheus.inc());
    let client = prometheus_client::metrics::counter::Counter::<u64>::default();
    measure(&mut group, "prometheus-client", |_| {
        client.inc();
    });
}

fn histograms(c: &mut Criterion) {
    let mut group = c.benchmark_group("histogram observe, 12 buckets");
    let ours = Histogram::new(Buckets::new(BOUNDS).expect("rising bounds"));
    measure(&mut group, "ours", |n| ours.observe(latency(n)));
    let options = prometheus::HistogramOpts::new("h", "h").buckets(BOUNDS.to_vec());
    let prometheus = prometheus::Histogram::with_opts(options).expect("valid options");
    measure(&mut group, "prometheus", |n| prometheus.observe(latency(n)));
    let client = prometheus_client::metrics::histogram::Histogram::new(BOUNDS);
    measure(&mut group, "prometheus-client", |n| client.observe(latency(n)));
}

fn native_histograms(c: &mut Criterion) {
    let mut group = c.benchmark_group("native histogram observe");
    let ours = Histogram::native(Native::new(1.1));
    measure(&mut group, "ours", |n| ours.observe(latency(n)));
}

/// Labels that can only have so many values.
#[derive(Clone, Copy, Labels)]
enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

#[derive(Clone, Copy, Labels)]
enum Outcome {
    Done,
    Refused,
    Failed,
    Lost,
}

#[derive(Labels)]
struct Call {
    verb: Verb,
    outcome: Outcome,
}

fn typed_families(c: &mut Criterion) {
    const VERBS: [Verb; 4] = [Verb::Get, Verb::Put, Verb::Post, Verb::Delete];
    const OUTCOMES: [Outcome; 4] = [Outcome::Done, Outcome::Refused, Outcome::Failed, Outcome::Lost];

    let mut group = c.benchmark_group("family with two enum labels, look up and increment");
    let ours: Family<Call, Counter> = Family::typed(Counter::new);
    measure(&mut group, "ours", |n| {
        ours.inc(Call { verb: VERBS[n as usize % 4], outcome: OUTCOMES[n as usize / 4 % 4] });
    });
}

fn families(c: &mut Criterion) {
    const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];
    const ROUTES: [&str; 4] = ["/", "/orders", "/orders/{id}", "/health"];
    let labels = |n: u64| [METHODS[n as usize % 4], ROUTES[n as usize / 4 % 4]];

    let mut group = c.benchmark_group("family with two &str labels, look up and increment");
    let ours: Family<[&str; 2], Counter> = Family::new(["method", "route"], Counter::new);
    measure(&mut group, "ours", |n| ours.inc(labels(n)));
    let options = prometheus::Opts::new("c", "c");
    let prometheus = prometheus::IntCounterVec::new(options, &["method", "route"]).expect("valid names");
    measure(&mut group, "prometheus", |n| prometheus.with_label_values(&labels(n)).inc());
    let client = prometheus_client::metrics::family::Family::<
        Vec<(&str, &str)>,
        prometheus_client::metrics::counter::Counter,
    >::default();
    measure(&mut group, "prometheus-client", |n| {
        let [method, route] = labels(n);
        client.get_or_create(&vec![("method", method), ("route", route)]).inc();
    });
}

fn main() {
    let mut c = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    loops(&mut c);
    counters(&mut c);
    histograms(&mut c);
    native_histograms(&mut c);
    typed_families(&mut c);
    families(&mut c);
    c.final_summary();
}
