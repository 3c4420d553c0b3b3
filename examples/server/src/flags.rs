//! The command line: Prometheus' own flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use metrics_core::time::parse_duration;

/// Pulls metrics from targets, keeps them, and answers PromQL.
#[derive(Debug, Clone, Parser)]
#[command(name = "pull-server", version, disable_version_flag = true)]
pub struct Flags {
    /// Configuration file.
    #[arg(long = "config.file", default_value = "prometheus.yml")]
    pub config_file: PathBuf,

    /// Address to listen on for API and telemetry; may be repeated.
    #[arg(long = "web.listen-address", default_value = "0.0.0.0:9090")]
    pub listen_addresses: Vec<String>,
    /// URL under which the server is reached from outside; its path prefixes all endpoints.
    #[arg(long = "web.external-url")]
    pub external_url: Option<String>,
    /// Prefix of internal routes; by default the path of --web.external-url.
    #[arg(long = "web.route-prefix")]
    pub route_prefix: Option<String>,
    /// Longest time to read a request, and to keep an idle connection.
    #[arg(long = "web.read-timeout", default_value = "5m", value_parser = parse_duration)]
    pub read_timeout: Duration,
    /// Connections at once, over all addresses.
    #[arg(long = "web.max-connections", default_value_t = 512)]
    pub max_connections: usize,
    /// Allow reload and quit by POST to /-/reload and /-/quit.
    #[arg(long = "web.enable-lifecycle", overrides_with = "no_lifecycle")]
    pub enable_lifecycle: bool,
    /// Accept remote write at /api/v1/write.
    #[arg(long = "web.enable-remote-write-receiver", overrides_with = "no_remote_write_receiver")]
    pub enable_remote_write_receiver: bool,

    /// Directory of the database.
    #[arg(long = "storage.tsdb.path", default_value = "data/")]
    pub storage_path: PathBuf,
    /// How long to keep samples; 15d if neither this nor the size is set.
    #[arg(long = "storage.tsdb.retention.time", value_parser = parse_duration)]
    pub retention_time: Option<Duration>,
    /// How many bytes of blocks to keep, such as 512MB; 0 means no bound.
    #[arg(long = "storage.tsdb.retention.size", value_parser = parse_size)]
    pub retention_size: Option<u64>,

    /// How far back a selector looks for a sample.
    #[arg(long = "query.lookback-delta", default_value = "5m", value_parser = parse_duration)]
    pub lookback_delta: Duration,
    /// Longest time for a query.
    #[arg(long = "query.timeout", default_value = "2m", value_parser = parse_duration)]
    pub query_timeout: Duration,
    /// Queries at once.
    #[arg(long = "query.max-concurrency", default_value_t = 20)]
    pub query_max_concurrency: usize,
    /// Samples that one query may hold in memory.
    #[arg(long = "query.max-samples", default_value_t = 50_000_000)]
    pub query_max_samples: usize,

    /// Alerts that wait to be sent at most.
    #[arg(long = "alertmanager.notification-queue-capacity", default_value_t = 10_000)]
    pub notification_queue_capacity: usize,
    /// Alerts in one message at most.
    #[arg(long = "alertmanager.notification-batch-size", default_value_t = 256)]
    pub notification_batch_size: usize,
    /// Shortest time between two sendings of one alert.
    #[arg(long = "rules.alert.resend-delay", default_value = "1m", value_parser = parse_duration)]
    pub resend_delay: Duration,
    /// Longest outage over which a pending alert's waiting time is restored.
    #[arg(long = "rules.alert.for-outage-tolerance", default_value = "1h", value_parser = parse_duration)]
    pub for_outage_tolerance: Duration,
    /// Shortest waiting time left to a restored alert.
    #[arg(long = "rules.alert.for-grace-period", default_value = "10m", value_parser = parse_duration)]
    pub for_grace_period: Duration,

    /// Features to switch on, separated by commas; may be repeated.
    #[arg(long = "enable-feature", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Least important messages to log.
    #[arg(long = "log.level", value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
    /// How messages are written.
    #[arg(long = "log.format", value_enum, default_value_t = LogFormat::Logfmt)]
    pub log_format: LogFormat,
    /// Print the version and stop.
    #[arg(long = "version", action = ArgAction::Version)]
    version: Option<bool>,

    #[arg(long = "no-web.enable-lifecycle", hide = true)]
    no_lifecycle: bool,
    #[arg(long = "no-web.enable-remote-write-receiver", hide = true)]
    no_remote_write_receiver: bool,
    // Settings of Go's runtime and of files that this server has built in: accepted, because scripts pass them.
    #[arg(long = "web.console.templates", hide = true)]
    console_templates: Option<String>,
    #[arg(long = "web.console.libraries", hide = true)]
    console_libraries: Option<String>,
    #[arg(long = "auto-gomaxprocs", hide = true)]
    gomaxprocs: bool,
    #[arg(long = "auto-gomemlimit", hide = true)]
    gomemlimit: bool,
}

/// How important a message must be to be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may need care.
    Warn,
    /// What failed.
    Error,
}

/// How log messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Logfmt,
    /// A JSON object a line.
    Json,
}

impl LogLevel {
    /// The word that filters understand.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Flags {
    /// The path under which all endpoints live: empty, or `/prefix` without a slash at its end.
    pub fn prefix(&self) -> String {
        let from_url = || {
            let rest = self.external_url.as_deref()?.split_once("://")?.1;
            rest.split_once('/').map(|(_, path)| path)
        };
        let path = self.route_prefix.as_deref().or_else(from_url).unwrap_or("").trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    }

    /// Whether a feature is switched on.
    pub fn has_feature(&self, name: &str) -> bool {
        self.features.iter().any(|f| f == name)
    }
}

/// Reads a size such as `512MB`: a unit is required, units are powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u32); 7] =
        [("EB", 60), ("PB", 50), ("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)];
    if text == "0" {
        return Ok(0);
    }
    let parsed = UNITS.iter().find_map(|(unit, shift)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(1 << shift)
    });
    parsed.ok_or_else(|| format!("{text:?} is not a size such as 512MB (units: B, KB, MB, GB, TB, PB, EB)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(args: &[&str]) -> Flags {
        Flags::try_parse_from([&["pull-server"], args].concat()).unwrap()
    }

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!(parse_size("512MB").unwrap(), 512 << 20);
        assert_eq!(parse_size("7B").unwrap(), 7);
        assert!(parse_size("512").is_err());
        assert!(parse_size("99999999EB").is_err());
    }

    #[test]
    fn the_prefix_comes_from_the_external_url_unless_given() {
        assert_eq!(flags(&[]).prefix(), "");
        assert_eq!(flags(&["--web.external-url=http://h:1/a/b/"]).prefix(), "/a/b");
        assert_eq!(flags(&["--web.external-url=http://h/a", "--web.route-prefix=/"]).prefix(), "");
    }

    #[test]
    fn a_flag_can_be_taken_back() {
        assert!(flags(&["--web.enable-lifecycle"]).enable_lifecycle);
        assert!(!flags(&["--web.enable-lifecycle", "--no-web.enable-lifecycle"]).enable_lifecycle);
        assert_eq!(flags(&["--enable-feature=a,b", "--enable-feature", "c"]).features, ["a", "b", "c"]);
    }
}
