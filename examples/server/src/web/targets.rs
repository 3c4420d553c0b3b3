//! `/api/v1/` about targets, what they say, and what the store makes of it.

use metrics_core::{Matcher, Metadata};
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
    let found = app.store.db.cardinality(limit);
    let mut stats = StoreStats::default();
    stats.series = found.series as u64;
    stats.label_pairs = found.label_pairs as u64;
    stats.chunks = i64::try_from(found.chunks).unwrap_or(i64::MAX);
    stats.range = found.range.map_or((i64::MAX, i64::MIN), |range| (range.start, range.end));
    stats.series_by_metric = found.series_by_metric;
    stats.values_by_label = found.values_by_label;
    stats.bytes_by_label = found.bytes_by_label;
    stats.series_by_pair = found.series_by_pair;
    Some(stats)
}
