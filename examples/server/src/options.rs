//! How a server behaves, whoever says so: flags, or a program that runs one inside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a [`Server`](crate::Server). The defaults are the original's.
#[derive(Debug, Clone)]
pub struct Options {
    /// prometheus.yml.
    pub config_file: PathBuf,
    /// How often to look whether the file has changed, and to reload it then; `None` for never.
    pub auto_reload: Option<Duration>,
    /// Directory of the database.
    pub data_dir: PathBuf,
    /// How long samples are kept; `None` for what the configuration says, else 15 days.
    pub retention_time: Option<Duration>,
    /// Bytes that the database may take; `None` for what the configuration says, else any number.
    pub retention_size: Option<u64>,
    /// Time that a fresh block covers.
    pub block_duration: Duration,
    /// Time that a compacted block covers at most; `None` for a tenth of the retention.
    pub max_block_duration: Option<Duration>,
    /// Addresses to listen on, `host:port` or `:port`.
    pub listen_addresses: Vec<String>,
    /// TLS, passwords and headers of the ports, by the field's `web.config.file`.
    pub web_config_file: Option<PathBuf>,
    /// URL under which the server is reached from outside.
    pub external_url: Option<String>,
    /// Prefix of all paths; `None` for that of the external URL.
    pub route_prefix: Option<String>,
    /// Title of the web pages.
    pub page_title: String,
    /// The path, below the prefix, that `/` leads to.
    pub home_page: String,
    /// Longest time for reading a request, and for an idle connection.
    pub read_timeout: Duration,
    /// Connections open at once.
    pub max_connections: usize,
    /// Whether `/-/reload` and `/-/quit` work.
    pub lifecycle: bool,
    /// Whether deletion and snapshots by HTTP work.
    pub admin_api: bool,
    /// Whether `/api/v1/write` takes samples.
    pub remote_write_receiver: bool,
    /// How far back an instant looks for a sample.
    pub lookback: Duration,
    /// Longest time of a query.
    pub query_timeout: Duration,
    /// Queries that run at once.
    pub query_concurrency: usize,
    /// Samples that a query may hold at once.
    pub query_max_samples: usize,
    /// Longest outage after which pending alerts go on.
    pub outage_tolerance: Duration,
    /// Least wait of a restored alert before it fires.
    pub for_grace_period: Duration,
    /// Least time before an alert is sent again.
    pub resend_delay: Duration,
    /// Alerts that wait for Alertmanagers at most.
    pub notification_capacity: usize,
    /// Alerts of one request to an Alertmanager at most.
    pub notification_batch: usize,
    /// Whether to send waiting alerts before stopping.
    pub drain_notifications: bool,
    /// Feature flags.
    pub features: Vec<String>,
    /// Flags as `/api/v1/status/flags` shows them.
    pub flags: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            config_file: "prometheus.yml".into(),
            auto_reload: None,
            data_dir: "data/".into(),
            retention_time: None,
            retention_size: None,
            block_duration: minutes(120),
            max_block_duration: None,
            listen_addresses: vec!["0.0.0.0:9090".to_owned()],
            web_config_file: None,
            external_url: None,
            route_prefix: None,
            page_title: "Prometheus Time Series Collection and Processing Server".to_owned(),
            home_page: "/query".to_owned(),
            read_timeout: minutes(5),
            max_connections: 512,
            lifecycle: false,
            admin_api: false,
            remote_write_receiver: false,
            lookback: minutes(5),
            query_timeout: minutes(2),
            query_concurrency: 20,
            query_max_samples: 50_000_000,
            outage_tolerance: minutes(60),
            for_grace_period: minutes(10),
            resend_delay: minutes(1),
            notification_capacity: 10_000,
            notification_batch: 256,
            drain_notifications: true,
            features: Vec::new(),
            flags: BTreeMap::new(),
        }
    }
}
