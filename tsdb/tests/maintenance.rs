//! What `tick` does: blocks from the head, larger blocks from blocks, and what has to leave leaves.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::sync::Arc;

use metrics_core::{
    Append, Columns, Histogram, LabelSet, Select, SelectRequest, SeriesRef, Span, TimeRange, Value,
};
use tempfile::TempDir;
use tsdb::{Db, Options};

const HOUR: i64 = 3_600_000;

fn options() -> Options {
    Options { retention: None, max_block_range: 18 * HOUR, ..Options::default() }
}

fn labels(name: &str) -> LabelSet {
    LabelSet::from_pairs([("__name__", name)])
}

/// A sample a minute, in hours `from .. to`, with a tick every hour.
fn feed(db: &Db, from: i64, to: i64) {
    for hour in from..to {
        let mut batch = db.batch();
        for minute in 0..60 {
            let t = hour * HOUR + minute * 60_000;
            batch.append_float(SeriesRef::UNKNOWN, &labels("m"), t, t as f64).unwrap();
        }
        batch.commit().unwrap();
        db.tick((hour + 1) * HOUR).unwrap();
    }
}

fn times(db: &Db) -> Vec<i64> {
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    if !found.is_empty() {
        found.read(0, &mut columns).unwrap();
    }
    columns.floats.timestamps
}

fn hours(db: &Db) -> Vec<(i64, i64)> {
    db.blocks().iter().map(|b| (b.min_time / HOUR, b.max_time / HOUR)).collect()
}

#[test]
fn blocks_grow_by_levels_and_nothing_is_lost() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    feed(&db, 0, 30);
    assert_eq!(hours(&db), [(0, 18), (18, 24), (24, 26), (26, 28)]);
    let all: Vec<i64> = (0..30 * 60).map(|m| m * 60_000).collect();
    assert_eq!(times(&db), all);
    // What is in blocks has left head and log.
    assert_eq!(db.head_range().map(|r| r.start), Some(28 * HOUR));
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(times(&db), all);
    assert_eq!(db.head_range().map(|r| r.start), Some(28 * HOUR));
}

#[test]
fn old_blocks_leave() {
    let dir = TempDir::new().unwrap();
    let db =
        Db::open(dir.path(), Options { retention: Some(6 * HOUR), max_block_range: 2 * HOUR, ..options() });
    let db = db.unwrap();
    feed(&db, 0, 20);
    // The newest ends at 18; what ended six hours before or earlier is gone.
    assert_eq!(hours(&db), [(12, 14), (14, 16), (16, 18)]);
    assert_eq!(times(&db).first(), Some(&(12 * HOUR)));
}

#[test]
fn blocks_that_do_not_fit_leave() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), Options { retention_size: Some(1), ..options() }).unwrap();
    feed(&db, 0, 10);
    assert!(hours(&db).is_empty());
    assert_eq!(times(&db).first(), Some(&(8 * HOUR)));
}

#[test]
fn histograms_go_into_blocks() {
    let dir = TempDir::new().unwrap();
    let histogram = |n: u64| Histogram {
        count: n,
        sum: n as f64,
        positive_spans: vec![Span { offset: 0, length: 1 }],
        positive_buckets: vec![n as i64],
        ..Histogram::default()
    };
    let db = Db::open(dir.path(), options()).unwrap();
    for i in 0..300u64 {
        let mut batch = db.batch();
        let value = Value::Histogram(Arc::new(histogram(i % 200)));
        batch.append(SeriesRef::UNKNOWN, &labels("h"), i as i64 * 60_000, &value).unwrap();
        let value = Value::FloatHistogram(Arc::new(histogram(i).to_float()));
        batch.append(SeriesRef::UNKNOWN, &labels("i"), i as i64 * 60_000, &value).unwrap();
        batch.commit().unwrap();
    }
    db.tick(5 * HOUR).unwrap();
    assert_eq!(hours(&db), [(0, 2)]);
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    assert!(db.flush(5 * HOUR).unwrap());
    assert_eq!(hours(&db), [(0, 2), (2, 4), (4, 6)]);
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    for (series, wrap) in [(0, 200), (1, 1000)] {
        found.read(series, &mut columns).unwrap();
        let counts: Vec<f64> = columns.histograms.values.iter().map(|h| h.count).collect();
        assert_eq!(counts, (0..300).map(|i| f64::from(i % wrap)).collect::<Vec<_>>());
    }
}

#[test]
fn a_reader_keeps_what_it_found_while_the_head_is_cut() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    feed(&db, 0, 3);
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    feed(&db, 3, 12);
    let mut columns = Columns::default();
    found.read(0, &mut columns).unwrap();
    assert_eq!(columns.floats.timestamps.len(), 180);
    drop(found);
    db.tick(12 * HOUR).unwrap();
    assert_eq!(times(&db).len(), 12 * 60);
    assert_eq!(db.head_range().map(|r| r.start), Some(10 * HOUR));
}

#[test]
fn series_that_ended_leave_memory() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    let mut batch = db.batch();
    let ended = batch.append_float(SeriesRef::UNKNOWN, &labels("ended"), 1, 1.0).unwrap();
    batch.commit().unwrap();
    feed(&db, 0, 12);
    assert_eq!(db.head_series(), 1);
    // It comes back under its old reference, in memory, log and blocks.
    let mut batch = db.batch();
    batch.append_float(ended, &labels("ended"), 12 * HOUR, 2.0).unwrap();
    batch.commit().unwrap();
    assert_eq!(db.head_series(), 2);
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    assert_eq!(found.labels(0), &labels("ended"));
    let mut columns = Columns::default();
    found.read(0, &mut columns).unwrap();
    assert_eq!(columns.floats.timestamps, [1, 12 * HOUR]);
}
