//! From discovered labels to a target: what to fetch, how often, and which labels its samples get.
//!
//! Source: "Configuration: relabel_config" and "Jobs and instances" of the Prometheus documentation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics_core::relabel::relabel_builder;
use metrics_core::time::{format_duration, parse_duration};
use metrics_core::{LabelSet, LabelSetBuilder};

use crate::config::ScrapeConfig;
use crate::discovery::TargetGroup;

/// The label that holds a target's host and port.
pub const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";
const META_PREFIX: &str = "__meta_";
const RESERVED_PREFIX: &str = "__";
const CONVERT_CLASSIC: &str = "__convert_classic_histograms_to_nhcb__";
const ALWAYS_CLASSIC: &str = "__always_scrape_classic_histograms__";
const NATIVE: &str = "__scrape_native_histograms__";

/// Something to scrape.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Target {
    /// Where its page is.
    pub url: String,
    /// The labels that its samples get.
    pub labels: LabelSet,
    /// The labels before relabeling.
    pub discovered: LabelSet,
    /// How often it is scraped.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// Whether native histograms are kept.
    pub native_histograms: bool,
    /// Whether classic buckets are kept beside a native histogram.
    pub always_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms: bool,
    hash: u64,
}

/// Why discovered labels make no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing to connect to.
    #[error("no address")]
    NoAddress,
    /// The address is a URL or has a path.
    #[error("{0:?} is not a valid hostname")]
    NotAHost(String),
    /// The interval or timeout label is no duration.
    #[error("error parsing scrape {what}: {reason}: {text:?}")]
    Duration {
        /// `interval` or `timeout`.
        what: &'static str,
        /// Why the text is no duration.
        reason: metrics_core::time::DurationError,
        /// The label's value.
        text: String,
    },
    /// The interval or timeout label is zero.
    #[error("scrape {0} cannot be 0")]
    Zero(&'static str),
    /// The timeout is longer than the interval.
    #[error("scrape timeout cannot be greater than scrape interval ({timeout:?} > {interval:?})")]
    TimeoutOverInterval {
        /// The timeout label.
        timeout: String,
        /// The interval label.
        interval: String,
    },
    /// A label that must be true or false is neither.
    #[error("error parsing {what}: strconv.ParseBool: parsing {text:?}: invalid syntax")]
    Bool {
        /// Which switch.
        what: &'static str,
        /// The label's value.
        text: String,
    },
}

/// What became of discovered labels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// A target.
    Target(Arc<Target>),
    /// A relabel rule dropped the labels, which were these.
    Dropped(LabelSet),
    /// The labels make no target.
    Invalid(TargetError),
}

/// The labels of each address of a group, with what the job adds, before relabeling.
pub fn discovered_labels(job: &ScrapeConfig, target: &LabelSet, group: &LabelSet) -> LabelSet {
    let mut labels = target.to_builder();
    for (name, value) in group {
        set_if_missing(&mut labels, name, value);
    }
    let flag = |b: bool| if b { "true" } else { "false" };
    for (name, value) in [
        ("job", job.job_name.as_str()),
        (INTERVAL, &format_duration(job.scrape_interval)),
        (TIMEOUT, &format_duration(job.scrape_timeout)),
        (METRICS_PATH, &job.metrics_path),
        (SCHEME, &job.scheme),
        (CONVERT_CLASSIC, flag(job.convert_classic_histograms)),
        (ALWAYS_CLASSIC, flag(job.always_classic_histograms)),
        (NATIVE, flag(job.native_histograms)),
    ] {
        set_if_missing(&mut labels, name, value);
    }
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            set_if_missing(&mut labels, &format!("{PARAM_PREFIX}{name}"), first);
        }
    }
    labels.build()
}

fn set_if_missing(labels: &mut LabelSetBuilder, name: &str, value: &str) {
    if labels.get(name).is_none() {
        labels.set(name, value);
    }
}

/// Makes the targets of a group.
pub fn targets(job: &ScrapeConfig, group: &TargetGroup) -> Vec<Outcome> {
    let outcome = |labels: &LabelSet| {
        let discovered = discovered_labels(job, labels, &group.labels);
        match Target::new(job, discovered.clone()) {
            Ok(Some(target)) => Outcome::Target(Arc::new(target)),
            Ok(None) => Outcome::Dropped(discovered),
            Err(error) => Outcome::Invalid(error),
        }
    };
    group.targets.iter().map(outcome).collect()
}

impl Target {
    /// Relabels discovered labels and makes a target of them; `None` if a rule drops them.
    ///
    /// # Errors
    /// If the labels make no target.
    pub fn new(job: &ScrapeConfig, discovered: LabelSet) -> Result<Option<Self>, TargetError> {
        let mut labels = discovered.to_builder();
        if !relabel_builder(&mut labels, &job.relabel_rules) {
            return Ok(None);
        }
        let address = labels.get(ADDRESS).ok_or(TargetError::NoAddress)?.to_owned();
        if address.contains('/') {
            return Err(TargetError::NotAHost(address));
        }
        let interval = duration(&labels, INTERVAL, "interval")?;
        let timeout = duration(&labels, TIMEOUT, "timeout")?;
        if timeout > interval {
            let text = |name| labels.get(name).unwrap_or("").to_owned();
            return Err(TargetError::TimeoutOverInterval {
                timeout: text(TIMEOUT),
                interval: text(INTERVAL),
            });
        }
        let convert_classic = switch(
            &labels,
            CONVERT_CLASSIC,
            "convert classic histograms to nhcb",
            job.convert_classic_histograms,
        )?;
        let always_classic = switch(
            &labels,
            ALWAYS_CLASSIC,
            "always scrape classic histograms",
            job.always_classic_histograms,
        )?;
        let native = switch(&labels, NATIVE, "scrape native histograms", job.native_histograms)?;
        labels.retain(|name, _| !name.starts_with(META_PREFIX));
        set_if_missing(&mut labels, "instance", &address);
        let labels = labels.build();
        let url = url(job, &labels, &address);
        let hash = fnv(labels.stable_hash(), url.as_bytes());
        let public = labels.iter().filter(|(name, _)| !name.starts_with(RESERVED_PREFIX));
        Ok(Some(Self {
            labels: LabelSet::from_sorted(public),
            discovered,
            interval,
            timeout,
            native_histograms: native,
            always_classic_histograms: always_classic,
            convert_classic_histograms: convert_classic,
            url,
            hash,
        }))
    }

    /// Tells this target from others of its job: equal for equal labels and URL, the same on every run.
    pub fn id(&self) -> u64 {
        self.hash
    }

    /// How long to wait from `now` (since 1970) until the next scrape, so that targets are spread over the
    /// interval and keep their place in it over restarts. Another `seed` gives another spread.
    pub fn offset(&self, now: Duration, seed: u64) -> Duration {
        let interval = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX).max(1);
        let into = (now.as_nanos() % u128::from(interval)) as u64;
        let place = (self.hash ^ seed) % interval;
        let wait = (interval - into).saturating_add(place);
        Duration::from_nanos(if wait > interval { wait - interval } else { wait })
    }
}

fn duration(labels: &LabelSetBuilder, name: &str, what: &'static str) -> Result<Duration, TargetError> {
    let text = labels.get(name).unwrap_or("");
    match parse_duration(text) {
        Ok(d) if d.is_zero() => Err(TargetError::Zero(what)),
        Ok(d) => Ok(d),
        Err(reason) => Err(TargetError::Duration { what, reason, text: text.to_owned() }),
    }
}

fn switch(
    labels: &LabelSetBuilder,
    name: &str,
    what: &'static str,
    default: bool,
) -> Result<bool, TargetError> {
    match labels.get(name) {
        None => Ok(default),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(text) => Err(TargetError::Bool { what, text: text.to_owned() }),
    }
}

fn url(job: &ScrapeConfig, labels: &LabelSet, address: &str) -> String {
    let mut params: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, values) in &job.params {
        params.insert(name, values.iter().map(String::as_str).collect());
    }
    for (name, value) in labels {
        if let Some(name) = name.strip_prefix(PARAM_PREFIX) {
            let values = params.entry(name).or_default();
            match values.first_mut() {
                Some(first) => *first = value,
                None => values.push(value),
            }
        }
    }
    let mut url = format!("{}://{address}", labels.value(SCHEME));
    let path = labels.value(METRICS_PATH);
    if !path.is_empty() && !path.starts_with('/') {
        url.push('/');
    }
    escape(&mut url, path, |b| b"/-_.~$&+,:;=@!'()*".contains(&b));
    let mut separator = '?';
    for (name, values) in params {
        for value in values {
            url.push(std::mem::replace(&mut separator, '&'));
            escape(&mut url, name, |b| b"-_.~".contains(&b));
            url.push('=');
            escape(&mut url, value, |b| b"-_.~".contains(&b));
        }
    }
    url
}

/// Appends a text with all bytes escaped but letters, digits and those that `keep` names. In a query (where
/// `/` is not kept) a space is a `+`.
fn escape(out: &mut String, text: &str, keep: impl Fn(u8) -> bool) {
    for b in text.bytes() {
        match b {
            b if b.is_ascii_alphanumeric() || keep(b) => out.push(char::from(b)),
            b' ' if !keep(b'/') => out.push('+'),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
}

fn fnv(seed: u64, bytes: &[u8]) -> u64 {
    let hash = seed
        .to_le_bytes()
        .iter()
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests;
