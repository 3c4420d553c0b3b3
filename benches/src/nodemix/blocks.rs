//! `mkblock`: one day in one block.

use std::path::PathBuf;
use std::time::Instant;

use super::Failure;
use super::measure::{mb, sizes};
use super::store::{Feed, Wal, clear, open};
use super::workload::timestamp;

/// Writes a block of a day, for `query` and for others to read.
#[derive(Debug, clap::Args)]
pub struct MkBlock {
    /// Hosts.
    #[arg(long, default_value_t = 100)]
    hosts: usize,
    /// Series per host, a multiple of 100.
    #[arg(long = "T", default_value_t = 100)]
    per_host: usize,
    /// Scrapes of each host.
    #[arg(long, default_value_t = 5760)]
    scrapes: usize,
    /// Directory, emptied before.
    #[arg(long, default_value = "/tmp/nodemix/qblock")]
    dir: PathBuf,
}

impl MkBlock {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        clear(&self.dir)?;
        let mut feed = Feed::new(self.hosts, self.per_host);
        let db = open(&self.dir, Wal::Off, 24)?;
        let appended = feed.append(&db, 1, 0..self.scrapes, |_| Ok(()))?;
        let start = Instant::now();
        db.flush(timestamp(0, self.scrapes))?;
        let took = start.elapsed();
        let blocks: Vec<String> = db.blocks().iter().map(|b| b.ulid.to_string()).collect();
        let (all, samples) = (sizes(&self.dir), appended.samples as f64);
        println!(
            "block {} flush {:.1}s total {:.2} MB {:.4} B/sample; chunks {:.4} B/sample; index {:.2} MB",
            blocks.join(" "),
            took.as_secs_f64(),
            mb(all.total),
            all.total as f64 / samples,
            all.chunks as f64 / samples,
            mb(all.index)
        );
        Ok(())
    }
}
