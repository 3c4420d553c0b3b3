//! Samples older than the newest of their series: which are taken, that they are found, and how they get into blocks.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::path::Path;
use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{
    Append, AppendError, Columns, Histogram, LabelSet, LateSamples, Matcher, Select, SelectRequest,
    SeriesRef, Span, TimeRange, Value,
};
use tempfile::TempDir;
use tsdb::{Db, Options};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn options() -> Options {
    Options { retention: None, out_of_order_window: 6 * HOUR, ..Options::default() }
}

fn open(dir: &Path) -> Db {
    let db = Db::open(dir, options()).unwrap();
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    db
}

fn labels(name: &str) -> LabelSet {
    LabelSet::from_pairs([("__name__", name)])
}

fn append(db: &Db, name: &str, timestamp: i64, value: f64) -> Result<(), AppendError> {
    let mut batch = db.batch();
    batch.append_float(SeriesRef::UNKNOWN, &labels(name), timestamp, value)?;
    batch.commit()
}

fn read(db: &Db, name: &str, range: TimeRange) -> Columns {
    let matchers = [Matcher::metric_name(name)];
    let found = db.select(&SelectRequest { matchers: &matchers, range, hints: Default::default() }).unwrap();
    let mut columns = Columns::default();
    if !found.is_empty() {
        found.read(0, &mut columns).unwrap();
    }
    columns
}

fn floats(db: &Db, name: &str) -> Vec<(i64, f64)> {
    let floats = read(db, name, TimeRange::ALL).floats;
    floats.timestamps.into_iter().zip(floats.values).collect()
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir).map_or(0, Iterator::count)
}

#[test]
fn the_rules_are_those_of_the_original() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    append(&db, "m", 10 * HOUR, 1.0).unwrap();
    // In order, for another series: not older than half a block range behind the newest.
    append(&db, "n", 9 * HOUR, 1.0).unwrap();
    append(&db, "n", 9 * HOUR + 1, 1.0).unwrap();
    // Late: older than the series' newest, or than what is in order for any series.
    append(&db, "m", 10 * HOUR - 1, 2.0).unwrap();
    append(&db, "m", 4 * HOUR, 3.0).unwrap();
    append(&db, "new", 5 * HOUR, 4.0).unwrap();
    assert!(matches!(append(&db, "m", 4 * HOUR - 1, 0.0), Err(AppendError::TooOld)));
    assert!(matches!(append(&db, "newer", 4 * HOUR - 1, 0.0), Err(AppendError::TooOld)));
    // The newest again: the same value passes without a word, another one does not.
    append(&db, "m", 10 * HOUR, 1.0).unwrap();
    assert!(matches!(append(&db, "m", 10 * HOUR, 9.0), Err(AppendError::Duplicate)));
    // A late one again is dropped without a word.
    append(&db, "m", 4 * HOUR, 9.0).unwrap();
    assert_eq!(floats(&db, "m"), [(4 * HOUR, 3.0), (10 * HOUR - 1, 2.0), (10 * HOUR, 1.0)]);
    assert_eq!(floats(&db, "n"), [(9 * HOUR, 1.0), (9 * HOUR + 1, 1.0)]);
    assert_eq!(floats(&db, "new"), [(5 * HOUR, 4.0)]);
    assert!(floats(&db, "newer").is_empty());
    let counts = db.append_counts();
    assert_eq!((counts.appended, counts.late, counts.too_old), (3, 3, 2));
    assert_eq!((counts.out_of_order, counts.out_of_bounds, counts.duplicate), (0, 0, 3));
}

#[test]
fn without_a_window_late_samples_are_refused() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    db.set_out_of_order_window(0).unwrap();
    append(&db, "m", 10 * HOUR, 1.0).unwrap();
    assert!(matches!(append(&db, "m", 10 * HOUR - 1, 1.0), Err(AppendError::OutOfOrder)));
    assert!(matches!(append(&db, "n", 9 * HOUR - 1, 1.0), Err(AppendError::OutOfBounds)));
    let counts = db.append_counts();
    assert_eq!((counts.out_of_order, counts.out_of_bounds, counts.too_old), (1, 1, 0));
    // A reload of the configuration changes that, for batches to come.
    db.set_out_of_order_window(HOUR).unwrap();
    append(&db, "m", 10 * HOUR - 1, 2.0).unwrap();
    db.set_out_of_order_window(0).unwrap();
    assert!(append(&db, "m", 10 * HOUR - 2, 2.0).is_err());
    drop(db);
    // What was taken is there whatever the window is now.
    let db = Db::open(dir.path(), Options { out_of_order_window: 0, ..options() }).unwrap();
    assert_eq!(floats(&db, "m"), [(10 * HOUR - 1, 2.0), (10 * HOUR, 1.0)]);
}

#[test]
fn staleness_markers_can_be_kept_from_coming_late() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    append(&db, "m", HOUR, 1.0).unwrap();
    let mut batch = db.batch();
    batch.late_samples(LateSamples::Refuse);
    let refused = batch.append_float(SeriesRef::UNKNOWN, &labels("m"), HOUR - 1, metrics_core::STALE_NAN);
    assert!(matches!(refused, Err(AppendError::OutOfOrder)));
    batch.late_samples(LateSamples::Take);
    batch.append_float(SeriesRef::UNKNOWN, &labels("m"), HOUR - 2, 2.0).unwrap();
    batch.commit().unwrap();
    assert_eq!(floats(&db, "m"), [(HOUR - 2, 2.0), (HOUR, 1.0)]);
}

#[test]
fn samples_of_one_batch_overtake_each_other() {
    for window in [0, 6 * HOUR] {
        let dir = TempDir::new().unwrap();
        let db = Db::open(dir.path(), Options { out_of_order_window: window, ..options() }).unwrap();
        let mut batch = db.batch();
        for (t, v) in [(5, 1.0), (3, 2.0), (7, 3.0), (3, 4.0), (7, 5.0)] {
            batch.append_float(SeriesRef::UNKNOWN, &labels("m"), HOUR + t, v).unwrap();
        }
        batch.append_float(SeriesRef::UNKNOWN, &labels("n"), HOUR + 4, 6.0).unwrap();
        batch.commit().unwrap();
        let mut expected = vec![(HOUR + 5, 1.0), (HOUR + 7, 3.0)];
        if window > 0 {
            expected.insert(0, (HOUR + 3, 2.0));
        }
        assert_eq!(floats(&db, "m"), expected);
        assert_eq!(floats(&db, "n"), [(HOUR + 4, 6.0)]);
    }
}

/// In order every minute for six hours, and late ones between them, enough for many chunks.
fn fill(db: &Db) -> Vec<(i64, f64)> {
    let mut expected = Vec::new();
    for i in 0..=360 {
        append(db, "m", i * MINUTE, i as f64).unwrap();
        expected.push((i * MINUTE, i as f64));
    }
    for i in (0..300).rev() {
        let t = i * MINUTE + 30_000;
        append(db, "m", t, -1.0).unwrap();
        expected.push((t, -1.0));
    }
    expected.sort_by_key(|(t, _)| *t);
    expected
}

#[test]
fn late_samples_come_back_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    let expected = fill(&db);
    assert_eq!(floats(&db, "m"), expected);
    assert_eq!(files(&dir.path().join("chunks_head")), 1);
    drop(db);
    for _ in 0..2 {
        assert_eq!(floats(&open(dir.path()), "m"), expected);
    }
    assert_eq!(floats(&Db::open_read_only(dir.path(), options()).unwrap(), "m"), expected);
    // The chunk files only save work.
    std::fs::remove_dir_all(dir.path().join("chunks_head")).unwrap();
    assert_eq!(floats(&open(dir.path()), "m"), expected);
}

#[test]
fn damaged_chunk_files_cost_nothing() {
    let dir = TempDir::new().unwrap();
    let expected = fill(&open(dir.path()));
    let path = dir.path().join("chunks_head/000001");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    let [warning] = db.warnings() else { panic!("{:?}", db.warnings()) };
    let why = std::error::Error::source(warning).unwrap().to_string();
    assert!(why.contains("chunks_head/000001 is damaged at byte"), "{why}");
    assert_eq!(floats(&db, "m"), expected);
    drop(db);
    assert_eq!(floats(&open(dir.path()), "m"), expected);
}

#[test]
fn late_samples_get_blocks_of_their_own() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), Options { max_block_range: 2 * HOUR, ..options() }).unwrap();
    let expected = fill(&db);
    let found = read(&db, "m", TimeRange::new(HOUR, 3 * HOUR)).floats.timestamps;
    db.tick(6 * HOUR).unwrap();
    // Compaction has merged those that cover the same time.
    let blocks: Vec<_> = db
        .blocks()
        .iter()
        .map(|b| (b.min_time / HOUR, b.max_time / HOUR, b.is_from_out_of_order()))
        .collect();
    assert_eq!(blocks, [(0, 2, false), (2, 4, false), (4, 6, true)]);
    assert_eq!(floats(&db, "m"), expected);
    assert!(read(&db, "m", TimeRange::new(HOUR, 3 * HOUR)).floats.timestamps == found);
    // Log and chunk files are gone.
    assert_eq!(files(&dir.path().join("wbl")), 1);
    assert_eq!(files(&dir.path().join("chunks_head")), 0);
    // Blocks of late samples do not keep others from being in order.
    drop(db);
    let db = open(dir.path());
    append(&db, "other", 5 * HOUR + 30 * MINUTE, 1.0).unwrap();
    assert_eq!(db.append_counts().appended, 1);
    append(&db, "m", HOUR + 1, 7.0).unwrap();
    assert!(db.flush(6 * HOUR).unwrap());
    assert_eq!(db.head_range(), None);
    assert_eq!(floats(&db, "m").len(), expected.len() + 1);
}

#[test]
fn readers_keep_what_they_found_while_late_samples_are_cut() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    let expected = fill(&db);
    let matchers = [Matcher::metric_name("m")];
    let request = SelectRequest { matchers: &matchers, range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    append(&db, "m", HOUR + 1, 7.0).unwrap();
    db.tick(6 * HOUR).unwrap();
    append(&db, "m", HOUR + 2, 8.0).unwrap();
    let mut columns = Columns::default();
    found.read(0, &mut columns).unwrap();
    assert_eq!(columns.floats.timestamps, expected.iter().map(|(t, _)| *t).collect::<Vec<_>>());
    assert_eq!(floats(&db, "m").len(), expected.len() + 2);
    drop(found);
    db.tick(6 * HOUR).unwrap();
    assert_eq!(floats(&db, "m").len(), expected.len() + 2);
    drop(db);
    assert_eq!(floats(&open(dir.path()), "m").len(), expected.len() + 2);
}

#[test]
fn deletions_concern_late_samples_that_came_before() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    let mut expected = fill(&db);
    let gone = TimeRange::new(5 * HOUR - 10 * MINUTE, 6 * HOUR);
    db.delete(&[Matcher::metric_name("m")], gone).unwrap();
    expected.retain(|(t, _)| !gone.contains(*t));
    assert_eq!(floats(&db, "m"), expected);
    let t = 5 * HOUR + 1;
    append(&db, "m", t, 7.0).unwrap();
    expected.push((t, 7.0));
    assert_eq!(floats(&db, "m"), expected);
    drop(db);
    let db = open(dir.path());
    assert_eq!(floats(&db, "m"), expected);
    db.flush(6 * HOUR).unwrap();
    assert_eq!(floats(&db, "m"), expected);
}

#[test]
fn a_backup_has_late_samples() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    let expected = fill(&db);
    let copy = dir.path().join("copy");
    db.backup(&copy, 6 * HOUR).unwrap();
    assert_eq!(floats(&Db::open(&copy, options()).unwrap(), "m"), expected);
    assert_eq!(floats(&db, "m"), expected);
    drop(db);
    assert_eq!(floats(&open(dir.path()), "m"), expected);
}

#[test]
fn histograms_come_late_too() {
    let histogram = |n: u64| {
        Value::Histogram(Arc::new(Histogram {
            count: n,
            sum: n as f64,
            positive_spans: vec![Span { offset: 0, length: 1 }],
            positive_buckets: vec![n as i64],
            ..Histogram::default()
        }))
    };
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    let late = (0..100).rev().map(|i| (i * MINUTE + 1, 1 + i as u64));
    for (t, n) in (0..=200).map(|i| (i * MINUTE, 1 + i as u64)).chain(late) {
        let mut batch = db.batch();
        batch.append(SeriesRef::UNKNOWN, &labels("h"), t, &histogram(n)).unwrap();
        let float = Value::FloatHistogram(match histogram(n) {
            Value::Histogram(h) => Arc::new(h.to_float()),
            other => panic!("{other:?}"),
        });
        batch.append(SeriesRef::UNKNOWN, &labels("f"), t, &float).unwrap();
        batch.commit().unwrap();
    }
    let check = |db: &Db| {
        for name in ["h", "f"] {
            let found = read(db, name, TimeRange::ALL).histograms;
            let mut times: Vec<i64> =
                (0..=200).map(|i| i * MINUTE).chain((0..100).map(|i| i * MINUTE + 1)).collect();
            times.sort_unstable();
            assert_eq!(found.timestamps, times);
            assert!(
                found.timestamps.iter().zip(&found.values).all(|(t, h)| h.count == (t / MINUTE + 1) as f64)
            );
            // Where sources alternate, nobody has compared the two.
            assert!(found.values[..100].iter().all(|h| h.reset_hint != ResetHint::Reset));
        }
    };
    check(&db);
    assert!(
        read(&db, "h", TimeRange::ALL).histograms.values[1..200]
            .iter()
            .all(|h| h.reset_hint == ResetHint::Unknown)
    );
    drop(db);
    let db = open(dir.path());
    check(&db);
    assert!(db.flush(4 * HOUR).unwrap());
    check(&db);
}
