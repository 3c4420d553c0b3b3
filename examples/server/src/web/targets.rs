//! `/api/v1/` about targets, what they say, and what the store makes of it.

use std::collections::{HashMap, HashSet};

use metrics_core::{METRIC_NAME, Matcher, Metadata, Select, SelectHints, SelectRequest};
use promql::api::{ApiError, ErrorKind, Params, StoreStats};
use promql::parser::parse_selector;
use scrape_client::status::{TargetsQuery, labels_json, targets_json};
use serde_json::{Value, json};

use crate::app::App;

pub(super) fn targets(app: &App, params: &Params) -> Value {
    let query = TargetsQuery {
        state: params.get("state"),
        pool: params.get("scrapePool"),
        external_host: &app.external_host,
    };
    targets_json(&app.watcher.status(), &query)
}

pub(super) fn scrape_pools(app: &App) -> Value {
    let names: Vec<String> = app.watcher.status().into_keys().collect();
    json!({"scrapePools": names})
}

pub(super) fn alertmanagers(app: &App) -> Value {
    let list = |urls: Vec<String>| -> Value { urls.into_iter().map(|url| json!({"url": url})).collect() };
    let (active, dropped) = app.notifier.alertmanagers();
    json!({"activeAlertmanagers": list(active), "droppedAlertmanagers": list(dropped)})
}

pub(super) fn target_metadata(app: &App, params: &Params) -> Result<Value, ApiError> {
    let bad = |message: String| ApiError::new(ErrorKind::BadData, message);
    let limit = match params.get("limit") {
        "" => usize::MAX,
        text => match text.parse::<i64>() {
            Ok(n) => usize::try_from(n).unwrap_or(usize::MAX),
            Err(_) => return Err(bad("limit must be a number".to_owned())),
        },
    };
    let matchers: Vec<Matcher> = match params.get("match_target") {
        "" => Vec::new(),
        selector => {
            parse_selector(selector).map_err(|e| bad(format!("invalid parameter \"match_target\": {e}")))?
        }
    };
    let metric = params.get("metric");
    let mut out = Vec::new();
    for state in app.watcher.status().values().flat_map(|pool| &pool.active) {
        let labels = &state.target.labels;
        if out.len() >= limit || !matchers.iter().all(|m| m.matches_labels(labels)) {
            continue;
        }
        if !metric.is_empty() {
            let entry = |m: Metadata| entry(labels_json(labels), &m);
            out.extend(state.metadata.get(metric).map(entry));
            continue;
        }
        for family in state.metadata.list() {
            let mut entry = entry(labels_json(labels), &family.metadata);
            entry["metric"] = family.name.into();
            out.push(entry);
        }
    }
    Ok(Value::Array(out))
}

fn entry(target: Value, m: &Metadata) -> Value {
    json!({"target": target, "type": m.metric_type.as_str(), "help": m.help, "unit": m.unit})
}

/// How many series the head has, and of what.
pub(super) fn store_stats(app: &App, limit: usize) -> Option<StoreStats> {
    let db = &app.store.db;
    let mut stats = StoreStats::default();
    stats.series = db.head_series() as u64;
    stats.range = (i64::MAX, i64::MIN);
    let Some(range) = db.head_range() else { return Some(stats) };
    let mut hints = SelectHints::default();
    hints.labels_only = true;
    let found = db.select(&SelectRequest { matchers: &[], range, hints }).ok()?;
    let (mut names, mut values, mut bytes, mut pairs) =
        (Tally::default(), Tally::default(), Tally::default(), Tally::default());
    let mut seen = HashSet::new();
    for i in 0..found.len() {
        for (name, value) in found.labels(i) {
            if name == METRIC_NAME {
                names.add(value, 1);
            }
            let pair = format!("{name}={value}");
            pairs.add(&pair, 1);
            if seen.insert(pair) {
                values.add(name, 1);
                bytes.add(name, value.len() as u64);
            }
        }
    }
    stats.label_pairs = seen.len() as u64;
    // One open chunk per series; full ones are cut into blocks from there.
    stats.chunks = db.head_series() as i64;
    stats.range = (range.start, range.end);
    stats.series_by_metric = names.top(limit);
    stats.values_by_label = values.top(limit);
    stats.bytes_by_label = bytes.top(limit);
    stats.series_by_pair = pairs.top(limit);
    Some(stats)
}

/// Counts by name.
#[derive(Default)]
struct Tally(HashMap<String, u64>);

impl Tally {
    fn add(&mut self, name: &str, n: u64) {
        match self.0.get_mut(name) {
            Some(count) => *count += n,
            None => drop(self.0.insert(name.to_owned(), n)),
        }
    }

    /// The largest, the largest first.
    fn top(self, limit: usize) -> Vec<(String, u64)> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(limit);
        all
    }
}
