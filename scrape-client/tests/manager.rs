//! Jobs from configuration to store: start, reload, discovery, staleness, stop.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)] // a test target; the lint sees only #[test] functions as tests

use std::sync::Arc;
use std::time::Duration;

use metrics_core::{LabelSet, MemStore, Sample};
use parking_lot::Mutex;
use scrape_client::Manager;
use scrape_client::config::Config;
use scrape_client::http::{Fetch, FetchError, FetchFuture, Page};
use scrape_client::status::{Health, TargetsQuery, targets_json};

/// Pages by address; what is not there is down.
#[derive(Default)]
struct Pages(Mutex<Vec<(String, String)>>);

impl Pages {
    fn set(&self, address: &str, page: Option<&str>) {
        let mut pages = self.0.lock();
        pages.retain(|(a, _)| a != address);
        pages.extend(page.map(|p| (address.to_owned(), p.to_owned())));
    }
}

impl Fetch for Pages {
    fn fetch<'a>(&'a self, url: &'a str, _: Duration, _: Vec<u8>) -> FetchFuture<'a> {
        Box::pin(async move {
            let pages = self.0.lock();
            let page = pages.iter().find(|(address, _)| url.contains(address.as_str()));
            match page {
                Some((_, page)) => {
                    Ok(Page { body: page.clone().into_bytes(), content_type: "text/plain".to_owned() })
                }
                None => Err(FetchError::Timeout { url: url.to_owned() }),
            }
        })
    }
}

struct Bench {
    pages: Arc<Pages>,
    store: Arc<MemStore>,
    manager: Manager,
}

impl Bench {
    fn new() -> Self {
        let (pages, store) = (Arc::new(Pages::default()), Arc::new(MemStore::default()));
        let fetch = pages.clone();
        let manager = Manager::with_fetch(store.clone(), Box::new(move |_| Ok(fetch.clone())), 0);
        Self { pages, store, manager }
    }

    async fn apply(&mut self, yaml: &str) {
        let config = Config::parse(yaml, "t.yml", &|_| None).unwrap();
        self.manager.apply(config.scrape_jobs().unwrap()).await.unwrap();
    }

    fn samples(&self, name: &str, instance: &str) -> Vec<Sample> {
        let wanted = |l: &LabelSet| l.value("__name__") == name && l.value("instance") == instance;
        self.store.dump().into_iter().filter(|(l, _)| wanted(l)).flat_map(|(_, s)| s).collect()
    }

    /// Waits until a condition holds.
    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..200 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("waited in vain for: {what}");
    }
}

fn stale(samples: &[Sample]) -> usize {
    samples.iter().filter(|s| s.value.is_stale()).count()
}

fn jobs(options: &str, targets: &str) -> String {
    format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs:
- job_name: j
{options}  static_configs: [{{targets: [{targets}]}}]
"
    )
}

#[tokio::test]
async fn scrapes_reports_and_stops() {
    let mut bench = Bench::new();
    bench.pages.set("a:1", Some("m 1\n"));
    bench.apply(&jobs("", "'a:1', 'b:1'")).await;
    bench
        .until("three scrapes", |b| b.samples("m", "a:1").len() >= 3 && b.samples("up", "b:1").len() >= 3)
        .await;
    let status = bench.manager.status();
    let [a, b] = status["j"].active.as_slice() else { panic!() };
    assert_eq!((a.last().health, b.last().health), (Health::Up, Health::Down));
    assert_eq!(b.last().error, "Get \"http://b:1/metrics\": context deadline exceeded");
    let json = targets_json(&status, &TargetsQuery::default());
    assert_eq!(json["activeTargets"][0]["scrapeInterval"], "100ms");
    assert_eq!(json["activeTargets"][0]["labels"]["instance"], "a:1");
    assert_eq!(json["droppedTargetCounts"]["j"], 0);
    let Bench { store, manager, .. } = bench;
    manager.stop().await;
    let count = store.dump().iter().map(|(_, s)| s.len()).sum::<usize>();
    tokio::time::sleep(Duration::from_millis(350)).await;
    let later = store.dump();
    assert_eq!(later.iter().map(|(_, s)| s.len()).sum::<usize>(), count);
    assert!(later.iter().all(|(_, s)| stale(s) == 0), "stopping writes no markers");
}

#[tokio::test]
async fn a_target_that_leaves_the_configuration_goes_stale() {
    let mut bench = Bench::new();
    bench.pages.set("a:1", Some("m 1\n"));
    bench.pages.set("b:1", Some("m 1\n"));
    bench.apply(&jobs("", "'a:1', 'b:1'")).await;
    bench.until("scrapes", |b| !b.samples("m", "a:1").is_empty() && !b.samples("m", "b:1").is_empty()).await;
    bench.apply(&jobs("", "'a:1'")).await;
    bench
        .until("marker of b", |b| stale(&b.samples("m", "b:1")) == 1 && stale(&b.samples("up", "b:1")) == 1)
        .await;
    assert_eq!(stale(&bench.samples("m", "a:1")), 0);
    assert_eq!(bench.manager.status()["j"].active.len(), 1);
    bench.apply("scrape_configs: []").await;
    bench.until("marker of a", |b| stale(&b.samples("m", "a:1")) == 1).await;
    assert!(bench.manager.status().is_empty());
}

#[tokio::test]
async fn a_reload_keeps_what_it_can() {
    let mut bench = Bench::new();
    bench.pages.set("a:1", Some("m 1\n"));
    bench.apply(&jobs("", "'a:1'")).await;
    bench.until("scrapes", |b| b.samples("m", "a:1").len() >= 2).await;
    bench.apply(&jobs("  sample_limit: 10\n", "'a:1'")).await;
    let before = bench.samples("m", "a:1").len();
    bench.until("more scrapes", |b| b.samples("m", "a:1").len() >= before + 3).await;
    assert_eq!(stale(&bench.samples("m", "a:1")), 0);
    let added: Vec<f64> = bench
        .samples("scrape_series_added", "a:1")
        .into_iter()
        .map(|s| match s.value {
            metrics_core::Value::Float(v) => v,
            _ => f64::NAN,
        })
        .collect();
    assert_eq!(added.iter().sum::<f64>(), 1.0, "the memory of the page lives on: {added:?}");
}

#[tokio::test]
async fn relabeling_changes_on_reload() {
    let mut bench = Bench::new();
    bench.pages.set("a:1", Some("m 1\n"));
    bench.apply(&jobs("", "'a:1'")).await;
    bench.until("scrapes", |b| b.samples("m", "a:1").len() >= 2).await;
    let rules = "  relabel_configs: [{target_label: instance, replacement: other}]\n";
    bench.apply(&jobs(rules, "'a:1'")).await;
    bench.until("new labels", |b| b.samples("m", "other").len() >= 2).await;
    bench.until("old labels stale", |b| stale(&b.samples("m", "a:1")) == 1).await;
}

#[tokio::test]
async fn too_many_targets_fail_all() {
    let mut bench = Bench::new();
    bench.pages.set("a:1", Some("m 1\n"));
    bench.apply(&jobs("  target_limit: 1\n", "'a:1', 'b:1'")).await;
    let expected = "target_limit exceeded (number of targets: 2, limit: 1)";
    bench
        .until("the error", |b| {
            b.manager.status()["j"].active.iter().all(|t| t.last().error == expected)
                && b.manager.status()["j"].active.len() == 2
        })
        .await;
    assert!(bench.samples("m", "a:1").is_empty());
}

#[tokio::test]
async fn target_files_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("targets.json");
    std::fs::write(&file, r#"[{"targets": ["a:1"]}]"#).unwrap();
    let mut bench = Bench::new();
    bench.pages.set("a:1", Some("m 1\n"));
    bench.pages.set("b:1", Some("m 1\n"));
    let yaml = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs: [{{job_name: j, file_sd_configs: [{{files: ['{}']}}]}}]",
        file.display()
    );
    bench.apply(&yaml).await;
    bench.until("a", |b| !b.samples("m", "a:1").is_empty()).await;
    std::fs::write(&file, r#"[{"targets": ["b:1"], "labels": {"dc": "eu"}}]"#).unwrap();
    bench.until("b", |b| !b.samples("m", "b:1").is_empty()).await;
    bench.until("a stale", |b| stale(&b.samples("m", "a:1")) == 1).await;
}
