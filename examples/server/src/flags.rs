//! The command line: the original's flags, all of them, by one table.
//!
//! Flags that tune what this program does not have (Go's collector, agent mode's log) are taken and shown, so that
//! a unit file of the original starts it unchanged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use metrics_core::time::parse_duration;

use crate::options::Options;

/// A flag of the original.
struct Flag {
    name: &'static str,
    /// As the original prints it; for switches `true` or `false`.
    default: &'static str,
    kind: Kind,
    help: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `--name` and `--no-name`.
    Switch,
    Value,
    /// May be given more than once.
    Values,
}

const fn switch(name: &'static str, default: &'static str, help: &'static str) -> Flag {
    Flag { name, default, kind: Kind::Switch, help }
}

const fn value(name: &'static str, default: &'static str, help: &'static str) -> Flag {
    Flag { name, default, kind: Kind::Value, help }
}

/// Flags that the program acts on or at least shows; those without help are not listed by `--help`.
const FLAGS: &[Flag] = &[
    value("config.file", "prometheus.yml", "Configuration file."),
    switch("config.auto-reload", "false", "Reload the configuration when its file changes."),
    value("config.auto-reload-interval", "30s", "How often to look whether it has changed."),
    Flag {
        name: "web.listen-address",
        default: "0.0.0.0:9090",
        kind: Kind::Values,
        help: "Address to listen on; may be given more than once.",
    },
    value("web.config.file", "", "TLS and authentication of the web server."),
    value("web.read-timeout", "5m", "Longest time for reading a request, and for an idle connection."),
    value("web.max-connections", "512", "Connections open at once."),
    value("web.max-notifications-subscribers", "16", ""),
    value("web.external-url", "", "URL under which the server is reached from outside."),
    value("web.route-prefix", "", "Prefix of all paths; that of the external URL unless given."),
    value("web.user-assets", "", ""),
    switch("web.enable-lifecycle", "false", "Allow reload and stop by HTTP request."),
    switch("web.enable-admin-api", "false", "Allow deletion and snapshots by HTTP request."),
    switch("web.enable-remote-write-receiver", "false", "Take samples at /api/v1/write."),
    value(
        "web.remote-write-receiver.accepted-protobuf-messages",
        "[prometheus.WriteRequest, io.prometheus.write.v2.Request]",
        "",
    ),
    switch("web.enable-otlp-receiver", "false", ""),
    value("web.console.templates", "consoles", ""),
    value("web.console.libraries", "console_libraries", ""),
    value(
        "web.page-title",
        "Prometheus Time Series Collection and Processing Server",
        "Title of the web pages.",
    ),
    value("web.cors.origin", ".*", "Origins that browsers may call from, as a regular expression."),
    value("storage.tsdb.path", "data/", "Directory of the database."),
    value("storage.tsdb.min-block-duration", "2h", ""),
    value("storage.tsdb.max-block-duration", "0s", ""),
    value("storage.tsdb.max-block-chunk-segment-size", "0B", ""),
    value("storage.tsdb.wal-segment-size", "0B", ""),
    value("storage.tsdb.retention.time", "0s", "How long samples are kept; 15 days unless given."),
    value("storage.tsdb.retention.size", "0B", "Bytes that the database may take; no limit unless given."),
    switch("storage.tsdb.no-lockfile", "false", ""),
    switch("storage.tsdb.allow-overlapping-compaction", "true", ""),
    switch("storage.tsdb.wal-compression", "true", ""),
    value("storage.tsdb.wal-compression-type", "snappy", ""),
    value("storage.tsdb.head-chunks-write-queue-size", "0", ""),
    value("storage.tsdb.samples-per-chunk", "120", ""),
    value("storage.tsdb.delayed-compaction.max-percent", "10", ""),
    value("storage.tsdb.delay-compact-file.path", "", ""),
    value("storage.tsdb.block-reload-interval", "1m", ""),
    value("storage.agent.path", "data-agent/", ""),
    value("storage.agent.wal-segment-size", "0B", ""),
    switch("storage.agent.wal-compression", "true", ""),
    value("storage.agent.wal-compression-type", "snappy", ""),
    value("storage.agent.wal-truncate-frequency", "0s", ""),
    value("storage.agent.retention.min-time", "0s", ""),
    value("storage.agent.retention.max-time", "0s", ""),
    switch("storage.agent.no-lockfile", "false", ""),
    value("storage.remote.flush-deadline", "1m", ""),
    value("storage.remote.read-sample-limit", "50000000", ""),
    value("storage.remote.read-concurrent-limit", "10", ""),
    value("storage.remote.read-max-bytes-in-frame", "1048576", ""),
    value("web.search.max-limit", "10000", ""),
    value("rules.alert.for-outage-tolerance", "1h", "Longest outage after which pending alerts go on."),
    value("rules.alert.for-grace-period", "10m", "Least wait of a restored alert before it fires."),
    value("rules.alert.resend-delay", "1m", "Least time before an alert is sent again."),
    value("rules.max-concurrent-evals", "4", ""),
    switch("scrape.adjust-timestamps", "true", ""),
    value("scrape.timestamp-tolerance", "2ms", ""),
    value("scrape.discovery-reload-interval", "5s", ""),
    value("alertmanager.notification-queue-capacity", "10000", "Alerts that wait for Alertmanagers at most."),
    value("alertmanager.notification-batch-size", "256", "Alerts of one request to an Alertmanager at most."),
    switch("alertmanager.drain-notification-queue-on-shutdown", "true", "Send what waits before stopping."),
    value("query.lookback-delta", "5m", "How far back an instant looks for a sample."),
    value("query.timeout", "2m", "Longest time of a query."),
    value("query.max-concurrency", "20", "Queries that run at once."),
    value("query.max-samples", "50000000", "Samples that a query may hold at once."),
    switch("auto-gomaxprocs", "true", ""),
    switch("auto-gomemlimit", "true", ""),
    value("auto-gomemlimit.ratio", "0.9", ""),
    value("auto-gomemlimit.refresh-interval", "0s", ""),
    Flag {
        name: "enable-feature",
        default: "",
        kind: Kind::Values,
        help: "Features to switch on, with commas.",
    },
    switch("agent", "false", ""),
    value("log.level", "info", "Least severe messages that are logged: debug, info, warn, error."),
    value("log.format", "logfmt", "Format of the log: logfmt or json."),
];

/// The command line as clap understands it.
pub fn command() -> Command {
    let mut command = Command::new("pull-server")
        .about("Scrapes, stores, queries and alerts as Prometheus does")
        .version(env!("CARGO_PKG_VERSION"));
    for flag in FLAGS {
        let hidden = flag.help.is_empty();
        let arg = Arg::new(flag.name).long(flag.name).help(flag.help).hide(hidden);
        command = match flag.kind {
            Kind::Switch => {
                let negative = format!("no-{}", flag.name);
                command.arg(arg.action(ArgAction::SetTrue).overrides_with(negative.clone())).arg(
                    Arg::new(negative.clone())
                        .long(negative)
                        .action(ArgAction::SetTrue)
                        .overrides_with(flag.name)
                        .hide(true),
                )
            }
            Kind::Value => command.arg(arg.default_value(flag.default).allow_hyphen_values(true)),
            Kind::Values => command.arg(arg.action(ArgAction::Append).default_value(flag.default)),
        };
    }
    command
}

/// A flag whose value makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: {value:?} is not {expected}")]
pub struct FlagError {
    /// The flag.
    pub flag: &'static str,
    /// Its value.
    pub value: String,
    /// What it should be.
    pub expected: &'static str,
}

/// Flags as given.
struct Given<'a>(&'a ArgMatches);

impl Given<'_> {
    fn text(&self, flag: &'static str) -> String {
        self.0.get_one::<String>(flag).cloned().unwrap_or_default()
    }

    fn texts(&self, flag: &'static str) -> Vec<String> {
        self.0.get_many::<String>(flag).map(|v| v.cloned().collect()).unwrap_or_default()
    }

    fn switch(&self, flag: &'static str) -> bool {
        let default = FLAGS.iter().any(|f| f.name == flag && f.default == "true");
        if self.0.get_flag(flag) {
            return true;
        }
        default && !self.0.get_flag(&format!("no-{flag}"))
    }

    fn parse<T>(
        &self,
        flag: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, FlagError> {
        let value = self.text(flag);
        parse(&value).ok_or(FlagError { flag, value, expected })
    }

    fn duration(&self, flag: &'static str) -> Result<Duration, FlagError> {
        self.parse(flag, "a duration such as 1h30m", |text| parse_duration(text).ok())
    }

    fn number(&self, flag: &'static str) -> Result<usize, FlagError> {
        self.parse(flag, "a number", |text| text.parse().ok())
    }

    fn size(&self, flag: &'static str) -> Result<u64, FlagError> {
        self.parse(flag, "a size such as 512MB", scrape_client::config::parse_size)
    }
}

/// Reads the flags.
///
/// # Errors
/// The first flag whose value makes no sense.
pub fn options(matches: &ArgMatches) -> Result<Options, FlagError> {
    let given = Given(matches);
    let non_zero = |d: Duration| (!d.is_zero()).then_some(d);
    let features = given.texts("enable-feature");
    let options = Options {
        config_file: given.text("config.file").into(),
        auto_reload: match given.switch("config.auto-reload") {
            true => Some(given.duration("config.auto-reload-interval")?),
            false => None,
        },
        data_dir: given.text("storage.tsdb.path").into(),
        retention_time: non_zero(given.duration("storage.tsdb.retention.time")?),
        retention_size: Some(given.size("storage.tsdb.retention.size")?).filter(|n| *n > 0),
        block_duration: given.duration("storage.tsdb.min-block-duration")?,
        max_block_duration: non_zero(given.duration("storage.tsdb.max-block-duration")?),
        listen_addresses: given.texts("web.listen-address"),
        web_config_file: Some(given.text("web.config.file")).filter(|f| !f.is_empty()).map(PathBuf::from),
        external_url: Some(given.text("web.external-url")).filter(|u| !u.is_empty()),
        route_prefix: Some(given.text("web.route-prefix")).filter(|p| !p.is_empty()),
        page_title: given.text("web.page-title"),
        home_page: Options::default().home_page,
        read_timeout: given.duration("web.read-timeout")?,
        max_connections: given.number("web.max-connections")?,
        lifecycle: given.switch("web.enable-lifecycle"),
        admin_api: given.switch("web.enable-admin-api"),
        remote_write_receiver: given.switch("web.enable-remote-write-receiver"),
        lookback: given.duration("query.lookback-delta")?,
        query_timeout: given.duration("query.timeout")?,
        query_concurrency: given.number("query.max-concurrency")?,
        query_max_samples: given.number("query.max-samples")?,
        outage_tolerance: given.duration("rules.alert.for-outage-tolerance")?,
        for_grace_period: given.duration("rules.alert.for-grace-period")?,
        resend_delay: given.duration("rules.alert.resend-delay")?,
        notification_capacity: given.number("alertmanager.notification-queue-capacity")?,
        notification_batch: given.number("alertmanager.notification-batch-size")?,
        drain_notifications: given.switch("alertmanager.drain-notification-queue-on-shutdown"),
        features: features
            .iter()
            .flat_map(|f| f.split(','))
            .filter(|f| !f.is_empty())
            .map(str::to_owned)
            .collect(),
        flags: shown(matches),
    };
    for (flag, unsupported) in [
        ("agent", given.switch("agent")),
        ("web.enable-otlp-receiver", given.switch("web.enable-otlp-receiver")),
    ] {
        if unsupported {
            return Err(FlagError { flag, value: "given".to_owned(), expected: "supported yet" });
        }
    }
    Ok(options)
}

/// All flags with their values, as `/api/v1/status/flags` shows them.
fn shown(matches: &ArgMatches) -> BTreeMap<String, String> {
    let given = Given(matches);
    let value = |flag: &Flag| match flag.kind {
        Kind::Switch => given.switch(flag.name).to_string(),
        Kind::Value => given.text(flag.name),
        Kind::Values => given.texts(flag.name).join(","),
    };
    FLAGS.iter().map(|flag| (flag.name.to_owned(), value(flag))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Options, FlagError> {
        let args = std::iter::once("pull-server").chain(args.iter().copied());
        options(&command().try_get_matches_from(args).unwrap())
    }

    #[test]
    fn defaults_are_those_of_the_original() {
        let options = read(&[]).unwrap();
        assert_eq!(options.listen_addresses, ["0.0.0.0:9090"]);
        assert_eq!(options.lookback.as_secs(), 300);
        assert!(options.drain_notifications && !options.lifecycle && options.retention_time.is_none());
        assert_eq!(options.flags["query.timeout"], "2m");
    }

    #[test]
    fn switches_values_and_lists() {
        let options = read(&[
            "--web.enable-lifecycle",
            "--no-alertmanager.drain-notification-queue-on-shutdown",
            "--storage.tsdb.retention.time=30d",
            "--storage.tsdb.retention.size",
            "1GB",
            "--web.listen-address=:1",
            "--web.listen-address=:2",
            "--enable-feature=a,b",
            "--enable-feature=c",
        ])
        .unwrap();
        assert!(options.lifecycle && !options.drain_notifications);
        assert_eq!(options.retention_time.unwrap().as_secs(), 30 * 86_400);
        assert_eq!(options.retention_size, Some(1 << 30));
        assert_eq!(options.listen_addresses, [":1", ":2"]);
        assert_eq!(options.features, ["a", "b", "c"]);
        assert_eq!(options.flags["web.enable-lifecycle"], "true");
    }

    #[test]
    fn nonsense_names_the_flag() {
        let error = read(&["--query.timeout=soon"]).unwrap_err();
        assert_eq!(error.to_string(), "--query.timeout: \"soon\" is not a duration such as 1h30m");
        assert_eq!(read(&["--agent"]).unwrap_err().to_string(), "--agent: \"given\" is not supported yet");
    }
}
