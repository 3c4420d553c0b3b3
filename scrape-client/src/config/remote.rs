//! `remote_write`: who else gets the samples.

use std::time::Duration;

use metrics_core::NameScheme;
use metrics_core::relabel::Rule;

use super::http::HttpClientConfig;
use super::sections::relabel::rules;
use super::table::Table;
use super::yaml::YamlError;

/// A receiver of samples.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RemoteWriteConfig {
    /// Where to send.
    pub url: String,
    /// A name for messages; empty for none.
    pub name: String,
    /// How long a request may take.
    pub timeout: Duration,
    /// Headers to send with every request.
    pub headers: Vec<(String, String)>,
    /// Rules for samples before they leave.
    pub relabel_rules: Vec<Rule>,
    /// Whether exemplars are sent.
    pub send_exemplars: bool,
    /// Whether native histograms are sent.
    pub send_native_histograms: bool,
    /// Whether to send the second version of the protocol.
    pub version_2: bool,
    /// How to talk to the receiver.
    pub http: HttpClientConfig,
    /// How samples wait.
    pub queue: QueueConfig,
    /// Whether types and help texts are sent, and how often.
    pub metadata_interval: Option<Duration>,
}

/// How samples wait for a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueConfig {
    /// Samples that wait per shard before reading stops.
    pub capacity: usize,
    /// Most senders side by side.
    pub max_shards: usize,
    /// Fewest senders side by side.
    pub min_shards: usize,
    /// Most samples of a request.
    pub max_samples_per_send: usize,
    /// Longest wait of a sample for a full request.
    pub batch_send_deadline: Duration,
    /// First wait after a failure; it doubles each time.
    pub min_backoff: Duration,
    /// Longest wait after a failure.
    pub max_backoff: Duration,
    /// Whether to try again when told to slow down.
    pub retry_on_http_429: bool,
    /// Older samples are given up; zero for none.
    pub sample_age_limit: Duration,
}

impl RemoteWriteConfig {
    pub(super) fn read(t: &Table, names: NameScheme) -> Result<Self, YamlError> {
        let queue = t.section("queue_config");
        let size = |key: &str| queue.map_or(0, |q| usize::try_from(q.int(key)).unwrap_or(0));
        let wait = |key: &str| queue.map_or(Duration::ZERO, |q| q.duration(key));
        Ok(Self {
            url: t.text("url").to_owned(),
            name: t.text("name").to_owned(),
            timeout: t.duration("remote_timeout"),
            headers: t.text_map("headers"),
            relabel_rules: rules(t, "write_relabel_configs", names)?,
            send_exemplars: t.bool("send_exemplars"),
            send_native_histograms: t.bool("send_native_histograms"),
            version_2: t.text("protobuf_message") == "io.prometheus.write.v2.Request",
            http: HttpClientConfig::read(t),
            queue: QueueConfig {
                capacity: size("capacity"),
                max_shards: size("max_shards"),
                min_shards: size("min_shards"),
                max_samples_per_send: size("max_samples_per_send"),
                batch_send_deadline: wait("batch_send_deadline"),
                min_backoff: wait("min_backoff"),
                max_backoff: wait("max_backoff"),
                retry_on_http_429: queue.is_some_and(|q| q.bool("retry_on_http_429")),
                sample_age_limit: wait("sample_age_limit"),
            },
            metadata_interval: t
                .section("metadata_config")
                .filter(|m| m.bool("send"))
                .map(|m| m.duration("send_interval")),
        })
    }
}
