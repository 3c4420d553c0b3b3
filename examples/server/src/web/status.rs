//! `/api/v1/status/…`: what the server is and how it is doing.

use std::time::Duration;

use metrics_core::time::format_duration;
use promql::api::BuildInfo;
use scrape_client::config::format_size;
use scrape_client::status::rfc3339;
use serde_json::{Value, json};

use crate::app::{App, hostname};

/// The release of the original whose behaviour this server follows; clients choose features by it.
pub(super) const VERSION: &str = "3.14.0";

pub(super) fn build_info() -> BuildInfo {
    let mut info = BuildInfo::default();
    VERSION.clone_into(&mut info.version);
    env!("CARGO_PKG_VERSION").clone_into(&mut info.revision);
    "pullstack".clone_into(&mut info.branch);
    info
}

pub(super) fn version_json() -> Value {
    let info = build_info();
    json!({
        "version": info.version,
        "revision": info.revision,
        "branch": info.branch,
        "buildUser": info.build_user,
        "buildDate": info.build_date,
        "goVersion": info.compiler,
    })
}

pub(super) fn flags(app: &App) -> Value {
    json!(app.options.flags)
}

pub(super) fn config(app: &App) -> Value {
    json!({"yaml": app.loaded.lock().config.to_yaml()})
}

/// The replay is over before anybody can ask.
pub(super) fn wal_replay() -> Value {
    json!({"min": 0, "max": 0, "current": 0})
}

pub(super) fn runtime_info(app: &App) -> Value {
    let loaded = app.loaded.lock();
    let cwd = std::env::current_dir().map_or_else(|_| String::new(), |d| d.display().to_string());
    json!({
        "startTime": rfc3339(app.started),
        "CWD": cwd,
        "hostname": hostname(),
        "serverTime": rfc3339(std::time::SystemTime::now()),
        "reloadConfigSuccess": loaded.last_reload_worked,
        "lastConfigTime": rfc3339(loaded.at),
        "corruptionCount": app.store.db.warnings().len(),
        "goroutineCount": 0,
        "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": retention(app.store.db.options()),
    })
}

/// How long samples are kept and how much room they may take, as the original says it.
fn retention(options: &tsdb::Options) -> String {
    let time = options.retention.map(|ms| format_duration(Duration::from_millis(ms.unsigned_abs())));
    match (time, options.retention_size.map(format_size)) {
        (Some(time), Some(size)) => format!("{time} or {size}"),
        (time, size) => time.or(size).unwrap_or_default(),
    }
}
