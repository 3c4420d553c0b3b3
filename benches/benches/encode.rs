//! From a registry to the page that shows it, again and again, as scrapes ask for it; beside the crates of today.
//!
//! `busy`: every series has moved since the last page; `idle`: none has.

#![allow(missing_docs, reason = "the macros of criterion document nothing")]

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use expo_format::{Format, PageWriter, WriteOptions};
use metrics_core::instrument::{Buckets, Counter, Gatherer, Histogram, Registry};
use prometheus::Encoder;

const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Measures `page`, which returns the page's length, with `move_all` before each where it is given.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    move_all: impl Fn(),
    mut page: impl FnMut() -> usize,
) {
    group.throughput(Throughput::Bytes(page() as u64));
    group.bench_function(format!("{name}/busy"), |b| {
        b.iter_batched(&move_all, |()| black_box(page()), criterion::BatchSize::PerIteration);
    });
    group.bench_function(format!("{name}/idle"), |b| b.iter(|| black_box(page())));
}

/// Gathers and writes, both as [`exporter_kit`](https://docs.rs/exporter-kit) does it.
fn ours(registry: &Registry, format: Format) -> impl FnMut() -> usize {
    let mut gatherer = Gatherer::new(registry);
    let mut writer = PageWriter::new(format, WriteOptions::default());
    move || writer.write_gathered(gatherer.gather()).len()
}

const HELP: &str = "How many requests this part of the program has answered since its start.";
const FAMILIES: usize = 1_000;
const METHODS: [&str; 2] = ["GET", "POST"];
const CODES: [&str; 5] = ["200", "201", "400", "404", "500"];

/// The label values of a family's ten counters.
fn members() -> impl Iterator<Item = [&'static str; 2]> {
    METHODS.into_iter().flat_map(|method| CODES.map(|code| [method, code]))
}

/// The names of a program's families; for the life of the program, as names in code are.
fn names(suffix: &str) -> Vec<&'static str> {
    let name = |n| format!("app_component_{n:04}_{suffix}");
    (0..FAMILIES).map(|n| &*Box::leak(name(n).into_boxed_str())).collect()
}

fn counters(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode 1,000 families of 10 counters");
    let names = names("requests");
    // As many digits as the totals of a program have that has run for a while.
    let rises = || (0..).map(|n: u64| n * 7919 % 1_000);

    let registry = Registry::new();
    let family = |name: &&str| registry.counter_family(name, HELP, ["method", "code"]).expect("valid names");
    let families: Vec<_> = names.iter().map(family).collect();
    let series: Vec<Counter> = families.iter().flat_map(|f| members().map(|m| f.get(m))).collect();
    let move_all = || series.iter().zip(rises()).for_each(|(counter, n)| counter.add(n + 1));
    measure(&mut group, "ours, text", move_all, ours(&registry, Format::Text));
    measure(&mut group, "ours, OpenMetrics", move_all, ours(&registry, Format::OpenMetrics));

    let registry = prometheus::Registry::new();
    let family = |name: &&str| {
        let options = prometheus::Opts::new(format!("{name}_total"), HELP);
        let family = prometheus::IntCounterVec::new(options, &["method", "code"]).expect("valid names");
        registry.register(Box::new(family.clone())).expect("the first of its name");
        family
    };
    let families: Vec<_> = names.iter().map(family).collect();
    let series: Vec<_> = families.iter().flat_map(|f| members().map(|m| f.with_label_values(&m))).collect();
    let move_all = || series.iter().zip(rises()).for_each(|(counter, n)| counter.inc_by(n + 1));
    measure(&mut group, "prometheus, text", move_all, prometheus_page(registry));

    type Client = prometheus_client::metrics::counter::Counter;
    type Labels = [(&'static str, &'static str); 2];
    let mut registry = prometheus_client::registry::Registry::default();
    let mut family = |name: &&str| {
        let family = prometheus_client::metrics::family::Family::<Labels, Client>::default();
        registry.register(*name, HELP, family.clone());
        family
    };
    let families: Vec<_> = names.iter().map(&mut family).collect();
    let labelled = |[method, code]: [&'static str; 2]| [("method", method), ("code", code)];
    let series: Vec<_> =
        families.iter().flat_map(|f| members().map(|m| f.get_or_create_owned(&labelled(m)))).collect();
    let move_all = || {
        series.iter().zip(rises()).for_each(|(counter, n)| {
            counter.inc_by(n + 1);
        });
    };
    measure(&mut group, "prometheus-client, OpenMetrics", move_all, client_page(registry));
}

fn histograms(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode 1,000 histograms of 12 buckets");
    let names = names("latency_seconds");
    let values = [0.0007, 0.004, 0.012, 0.03, 0.09, 0.2, 0.7, 3.0];

    let registry = Registry::new();
    let buckets = Buckets::new(BOUNDS).expect("rising bounds");
    let histogram = |name: &&str| registry.histogram(name, HELP, buckets.clone()).expect("a valid name");
    let series: Vec<Histogram> = names.iter().map(histogram).collect();
    let move_all = || series.iter().for_each(|h| values.iter().for_each(|v| h.observe(*v)));
    measure(&mut group, "ours, text", move_all, ours(&registry, Format::Text));
    measure(&mut group, "ours, OpenMetrics", move_all, ours(&registry, Format::OpenMetrics));

    let registry = prometheus::Registry::new();
    let histogram = |name: &&str| {
        let options = prometheus::HistogramOpts::new(*name, HELP).buckets(BOUNDS.to_vec());
        let histogram = prometheus::Histogram::with_opts(options).expect("valid options");
        registry.register(Box::new(histogram.clone())).expect("the first of its name");
        histogram
    };
    let series: Vec<_> = names.iter().map(histogram).collect();
    let move_all = || series.iter().for_each(|h| values.iter().for_each(|v| h.observe(*v)));
    measure(&mut group, "prometheus, text", move_all, prometheus_page(registry));

    type Client = prometheus_client::metrics::histogram::Histogram;
    let mut registry = prometheus_client::registry::Registry::default();
    let mut histogram = |name: &&str| {
        let histogram = Client::new(BOUNDS);
        registry.register(*name, HELP, histogram.clone());
        histogram
    };
    let series: Vec<_> = names.iter().map(&mut histogram).collect();
    let move_all = || series.iter().for_each(|h| values.iter().for_each(|v| h.observe(*v)));
    measure(&mut group, "prometheus-client, OpenMetrics", move_all, client_page(registry));
}

fn prometheus_page(registry: prometheus::Registry) -> impl FnMut() -> usize {
    let (encoder, mut page) = (prometheus::TextEncoder::new(), Vec::new());
    move || {
        page.clear();
        encoder.encode(&registry.gather(), &mut page).expect("writing to memory");
        page.len()
    }
}

fn client_page(registry: prometheus_client::registry::Registry) -> impl FnMut() -> usize {
    let mut page = String::new();
    move || {
        page.clear();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("writing to memory");
        page.len()
    }
}

criterion_group!(benches, counters, histograms);
criterion_main!(benches);
