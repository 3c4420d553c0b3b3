//! How well a block's chunks are filled, as histograms for people.

use std::io::Write;

use ::tsdb::block::{Block, SeriesEntry};
use ::tsdb::chunk::sample_count;
use metrics_core::Columns;

use super::InspectError;

/// Sizes of all chunks that were looked at.
#[derive(Default)]
pub(super) struct Fill {
    chunks: usize,
    float_samples: Vec<usize>,
    float_bytes: Vec<usize>,
    histogram_samples: Vec<usize>,
    histogram_bytes: Vec<usize>,
    histogram_buckets: Vec<usize>,
    columns: Columns,
}

impl Fill {
    pub(super) fn add(&mut self, block: &Block, series: &SeriesEntry) -> Result<(), InspectError> {
        for meta in &series.chunks {
            let (encoding, bytes) = block.chunk(meta.reference)?;
            let damaged =
                |source| ::tsdb::block::BlockError::Chunk { series: series.labels.to_string(), source };
            let samples = usize::from(sample_count(bytes).map_err(damaged)?);
            self.chunks += 1;
            if encoding.is_float() {
                self.float_samples.push(samples);
                self.float_bytes.push(bytes.len());
                continue;
            }
            self.histogram_samples.push(samples);
            self.histogram_bytes.push(bytes.len());
            self.columns.clear();
            block.read_chunk(&series.labels, meta, &mut self.columns)?;
            let histograms = &self.columns.histograms.values;
            let buckets =
                |h: &metrics_core::FloatHistogram| h.positive_buckets.len() + h.negative_buckets.len();
            self.histogram_buckets.push(histograms.iter().map(|h| buckets(h)).sum());
        }
        Ok(())
    }

    pub(super) fn print(self, out: &mut impl Write) -> Result<(), InspectError> {
        writeln!(out, "\nCompaction analysis:\n")?;
        for (title, sizes) in [
            ("samples per float chunk", self.float_samples),
            ("bytes per float chunk", self.float_bytes),
            ("samples per histogram chunk", self.histogram_samples),
            ("bytes per histogram chunk", self.histogram_bytes),
            ("buckets per histogram chunk", self.histogram_buckets),
        ] {
            print_histogram(title, &sizes, self.chunks, out)?;
        }
        Ok(())
    }
}

fn print_histogram(
    title: &str,
    sizes: &[usize],
    total: usize,
    out: &mut impl Write,
) -> Result<(), InspectError> {
    let (Some(&least), Some(&most)) = (sizes.iter().min(), sizes.iter().max()) else {
        writeln!(out, "{title}: N/A\n")?;
        return Ok(());
    };
    let mut step = 10;
    while step < (most - least) / 10 && step <= 10_000 {
        step *= 10;
    }
    let start = least - least % step;
    let end = most - most % step + step;
    let mut buckets = vec![0usize; (end - start) / step + 1];
    for size in sizes {
        buckets[(size - start) / step] += 1;
    }
    let average = sizes.iter().sum::<usize>() / sizes.len();
    writeln!(out, "{title} (min/avg/max): {least}/{average}/{most}")?;
    let digits = |n: usize| n.to_string().len();
    let (left, right) = (digits(end), digits(end + step));
    let wide = digits(buckets.iter().copied().max().unwrap_or(0));
    for (i, count) in buckets.iter().enumerate() {
        let (from, to) = (i * step + start + 1, (i + 1) * step + start);
        let bar = "#".repeat(100 * count / total);
        writeln!(out, "[{from:left$}, {to:right$}]: {count:wide$} {bar}")?;
    }
    writeln!(out)?;
    Ok(())
}
