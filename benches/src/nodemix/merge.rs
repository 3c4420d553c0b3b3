//! `merge`: the blocks of a directory as one, in encodings to choose from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tsdb::block::{Block, Ulid};
use tsdb::chunk::dense::Level;
use tsdb::compact::{Style, merge};
use tsdb::fs::{Fs, OsFs};

use super::Failure;
use super::measure::{cpu, mb, sizes};
use super::store::clear;

/// Encodings of the merged block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Chunks {
    /// Prometheus'.
    Field,
    /// Dense, packed.
    Fast,
    /// Dense, through the entropy coder where it pays.
    Small,
}

/// Merges the blocks of a directory into one elsewhere.
#[derive(Debug, clap::Args)]
pub struct Merge {
    /// The directory of the blocks, which stay.
    dir: PathBuf,
    /// Where the merged block goes, emptied before.
    #[arg(long, default_value = "/tmp/nodemix/merged")]
    out: PathBuf,
    /// Encodings.
    #[arg(long, value_enum, default_value_t = Chunks::Fast)]
    chunks: Chunks,
    /// Most samples of a dense chunk.
    #[arg(long, default_value_t = 2000)]
    samples_per_chunk: u16,
}

impl Merge {
    /// Runs the command.
    ///
    /// # Errors
    /// If a block cannot be read or the merged one not be written.
    pub fn run(&self) -> Result<(), Failure> {
        clear(&self.out)?;
        std::fs::create_dir_all(&self.out)?;
        let blocks = open_blocks(&self.dir)?;
        let parents: Vec<&Block> = blocks.iter().collect();
        let samples_per_chunk = self.samples_per_chunk;
        let style = match self.chunks {
            Chunks::Field => Style::Field,
            Chunks::Fast => Style::Dense { samples_per_chunk, level: Level::Fast },
            Chunks::Small => Style::Dense { samples_per_chunk, level: Level::Small },
        };
        let fs: Arc<dyn Fs> = Arc::new(OsFs);
        let (start, cpu_start) = (Instant::now(), cpu());
        let merged = merge(&fs, &self.out, &parents, Ulid::from_parts(1, 1), style)?;
        let (took, took_cpu) = (start.elapsed(), cpu() - cpu_start);
        let (_, meta) = merged.ok_or("no samples")?;
        let samples = meta.stats.num_samples as f64;
        let all = sizes(&self.out);
        println!(
            "merged {} blocks, {samples} samples, into {} chunks in {:.2}s cpu {:.2}s = {:.1} M/s; total {:.2} MB \
             {:.4} B/sample; chunks {:.4} B/sample; index {:.2} MB",
            blocks.len(),
            meta.stats.num_chunks,
            took.as_secs_f64(),
            took_cpu.as_secs_f64(),
            samples / took_cpu.as_secs_f64() / 1e6,
            mb(all.total),
            all.total as f64 / samples,
            all.chunks as f64 / samples,
            mb(all.index)
        );
        Ok(())
    }
}

/// All blocks of a directory, oldest first.
pub(super) fn open_blocks(dir: &std::path::Path) -> Result<Vec<Block>, Failure> {
    let mut blocks = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.parse::<Ulid>().is_ok() {
            blocks.push(Block::open(&OsFs, &path)?);
        }
    }
    blocks.sort_by_key(|b| b.meta().min_time);
    Ok(blocks)
}
