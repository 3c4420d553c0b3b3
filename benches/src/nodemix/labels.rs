//! `labels`: label values, series listing and cardinality statistics while everything is in memory.

use std::path::PathBuf;
use std::time::Instant;

use metrics_core::{Matcher, Select, SelectHints, SelectRequest, TimeRange};
use tsdb::Db;

use super::Failure;
use super::measure::{median, millis};
use super::store::{Feed, Wal, clear, open};

/// Fills the head with a sample of each series and asks what there is.
#[derive(Debug, clap::Args)]
pub struct Labels {
    /// Hosts.
    #[arg(long, default_value_t = 10)]
    hosts: usize,
    /// Series per host, a multiple of 100.
    #[arg(long = "T", default_value_t = 1000)]
    per_host: usize,
    /// Directory, emptied before and after.
    #[arg(long, default_value = "/tmp/nodemix/pl")]
    dir: PathBuf,
}

impl Labels {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        clear(&self.dir)?;
        let db = open(&self.dir, Wal::Off, 2)?;
        Feed::new(self.hosts, self.per_host).append(&db, 1, 0..1, |_| Ok(()))?;
        ask_all(&db, TimeRange::ALL)?;
        drop(db);
        clear(&self.dir)
    }
}

/// Asks for values, names, series and statistics, and prints the middle of what each took.
pub(super) fn ask_all(db: &Db, range: TimeRange) -> Result<(), Failure> {
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
    })?;
    report("cardinality", || Ok(db.cardinality(10).series))
}

fn report(name: &str, mut ask: impl FnMut() -> Result<usize, Failure>) -> Result<(), Failure> {
    let mut took = Vec::new();
    let mut results = 0;
    let begin = Instant::now();
    while took.len() < 3 || (took.len() < 41 && begin.elapsed().as_secs() < 5) {
        let start = Instant::now();
        results = ask()?;
        took.push(start.elapsed());
    }
    println!("{name:<28} p50 {:10.3} ms  n results {results}", millis(median(&mut took)));
    Ok(())
}
