//! The commands below `pulltool query`, with the flags of the original.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use pulltool::query::{Format, QueryError, Question, parse_time, query};

/// Times far enough away for any sample, in seconds from now.
const FAR: f64 = 9999.0 * 3600.0;
/// Without a start, a range is as long, in seconds.
const RANGE: f64 = 300.0;
/// Steps that a range has about if no step is given.
const STEPS: f64 = 250.0;

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// How answers are shown.
    #[arg(short = 'o', long, global = true, value_enum, default_value_t = Format::Promql)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evaluate an expression at one time.
    Instant {
        /// The server's URL.
        server: String,
        /// PromQL.
        expr: String,
        /// When: seconds since 1970 or RFC 3339; now if not given.
        #[arg(long, value_parser = parse_time)]
        time: Option<f64>,
        /// A header to send, NAME=VALUE.
        #[arg(long, value_parser = header)]
        header: Vec<(String, String)>,
    },
    /// Evaluate an expression over time.
    Range {
        /// The server's URL.
        server: String,
        /// PromQL.
        expr: String,
        #[command(flatten)]
        times: Times,
        /// Between evaluations; a 250th of the range if not given.
        #[arg(long, value_parser = crate::duration)]
        step: Option<Duration>,
        /// A header to send, NAME=VALUE.
        #[arg(long, value_parser = header)]
        header: Vec<(String, String)>,
    },
    /// List series.
    Series {
        /// The server's URL.
        server: String,
        /// Selector of series; may be given again.
        #[arg(long = "match", required = true)]
        matchers: Vec<String>,
        #[command(flatten)]
        times: Times,
    },
    /// List the values of a label.
    Labels {
        /// The server's URL.
        server: String,
        /// The label's name.
        name: String,
        /// Selector of series that count; may be given again.
        #[arg(long = "match")]
        matchers: Vec<String>,
        #[command(flatten)]
        times: Times,
    },
}

#[derive(Debug, Args)]
struct Times {
    /// From when on: seconds since 1970 or RFC 3339.
    #[arg(long, value_parser = parse_time)]
    start: Option<f64>,
    /// Until when.
    #[arg(long, value_parser = parse_time)]
    end: Option<f64>,
}

impl Query {
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), QueryError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let (server, headers, question) = self.command.question(now);
        query(&server, &headers, &question, self.format, out)
    }
}

impl Command {
    fn question(self, now: f64) -> (String, Vec<(String, String)>, Question) {
        match self {
            Self::Instant { server, expr: expression, time, header } => {
                (server, header, Question::Instant { expression, time: time.unwrap_or(now) })
            }
            Self::Range { server, expr: expression, times, step, header } => {
                let end = times.end.unwrap_or(now);
                let start = times.start.unwrap_or(end - RANGE);
                let step = step.filter(|step| !step.is_zero()).unwrap_or_else(|| step_of(end - start));
                (server, header, Question::Range { expression, start, end, step })
            }
            Self::Series { server, matchers, times } => {
                let (start, end) = times.around(now);
                (server, Vec::new(), Question::Series { matchers, start, end })
            }
            Self::Labels { server, name, matchers, times } => {
                let (start, end) = times.around(now);
                (server, Vec::new(), Question::Labels { name, matchers, start, end })
            }
        }
    }
}

impl Times {
    fn around(&self, now: f64) -> (f64, f64) {
        (self.start.unwrap_or(now - FAR), self.end.unwrap_or(now + FAR))
    }
}

fn step_of(range: f64) -> Duration {
    Duration::from_secs((range / STEPS).floor().max(1.0) as u64)
}

fn header(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}
