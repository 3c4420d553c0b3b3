//! The original's command line: a few flags of the program, and those of every collector.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use exporter_kit::node::{NodeError, OptionKind, OptionSpec, Roots, SPECS, Settings};

use crate::Options;

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Flags {
    /// Where to listen, one or more.
    pub listen_addresses: Vec<String>,
    /// TLS, passwords and headers of the ports.
    pub web_config_file: Option<PathBuf>,
    /// What to expose.
    pub options: Options,
    /// Least severity of what is logged: `debug`, `info`, `warn` or `error`.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The command line's grammar, with a flag for every collector and every option of it.
pub fn command() -> Command {
    let collectors = SPECS.iter().flat_map(|spec| {
        let state = if spec.default_enabled { "enabled" } else { "disabled" };
        let help = format!("Enable the {} collector (default: {state}).", spec.name);
        switch(format!("collector.{}", spec.name), help)
    });
    let options = SPECS.iter().flat_map(|spec| spec.options).flat_map(option);
    Command::new("node-exporter")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Exposes this host's hardware and kernel metrics, as node_exporter does")
        .next_line_help(true)
        .args(program_flags())
        .args(collectors)
        .args(options)
}

fn program_flags() -> Vec<Arg> {
    let text = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).default_value(default).help(help).allow_hyphen_values(true)
    };
    vec![
        text(
            "web.listen-address",
            ":9100",
            "Addresses on which to expose metrics and web interface. Repeatable.",
        )
        .action(ArgAction::Append),
        text("web.telemetry-path", "/metrics", "Path under which to expose metrics."),
        text("web.max-requests", "40", "Maximum number of parallel scrape requests. Use 0 to disable.")
            .value_parser(value_parser!(usize)),
        text("web.config.file", "", "Path to configuration file that can enable TLS or authentication."),
        Arg::new("web.disable-exporter-metrics")
            .long("web.disable-exporter-metrics")
            .action(ArgAction::SetTrue)
            .help("Exclude metrics about the exporter itself (promhttp_*, process_*)."),
        text("path.procfs", "/proc", "procfs mountpoint."),
        text("path.sysfs", "/sys", "sysfs mountpoint."),
        text("path.rootfs", "/", "rootfs mountpoint."),
        text("path.udev.data", "/run/udev/data", "udev data path."),
        Arg::new("collector.disable-defaults")
            .long("collector.disable-defaults")
            .action(ArgAction::SetTrue)
            .help("Set all collectors to disabled by default."),
        text("log.level", "info", "Only log messages with the given severity or above.")
            .value_parser(PossibleValuesParser::new(["debug", "info", "warn", "error"])),
        text("log.format", "logfmt", "Output format of log messages.")
            .value_parser(PossibleValuesParser::new(["logfmt", "json"])),
    ]
}

/// A flag that switches something on, and one with the prefix `no-` that switches it off; the last one counts.
fn switch(name: String, help: String) -> [Arg; 2] {
    let off = format!("no-{name}");
    let arg = |id: &str, other: &str| {
        let arg = Arg::new(id.to_owned()).long(id.to_owned()).action(ArgAction::SetTrue);
        arg.overrides_with_all([other.to_owned(), id.to_owned()])
    };
    [arg(&name, &off).help(help), arg(&off, &name).hide(true)]
}

fn option(spec: &OptionSpec) -> Vec<Arg> {
    if spec.kind == OptionKind::Switch {
        return switch(spec.name.to_owned(), spec.help.to_owned()).into();
    }
    let help = match spec.default {
        "" => spec.help.to_owned(),
        default => format!("{} [default: {default}]", spec.help),
    };
    let many = spec.kind == OptionKind::List;
    let action = if many { ArgAction::Append } else { ArgAction::Set };
    let arg = Arg::new(spec.name).long(spec.name).help(help).action(action).allow_hyphen_values(true);
    vec![if many { arg } else { arg.overrides_with(spec.name) }]
}

impl Flags {
    /// Reads the matches of [`command`].
    ///
    /// # Errors
    /// A collector's option has an unusable value.
    pub fn from_matches(matches: &ArgMatches) -> Result<Self, NodeError> {
        let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
        let many = |name: &str| matches.get_many::<String>(name).into_iter().flatten().cloned().collect();
        let mut settings = Settings::default();
        settings.roots = Roots {
            procfs: text("path.procfs").into(),
            sysfs: text("path.sysfs").into(),
            rootfs: text("path.rootfs").into(),
            udev_data: text("path.udev.data").into(),
        };
        settings.disable_defaults = matches.get_flag("collector.disable-defaults");
        for spec in SPECS {
            if let Some(on) = switched(matches, &format!("collector.{}", spec.name)) {
                settings.enable(spec.name, on)?;
            }
            for option in spec.options {
                match option.kind {
                    OptionKind::Switch => {
                        if let Some(on) = switched(matches, option.name) {
                            settings.set(option.name, if on { "true" } else { "false" })?;
                        }
                    }
                    _ => {
                        let given: Vec<String> = many(option.name);
                        given.iter().try_for_each(|value| settings.set(option.name, value))?;
                    }
                }
            }
        }
        let options = Options {
            telemetry_path: text("web.telemetry-path"),
            settings,
            max_requests: matches.get_one("web.max-requests").copied().unwrap_or_default(),
            exporter_metrics: !matches.get_flag("web.disable-exporter-metrics"),
        };
        let log_format = if text("log.format") == "json" { LogFormat::Json } else { LogFormat::Text };
        Ok(Self {
            listen_addresses: many("web.listen-address"),
            web_config_file: Some(text("web.config.file")).filter(|f| !f.is_empty()).map(PathBuf::from),
            options,
            log_level: text("log.level"),
            log_format,
        })
    }
}

/// Whether a switch was given, and which way.
fn switched(matches: &ArgMatches, name: &str) -> Option<bool> {
    if matches.get_flag(name) {
        return Some(true);
    }
    matches.get_flag(&format!("no-{name}")).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, String> {
        let words = std::iter::once("node-exporter").chain(line.split_whitespace());
        let matches = command().try_get_matches_from(words).map_err(|e| e.to_string())?;
        Flags::from_matches(&matches).map_err(|e| e.to_string())
    }

    #[test]
    fn the_grammar_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn values_follow_a_blank_or_an_equals_sign() {
        let flags =
            parse("--web.listen-address :1 --web.listen-address=:2 --path.procfs=/host/proc").unwrap();
        assert_eq!(flags.listen_addresses, [":1", ":2"]);
        assert_eq!(flags.options.settings.roots.procfs.to_str(), Some("/host/proc"));
        assert_eq!(parse("").unwrap().listen_addresses, [":9100"]);
        assert_eq!(parse("").unwrap().web_config_file, None);
        let flags = parse("--web.config.file=/etc/web.yml").unwrap();
        assert_eq!(flags.web_config_file.unwrap().to_str(), Some("/etc/web.yml"));
    }

    #[test]
    fn collectors_go_on_and_off() {
        let settings = parse("--no-collector.cpu --collector.disable-defaults --collector.stat")
            .unwrap()
            .options
            .settings;
        assert!(!settings.is_enabled("cpu"));
        assert!(!settings.is_enabled("loadavg"));
        assert!(settings.is_enabled("stat"));
        let settings = parse("--no-collector.cpu --collector.cpu").unwrap().options.settings;
        assert!(settings.is_enabled("cpu"), "the last one counts");
    }

    #[test]
    fn wrong_flags_are_named() {
        assert!(parse("--collector.nonsense").unwrap_err().contains("--collector.nonsense"));
        assert!(parse("--web.max-requests=many").unwrap_err().contains("--web.max-requests"));
    }
}
