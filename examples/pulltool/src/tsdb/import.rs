//! Blocks from OpenMetrics text.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use ::tsdb::BlockBuilder;
use ::tsdb::compact::level_ranges;
use expo_format::openmetrics::Parser;
use expo_format::{Event, Sample};
use metrics_core::{Append, AppendError, Batch, LabelSet, SeriesRef};

use super::InspectError;
use super::list::print_blocks;

/// Time that a block covers unless longer ones are asked for, in milliseconds.
const SHORTEST_BLOCK: i64 = 2 * 3_600_000;

/// How many times as long as the one before a longer block is, and how many lengths there are.
const BLOCK_FACTOR: i64 = 3;
const BLOCK_LENGTHS: usize = 10;

/// Samples of a commit, as in the original: within one, a sample that is late is dropped without a word.
const BATCH: usize = 5000;

/// How blocks are made of text.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Labels that every series gets, in place of its own of the same name.
    pub labels: Vec<(String, String)>,
    /// Longest time that a block may cover, in milliseconds; below two hours has no effect.
    pub max_block_duration: i64,
    /// Times and sizes for people.
    pub human_readable: bool,
    /// No list of the blocks made.
    pub quiet: bool,
}

/// Why text could not be made into blocks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The text is not OpenMetrics.
    #[error("not OpenMetrics text")]
    Text(#[from] expo_format::ParseError),
    /// A sample says no time.
    #[error("expected timestamp for series {series} got none")]
    NoTimestamp {
        /// Its labels.
        series: String,
    },
    /// A line names a label twice.
    #[error("a label twice")]
    Labels(#[from] expo_format::DuplicateLabel),
    /// A sample cannot be taken.
    #[error("add sample of {series}")]
    Sample {
        /// Its labels.
        series: String,
        /// Why not.
        source: AppendError,
    },
    /// Samples cannot be kept.
    #[error("commit")]
    Commit(#[source] AppendError),
}

/// Makes blocks of the samples of a page below a directory, aligned as a database's own, and lists them. `now`
/// (milliseconds) goes into their names.
///
/// # Errors
/// If the text is not OpenMetrics with times, a series' samples are out of order, or a block cannot be written.
pub fn import(
    page: &[u8],
    dir: &Path,
    options: &ImportOptions,
    now: i64,
    out: &mut impl Write,
) -> Result<(), InspectError> {
    std::fs::create_dir_all(dir)
        .map_err(|source| InspectError::Directory { path: dir.to_owned(), source })?;
    let (mut oldest, mut newest) = (i64::MAX, i64::MIN);
    each_sample(page, |_, t| {
        oldest = oldest.min(t);
        newest = newest.max(t);
        Ok(())
    })?;
    let length = block_length(options.max_block_duration);
    let mut made = 0;
    // Where the next samples are, so that ranges without any cost no reading.
    let mut next = oldest;
    while next <= newest {
        let start = next.div_euclid(length) * length;
        let end = start.saturating_add(length);
        next = i64::MAX;
        // Twice as long, so that samples from all of the range are taken in any order of series.
        let builder = BlockBuilder::new(dir, 2 * length);
        let mut writer = Writer::new(&builder, &options.labels);
        each_sample(page, |sample, t| {
            if t >= end {
                next = next.min(t);
            }
            if (start..end).contains(&t) { writer.add(&sample, t) } else { Ok(()) }
        })?;
        writer.commit()?;
        drop(writer);
        // Names are in the order in which the blocks were made.
        let Some(meta) = builder.finish(now.saturating_add(made))? else { break };
        if !options.quiet {
            let block = dir.join(meta.ulid.to_string());
            print_blocks(&[block], made == 0, options.human_readable, out)?;
        }
        made += 1;
        if next == i64::MAX {
            break;
        }
    }
    Ok(())
}

/// The longest length of a database's blocks that is not longer than asked.
fn block_length(most: i64) -> i64 {
    let lengths = level_ranges(SHORTEST_BLOCK, BLOCK_FACTOR, most.max(SHORTEST_BLOCK));
    lengths.into_iter().take(BLOCK_LENGTHS).next_back().unwrap_or(SHORTEST_BLOCK)
}

/// Hands over the samples of a page with their times.
fn each_sample(
    page: &[u8],
    mut each: impl FnMut(Sample<'_>, i64) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut parser = Parser::new(page);
    while let Some(event) = parser.next_event()? {
        let Event::Sample(sample) = event else { continue };
        let Some(t) = sample.timestamp else {
            return Err(ImportError::NoTimestamp { series: sample.series.label_set()?.to_string() });
        };
        each(sample, t)?;
    }
    Ok(())
}

/// Puts samples into a block, a batch at a time.
struct Writer<'a> {
    builder: &'a BlockBuilder,
    labels: &'a [(String, String)],
    batch: Option<Box<dyn Batch + 'a>>,
    samples: usize,
    batches: usize,
    series: HashMap<LabelSet, Known>,
}

/// What is known of a series.
struct Known {
    reference: SeriesRef,
    /// Time of its newest sample, and the batch that it is in.
    newest: i64,
    batch: usize,
    /// Time of its newest sample in batches before that.
    committed: Option<i64>,
}

impl<'a> Writer<'a> {
    fn new(builder: &'a BlockBuilder, labels: &'a [(String, String)]) -> Self {
        Self { builder, labels, batch: None, samples: 0, batches: 0, series: HashMap::new() }
    }

    fn add(&mut self, sample: &Sample<'_>, t: i64) -> Result<(), ImportError> {
        let mut labels = sample.series.label_set()?;
        if !self.labels.is_empty() {
            let mut builder = labels.to_builder();
            for (name, value) in self.labels {
                builder.set(name, value);
            }
            labels = builder.build();
        }
        let unknown =
            Known { reference: SeriesRef::UNKNOWN, newest: t, batch: self.batches, committed: None };
        let known = self.series.entry(labels.clone()).or_insert(unknown);
        if known.batch < self.batches {
            (known.batch, known.committed) = (self.batches, Some(known.newest));
        }
        let batch = self.batch.get_or_insert_with(|| self.builder.batch());
        match batch.append_float(known.reference, &labels, t, sample.value) {
            Ok(reference) => {
                known.reference = reference;
                known.newest = known.newest.max(t);
            }
            // Late within a batch: dropped without a word.
            Err(AppendError::OutOfOrder | AppendError::Duplicate)
                if known.committed.is_none_or(|before| before < t) => {}
            Err(source) => return Err(ImportError::Sample { series: labels.to_string(), source }),
        }
        self.samples += 1;
        if self.samples == BATCH { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), ImportError> {
        self.samples = 0;
        self.batches += 1;
        self.batch.take().map_or(Ok(()), |batch| batch.commit()).map_err(ImportError::Commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn made(page: &str, options: &ImportOptions) -> Result<String, InspectError> {
        let dir = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        import(page.as_bytes(), dir.path(), options, 5, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn blocks_are_as_long_as_those_of_a_database() {
        let lengths = [(0, 2), (5, 2), (6, 6), (17, 6), (18, 18), (100_000_000, 39_366)];
        for (most, length) in lengths {
            assert_eq!(block_length(most * HOUR), length * HOUR, "{most}");
        }
    }

    #[test]
    fn each_range_with_samples_becomes_a_block() {
        let page = "a 1 7199\nb 2 7200\na 3 72000\nb 1 0\n# EOF\n";
        let text = made(page, &ImportOptions::default()).unwrap();
        let spans: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(spans.len(), 4, "{text}");
        assert_eq!(spans[1][1..6], ["0", "7199001", "1h59m59.001s", "2", "2"]);
        assert_eq!(spans[2][1..5], ["7200000", "7200001", "1ms", "1"]);
        assert_eq!(spans[3][1..5], ["72000000", "72000001", "1ms", "1"]);
        let long = ImportOptions { max_block_duration: 100 * HOUR, ..ImportOptions::default() };
        assert_eq!(made(page, &long).unwrap().lines().count(), 2);
        let quiet = ImportOptions { quiet: true, ..ImportOptions::default() };
        assert_eq!(made(page, &quiet).unwrap(), "");
    }

    #[test]
    fn what_has_no_time_or_no_end_is_refused() {
        for (page, wanted) in [
            ("a 1\n# EOF\n", "expected timestamp for series a got none"),
            ("a 1 1\n", "not OpenMetrics text"),
        ] {
            assert_eq!(made(page, &ImportOptions::default()).unwrap_err().to_string(), wanted);
        }
        assert_eq!(made("# EOF\n", &ImportOptions::default()).unwrap(), "");
    }

    #[test]
    fn late_samples_are_dropped_within_a_batch_and_refused_behind_it() {
        let text = made("a 1 20\na 2 10\na 3 20\n# EOF\n", &ImportOptions::default()).unwrap();
        let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row[1..5], ["20000", "20001", "1ms", "1"]);
        let many: String = (0..BATCH).map(|i| format!("b {i} {i}\n")).collect();
        let error = made(&format!("a 1 20\n{many}a 2 10\n# EOF\n"), &ImportOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "add sample of a");
    }
}
