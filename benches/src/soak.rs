//! Writers, readers, compaction, deletion and reopening at once, for minutes: every answer is checked to the sample, and
//! memory must stay flat.
//!
//! Time is made up: each step of a writer is a scrape of 15 s, so that a minute of the clock is days of blocks. A sample's
//! value follows from its time, so a reader knows what it has to find.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use metrics_core::{
    Append, Columns, LabelSet, MatchOp, Matcher, Select, SelectRequest, SeriesRef, TimeRange, Timestamp,
};
use tsdb::{Db, Options};

use crate::nodemix::measure::resident;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const STEP: i64 = 15_000;
const HOUR: i64 = 3_600_000;
/// How late late samples come; not a multiple of a step, so that they never meet others.
const LATE: i64 = 40 * STEP + 8_000;
/// One series of so many has late samples; as many are deleted now and then.
const EVERY: usize = 10;
/// Steps that a writer may be ahead of the slowest.
const LEAD: i64 = 20;
/// What readers ask for is younger than retention's edge by this much.
const KEPT: i64 = 12 * HOUR;

/// Loads a store for some minutes and checks all that it answers.
#[derive(Debug, Parser)]
pub struct Soak {
    /// Directory of the store; must not exist.
    dir: PathBuf,
    /// How long, in minutes.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Series of each writer.
    #[arg(long, default_value_t = 1000)]
    series: usize,
    #[arg(long, default_value_t = 2)]
    writers: usize,
    #[arg(long, default_value_t = 2)]
    readers: usize,
    /// Seconds between closing and opening again.
    #[arg(long, default_value_t = 20.0)]
    reopen: f64,
}

/// What all threads share.
struct Shared {
    store: parking_lot::RwLock<Arc<Db>>,
    /// Steps that each writer has had acknowledged.
    steps: Vec<AtomicI64>,
    /// Up to this time, series that are deleted now and then have nothing.
    deleted_to: AtomicI64,
    stop: AtomicBool,
    commits: AtomicU64,
    reads: AtomicU64,
    samples_read: AtomicU64,
}

impl Shared {
    fn slowest(&self) -> i64 {
        self.steps.iter().map(|s| s.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

impl Soak {
    /// Runs, prints what came of it, and fails at the first answer that is wrong.
    ///
    /// # Errors
    /// What was wrong, or what the store said.
    pub fn run(self) -> Result<()> {
        let shared = Shared {
            store: parking_lot::RwLock::new(Arc::new(Db::open(&self.dir, options())?)),
            steps: (0..self.writers.max(1)).map(|_| AtomicI64::new(0)).collect(),
            deleted_to: AtomicI64::new(i64::MIN),
            stop: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            samples_read: AtomicU64::new(0),
        };
        let memory = std::thread::scope(|scope| -> Result<Vec<f64>> {
            let (s, soak) = (&shared, &self);
            let mut threads = Vec::new();
            threads.extend((0..s.steps.len()).map(|w| scope.spawn(move || ended(s, soak.write(s, w)))));
            threads.extend((0..self.readers).map(|r| scope.spawn(move || ended(s, soak.read(s, r)))));
            threads.push(scope.spawn(move || ended(s, soak.keep(s))));
            let memory = self.watch(s);
            for thread in threads {
                thread.join().map_err(|_| "a thread panicked")??;
            }
            memory
        })?;
        self.check_all(&shared)?;
        self.report(&shared, &memory)
    }

    /// Reopens now and then until the time is over, and notes how much memory there is.
    fn watch(&self, shared: &Shared) -> Result<Vec<f64>> {
        let (begun, mut reopened) = (Instant::now(), Instant::now());
        let mut memory = Vec::new();
        let mut opens = 0;
        while begun.elapsed().as_secs_f64() < self.minutes * 60.0 && shared.goes_on() {
            std::thread::sleep(Duration::from_millis(200));
            memory.push(resident());
            if reopened.elapsed().as_secs_f64() >= self.reopen {
                opens += 1;
                let result = self.reopen(shared, opens % 2 == 0);
                if result.is_err() {
                    shared.stop.store(true, Ordering::Relaxed);
                    result?;
                }
                reopened = Instant::now();
            }
        }
        shared.stop.store(true, Ordering::Relaxed);
        println!("reopened {opens} times");
        Ok(memory)
    }

    /// Closes the store, with a snapshot or as if killed, and opens it again while all others wait.
    fn reopen(&self, shared: &Shared, politely: bool) -> Result<()> {
        let mut store = shared.store.write();
        if politely {
            store.write_snapshot()?;
        }
        // Gives up the directory's lock before it is taken again.
        let empty = Options { log: false, ..options() };
        let elsewhere = self.dir.with_extension("elsewhere");
        *store = Arc::new(Db::open(&elsewhere, empty)?);
        *store = Arc::new(Db::open(&self.dir, options())?);
        std::fs::remove_dir_all(&elsewhere)?;
        match store.warnings().first() {
            Some(warning) => Err(format!("on reopening: {warning}").into()),
            None => Ok(()),
        }
    }

    fn write(&self, shared: &Shared, writer: usize) -> Result<()> {
        let labels: Vec<LabelSet> = (0..self.series).map(|i| labels(writer, i)).collect();
        let mut references = vec![SeriesRef::UNKNOWN; labels.len()];
        let mut step = 0;
        while shared.goes_on() {
            let store = shared.store.read();
            let behind = store.head_range().map_or(0, |r| r.end - r.start);
            if step > shared.slowest() + LEAD || behind > 5 * HOUR {
                drop(store);
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            step += 1;
            let time = step * STEP;
            let mut batch = store.batch();
            for (i, (labels, reference)) in labels.iter().zip(&mut references).enumerate() {
                *reference = batch.append_float(*reference, labels, time, value(time))?;
                if has_late(i) && time > LATE {
                    batch.append_float(*reference, labels, time - LATE, value(time - LATE))?;
                }
            }
            batch.commit()?;
            shared.steps[writer].store(step, Ordering::Release);
            shared.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn read(&self, shared: &Shared, reader: usize) -> Result<()> {
        let mut random = reader as u64 + 1;
        let mut columns = Columns::default();
        while shared.goes_on() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = (random >> 33) as usize;
            let (writer, series) = (pick % shared.steps.len(), pick / 7 % self.series);
            let store = shared.store.read();
            let newest = shared.steps[writer].load(Ordering::Acquire) * STEP;
            let length = (pick as i64 % 240) * 3 * 60_000;
            self.check(
                shared,
                &store,
                (writer, series),
                TimeRange::new(newest - length, newest),
                &mut columns,
            )?;
        }
        Ok(())
    }

    /// Compares the samples of a series in a range with those that were appended.
    fn check(
        &self,
        shared: &Shared,
        store: &Db,
        (writer, series): (usize, usize),
        range: TimeRange,
        columns: &mut Columns,
    ) -> Result<()> {
        // Read first: what is deleted after it may be there or not.
        let deleted_to = shared.deleted_to.load(Ordering::Acquire);
        let acknowledged = shared.steps[writer].load(Ordering::Acquire) * STEP;
        let start = if is_deleted(series) { range.start.max(deleted_to + HOUR) } else { range.start };
        let range = TimeRange::new(start.max(1), range.end.min(acknowledged - LATE));
        if range.is_empty() || is_deleted(series) && shared.deleted_to.load(Ordering::Acquire) != deleted_to {
            return Ok(());
        }
        let matchers = [
            Matcher::new("writer", MatchOp::Equal, writer.to_string())?,
            Matcher::new("series", MatchOp::Equal, series.to_string())?,
        ];
        let found = store.select(&SelectRequest { matchers: &matchers, range, hints: Default::default() })?;
        if found.is_empty() {
            columns.clear();
        } else {
            found.read(0, columns)?;
        }
        let times = &columns.floats.timestamps;
        shared.reads.fetch_add(1, Ordering::Relaxed);
        shared.samples_read.fetch_add(times.len() as u64, Ordering::Relaxed);
        if is_deleted(series) && shared.deleted_to.load(Ordering::Acquire) != deleted_to {
            return Ok(());
        }
        let expected = expected(series, range);
        if *times != expected || columns.floats.values.iter().zip(times).any(|(v, t)| *v != value(*t)) {
            let lacking = expected.iter().find(|t| times.binary_search(t).is_err());
            return Err(format!(
                "series {series} of writer {writer} in {range:?}: {} samples, not {}; the first that lacks is at {lacking:?}",
                times.len(),
                expected.len(),
            )
            .into());
        }
        Ok(())
    }

    /// Does what is due, and deletes now and then.
    fn keep(&self, shared: &Shared) -> Result<()> {
        let mut deleted = 0;
        while shared.goes_on() {
            let store = shared.store.read();
            let now = shared.slowest() * STEP;
            store.tick(now)?;
            let to = now - 2 * HOUR;
            if to - deleted > 30 * HOUR {
                deleted = to;
                // Told first: readers must not count on what is about to go.
                shared.deleted_to.store(to, Ordering::Release);
                let matchers = [Matcher::new("class", MatchOp::Equal, "deleted")?];
                store.delete(&matchers, TimeRange::new(Timestamp::MIN, to))?;
                let range = TimeRange::new(to - KEPT, to);
                let left =
                    store.select(&SelectRequest { matchers: &matchers, range, hints: Default::default() })?;
                let mut columns = Columns::default();
                for series in 0..left.len() {
                    left.read(series, &mut columns)?;
                    if !columns.is_empty() {
                        return Err(format!("{} has deleted samples", left.labels(series)).into());
                    }
                }
            }
            drop(store);
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Compares all series once more, from a store that was opened anew.
    fn check_all(&self, shared: &Shared) -> Result<()> {
        self.reopen(shared, false)?;
        let store = shared.store.read();
        let mut columns = Columns::default();
        for writer in 0..shared.steps.len() {
            let newest = shared.steps[writer].load(Ordering::Acquire) * STEP;
            for series in 0..self.series {
                let range = TimeRange::new(newest - KEPT, newest);
                self.check(shared, &store, (writer, series), range, &mut columns)?;
            }
        }
        Ok(())
    }

    fn report(&self, shared: &Shared, memory: &[f64]) -> Result<()> {
        const MB: f64 = 1e6;
        let store = shared.store.read();
        let counts = shared.commits.load(Ordering::Relaxed);
        println!(
            "{} commits, {} h of samples, {} blocks; {} reads of {} samples, all exact",
            counts,
            shared.slowest() * STEP / HOUR,
            store.blocks().len(),
            shared.reads.load(Ordering::Relaxed),
            shared.samples_read.load(Ordering::Relaxed),
        );
        let part = (memory.len() / 5).max(1);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
        let early = mean(memory.get(part..2 * part).unwrap_or(memory));
        let late = mean(memory.get(memory.len() - part.min(memory.len())..).unwrap_or(memory));
        println!("rss: {:.0} MB in the second fifth, {:.0} MB in the last", early / MB, late / MB);
        // The first minutes still fill retention and caches.
        if self.minutes >= 5.0 && late > 1.25 * early {
            return Err("memory grows".into());
        }
        Ok(())
    }
}

/// A thread that fails stops the others.
fn ended(shared: &Shared, result: Result<()>) -> Result<()> {
    if result.is_err() {
        shared.stop.store(true, Ordering::Relaxed);
    }
    result
}

fn options() -> Options {
    Options {
        retention: Some(24 * HOUR),
        max_block_range: 6 * HOUR,
        out_of_order_window: 2 * HOUR,
        series_cache: 16 << 20,
        ..Options::default()
    }
}

fn has_late(series: usize) -> bool {
    series % EVERY == 1
}

fn is_deleted(series: usize) -> bool {
    series % EVERY == 2
}

fn labels(writer: usize, series: usize) -> LabelSet {
    let class = if is_deleted(series) { "deleted" } else { "kept" };
    LabelSet::from_pairs([
        ("__name__", "soak"),
        ("class", class),
        ("series", &series.to_string()),
        ("writer", &writer.to_string()),
    ])
}

/// The value of every sample at a time.
fn value(time: Timestamp) -> f64 {
    (time / 1000) as f64
}

/// The times of all samples of a series in a range, of which the late ones have come.
fn expected(series: usize, range: TimeRange) -> Vec<Timestamp> {
    let from = |offset: i64| {
        let first = (range.start - offset).div_euclid(STEP).max(0) * STEP + offset;
        (first..=range.end).step_by(STEP as usize).filter(move |t| range.contains(*t) && *t > 0)
    };
    let mut times: Vec<Timestamp> = from(0).filter(|t| *t > 0).collect();
    if has_late(series) {
        times.extend(from((-LATE).rem_euclid(STEP)));
        times.sort_unstable();
    }
    times
}
