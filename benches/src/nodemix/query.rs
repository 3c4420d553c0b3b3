//! `query`: how long answers take, over the block that `mkblock` of either program wrote.

use std::path::PathBuf;
use std::time::Instant;

use metrics_core::{Matcher, Select, SelectHints, SelectRequest, TimeRange};
use tsdb::Db;

use super::Failure;
use super::measure::median;
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
}

impl Query {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        let db = open(&self.dir, Wal::Off, self.block)?;
        println!("# blocks {} head series {}", db.blocks().len(), db.head_series());
        if self.only.is_empty() || "labels".contains(&self.only) {
            label_lookups(&db)?;
        }
        Ok(())
    }
}

fn label_lookups(db: &Db) -> Result<(), Failure> {
    let end = START + 20 * HOUR;
    let range = TimeRange::new(end - 6 * HOUR, end);
    let cpu = [Matcher::metric_name("node_cpu_seconds_total")];
    let job = [Matcher::equal("job", "node")];
    let hints = {
        let mut hints = SelectHints::default();
        hints.labels_only = true;
        hints
    };
    report("label_values_instance", || Ok(db.label_values("instance", &[], range)?.len()))?;
    report("label_values_matcher", || Ok(db.label_values("instance", &cpu, range)?.len()))?;
    report("label_names", || Ok(db.label_names(&[], range)?.len()))?;
    report("series_10k", || {
        let found = db.select(&SelectRequest { matchers: &job, range, hints: hints.clone() })?;
        Ok((0..found.len()).map(|i| found.labels(i).len() / 8).sum())
    })
}

fn report(name: &str, mut ask: impl FnMut() -> Result<usize, Failure>) -> Result<(), Failure> {
    let mut took = Vec::new();
    let mut results = 0;
    while took.len() < 41 {
        let start = Instant::now();
        results = ask()?;
        took.push(start.elapsed());
    }
    println!("{name:<28} p50 {:10.3} ms  n results {results}", median(&mut took).as_micros() as f64 / 1000.0);
    Ok(())
}
