//! The field's own table tests about targets, labels and limits, and about the receiver of remote write.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test target; the lints see only #[test] functions as tests

#[cfg(feature = "remote-write")]
mod remote_write;
#[cfg(feature = "remote-write")]
mod store;
#[cfg(feature = "remote-write")]
mod write_request;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use metrics_core::{LabelSet, MemStore};
use scrape_client::config::{Config, ScrapeConfig};
use scrape_client::http::Page;
use scrape_client::scrape::{Scraper, SeriesCache};
use scrape_client::target::{Target, discovered_labels};
use serde_json::{Value, json};

fn tables(file: &str) -> Option<Value> {
    let dir = std::env::var_os("CONFORMANCE_GOTABLES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/gotables"),
        PathBuf::from,
    );
    match std::fs::read(dir.join(file)) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            println!("skipped: {}: {error}", dir.display());
            None
        }
    }
}

fn job(fields: &Value) -> Arc<ScrapeConfig> {
    // JSON is YAML.
    let text = json!({"scrape_configs": [fields]}).to_string();
    Config::parse(&text, "table.yml", &|_| None).unwrap().scrape_configs[0].clone()
}

fn label_set(json: &Value) -> LabelSet {
    let map = json.as_object().cloned().unwrap_or_default();
    LabelSet::from_pairs(map.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap_or("?"))))
}

/// Whether a case of `TestPopulateLabels` agrees.
fn populate(case: &Value) -> bool {
    let cfg = &case["cfg"];
    let rule = |r: &Value| {
        json!({
            "action": r["Action"], "regex": r["Regex"], "replacement": r["Replacement"],
            "separator": r["Separator"], "source_labels": r["SourceLabels"], "target_label": r["TargetLabel"],
        })
    };
    let rules: Vec<Value> = cfg["RelabelConfigs"].as_array().into_iter().flatten().map(rule).collect();
    let params = cfg["Params"].as_object().cloned().unwrap_or_default();
    let job = job(&json!({
        "job_name": cfg["JobName"], "scrape_interval": cfg["ScrapeInterval"],
        "scrape_timeout": cfg["ScrapeTimeout"], "metrics_path": cfg["MetricsPath"], "scheme": cfg["Scheme"],
        "params": params, "relabel_configs": rules,
    }));
    let discovered = discovered_labels(&job, &label_set(&case["in"]), &LabelSet::empty());
    // Durations are refused in the words of this release.
    let expected = case["err"].as_str().unwrap().split(": unknown unit").next().unwrap();
    match Target::new(&job, discovered) {
        Err(error) => !expected.is_empty() && error.to_string().contains(expected),
        Ok(target) => {
            let wanted = label_set(&case["res"]);
            let public = LabelSet::from_pairs(wanted.iter().filter(|(n, _)| !n.starts_with("__")));
            expected.is_empty() && target.is_some_and(|t| t.labels == public)
        }
    }
}

/// The first series that a page yields for a target with these labels, or why the scrape failed.
fn scrape(labels: Vec<(String, String)>, options: &Value, page: &str) -> Result<Option<LabelSet>, String> {
    let mut fields = json!({"job_name": "j"});
    fields.as_object_mut().unwrap().extend(options.as_object().cloned().unwrap());
    // Only the labels of the table: job and instance go.
    fields["metric_relabel_configs"] = json!([{"action": "labeldrop", "regex": "instance|job"}]);
    let job = job(&fields);
    let address = [("__address__".to_owned(), "t:1".to_owned())];
    let labels = LabelSet::from_pairs(labels.into_iter().chain(address));
    let target = Target::new(&job, discovered_labels(&job, &labels, &LabelSet::empty())).unwrap().unwrap();
    let store = MemStore::default();
    let mut scraper = Scraper::new(job, Arc::new(target), SeriesCache::new(), Arc::default(), Arc::default());
    let page = Page { body: format!("{page}\n").into_bytes(), content_type: "text/plain".to_owned() };
    let (_, error) = scraper.append(&store, 1000, Ok(&page), &|| Duration::ZERO);
    match error {
        Some(error) => Err(error.to_string()),
        None => Ok(store.dump().into_iter().map(|(l, _)| l).find(|l| l.value("__name__") == "metric")),
    }
}

fn pairs(json: &Value) -> Vec<(String, String)> {
    let texts: Vec<String> =
        json.as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect();
    texts.chunks(2).map(|p| (p[0].clone(), p[1].clone())).collect()
}

fn append(case: &Value) -> bool {
    let options = json!({"honor_labels": case["honorLabels"]});
    let got = scrape(pairs(&case["discoveryLabels"]), &options, case["scrapeLabels"].as_str().unwrap());
    got == Ok(Some(label_set(&case["expLset"])))
}

fn conflict(case: &Value) -> bool {
    let case = &case["$value"];
    let labels = pairs(&case["targetLabels"]);
    let got = scrape(labels, &json!({}), case["exposedLabels"].as_str().unwrap());
    got == Ok(Some(LabelSet::from_pairs(pairs(&case["expected"]))))
}

/// How many series of each name a scrape of a page leaves, by the name.
fn names(options: &Value, page: &str) -> Vec<(String, usize)> {
    let mut fields = json!({"job_name": "j", "scrape_native_histograms": true});
    fields.as_object_mut().unwrap().extend(options.as_object().cloned().unwrap());
    let job = job(&fields);
    let labels = LabelSet::from_pairs([("__address__", "t:1")]);
    let target = Target::new(&job, discovered_labels(&job, &labels, &LabelSet::empty())).unwrap().unwrap();
    let store = MemStore::default();
    let mut scraper = Scraper::new(job, Arc::new(target), SeriesCache::new(), Arc::default(), Arc::default());
    let page = Page { body: page.as_bytes().to_vec(), content_type: "text/plain".to_owned() };
    let (_, error) = scraper.append(&store, 1000, Ok(&page), &|| Duration::ZERO);
    assert!(error.is_none(), "{error:?}");
    let mut counts: Vec<(String, usize)> = Vec::new();
    for (labels, _) in store.dump() {
        let name = labels.value("__name__").to_owned();
        match counts.iter_mut().find(|(other, _)| *other == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    counts
}

/// The rule of the original's test: what is left of classic histograms under each pair of options.
fn convert(case: &Value) -> bool {
    let case = &case["$value"];
    let page: String = case["text"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    [(true, true), (false, true), (true, false), (false, false)].into_iter().all(|(keep, convert)| {
        let options = json!({
            "always_scrape_classic_histograms": keep,
            "convert_classic_histograms_to_nhcb": convert,
        });
        let found = names(&options, &page);
        let count = |name: String| found.iter().find(|(n, _)| *n == name).map_or(0, |(_, count)| *count);
        let classic = usize::from(keep || !convert);
        (1..=3).all(|i| {
            let plain =
                ["", "_count", "_sum", "_bucket"].iter().all(|s| count(format!("test_metric_{i}{s}")) == 1);
            plain
                && count(format!("test_histogram_{i}")) == usize::from(convert)
                && count(format!("test_histogram_{i}_count")) == classic
                && count(format!("test_histogram_{i}_sum")) == classic
                && (count(format!("test_histogram_{i}_bucket")) > 0) == (classic > 0)
        })
    })
}

#[test]
fn conformance_gotables_scrape() {
    let Some(tables) = tables("prometheus_scrape.json") else { return };
    // Text in Rust is UTF-8: labels with other bytes are refused where they are read.
    let not_text = |case: &Value| case["in"]["custom"].is_object();
    let (mut agree, mut all) = (0, 0);
    let mut run = |table: &str, test: &dyn Fn(&Value) -> bool| {
        for case in tables[table].as_array().unwrap().iter().filter(|c| !not_text(c)) {
            all += 1;
            match test(case) {
                true => agree += 1,
                false => println!("{table} differs: {case}"),
            }
        }
    };
    run("TestPopulateLabels", &populate);
    run("TestScrapeLoopAppend", &append);
    run("TestScrapeLoopAppendForConflictingPrefixedLabels", &conflict);
    // The other cases are messages in the text form of protocol buffers, which nobody exposes.
    let is_text = |case: &&Value| !case["$value"]["contentType"].as_str().unwrap().contains("protobuf");
    for case in tables["TestConvertClassicHistogramsToNHCB#2"].as_array().unwrap().iter().filter(is_text) {
        all += 1;
        match convert(case) {
            true => agree += 1,
            false => println!("TestConvertClassicHistogramsToNHCB differs: {}", case["$key"]),
        }
    }
    println!("CONFORMANCE_GOTABLES scrape: {agree} of {all} cases agree");
    assert_eq!(agree, all);
}
