//! Reading pages and messages. The page is the field's own benchmark page if it is at hand, else a page like it.

#![allow(missing_docs, reason = "the macros of criterion document nothing")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use expo_format::remote_write::{self, v1, v2};
use expo_format::{
    Event, Format, Limits, PageParser, Rescraper, Update, WriteOptions, read_families, text, write,
};
use metrics_core::{LabelSet, Metadata};

/// Samples of one remote-write request.
const SAMPLES: usize = 10_000;

fn page() -> Vec<u8> {
    let folder = std::env::var_os("CONFORMANCE_TEXTPARSE").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance/textparse-data").into(),
        std::path::PathBuf::from,
    );
    std::fs::read(folder.join("alltypes.237mfs.prom.txt")).unwrap_or_else(|_| page_like_it())
}

fn page_like_it() -> Vec<u8> {
    let mut page = String::new();
    for family in 0..237 {
        page.push_str(&format!("# HELP http_requests_{family}_seconds How long requests took.\n"));
        page.push_str(&format!("# TYPE http_requests_{family}_seconds gauge\n"));
        for path in 0..8 {
            let value = f64::from(family * path) * 0.037;
            page.push_str(&format!(
                "http_requests_{family}_seconds{{code=\"200\",path=\"/{path}\"}} {value}\n"
            ));
        }
    }
    page.into_bytes()
}

fn text_pages(c: &mut Criterion) {
    let page = page();
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function(BenchmarkId::new("text", "series and value"), |b| {
        b.iter(|| {
            for event in text::Parser::new(&page) {
                if let Ok(Event::Sample(sample)) = event {
                    black_box((sample.series.as_str(), sample.value));
                }
            }
        });
    });
    group.bench_function(BenchmarkId::new("text", "labelled samples"), |b| {
        b.iter(|| {
            for event in text::Parser::new(&page) {
                if let Ok(Event::Sample(sample)) = event {
                    black_box((sample.series.name(), sample.value));
                    sample.series.labels().for_each(|label| drop(black_box(label)));
                }
            }
        });
    });
    group.bench_function(BenchmarkId::new("text", "label sets"), |b| {
        b.iter(|| {
            for event in text::Parser::new(&page) {
                if let Ok(Event::Sample(sample)) = event {
                    black_box(sample.series.label_set()).ok();
                }
            }
        });
    });
    group.finish();
}

fn next_pages(c: &mut Criterion) {
    let page = page();
    let changed = with_other_values(&page);
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Bytes(page.len() as u64));
    for (name, second) in [("same page", &page), ("every value changed", &changed)] {
        let Some(mut rescraper) = Rescraper::<u32>::new(Format::Text) else { continue };
        let mut turn = false;
        group.bench_function(BenchmarkId::new("rescrape", name), |b| {
            b.iter(|| {
                turn = !turn;
                let mut pass = rescraper.begin(if turn { &page } else { second });
                let mut next = 0;
                while let Ok(Some(update)) = pass.next_update() {
                    match update {
                        Update::New(_) => {
                            pass.assign(next);
                            next += 1;
                        }
                        Update::Known { handle, value, .. } => drop(black_box((handle, value))),
                        Update::Metadata(_) => {}
                    }
                }
                black_box(pass.finish().count())
            });
        });
    }
    group.finish();
}

/// The page with the last digit of every value changed.
fn with_other_values(page: &[u8]) -> Vec<u8> {
    let mut other = page.to_vec();
    let mut in_comment = page.first() == Some(&b'#');
    for at in 1..other.len() {
        if other[at] == b'\n' {
            if !in_comment && other[at - 1].is_ascii_digit() {
                other[at - 1] = if other[at - 1] == b'9' { b'1' } else { other[at - 1] + 1 };
            }
            in_comment = other.get(at + 1) == Some(&b'#');
        }
    }
    other
}

fn other_formats(c: &mut Criterion) {
    let Ok(families) = read_families(Format::Text, &page(), Limits::default()) else { return };
    let mut group = c.benchmark_group("parse");
    for (name, format) in [("openmetrics", Format::OpenMetrics), ("protobuf", Format::Protobuf)] {
        let mut page = Vec::new();
        write(&mut page, format, &families, WriteOptions::default());
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function(BenchmarkId::new(name, "labelled samples"), |b| {
            b.iter(|| {
                let mut parser = PageParser::new(format, &page);
                while let Ok(Some(event)) = parser.next_event() {
                    if let Event::Sample(sample) = event {
                        black_box((sample.series.name(), sample.value));
                        sample.series.labels().for_each(|label| drop(black_box(label)));
                    }
                }
            });
        });
    }
    group.finish();
}

fn requests(c: &mut Criterion) {
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
    let (old, new) = (old.finish(), new.finish());
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function(BenchmarkId::new("remote write 1.0", SAMPLES), |b| {
        b.iter(|| {
            for series in v1::Request::new(&old).series().flatten() {
                black_box(series.label_set()).ok();
                series.samples().for_each(|sample| drop(black_box(sample)));
            }
        });
    });
    group.bench_function(BenchmarkId::new("remote write 2.0", SAMPLES), |b| {
        b.iter(|| {
            let Ok(request) = v2::Request::new(&new) else { return };
            for series in request.series().flatten() {
                black_box(series.label_set()).ok();
                series.samples().for_each(|sample| drop(black_box(sample)));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, text_pages, next_pages, other_formats, requests);
criterion_main!(benches);
