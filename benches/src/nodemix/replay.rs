//! `replay`: how long a start takes, after a crash or from a snapshot.

use std::path::PathBuf;
use std::time::Instant;

use super::Failure;
use super::measure::{cpu, mb, resident};
use super::store::{Wal, open};

/// Opens a directory that `mem --keep` or `mem --snapshot` left.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The directory.
    dir: PathBuf,
}

impl Replay {
    /// Runs the command.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run(&self) -> Result<(), Failure> {
        let (start, cpu_start) = (Instant::now(), cpu());
        let db = open(&self.dir, Wal::Snappy, 2)?;
        println!(
            "open+replay {:.2}s (cpu {:.2}s) series {} threads {} rss {:.0} MB",
            start.elapsed().as_secs_f64(),
            (cpu() - cpu_start).as_secs_f64(),
            db.head_series(),
            std::thread::available_parallelism().map_or(1, usize::from),
            mb(resident() as u64)
        );
        for warning in db.warnings() {
            println!("  warning: {warning}");
        }
        Ok(())
    }
}
