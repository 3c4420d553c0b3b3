//! `floor`: what decoding alone takes, by metric.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use metrics_core::Columns;
use tsdb::block::{Block, Ulid};
use tsdb::chunk::xor::XorAppender;
use tsdb::chunk::{Encoding, decode, sample_count};
use tsdb::fs::OsFs;

use super::Failure;

/// Decodes all chunks of the blocks in a directory.
#[derive(Debug, clap::Args)]
pub struct Floor {
    /// The directory.
    dir: PathBuf,
}

/// A metric's chunks.
struct Family {
    name: String,
    chunks: Vec<(Encoding, Vec<u8>)>,
}

impl Floor {
    /// Runs the command.
    ///
    /// # Errors
    /// If a block cannot be read.
    pub fn run(&self) -> Result<(), Failure> {
        let mut families = self.families()?;
        let all = families.iter().flat_map(|f| f.chunks.iter().cloned()).collect();
        families.push(Family { name: "ALL".to_owned(), chunks: all });
        families.iter().try_for_each(Family::report)
    }

    fn families(&self) -> Result<Vec<Family>, Failure> {
        let mut families: Vec<Family> = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if name.parse::<Ulid>().is_err() {
                continue;
            }
            let block = Block::open(&OsFs, &path)?;
            let mut ids = Vec::new();
            block.index().all_postings(&mut ids)?;
            for id in ids {
                let series = block.index().series(id)?;
                let name = series.labels.metric_name().unwrap_or_default();
                let at = families.iter().position(|f| f.name == name).unwrap_or_else(|| {
                    families.push(Family { name: name.to_owned(), chunks: Vec::new() });
                    families.len() - 1
                });
                for chunk in &series.chunks {
                    let (encoding, bytes) = block.chunk(chunk.reference)?;
                    families[at].chunks.push((encoding, bytes.to_vec()));
                }
            }
        }
        Ok(families)
    }
}

impl Family {
    fn report(&self) -> Result<(), Failure> {
        let bytes: usize = self.chunks.iter().map(|(_, bytes)| bytes.len()).sum();
        let counts: Result<Vec<u16>, _> = self.chunks.iter().map(|(_, bytes)| sample_count(bytes)).collect();
        let samples = counts?.into_iter().map(f64::from).sum::<f64>();
        let (mut columns, mut sum) = (Columns::default(), 0.0);
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            for (encoding, bytes) in &self.chunks {
                columns.clear();
                decode(*encoding, bytes, &mut columns)?;
                sum += columns.floats.values.iter().sum::<f64>();
            }
            best = best.min(start.elapsed());
        }
        println!(
            "{:<40} chunks {:7} samples {:9}  {:.3} B/sample  decode {:.2} ns/sample ({:.1} M/s) {}",
            self.name,
            self.chunks.len(),
            samples,
            bytes as f64 / samples,
            best.as_nanos() as f64 / samples,
            samples / best.as_secs_f64() / 1e6,
            sum != 0.0
        );
        self.report_encoding()
    }

    fn report_encoding(&self) -> Result<(), Failure> {
        let mut columns = Columns::default();
        for (encoding, bytes) in self.chunks.iter().take(20_000) {
            decode(*encoding, bytes, &mut columns)?;
        }
        let floats = &columns.floats;
        let mut chunk = XorAppender::new();
        let start = Instant::now();
        for (times, values) in floats.timestamps.chunks(120).zip(floats.values.chunks(120)) {
            for (t, v) in times.iter().zip(values) {
                chunk.append(*t, *v)?;
            }
            std::hint::black_box(chunk.take());
        }
        let each = start.elapsed().as_nanos() as f64 / floats.values.len() as f64;
        println!("{:<40}   encode {each:.2} ns/sample", "");
        Ok(())
    }
}
