//! `ingest`: appending, cutting and compacting, and what is on disk in the end.

use std::path::PathBuf;
use std::time::Instant;

use super::Failure;
use super::measure::{cpu, mb, sizes};
use super::store::{Feed, Wal, clear, open};
use super::workload::timestamp;

/// Appends hours of scrapes, with maintenance, and tells time and size.
#[derive(Debug, clap::Args)]
pub struct Ingest {
    /// Hosts.
    #[arg(long, default_value_t = 100)]
    hosts: usize,
    /// Series per host, a multiple of 100.
    #[arg(long = "T", default_value_t = 1000)]
    per_host: usize,
    /// Scrapes of each host.
    #[arg(long, default_value_t = 1440)]
    scrapes: usize,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t = Wal::Snappy)]
    wal: Wal,
    /// Directory, emptied before.
    #[arg(long, default_value = "/tmp/nodemix/pi")]
    dir: PathBuf,
    /// Hours of a block.
    #[arg(long, default_value_t = 2)]
    block: i64,
    /// Leave everything in the head.
    #[arg(long)]
    keephead: bool,
}

impl Ingest {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        clear(&self.dir)?;
        let mut feed = Feed::new(self.hosts, self.per_host);
        let db = open(&self.dir, self.wal, self.block)?;
        let (start, cpu_start) = (Instant::now(), cpu());
        let appended = feed.append(&db, 1, 0..self.scrapes, |scrape| {
            if scrape % 240 == 239 && !self.keephead {
                db.tick(timestamp(0, scrape))?;
            }
            Ok(())
        })?;
        println!(
            "ingest {} samples: append-only {:.2} M/s; wall incl gen+compact {:.1}s cpu {:.1}s",
            appended.samples,
            appended.samples as f64 / appended.wall.as_secs_f64() / 1e6,
            start.elapsed().as_secs_f64(),
            (cpu() - cpu_start).as_secs_f64()
        );
        if !self.keephead {
            let (start, cpu_start) = (Instant::now(), cpu());
            let now = timestamp(0, self.scrapes);
            db.flush(now)?;
            db.tick(now)?;
            println!(
                "final flush+compact {:.1}s cpu {:.1}s",
                start.elapsed().as_secs_f64(),
                (cpu() - cpu_start).as_secs_f64()
            );
        }
        drop(db);
        let (all, wal) = (sizes(&self.dir), sizes(&self.dir.join("wal")).total);
        let samples = appended.samples as f64;
        println!(
            "dir {:.1} MB; chunks {:.2} MB = {:.4} B/sample; index {:.2} MB; blocks total {:.4} B/sample; wal {:.1} MB = \
             {:.3} B/sample",
            mb(all.total),
            mb(all.chunks),
            all.chunks as f64 / samples,
            mb(all.index),
            (all.total - wal) as f64 / samples,
            mb(wal),
            wal as f64 / samples
        );
        Ok(())
    }
}
