//! How the targets are: data, and the JSON of `/api/v1/targets`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics_core::LabelSet;
use metrics_core::time::format_duration;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::scrape::MetadataStore;
use crate::target::Target;

/// Whether a target's last scrape worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It has not been scraped yet.
    #[default]
    Unknown,
    /// It worked.
    Up,
    /// It failed.
    Down,
}

impl Health {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A target's last scrape.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastScrape {
    /// Whether it worked.
    pub health: Health,
    /// Why it failed; empty if it did not.
    pub error: String,
    /// When it began.
    pub at: Option<SystemTime>,
    /// How long it took.
    pub duration: Duration,
}

/// An active target and how it is.
#[derive(Debug)]
pub struct TargetState {
    /// What is scraped.
    pub target: Arc<Target>,
    /// What it says about its metrics.
    pub metadata: Arc<MetadataStore>,
    last: Mutex<LastScrape>,
}

impl TargetState {
    pub(crate) fn new(target: Arc<Target>, metadata: Arc<MetadataStore>, last: LastScrape) -> Self {
        Self { target, metadata, last: Mutex::new(last) }
    }

    /// The last scrape.
    pub fn last(&self) -> LastScrape {
        self.last.lock().clone()
    }

    pub(crate) fn record(&self, at: SystemTime, duration: Duration, error: Option<String>) {
        let health = if error.is_none() { Health::Up } else { Health::Down };
        *self.last.lock() = LastScrape { health, error: error.unwrap_or_default(), at: Some(at), duration };
    }
}

/// The targets of a job.
#[derive(Debug, Clone, Default)]
pub struct PoolStatus {
    /// Those that are scraped, sorted by URL.
    pub active: Vec<Arc<TargetState>>,
    /// Discovered labels of those that a rule dropped, as many as the job keeps.
    pub dropped: Vec<LabelSet>,
    /// How many a rule dropped.
    pub dropped_count: usize,
}

/// The targets of all jobs, by the job's name.
pub type TargetsStatus = BTreeMap<String, PoolStatus>;

/// What `/api/v1/targets` is asked for.
#[derive(Debug, Clone, Default)]
pub struct TargetsQuery<'a> {
    /// `active`, `dropped`, or empty for any.
    pub state: &'a str,
    /// Only this job; empty for all.
    pub pool: &'a str,
    /// Host and port that stand for localhost in `globalUrl`; empty to leave it.
    pub external_host: &'a str,
}

/// The `data` of `/api/v1/targets`.
pub fn targets_json(status: &TargetsStatus, query: &TargetsQuery<'_>) -> Value {
    let pools = || status.iter().filter(|(name, _)| query.pool.is_empty() || query.pool == name.as_str());
    let state = query.state.to_ascii_lowercase();
    let (mut active, mut dropped, mut counts) = (Vec::new(), Vec::new(), serde_json::Map::new());
    if state != "dropped" {
        for (pool, status) in pools() {
            active.extend(status.active.iter().map(|t| target_json(pool, t, query.external_host)));
        }
    }
    if state != "active" {
        for (pool, status) in pools() {
            counts.insert(pool.clone(), status.dropped_count.into());
            let entry =
                |labels: &LabelSet| json!({"discoveredLabels": labels_json(labels), "scrapePool": pool});
            dropped.extend(status.dropped.iter().map(entry));
        }
    }
    let counts = if state == "active" { Value::Null } else { Value::Object(counts) };
    json!({"activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts})
}

fn target_json(pool: &str, state: &TargetState, external_host: &str) -> Value {
    let (target, last) = (&state.target, state.last());
    json!({
        "discoveredLabels": labels_json(&target.discovered),
        "labels": labels_json(&target.labels),
        "scrapePool": pool,
        "scrapeUrl": target.url,
        "globalUrl": global_url(&target.url, external_host),
        "lastError": last.error,
        "lastScrape": last.at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339),
        "lastScrapeDuration": last.duration.as_secs_f64(),
        "health": last.health.as_str(),
        "scrapeInterval": format_duration(target.interval),
        "scrapeTimeout": format_duration(target.timeout),
    })
}

/// Labels as a JSON object.
pub fn labels_json(labels: &LabelSet) -> Value {
    Value::Object(labels.iter().map(|(n, v)| (n.to_owned(), v.into())).collect())
}

/// The URL for somebody elsewhere: localhost by its name in the world, the port the target's own.
fn global_url(url: &str, external_host: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let name = external_host.rsplit_once(':').map_or(external_host, |(name, _)| name);
    if name.is_empty() || !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        return url.to_owned();
    }
    match port {
        Some(port) => format!("{scheme}://{name}:{port}{path}"),
        None => format!("{scheme}://{name}{path}"),
    }
}

/// A moment as `2006-01-02T15:04:05.999999999Z`, zeros at the end left out.
pub fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, nanos) = (since.as_secs(), since.subsec_nanos());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let mut out = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos > 0 {
        out.push_str(format!(".{nanos:09}").trim_end_matches('0'));
    }
    out + "Z"
}

/// Year, month and day of a number of days since 1970, by the calendar's 400-year cycle counted from March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let at = |s, n| rfc3339(UNIX_EPOCH + Duration::new(s, n));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_709_210_096, 120_000_000), "2024-02-29T12:34:56.12Z");
        assert_eq!(at(4_102_444_799, 1), "2099-12-31T23:59:59.000000001Z");
    }

    #[test]
    fn localhost_by_its_name() {
        assert_eq!(global_url("http://localhost:9100/metrics", "web:9090"), "http://web:9100/metrics");
        assert_eq!(global_url("http://db:9100/metrics", "web:9090"), "http://db:9100/metrics");
        assert_eq!(global_url("http://localhost:9100/", ""), "http://localhost:9100/");
    }
}
