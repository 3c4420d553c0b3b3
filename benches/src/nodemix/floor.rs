//! `floor`: what decoding alone takes, by metric.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use metrics_core::{Columns, LabelSet};
use tsdb::block::{Block, ChunkMeta};
use tsdb::chunk::xor::XorAppender;
use tsdb::chunk::{ChunkError, Encoding, decode, sample_count};

use super::Failure;
use super::measure::cpu;
use super::merge::open_blocks;

/// How often chunks are decoded; the CPU time of the fastest counts.
const ROUNDS: usize = 15;

/// Decodes all chunks of the blocks in a directory.
#[derive(Debug, clap::Args)]
pub struct Floor {
    /// The directory.
    dir: PathBuf,
}

/// A chunk, and where it is from.
#[derive(Clone)]
struct Chunk<'a> {
    encoding: Encoding,
    bytes: Vec<u8>,
    block: &'a Block,
    meta: ChunkMeta,
}

impl Chunk<'_> {
    fn decode(&self, columns: &mut Columns) -> Result<(), Failure> {
        match decode(self.encoding, &self.bytes, columns) {
            // With the block's checksum, and its times from where the block keeps them.
            Err(ChunkError::TimesElsewhere { .. }) => {
                Ok(self.block.read_chunk(&LabelSet::empty(), &self.meta, columns)?)
            }
            other => Ok(other?),
        }
    }
}

/// A metric's chunks.
struct Family<'a> {
    name: String,
    chunks: Vec<Chunk<'a>>,
}

impl Floor {
    /// Runs the command.
    ///
    /// # Errors
    /// If a block cannot be read.
    pub fn run(&self) -> Result<(), Failure> {
        let blocks = open_blocks(&self.dir)?;
        let mut families = families(&blocks)?;
        let all = families.iter().flat_map(|f| f.chunks.iter().cloned()).collect();
        families.push(Family { name: "ALL".to_owned(), chunks: all });
        families.iter().try_for_each(Family::report)
    }
}

fn families(blocks: &[Block]) -> Result<Vec<Family<'_>>, Failure> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for block in blocks {
        let mut ids = Vec::new();
        block.index().all_postings(&mut ids)?;
        for id in ids {
            let series = block.index().series(id)?;
            let name = series.labels.metric_name().unwrap_or_default();
            let at = families.iter().position(|f| f.name == name).unwrap_or_else(|| {
                families.push(Family { name: name.to_owned(), chunks: Vec::new() });
                families.len() - 1
            });
            for meta in &series.chunks {
                let (encoding, bytes) = block.chunk(meta.reference)?;
                families[at].chunks.push(Chunk { encoding, bytes: bytes.to_vec(), block, meta: *meta });
            }
        }
    }
    Ok(families)
}

impl Family<'_> {
    fn report(&self) -> Result<(), Failure> {
        let bytes: usize = self.chunks.iter().map(|c| c.bytes.len()).sum();
        let counts: Result<Vec<u16>, _> = self.chunks.iter().map(|c| sample_count(&c.bytes)).collect();
        let samples = counts?.into_iter().map(f64::from).sum::<f64>();
        let mut columns = Columns::default();
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let start = cpu();
            for chunk in &self.chunks {
                columns.clear();
                chunk.decode(&mut columns)?;
                std::hint::black_box(&columns);
            }
            best = best.min(cpu() - start);
        }
        println!(
            "{:<40} chunks {:7} samples {:9}  {:.3} B/sample  decode {:.2} ns/sample ({:.1} M/s)",
            self.name,
            self.chunks.len(),
            samples,
            bytes as f64 / samples,
            best.as_nanos() as f64 / samples,
            samples / best.as_secs_f64() / 1e6
        );
        self.report_encoding()
    }

    fn report_encoding(&self) -> Result<(), Failure> {
        let mut columns = Columns::default();
        for chunk in self.chunks.iter().take(20_000) {
            chunk.decode(&mut columns)?;
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
