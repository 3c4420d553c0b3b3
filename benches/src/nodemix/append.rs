//! `append`: how fast samples go in, with the log.

use std::path::PathBuf;
use std::time::Instant;

use super::Failure;
use super::measure::{cpu, sizes};
use super::store::{Feed, Wal, clear, open};

/// Appends scrapes of all hosts and tells how fast.
#[derive(Debug, clap::Args)]
pub struct Append {
    /// Hosts.
    #[arg(long, default_value_t = 100)]
    hosts: usize,
    /// Series per host, a multiple of 100.
    #[arg(long = "T", default_value_t = 1000)]
    per_host: usize,
    /// Scrapes of each host.
    #[arg(long, default_value_t = 240)]
    scrapes: usize,
    /// Writers.
    #[arg(long = "w", default_value_t = 1)]
    writers: usize,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t = Wal::Snappy)]
    wal: Wal,
    /// Directory, emptied before and after.
    #[arg(long, default_value = "/tmp/nodemix/pa")]
    dir: PathBuf,
}

impl Append {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        clear(&self.dir)?;
        let mut feed = Feed::new(self.hosts, self.per_host);
        let db = open(&self.dir, self.wal, 2)?;
        let created = feed.append(&db, self.writers, 0..1, |_| Ok(()))?;
        let (start, cpu_start) = (Instant::now(), cpu());
        let appended = feed.append(&db, self.writers, 1..self.scrapes, |_| Ok(()))?;
        println!(
            "append wal={} w={} create: {:.0} series/s (cpu-time {:.0})  append: {:.3} M samples/s (cpu-time {:.3} \
             M/s/core)  ({} samples; wall incl gen {:.1}s cpu incl gen {:.1}s)",
            format!("{:?}", self.wal).to_lowercase(),
            self.writers,
            created.samples as f64 / created.wall.as_secs_f64(),
            created.samples as f64 / created.cpu.as_secs_f64(),
            appended.samples as f64 / appended.wall.as_secs_f64() / 1e6,
            appended.samples as f64 / appended.cpu.as_secs_f64() / 1e6,
            appended.samples,
            start.elapsed().as_secs_f64(),
            (cpu() - cpu_start).as_secs_f64(),
        );
        let wal = sizes(&self.dir.join("wal")).total;
        println!("  wal bytes/sample {:.2}", wal as f64 / (appended.samples + created.samples) as f64);
        drop(db);
        clear(&self.dir)
    }
}
