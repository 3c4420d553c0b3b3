//! `promtool check metrics` finds nothing wrong with pages that are written here. Skipped with a printed word where
//! the program is not installed below `$PEERS` (default `/opt/peers/usr/bin`).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers outside test functions")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use expo_format::{Format, WriteOptions, write};
use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};

fn families() -> Vec<MetricFamily> {
    let bucket = |upper_bound, cumulative_count| Bucket { upper_bound, cumulative_count, exemplar: None };
    let buckets = vec![bucket(0.1, 1.0), bucket(1e6, 2.0), bucket(f64::INFINITY, 3.0)];
    let histogram = HistogramValue { buckets, sum: 3.5, count: 3.0, ..HistogramValue::default() };
    let quantiles = vec![(0.5, 1.25), (0.99, f64::NAN)];
    [
        ("hits_total", MetricType::Counter, MetricValue::Counter { total: 1.5e300, exemplar: None }),
        ("temperature_celsius", MetricType::Gauge, MetricValue::Gauge(-0.000_012_5)),
        ("odd", MetricType::Unknown, MetricValue::Unknown(f64::NEG_INFINITY)),
        ("latency_seconds", MetricType::Histogram, MetricValue::Histogram(histogram)),
        ("rpc_seconds", MetricType::Summary, MetricValue::Summary { quantiles, sum: 7.0, count: 9 }),
        ("build_info", MetricType::Info, MetricValue::Info(LabelSet::from_pairs([("version", "1.0")]))),
        ("switch", MetricType::StateSet, MetricValue::StateSet(vec![("on".to_owned(), true)])),
    ]
    .into_iter()
    .map(|(name, metric_type, value)| {
        let mut family = MetricFamily::new(name, "Says \"what\\it\"\nmeans.", metric_type);
        family.push(LabelSet::empty(), value.clone());
        family.push(LabelSet::from_pairs([("path", "/ü\\x\n\"{}, #")]), value);
        family
    })
    .collect()
}

/// The exit status of the program, and what it says.
fn check(page: &[u8]) -> Option<(Option<i32>, String)> {
    let folder = std::env::var_os("PEERS").map_or_else(|| "/opt/peers/usr/bin".into(), PathBuf::from);
    let program = folder.join("promtool");
    if !program.is_file() {
        println!("promtool: skipped, not in {}", folder.display());
        return None;
    }
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(page).unwrap();
    let out = child.wait_with_output().unwrap();
    Some((out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()))
}

#[test]
fn promtool_finds_nothing_wrong() {
    let mut page = Vec::new();
    write(&mut page, Format::Text, &families(), WriteOptions::default());
    let Some((code, said)) = check(&page) else { return };
    assert_eq!((code, &*said), (Some(0), ""), "{}", String::from_utf8_lossy(&page));
    // It does find what is wrong.
    let (code, said) = check(b"# TYPE hits counter\nhits 1\n").unwrap();
    assert!(code != Some(0) && said.contains("hits"), "{said}");
    println!("promtool: {} bytes checked", page.len());
}
