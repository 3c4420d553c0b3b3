//! `query`: how long answers take, over the block that `mkblock` of either program wrote.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use metrics_core::TimeRange;
use promql::Engine;
use tsdb::Db;

use crate::allocations::so_far;

use super::Failure;
use super::labels;
use super::measure::{cpu, median, millis};
use super::queries::{BenchQuery, QUERIES, Steps};
use super::store::{HOUR, Wal, open};
use super::workload::START;

/// Asks the queries and label look-ups of the Go bench.
#[derive(Debug, clap::Args)]
pub struct Query {
    /// Directory with blocks.
    #[arg(long, default_value = "/tmp/prombench/qblock")]
    dir: PathBuf,
    /// Hours of a block.
    #[arg(long, default_value_t = 24)]
    block: i64,
    /// Only what has this in its name.
    #[arg(long, default_value = "")]
    only: String,
    /// Read the log in the directory too.
    #[arg(long)]
    head: bool,
    /// Threads that a query may use.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

impl Query {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        let db = open(&self.dir, if self.head { Wal::Snappy } else { Wal::Off }, self.block)?;
        println!(
            "# blocks {} head series {} engine ours threads {}",
            db.blocks().len(),
            db.head_series(),
            self.threads
        );
        let engine = self.engine();
        for query in QUERIES.iter().filter(|q| q.name.contains(&self.only)) {
            measure(&engine, &db, query)?;
        }
        if self.only.is_empty() || "labels".contains(&self.only) {
            let end = START + 20 * HOUR;
            labels::ask_all(&db, TimeRange::new(end - 6 * HOUR, end))?;
        }
        Ok(())
    }
}

impl Query {
    /// An engine with the limits that the Go bench gives to its own.
    fn engine(&self) -> Engine {
        let mut options = promql::Options::default();
        options.max_samples = 500_000_000;
        options.timeout = Some(Duration::from_secs(600));
        options.threads = self.threads.max(1);
        Engine::new(options)
    }
}

/// Asks a query for five seconds, three times at least, and prints the middle of what it took.
fn measure(engine: &Engine, db: &Db, query: &BenchQuery) -> Result<(), Failure> {
    const MINUTE: i64 = 60_000;
    let end = START + 20 * HOUR;
    let (mut took, mut cpu_took) = (Vec::new(), Vec::new());
    let (begin, before) = (Instant::now(), so_far());
    while took.len() < 3 || (begin.elapsed() < Duration::from_secs(5) && took.len() < 41) {
        let (start, cpu_start) = (Instant::now(), cpu());
        let answer = match query.steps {
            Steps::Once => engine.instant(db, query.text, end)?,
            Steps::SixHours => engine.range(db, query.text, end - 6 * HOUR, end, MINUTE)?,
            Steps::Day => {
                engine.range(db, query.text, START + 5 * MINUTE, START + 24 * HOUR - 15_000, 5 * MINUTE)?
            }
        };
        took.push(start.elapsed());
        cpu_took.push(cpu() - cpu_start);
        drop(answer);
    }
    let after = so_far();
    let each = |total: u64| total as f64 / took.len() as f64;
    let (calls, bytes) = (each(after.calls - before.calls), each(after.bytes - before.bytes));
    let (middle, cpu_middle) = (median(&mut took), median(&mut cpu_took));
    let fastest = took.first().copied().unwrap_or_default();
    let samples = query.series * query.window / 15.0;
    println!(
        "{:<28} p50 {:10.3} ms  min {:10.3}  cpu50 {:10.3} n={}  raw samples {:.0}  -> {:8.1} M/s  {:6.2} ns/sample  \
         {calls:.0} allocations of {:.2} MB",
        query.name,
        millis(middle),
        millis(fastest),
        millis(cpu_middle),
        took.len(),
        samples,
        samples / middle.as_secs_f64() / 1e6,
        middle.as_nanos() as f64 / samples,
        bytes / 1e6,
    );
    Ok(())
}
