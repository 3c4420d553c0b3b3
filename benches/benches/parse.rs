//! Reading pages. The page is the field's own benchmark page where `CONFORMANCE_TEXTPARSE` or the workspace's surroundings
//! have it, else a page made up to be like it: the groups are named after the page, because their figures cannot be
//! compared. Where the environment names a folder in `PAGES`, the pages are left there for a peer to read
//! (`peers/parse.go`).

#![allow(missing_docs, reason = "the macros of criterion document nothing")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use expo_format::{
    Event, Format, Limits, PageParser, Rescraper, Sample, Update, WriteOptions, read_families, text, write,
};

/// The page, and the name of the group of what is measured with it.
fn page() -> (&'static str, Vec<u8>) {
    let folder = std::env::var_os("CONFORMANCE_TEXTPARSE").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance/textparse-data").into(),
        std::path::PathBuf::from,
    );
    match std::fs::read(folder.join("alltypes.237mfs.prom.txt")) {
        Ok(page) => ("parse alltypes.237mfs", page),
        Err(_) => ("parse a page made up", page_like_it()),
    }
}

fn page_like_it() -> Vec<u8> {
    let mut page = String::new();
    for family in 0..237 {
        page.push_str(&format!("# HELP http_requests_{family}_seconds How long requests took.\n"));
        page.push_str(&format!("# TYPE http_requests_{family}_seconds gauge\n"));
        for path in 0..8 {
            let series = format!("http_requests_{family}_seconds{{code=\"200\",path=\"/{path}\"}}");
            let value = family * path;
            // Whole numbers, and some with a few decimals.
            match path % 4 {
                3 => page.push_str(&format!("{series} {:.3}\n", f64::from(value) * 0.037)),
                _ => page.push_str(&format!("{series} {value}\n")),
            }
        }
    }
    page.into_bytes()
}

fn leave_for_peers(name: &str, page: &[u8]) {
    if let Some(folder) = std::env::var_os("PAGES") {
        let path = std::path::PathBuf::from(folder).join(name);
        std::fs::write(path, page).expect("the folder that PAGES names can be written to");
    }
}

fn text_pages(c: &mut Criterion) {
    let (group, page) = page();
    leave_for_peers("text", &page);
    let mut group = c.benchmark_group(group);
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
    let (group, page) = page();
    let changed = with_other_values(&page);
    let mut group = c.benchmark_group(group);
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
    let (group, page) = page();
    let Ok(families) = read_families(Format::Text, &page, Limits::default()) else { return };
    let mut group = c.benchmark_group(group);
    for (name, format) in [("openmetrics", Format::OpenMetrics), ("protobuf", Format::Protobuf)] {
        let mut page = Vec::new();
        write(&mut page, format, &families, WriteOptions::default());
        leave_for_peers(name, &page);
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function(BenchmarkId::new(name, "series and value"), |b| {
            b.iter(|| {
                samples(format, &page, |sample| {
                    black_box((sample.series.as_str(), sample.value));
                });
            });
        });
        group.bench_function(BenchmarkId::new(name, "labelled samples"), |b| {
            b.iter(|| {
                samples(format, &page, |sample| {
                    black_box((sample.series.name(), sample.value));
                    sample.series.labels().for_each(|label| drop(black_box(label)));
                });
            });
        });
    }
    group.finish();
}

fn samples(format: Format, page: &[u8], mut each: impl FnMut(&Sample<'_>)) {
    let mut parser = PageParser::new(format, page);
    while let Ok(Some(event)) = parser.next_event() {
        if let Event::Sample(sample) = event {
            each(&sample);
        }
    }
}

criterion_group!(benches, text_pages, next_pages, other_formats);
criterion_main!(benches);
