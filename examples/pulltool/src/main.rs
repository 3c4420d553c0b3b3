//! `pulltool`: the command line of a monitoring stack's operator.

mod query_flags;
mod tsdb_flags;

use std::error::Error as _;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use promql::parser::{ParserOptions, pretty};
use pulltool::check_config::{ConfigOptions, check_config};
use pulltool::check_metrics::check_metrics;
use pulltool::check_rules::{CheckOptions, Outcome, check_rules};
use pulltool::check_web_config::check_web_config;
use pulltool::unit_test::{TestOptions, test_rules};
use query_flags::Query;
use tsdb_flags::Tsdb;

/// Checks, tests, queries and inspects.
#[derive(Debug, Parser)]
#[command(name = "pulltool", version)]
struct Flags {
    /// Features of the language to switch on, separated by commas.
    #[arg(long, global = true, value_delimiter = ',')]
    enable_feature: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell whether files are valid.
    #[command(subcommand)]
    Check(Check),
    /// Run unit tests.
    #[command(subcommand)]
    Test(Test),
    /// Ask a server.
    Query(Query),
    /// Work on expressions.
    #[command(subcommand)]
    Promql(Promql),
    /// Look into a database's directory, write out what is in it, rewrite and make blocks.
    #[command(subcommand)]
    Tsdb(Tsdb),
}

#[derive(Debug, Subcommand)]
enum Promql {
    /// Print an expression over several lines, as people like to read it.
    Format {
        /// PromQL.
        query: String,
    },
}

#[derive(Debug, Subcommand)]
enum Check {
    /// Check configurations, and the files that they name.
    Config {
        /// Leave other files alone.
        #[arg(long)]
        syntax_only: bool,
        /// What to complain about beyond errors: all, duplicate-rules, too-long-scrape-interval or none, separated by
        /// commas.
        #[arg(long, default_value = "duplicate-rules", value_delimiter = ',')]
        lint: Vec<String>,
        /// Fail on complaints.
        #[arg(long)]
        lint_fatal: bool,
        /// Pass over unknown fields of rule files.
        #[arg(long)]
        ignore_unknown_fields: bool,
        /// Check the configuration of an agent.
        #[arg(long)]
        agent: bool,
        /// How far queries look back: jobs that scrape no more often are complained about.
        #[arg(long = "query.lookback-delta", default_value = "5m", value_parser = duration)]
        lookback_delta: Duration,
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Check a page of metrics on standard input against the field's customs.
    Metrics,
    /// Check rule files.
    Rules {
        /// What to complain about beyond errors: all, duplicate-rules or none.
        #[arg(long, default_value = "duplicate-rules")]
        lint: String,
        /// Fail on complaints.
        #[arg(long)]
        lint_fatal: bool,
        /// Pass over unknown fields.
        #[arg(long)]
        ignore_unknown_fields: bool,
        /// The files; standard input without any.
        files: Vec<PathBuf>,
    },
    /// Check files for TLS and passwords of web servers.
    WebConfig {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Test {
    /// Test rules against series written by hand.
    Rules {
        /// Only tests whose names match one of these expressions.
        #[arg(long)]
        run: Vec<regex::Regex>,
        /// Pass over unknown fields of rule files.
        #[arg(long)]
        ignore_unknown_fields: bool,
        /// The test files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let stdout = io::stdout().lock();
    // Checks write to both outputs, which people see in one.
    let mut out: Box<dyn Write> = match flags.command {
        Command::Check(_) => Box::new(stdout),
        _ => Box::new(io::BufWriter::new(stdout)),
    };
    let parser = flags.enable_feature.iter().fold(ParserOptions::default(), |p, f| p.with_flag(f));
    let done = run(flags.command, parser, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match done {
        Ok(code) => code,
        Err(e) => {
            let mut line = format!("pulltool: {e}");
            let mut source = e.source();
            while let Some(cause) = source {
                line.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            // Nobody is left to be told if standard error is closed.
            let _ = writeln!(io::stderr(), "{line}");
            ExitCode::FAILURE
        }
    }
}

/// The exit status of a check that found nothing wrong, but something that is not as it should be.
const LINT: u8 = 3;

fn run(
    command: Command,
    parser: ParserOptions,
    out: &mut impl Write,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut err = io::stderr();
    match command {
        Command::Check(Check::Config {
            syntax_only,
            lint,
            lint_fatal,
            ignore_unknown_fields,
            agent,
            lookback_delta,
            files,
        }) => {
            let has = |option: &str| lint.iter().any(|l| l == option || l == "all");
            let is_off = lint.iter().any(|l| l == "none");
            let mut options = ConfigOptions::default();
            options.agent = agent;
            options.syntax_only = syntax_only;
            options.longest_interval = (!is_off && has("too-long-scrape-interval")).then_some(lookback_delta);
            options.rules.duplicates = !is_off && has("duplicate-rules");
            options.rules.fatal = lint_fatal;
            options.rules.ignore_unknown_fields = ignore_unknown_fields;
            options.rules.parser = parser;
            return Ok(status(check_config(&files, &options, out, &mut err)?));
        }
        Command::Check(Check::Metrics) => {
            let mut page = Vec::new();
            io::stdin().read_to_end(&mut page)?;
            if !check_metrics(&page, &mut err)? {
                return Ok(ExitCode::from(LINT));
            }
        }
        Command::Check(Check::Rules { lint, lint_fatal, ignore_unknown_fields, files }) => {
            let mut options = CheckOptions::default();
            options.duplicates = matches!(lint.as_str(), "all" | "duplicate-rules");
            options.fatal = lint_fatal;
            options.ignore_unknown_fields = ignore_unknown_fields;
            options.parser = parser;
            return Ok(status(check_rules(&files, &options, out, &mut err)?));
        }
        Command::Check(Check::WebConfig { files }) => {
            if !check_web_config(&files, &mut err)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Test(Test::Rules { run, ignore_unknown_fields, files }) => {
            let mut options = TestOptions::default();
            options.run = run;
            options.ignore_unknown_fields = ignore_unknown_fields;
            options.parser = parser;
            if !test_rules(&files, &options, out, &mut err)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Query(query) => {
            // In the words of the original, which has its name not before them.
            if let Err(error) = query.run(out) {
                let source = error.source().map(|e| format!(": {e}")).unwrap_or_default();
                writeln!(err, "{error}{source}")?;
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Promql(Promql::Format { query }) => writeln!(out, "{}", pretty(&parser.parse(&query)?))?,
        Command::Tsdb(command) => command.run(out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn status(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Good => ExitCode::SUCCESS,
        Outcome::Bad => ExitCode::FAILURE,
        Outcome::Lint => ExitCode::from(LINT),
    }
}

/// A length of time as the field writes it: `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    metrics_core::time::parse_duration(text).map_err(|e| e.to_string())
}
