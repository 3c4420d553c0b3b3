//! `mem`: what a series costs in memory.

use std::path::PathBuf;
use std::time::Instant;

use super::Failure;
use super::measure::{cpu, mb, resident, sizes};
use super::store::{Feed, Wal, clear, open};
use super::workload::START;

/// Fills the head and tells what a series takes.
#[derive(Debug, clap::Args)]
pub struct Mem {
    /// Hosts.
    #[arg(long, default_value_t = 1000)]
    hosts: usize,
    /// Series per host, a multiple of 100.
    #[arg(long = "T", default_value_t = 1000)]
    per_host: usize,
    /// Scrapes of each host.
    #[arg(long, default_value_t = 120)]
    scrapes: usize,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t = Wal::Snappy)]
    wal: Wal,
    /// Directory, emptied before and, without `--keep` or `--snapshot`, after.
    #[arg(long, default_value = "/tmp/nodemix/pm")]
    dir: PathBuf,
    /// Leave the log for `replay`, as a crash would.
    #[arg(long)]
    keep: bool,
    /// Leave a snapshot beside it, as a clean end does.
    #[arg(long)]
    snapshot: bool,
}

impl Mem {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        clear(&self.dir)?;
        let mut feed = Feed::new(self.hosts, self.per_host);
        let series = feed.series() as f64;
        let base = resident();
        let db = open(&self.dir, self.wal, 2)?;
        let last = self.scrapes.saturating_sub(1);
        let report = |scrape: usize| {
            if scrape == 0 || scrape == last {
                let each = (resident() - base) / series;
                let own = db.head_bytes() as f64 / series;
                println!(
                    "mem after {} samples/series: rss(as is) {each:.0} B/series, own account {own:.0}",
                    scrape + 1
                );
            }
            Ok(())
        };
        let created = feed.append(&db, 1, 0..1, report)?;
        println!(
            "create {:.0} series/s cpu-time {:.0} (1 writer)",
            created.samples as f64 / created.wall.as_secs_f64(),
            created.samples as f64 / created.cpu.as_secs_f64()
        );
        let appended = feed.append(&db, 1, 1..self.scrapes, report)?;
        println!(
            "append {:.3} M/s cpu-time {:.3} M/s/core",
            appended.samples as f64 / appended.wall.as_secs_f64() / 1e6,
            appended.samples as f64 / appended.cpu.as_secs_f64() / 1e6
        );
        let wal = sizes(&self.dir.join("wal")).total;
        println!("wal {:.1} MB", mb(wal));
        if self.snapshot {
            let (start, cpu_start) = (Instant::now(), cpu());
            db.write_snapshot()?;
            println!(
                "snapshot {:.2}s (cpu {:.2}s) {:.1} MB",
                start.elapsed().as_secs_f64(),
                (cpu() - cpu_start).as_secs_f64(),
                mb(std::fs::metadata(self.dir.join("head_snapshot"))?.len())
            );
        }
        if self.keep || self.snapshot {
            // Without closing: what is in the log is all that is left.
            std::process::exit(0);
        }
        let start = Instant::now();
        db.flush(START + 2 * super::store::HOUR)?;
        println!("compact head to block: {:.1}s", start.elapsed().as_secs_f64());
        let all = sizes(&self.dir);
        println!(
            "dir total {:.1} MB chunks {:.1} MB index {:.1} MB",
            mb(all.total),
            mb(all.chunks),
            mb(all.index)
        );
        drop(db);
        clear(&self.dir)
    }
}
