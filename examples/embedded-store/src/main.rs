//! A time series database inside a program: append, ask, cut into blocks, close, open again.
//!
//! Run it twice: the second run finds what the first one stored. The directory is a Prometheus data directory, so that
//! `prometheus --storage.tsdb.path=target/embedded-store` serves it. Left out: deletion, limits, native histograms.
#![allow(clippy::print_stdout)] // a lesson shows something

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics_core::{Append, Columns, LabelSet, Matcher, Select, SelectRequest, SeriesRef, TimeRange};
use tsdb::{Db, Options};

const DIR: &str = "target/embedded-store";
const HOUR: i64 = 3_600_000;

fn main() -> Result<(), Box<dyn Error>> {
    // 1. Open. The default options are those of Prometheus: blocks of two hours, fifteen days.
    let db = Db::open(DIR, Options::default())?;
    for warning in db.warnings() {
        println!("mended while opening: {warning}");
    }
    let before = count(&db)?;
    println!("{before} samples are here from earlier runs");

    // 2. Append. Samples become visible together, and survive a crash from `commit` on.
    let now = now_ms();
    let start = newest(&db).map_or(now - 6 * HOUR, |t| t + 15_000);
    let rooms = ["kitchen", "cellar", "attic"]
        .map(|room| LabelSet::from_pairs([("__name__", "room_temperature_celsius"), ("room", room)]));
    let mut series = [SeriesRef::UNKNOWN; 3];
    for t in (start..=now).step_by(15_000) {
        let mut batch = db.batch();
        for (i, labels) in rooms.iter().enumerate() {
            // The reference that comes back spares the look-up by labels next time.
            series[i] = batch.append_float(series[i], labels, t, temperature(i, t))?;
        }
        batch.commit()?;
    }

    // 3. Maintain. Nothing happens behind the program's back: it says when, and learns when to call again.
    let next = db.tick(now)?;
    println!("next maintenance in {} s", (next - now) / 1000);
    for block in db.blocks() {
        println!(
            "block {}: {} samples in {} series",
            block.ulid, block.stats.num_samples, block.stats.num_series
        );
    }

    // 4. Ask. A selection names series first; samples are decoded when they are read, in columns.
    let matchers = [Matcher::metric_name("room_temperature_celsius")];
    let last_hour = TimeRange::new(now - HOUR, now);
    let found =
        db.select(&SelectRequest { matchers: &matchers, range: last_hour, hints: Default::default() })?;
    let mut columns = Columns::default();
    for i in 0..found.len() {
        found.read(i, &mut columns)?;
        let values = &columns.floats.values;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        println!("{}: {} samples in the last hour, mean {mean:.2} °C", found.labels(i), values.len());
    }
    println!("rooms: {}", db.label_values("room", &[], TimeRange::ALL)?.join(", "));
    drop(found);

    // 5. Close by dropping. What was committed is in the log, or in blocks.
    println!("{} samples are stored in {DIR}; run again to add to them", count(&db)?);
    Ok(())
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// A day of warmth and cold.
fn temperature(room: usize, t: i64) -> f64 {
    let phase = (t % (24 * HOUR)) as f64 / (24 * HOUR) as f64 * std::f64::consts::TAU;
    (200.0 + 20.0 * phase.sin() + 15.0 * room as f64).round() / 10.0
}

/// Time of the newest sample of all.
fn newest(db: &Db) -> Option<i64> {
    let in_blocks = db.blocks().last().map(|b| b.max_time - 1);
    db.head_range().map(|range| range.end).max(in_blocks)
}

fn count(db: &Db) -> Result<usize, Box<dyn Error>> {
    let found =
        db.select(&SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() })?;
    let mut columns = Columns::default();
    let mut samples = 0;
    for i in 0..found.len() {
        found.read(i, &mut columns)?;
        samples += columns.len();
    }
    Ok(samples)
}
