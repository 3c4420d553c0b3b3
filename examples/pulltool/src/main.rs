//! `pulltool`: the command line of a monitoring stack's operator.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pulltool::tsdb::{AnalyzeOptions, analyze, list};

/// Checks, tests, queries and inspects.
#[derive(Debug, Parser)]
#[command(name = "pulltool", version)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look into a database's directory.
    #[command(subcommand)]
    Tsdb(Tsdb),
}

#[derive(Debug, Subcommand)]
enum Tsdb {
    /// List blocks.
    List {
        /// Times and sizes for people.
        #[arg(short = 'r', long)]
        human_readable: bool,
        /// The database's directory.
        #[arg(default_value = "data/")]
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
        #[arg(default_value = "data/")]
        path: PathBuf,
        /// The block's ULID; the newest if absent.
        block: Option<String>,
    },
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = run(flags.command, &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
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

fn run(command: Command, out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        Command::Tsdb(Tsdb::List { human_readable, path }) => list(&path, human_readable, out)?,
        Command::Tsdb(Tsdb::Analyze { limit, extended, selector, path, block }) => {
            let options = AnalyzeOptions { limit, extended, selector };
            analyze(&path, block.as_deref(), &options, out)?;
        }
    }
    Ok(())
}
