//! One scrape after its fetch: a page of 1,000 series → parsed → known again → appended to the database, for
//! several targets in turn. The time per sample is what a server's processor pays for each, but for the socket.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use metrics_core::{Append, LabelSet};
use scrape_client::config::Config;
use scrape_client::http::Page;
use scrape_client::scrape::{Scraper, SeriesCache};
use scrape_client::target::{Target, discovered_labels};
use tsdb::{Db, Options};

const TARGETS: usize = 20;
const SERIES: usize = 1_000;
const INTERVAL: i64 = 15_000;

/// The page of a target at one scrape: counters and gauges with a few labels, half of them as they were.
fn page(scrape: usize) -> String {
    let mut page = String::new();
    for family in 0..SERIES / 10 {
        let _ = writeln!(page, "# HELP app_metric_{family}_total What it counts.");
        let _ = writeln!(page, "# TYPE app_metric_{family}_total counter");
        for path in 0..10 {
            let value = if path % 2 == 0 { family } else { family * 7 + scrape * path };
            let _ = writeln!(
                page,
                "app_metric_{family}_total{{code=\"200\",handler=\"/api/v1/{path}\",method=\"GET\"}} {value}"
            );
        }
    }
    page
}

fn scrapers() -> Vec<Scraper> {
    let config = Config::parse("scrape_configs: [{job_name: app}]", "bench.yml", &|_| None)
        .expect("the document is valid");
    let scraper = |target: usize| {
        let job = config.scrape_configs[0].clone();
        let address = LabelSet::from_pairs([("__address__", format!("host-{target}:80"))]);
        let labels = discovered_labels(&job, &address, &LabelSet::empty());
        let target = Target::new(&job, labels).ok().flatten().expect("the labels make a target");
        Scraper::new(job, Arc::new(target), SeriesCache::new(), Arc::default(), Arc::default())
    };
    (0..TARGETS).map(scraper).collect()
}

fn scrape(c: &mut Criterion) {
    let mut group = c.benchmark_group("scrape");
    group.throughput(Throughput::Elements((TARGETS * SERIES) as u64));
    let pages: Vec<Page> = (0..16)
        .map(|scrape| Page {
            body: page(scrape).into_bytes(),
            content_type: "text/plain; version=0.0.4".to_owned(),
        })
        .collect();
    for (name, log) in [("logged", true), ("not logged", false)] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let db =
            Db::open(dir.path(), Options { log, ..Options::default() }).expect("an empty directory opens");
        let mut scrapers = scrapers();
        let mut number = 0;
        group.bench_function(BenchmarkId::new("1,000 series, seen before", name), |b| {
            b.iter(|| {
                let time = 1_700_000_000_000 + number as i64 * INTERVAL;
                for scraper in &mut scrapers {
                    let store: &dyn Append = &db;
                    let page = &pages[number % pages.len()];
                    black_box(scraper.append(store, time, Ok(page), &|| Duration::from_millis(5)));
                }
                number += 1;
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    scrape(&mut criterion);
    criterion.final_summary();
}
