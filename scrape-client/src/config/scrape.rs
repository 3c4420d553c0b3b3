//! `scrape_configs`, with what they inherit from `global`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use metrics_core::relabel::Rule;
use metrics_core::{Escaping, NameScheme};

use super::Position;
use super::discovery::{DiscoveryConfig, discoveries};
use super::global::{Global, non_zero};
use super::http::HttpClientConfig;
use super::sections::relabel::rules;
use super::table::Table;
use super::value::{Val, texts};
use super::yaml::YamlError;

/// A format that a target may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    /// Delimited protobuf.
    PrometheusProto,
    /// Classic text.
    PrometheusText004,
    /// Classic text with UTF-8 names.
    PrometheusText100,
    /// OpenMetrics, first draft.
    OpenMetricsText001,
    /// OpenMetrics 1.0.
    OpenMetricsText100,
}

impl ScrapeProtocol {
    /// All formats, in order of their names.
    pub const ALL: [Self; 5] = [
        Self::OpenMetricsText001,
        Self::OpenMetricsText100,
        Self::PrometheusProto,
        Self::PrometheusText004,
        Self::PrometheusText100,
    ];

    /// The formats of jobs that name none.
    pub const DEFAULT: [Self; 4] = [
        Self::OpenMetricsText100,
        Self::OpenMetricsText001,
        Self::PrometheusText100,
        Self::PrometheusText004,
    ];

    /// The formats of jobs that name none but want native histograms.
    pub const DEFAULT_NATIVE: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText100,
        Self::OpenMetricsText001,
        Self::PrometheusText100,
        Self::PrometheusText004,
    ];

    /// The name in configuration files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrometheusProto => "PrometheusProto",
            Self::PrometheusText004 => "PrometheusText0.0.4",
            Self::PrometheusText100 => "PrometheusText1.0.0",
            Self::OpenMetricsText001 => "OpenMetricsText0.0.1",
            Self::OpenMetricsText100 => "OpenMetricsText1.0.0",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == name)
    }
}

impl fmt::Display for ScrapeProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A scrape job. Limits of zero mean no limit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScrapeConfig {
    /// Where the job starts in its file.
    pub at: Position,
    /// `job_name`.
    pub job_name: String,
    /// Whether labels of the page win over those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page are kept.
    pub honor_timestamps: bool,
    /// Whether series with timestamps of their own get staleness markers too.
    pub track_timestamps_staleness: bool,
    /// Query parameters.
    pub params: BTreeMap<String, Vec<String>>,
    /// How often targets are scraped.
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    pub scrape_timeout: Duration,
    /// Formats to ask for, most wanted first.
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// The format of answers that do not name a known one.
    pub fallback_protocol: Option<ScrapeProtocol>,
    /// Whether native histograms are kept.
    pub native_histograms: bool,
    /// Whether classic buckets are kept beside a native histogram.
    pub always_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms: bool,
    /// Whether samples get their metric's type and unit as labels `__type__` and `__unit__`. Not a key of the file:
    /// see [`Config::type_and_unit_labels`](super::Config::type_and_unit_labels).
    pub type_and_unit_labels: bool,
    /// Whether series get a sample of zero at the time when their counting began. Not a key of the file: see
    /// [`Config::created_zeros`](super::Config::created_zeros).
    pub created_zeros: bool,
    /// Whether neither the job nor `global` says which formats to ask for.
    pub(super) names_no_protocols: bool,
    /// Where failed scrapes are logged; empty for nowhere.
    pub failure_log_file: String,
    /// The path of the page.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether to ask for a compressed page.
    pub enable_compression: bool,
    /// Largest page, in bytes after decompression.
    pub body_size_limit: u64,
    /// Most samples of a page, after relabeling.
    pub sample_limit: u64,
    /// Most targets of the job.
    pub target_limit: u64,
    /// Most labels of a series.
    pub label_limit: u64,
    /// Longest label name, in bytes.
    pub label_name_length_limit: u64,
    /// Longest label value, in bytes.
    pub label_value_length_limit: u64,
    /// Most buckets of a native histogram, which is made coarser to fit.
    pub native_histogram_bucket_limit: u64,
    /// Least growth from one bucket of a native histogram to the next; it is made coarser to fit.
    pub native_histogram_min_bucket_factor: f64,
    /// Most dropped targets that are remembered.
    pub keep_dropped_targets: u64,
    /// Which names are let through.
    pub metric_name_scheme: NameScheme,
    /// How names outside the classic alphabet are asked for.
    pub metric_name_escaping: Escaping,
    /// Whether `scrape_timeout_seconds` and its like are written.
    pub extra_scrape_metrics: bool,
    /// How to talk to targets.
    pub http: HttpClientConfig,
    /// Where targets come from.
    pub discoveries: Vec<DiscoveryConfig>,
    /// Rules for discovered targets.
    pub relabel_rules: Vec<Rule>,
    /// Rules for scraped samples.
    pub metric_relabel_rules: Vec<Rule>,
}

/// Checks a list of format names; the error is in the original's words.
pub(super) fn check_protocols(names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Err("scrape_protocols cannot be empty".to_owned());
    }
    for (i, name) in names.iter().enumerate() {
        if names.iter().take(i).any(|n| n.eq_ignore_ascii_case(name)) {
            return Err(format!("duplicated protocol in scrape_protocols, got [{}]", names.join(" ")));
        }
        check_protocol(name).map_err(|e| format!("scrape_protocols: {e}"))?;
    }
    Ok(())
}

fn check_protocol(name: &str) -> Result<(), String> {
    if ScrapeProtocol::from_name(name).is_some() {
        return Ok(());
    }
    let known = ScrapeProtocol::ALL.map(ScrapeProtocol::as_str).join(" ");
    Err(format!("unknown scrape protocol {name}, supported: [{known}]"))
}

pub(super) fn protocols(names: &[String]) -> Vec<ScrapeProtocol> {
    names.iter().filter_map(|n| ScrapeProtocol::from_name(n)).collect()
}

/// Fills in what the jobs of a section inherit, checks them and reads them.
pub(super) fn resolve(parent: &mut Table, global: &Global) -> Result<Vec<ScrapeConfig>, YamlError> {
    let mut tables: Vec<Table> = parent.sections("scrape_configs").cloned().collect();
    let mut jobs = Vec::with_capacity(tables.len());
    for t in &mut tables {
        let names_no_protocols =
            global.scrape_protocols.is_none() && *t.get("scrape_protocols") == Val::Absent;
        inherit(t, global)?;
        jobs.push(ScrapeConfig { names_no_protocols, ..ScrapeConfig::read(t)? });
    }
    if !tables.is_empty() {
        parent.set("scrape_configs", Val::List(tables.into_iter().map(Val::Section).collect()));
    }
    Ok(jobs)
}

/// Limits and switches that a job takes from `global` where it has none of its own.
const INHERITED: [&str; 9] = [
    "body_size_limit",
    "sample_limit",
    "target_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "keep_dropped_targets",
    "scrape_failure_log_file",
    "scrape_interval",
];

fn inherit(t: &mut Table, global: &Global) -> Result<(), YamlError> {
    let job = t.text("job_name").to_owned();
    for key in INHERITED {
        if t.get(key).is_zero() {
            t.set(key, global.table.get(key).clone());
        }
    }
    let interval = t.duration("scrape_interval");
    if t.duration("scrape_timeout") > interval {
        let message =
            format!("scrape timeout greater than scrape interval for scrape config with job name {job:?}");
        return Err(t.error("scrape_timeout", message));
    }
    let timeout = non_zero(t.duration("scrape_timeout")).unwrap_or(global.scrape_timeout.min(interval));
    t.set("scrape_timeout", Val::Duration(timeout));
    for key in [
        "scrape_native_histograms",
        "extra_scrape_metrics",
        "convert_classic_histograms_to_nhcb",
        "always_scrape_classic_histograms",
    ] {
        if t.maybe_bool(key).is_none() {
            t.set(key, Val::Bool(global.table.bool(key)));
        }
    }
    inherit_protocols(t, global, &job)?;
    inherit_names(t, global)
}

fn inherit_protocols(t: &mut Table, global: &Global, job: &str) -> Result<(), YamlError> {
    if *t.get("scrape_protocols") == Val::Absent {
        let list = match &global.scrape_protocols {
            Some(list) => list.clone(),
            None if t.bool("scrape_native_histograms") => ScrapeProtocol::DEFAULT_NATIVE.to_vec(),
            None => ScrapeProtocol::DEFAULT.to_vec(),
        };
        let names = list.into_iter().map(|p| Val::Text(p.as_str().to_owned())).collect();
        t.set("scrape_protocols", Val::List(names));
    }
    let for_job = |e: String| format!("{e} for scrape config with job name {job:?}");
    check_protocols(&t.texts("scrape_protocols")).map_err(|e| t.error("scrape_protocols", for_job(e)))?;
    let fallback = t.text("fallback_scrape_protocol");
    if !fallback.is_empty()
        && let Err(e) = check_protocol(fallback)
    {
        let message =
            format!("invalid fallback_scrape_protocol for scrape config with job name {job:?}: {e}");
        return Err(t.error("fallback_scrape_protocol", message));
    }
    Ok(())
}

fn inherit_names(t: &mut Table, global: &Global) -> Result<(), YamlError> {
    let own = t.text("metric_name_validation_scheme").to_owned();
    let scheme = if own.is_empty() { global.metric_name_scheme.as_str() } else { &own };
    let escaping = match t.text("metric_name_escaping_scheme") {
        "" if own.is_empty() => global.metric_name_escaping,
        "" if own == "legacy" => Escaping::Underscores,
        "" => Escaping::AllowUtf8,
        name => Escaping::from_name(name).ok_or_else(|| {
            let message = format!(
                "unknown scrape config name escaping method specified, must be one of 'allow-utf-8', \
                 'underscores', 'dots', or 'values', got {name:?}"
            );
            t.error("metric_name_escaping_scheme", message)
        })?,
    };
    if escaping == Escaping::AllowUtf8 && scheme == "legacy" {
        let message = "utf8 metric names requested but validation scheme is not set to UTF8";
        return Err(t.error("metric_name_escaping_scheme", message));
    }
    t.set("metric_name_validation_scheme", Val::Text(scheme.to_owned()));
    t.set("metric_name_escaping_scheme", Val::Text(escaping.as_str().to_owned()));
    Ok(())
}

impl ScrapeConfig {
    fn read(t: &Table) -> Result<Self, YamlError> {
        let names = match t.text("metric_name_validation_scheme") {
            "legacy" => NameScheme::Legacy,
            _ => NameScheme::Utf8,
        };
        let body_size_limit = match t.get("body_size_limit") {
            Val::Size(bytes) => *bytes,
            _ => 0,
        };
        Ok(Self {
            at: t.position("job_name"),
            job_name: t.text("job_name").to_owned(),
            honor_labels: t.bool("honor_labels"),
            honor_timestamps: t.bool("honor_timestamps"),
            track_timestamps_staleness: t.bool("track_timestamps_staleness"),
            params: t.map("params").iter().map(|(k, v)| (k.clone(), texts(v))).collect(),
            scrape_interval: t.duration("scrape_interval"),
            scrape_timeout: t.duration("scrape_timeout"),
            scrape_protocols: protocols(&t.texts("scrape_protocols")),
            fallback_protocol: ScrapeProtocol::from_name(t.text("fallback_scrape_protocol")),
            native_histograms: t.bool("scrape_native_histograms"),
            always_classic_histograms: t.bool("always_scrape_classic_histograms"),
            convert_classic_histograms: t.bool("convert_classic_histograms_to_nhcb"),
            type_and_unit_labels: false,
            created_zeros: false,
            names_no_protocols: false,
            failure_log_file: t.text("scrape_failure_log_file").to_owned(),
            metrics_path: t.text("metrics_path").to_owned(),
            scheme: t.text("scheme").to_owned(),
            enable_compression: t.bool("enable_compression"),
            body_size_limit,
            sample_limit: t.uint("sample_limit"),
            target_limit: t.uint("target_limit"),
            label_limit: t.uint("label_limit"),
            label_name_length_limit: t.uint("label_name_length_limit"),
            label_value_length_limit: t.uint("label_value_length_limit"),
            native_histogram_bucket_limit: t.uint("native_histogram_bucket_limit"),
            native_histogram_min_bucket_factor: t.float("native_histogram_min_bucket_factor"),
            keep_dropped_targets: t.uint("keep_dropped_targets"),
            metric_name_scheme: names,
            metric_name_escaping: Escaping::from_name(t.text("metric_name_escaping_scheme"))
                .unwrap_or_default(),
            extra_scrape_metrics: t.bool("extra_scrape_metrics"),
            http: HttpClientConfig::read(t),
            discoveries: discoveries(t),
            relabel_rules: rules(t, "relabel_configs", names)?,
            metric_relabel_rules: rules(t, "metric_relabel_configs", names)?,
        })
    }
}
