//! Opening a store as the commands want it, and filling it.

use std::path::Path;
use std::time::{Duration, Instant};

use metrics_core::{Append, LabelSet, SeriesRef};
use tsdb::compact::Style;
use tsdb::wal::{Compression, LogStyle, WalOptions};
use tsdb::{Db, Options};

use super::Failure;
use super::measure::cpu;
use super::workload::{Series, timestamp};

/// Milliseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Wal {
    /// No log.
    Off,
    /// Without compression.
    None,
    /// Snappy.
    Snappy,
    /// Snappy, and samples in our own dense records.
    Dense,
}

/// Opens a store that keeps everything.
pub(super) fn open(dir: &Path, wal: Wal, block_hours: i64) -> Result<Db, Failure> {
    let compression = if wal == Wal::None { Compression::None } else { Compression::Snappy };
    let style = if wal == Wal::Dense { LogStyle::Dense } else { LogStyle::Field };
    let options = Options {
        // As in the program that this is compared with; `merge` makes other ones.
        merged_chunks: Style::Field,
        block_range: block_hours * HOUR,
        max_block_range: block_hours * HOUR * 9,
        retention: None,
        log: wal != Wal::Off,
        wal: WalOptions { compression, style, ..WalOptions::default() },
        ..Options::default()
    };
    Ok(Db::open(dir, options)?)
}

/// Removes what an earlier run left.
pub(super) fn clear(dir: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// All series, what they say next, and what the store calls them.
pub(super) struct Feed {
    hosts: Vec<Vec<Series>>,
    refs: Vec<Vec<SeriesRef>>,
    values: Vec<Vec<f64>>,
}

/// What appending took, without making the values.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Taken {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) samples: u64,
}

impl Feed {
    pub(super) fn new(hosts: usize, per_host: usize) -> Self {
        Self {
            hosts: super::workload::all(hosts, per_host),
            refs: vec![vec![SeriesRef::UNKNOWN; per_host]; hosts],
            // Touched now, so that it does not count as the store's memory later.
            values: vec![vec![1.0; per_host]; hosts],
        }
    }

    pub(super) fn series(&self) -> usize {
        self.hosts.iter().map(Vec::len).sum()
    }

    /// Appends scrapes `scrapes` with `writers` threads, a batch per host and scrape.
    pub(super) fn append(
        &mut self,
        db: &Db,
        writers: usize,
        scrapes: std::ops::Range<usize>,
        mut between: impl FnMut(usize) -> Result<(), Failure>,
    ) -> Result<Taken, Failure> {
        let mut taken = Taken::default();
        for scrape in scrapes {
            for (series, values) in self.hosts.iter_mut().zip(&mut self.values) {
                for (series, value) in series.iter_mut().zip(values) {
                    *value = series.next_value();
                }
            }
            let (start, cpu_start) = (Instant::now(), cpu());
            self.append_scrape(db, writers.max(1), scrape)?;
            taken.wall += start.elapsed();
            taken.cpu += cpu() - cpu_start;
            taken.samples += self.series() as u64;
            between(scrape)?;
        }
        Ok(taken)
    }

    fn append_scrape(&mut self, db: &Db, writers: usize, scrape: usize) -> Result<(), Failure> {
        let mut work: Vec<Vec<Host<'_>>> = (0..writers).map(|_| Vec::new()).collect();
        let hosts = self.hosts.iter().zip(&self.values).zip(&mut self.refs).enumerate();
        for (host, ((series, values), refs)) in hosts {
            work[host % writers].push(Host { time: timestamp(host, scrape), series, values, refs });
        }
        let append = |part: Vec<Host<'_>>| part.into_iter().try_for_each(|host| host.append(db));
        if writers == 1 {
            return work.into_iter().try_for_each(append);
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = work.into_iter().map(|part| scope.spawn(move || append(part))).collect();
            threads.into_iter().try_for_each(|t| t.join().map_err(|_| Failure::from("a writer panicked"))?)
        })
    }
}

/// One scrape of a host.
struct Host<'a> {
    time: i64,
    series: &'a [Series],
    values: &'a [f64],
    refs: &'a mut [SeriesRef],
}

impl Host<'_> {
    fn append(self, db: &Db) -> Result<(), Failure> {
        let no_labels = LabelSet::empty();
        let mut batch = db.batch();
        for ((series, value), known) in self.series.iter().zip(self.values).zip(self.refs) {
            *known = if *known == SeriesRef::UNKNOWN {
                batch.append_float(*known, &series.labels(), self.time, *value)?
            } else {
                batch.append_float(*known, &no_labels, self.time, *value)?
            };
        }
        Ok(batch.commit()?)
    }
}
