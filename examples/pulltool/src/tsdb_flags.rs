//! The commands below `pulltool tsdb`, with the flags of the original.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use metrics_core::TimeRange;
use pulltool::tsdb::{
    AnalyzeOptions, DumpFormat, DumpOptions, ImportOptions, InspectError, Target, analyze, convert, dump,
    import, list,
};

/// A database's directory unless another is given.
const DATA: &str = "data/";

#[derive(Debug, Subcommand)]
pub(crate) enum Tsdb {
    /// List blocks.
    List {
        /// Times and sizes for people.
        #[arg(short = 'r', long)]
        human_readable: bool,
        /// The database's directory.
        #[arg(default_value = DATA)]
        path: PathBuf,
    },
    /// Find what makes a block large: churn, label pairs, values, metric names.
    Analyze {
        /// Rows of each table.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Also how well chunks are filled.
        #[arg(long)]
        extended: bool,
        /// Only series that this selector matches.
        #[arg(long = "match")]
        selector: Option<String>,
        /// The database's directory.
        #[arg(default_value = DATA)]
        path: PathBuf,
        /// The block's ULID; the newest if absent.
        block: Option<String>,
    },
    /// Write out all samples, or only the series.
    Dump {
        #[command(flatten)]
        which: Which,
        /// How.
        #[arg(long, value_enum, default_value_t)]
        format: DumpFormat,
    },
    /// Write out all floats as OpenMetrics text.
    #[command(name = "dump-openmetrics")]
    DumpOpenMetrics(Which),
    /// Make blocks of samples from elsewhere.
    CreateBlocksFrom {
        /// Times and sizes for people.
        #[arg(short = 'r', long)]
        human_readable: bool,
        /// No list of the blocks made.
        #[arg(short, long)]
        quiet: bool,
        /// Longest time that a block may cover; below two hours has no effect.
        #[arg(long, hide = true, value_parser = duration)]
        max_block_duration: Option<Duration>,
        #[command(subcommand)]
        from: From,
    },
    /// Rewrite blocks in other chunk encodings. No other program may have the database open.
    Convert {
        /// What the chunks become.
        #[arg(long, value_enum)]
        to: Target,
        /// The database's directory, or that of one block.
        #[arg(default_value = DATA)]
        path: PathBuf,
    },
}

/// Which samples to write out.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// First time, in milliseconds since 1970.
    #[arg(long, default_value_t = i64::MIN, allow_negative_numbers = true)]
    min_time: i64,
    /// Last time, in milliseconds since 1970.
    #[arg(long, default_value_t = i64::MAX, allow_negative_numbers = true)]
    max_time: i64,
    /// Only series that this selector matches, or another of these.
    #[arg(long = "match")]
    selectors: Vec<String>,
    /// The database's directory.
    #[arg(default_value = DATA)]
    path: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum From {
    /// OpenMetrics text, every sample with its time.
    #[command(name = "openmetrics")]
    OpenMetrics {
        /// A label that every series gets: name=value.
        #[arg(long = "label", value_parser = label)]
        labels: Vec<(String, String)>,
        /// The text.
        input: PathBuf,
        /// Where the blocks go.
        #[arg(default_value = DATA)]
        output: PathBuf,
    },
}

impl Tsdb {
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), InspectError> {
        match self {
            Self::List { human_readable, path } => list(&path, human_readable, out),
            Self::Analyze { limit, extended, selector, path, block } => {
                analyze(&path, block.as_deref(), &AnalyzeOptions { limit, extended, selector }, out)
            }
            Self::Dump { which, format } => which.dump(format, out),
            Self::DumpOpenMetrics(which) => which.dump(DumpFormat::OpenMetrics, out),
            Self::CreateBlocksFrom { human_readable, quiet, max_block_duration, from } => {
                let From::OpenMetrics { labels, input, output } = from;
                let page = std::fs::read(&input)
                    .map_err(|source| InspectError::Directory { path: input.clone(), source })?;
                let longest = max_block_duration.unwrap_or_default().as_millis();
                let max_block_duration = i64::try_from(longest).unwrap_or(i64::MAX);
                let options = ImportOptions { labels, max_block_duration, human_readable, quiet };
                import(&page, &output, &options, now(), out)
            }
            Self::Convert { to, path } => convert(&path, to, now(), out),
        }
    }
}

impl Which {
    fn dump(self, format: DumpFormat, out: &mut impl Write) -> Result<(), InspectError> {
        let range = TimeRange::new(self.min_time, self.max_time);
        dump(&self.path, &DumpOptions { range, selectors: self.selectors, format }, out)
    }
}

/// A length of time as Go reads it, of whole units.
fn duration(text: &str) -> Result<Duration, String> {
    metrics_core::time::parse_duration(text).map_err(|e| e.to_string())
}

/// `name=value`.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
