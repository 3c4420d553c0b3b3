//! A store that was closed with a snapshot has, when it is opened again, what it had; and whatever happens to the
//! snapshot, nothing is lost.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use metrics_core::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint};
use metrics_core::{
    Append, AppendError, Columns, Exemplar, Histogram, LabelSet, Matcher, Metadata, MetricType, STALE_NAN,
    Select, SelectRequest, SeriesRef, Span, TimeRange, Value,
};
use tempfile::TempDir;
use tsdb::{Db, Options, Warning};

const SERIES: i64 = 600;
const STEP: i64 = 15_000;

fn options() -> Options {
    Options { retention: None, threads: 2, ..Options::default() }
}

fn open(dir: &Path) -> Db {
    Db::open(dir, options()).unwrap()
}

/// Opens without the snapshot: what the log alone says.
fn open_log(dir: &Path) -> Db {
    Db::open(dir, Options { snapshot: false, ..options() }).unwrap()
}

/// Leaves a store as if its process had been killed.
fn kill(db: Db, dir: &Path) {
    std::mem::forget(db);
    // The lock is held by this very process.
    let _ = std::fs::remove_file(dir.join("lock"));
}

fn labels(n: i64) -> LabelSet {
    LabelSet::from_pairs([
        ("__name__", "m"),
        ("zone", if n % 2 == 0 { "eu" } else { "us" }),
        ("n", &n.to_string()),
    ])
}

fn histogram(n: i64) -> Value {
    let is_custom = n % 2 == 0;
    Value::Histogram(Arc::new(Histogram {
        reset_hint: ResetHint::Unknown,
        schema: if is_custom { CUSTOM_BUCKETS_SCHEMA } else { 1 },
        zero_threshold: 0.0,
        zero_count: 0,
        count: 3,
        sum: n as f64,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        negative_spans: vec![],
        positive_buckets: vec![1, 1],
        negative_buckets: vec![],
        custom_values: if is_custom { vec![0.5, 1.0] } else { vec![] },
    }))
}

/// One sample of every series at one time: integers, decimals, others, staleness markers, histograms.
fn append(db: &Db, time: i64) {
    let mut batch = db.batch();
    for n in 0..SERIES {
        let value = match n % 6 {
            0 => Value::Float((time / STEP * n) as f64),
            1 => Value::Float((time / STEP % 100) as f64 / 10.0),
            2 => Value::Float(1.0 / (time + n + 1) as f64),
            3 if time % 4 == 0 => Value::Float(STALE_NAN),
            3 => Value::Float(n as f64),
            _ => histogram(n / 6),
        };
        let series = batch.append(SeriesRef::UNKNOWN, &labels(n), time, &value).unwrap();
        if n % 50 == 0 {
            let trace = LabelSet::from_pairs([("trace_id", time.to_string())]);
            let exemplar = Exemplar { labels: trace, value: 1.0, timestamp: Some(time) };
            batch.append_exemplar(series, &labels(n), &exemplar).unwrap();
            let metadata = Metadata {
                metric_type: MetricType::Counter,
                help: format!("Since {}.", time / 1_000_000),
                unit: String::new(),
            };
            batch.append_metadata(series, &labels(n), &metadata).unwrap();
        }
    }
    batch.commit().unwrap();
}

/// Samples of every series, with parts deleted.
fn fill(dir: &Path, scrapes: i64) -> Db {
    let db = open(dir);
    for i in 0..scrapes {
        append(&db, i * STEP);
    }
    let matchers = [Matcher::equal("n", "7")];
    db.delete(&matchers, TimeRange::new(10 * STEP, 20 * STEP)).unwrap();
    db
}

type Everything = (BTreeMap<String, (Vec<i64>, Vec<u64>, Vec<String>)>, String);

/// All that can be asked for.
fn everything(db: &Db) -> Everything {
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let samples = (0..found.len()).map(|i| {
        let mut columns = Columns::default();
        found.read(i, &mut columns).unwrap();
        let bits = columns.floats.values.iter().map(|v| v.to_bits()).collect();
        let histograms = columns.histograms.timestamps.iter().zip(&columns.histograms.values);
        let histograms = histograms.map(|(t, h)| format!("{t} {} {:?}", h.sum, h.positive_buckets)).collect();
        (found.labels(i).to_string(), (columns.floats.timestamps, bits, histograms))
    });
    let exemplars = db.exemplars(&[vec![]], TimeRange::ALL).unwrap();
    (samples.collect(), format!("{exemplars:?} {}", db.head_series()))
}

fn snapshot(dir: &Path) -> std::path::PathBuf {
    dir.join("head_snapshot")
}

#[test]
fn a_closed_store_opens_as_it_was_and_goes_on() {
    let dir = TempDir::new().unwrap();
    let db = fill(dir.path(), 300);
    let before = everything(&db);
    assert_eq!(before.0.len(), SERIES as usize);
    db.close().unwrap();
    assert!(snapshot(dir.path()).exists());

    let db = open(dir.path());
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    assert!(everything(&db) == before);
    // The log behind the snapshot is empty: it was not read.
    assert_eq!(db.head_series(), SERIES as usize);
    for i in 300..310 {
        append(&db, i * STEP);
    }
    let after = everything(&db);
    // With a kill, the old snapshot still holds, and the log is read from there.
    kill(db, dir.path());
    let db = open(dir.path());
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    assert!(everything(&db) == after);
    db.close().unwrap();
    // The log alone says the same.
    assert!(everything(&open_log(dir.path())) == after);
}

#[test]
fn newest_samples_are_known_again() {
    let dir = TempDir::new().unwrap();
    fill(dir.path(), 300).close().unwrap();
    let db = open(dir.path());
    let last = 299 * STEP;
    let mut batch = db.batch();
    let mut append = |n: i64, time, value: &Value| batch.append(SeriesRef::UNKNOWN, &labels(n), time, value);
    // The same again may come, another may not, nor may an older one.
    let same = Value::Float((299 * 6) as f64);
    assert!(append(6, last, &same).is_ok());
    assert!(matches!(append(6, last, &Value::Float(0.5)), Err(AppendError::Duplicate)));
    assert!(matches!(append(6, last - 1, &same), Err(AppendError::OutOfOrder)));
    assert!(append(4, last, &histogram(0)).is_ok());
    assert!(matches!(append(4, last, &histogram(2)), Err(AppendError::Duplicate)));
    batch.commit().unwrap();
}

/// The chunks go on where they were: blocks come out as if there had been no restart.
#[test]
fn blocks_are_those_of_a_store_that_never_stopped() {
    let (whole, parts) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (dir, restart) in [(&whole, false), (&parts, true)] {
        let mut db = open(dir.path());
        for i in 0..800 {
            if restart && i % 130 == 77 {
                db.close().unwrap();
                db = open(dir.path());
            }
            append(&db, i * STEP);
        }
        db.tick(800 * STEP).unwrap();
        assert_eq!(db.blocks().len(), 1);
        assert!(!snapshot(dir.path()).exists(), "a snapshot of what is in a block now");
        assert_eq!(db.blocks()[0].stats.num_samples, 480 * SERIES as u64);
    }
    let chunks = |dir: &TempDir| {
        let ulid = open_log(dir.path()).blocks()[0].ulid.to_string();
        std::fs::read(dir.path().join(ulid).join("chunks/000001")).unwrap()
    };
    assert!(chunks(&whole) == chunks(&parts));
}

#[test]
fn whatever_happens_to_a_snapshot_the_log_has_everything() {
    let dir = TempDir::new().unwrap();
    let db = fill(dir.path(), 12);
    let expected = everything(&db);
    db.close().unwrap();
    let file = snapshot(dir.path());
    let whole = std::fs::read(&file).unwrap();
    let sampled = |n: usize| (0..15).map(|i| i * 7919 % n).chain(n - 6..n).collect::<Vec<_>>();
    let torn = sampled(whole.len()).into_iter().chain(0..10).map(|len| whole[..len].to_vec());
    let flipped = sampled(whole.len()).into_iter().chain(0..15).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        bytes
    });
    let longer = std::iter::once([&whole[..], b"x"].concat());
    for bytes in torn.chain(flipped).chain(longer) {
        std::fs::write(&file, &bytes).unwrap();
        let db = open(dir.path());
        let told = format!("{:?}", db.warnings());
        assert!(matches!(db.warnings(), [Warning::Snapshot(_)]), "{told}");
        assert!(told.contains("head_snapshot") && told.contains("offset"), "{told}");
        assert!(everything(&db) == expected);
    }
}

#[test]
fn snapshots_of_other_logs_are_left_out() {
    let dir = TempDir::new().unwrap();
    let db = fill(dir.path(), 12);
    let expected = everything(&db);
    db.close().unwrap();
    let last = std::fs::read_dir(dir.path().join("wal")).unwrap().map(|e| e.unwrap().path()).max().unwrap();
    // The log lost its end, the snapshot did not.
    std::fs::rename(&last, dir.path().join("away")).unwrap();
    let db = open(dir.path());
    assert!(matches!(db.warnings(), [Warning::Snapshot(_)]), "{:?}", db.warnings());
    assert!(everything(&db) == expected);
    drop(db);
    // A log that began anew, with other samples.
    std::fs::remove_dir_all(dir.path().join("wal")).unwrap();
    let db = open(dir.path());
    assert!(matches!(db.warnings(), [Warning::Snapshot(_)]), "{:?}", db.warnings());
    assert_eq!(db.head_series(), 0);
}

#[test]
fn a_log_or_a_snapshot_says_the_same_to_any_number_of_threads() {
    let dir = TempDir::new().unwrap();
    let db = fill(dir.path(), 150);
    let expected = everything(&db);
    db.close().unwrap();
    for (threads, snapshot) in [(1, false), (2, false), (5, false), (1, true), (5, true)] {
        let db = Db::open(dir.path(), Options { threads, snapshot, ..options() }).unwrap();
        assert!(db.warnings().is_empty(), "{:?}", db.warnings());
        assert!(everything(&db).0 == expected.0, "{threads} threads, snapshot {snapshot}");
    }
}

/// Late samples have a log of their own, which is read behind a snapshot too.
#[test]
fn late_samples_come_back_beside_a_snapshot() {
    let dir = TempDir::new().unwrap();
    let options = Options { out_of_order_window: 3_600_000, ..options() };
    let open = || Db::open(dir.path(), options.clone()).unwrap();
    let append = |db: &Db, times: std::ops::Range<i64>| {
        for i in times {
            let mut batch = db.batch();
            for (name, at) in [("m", i), ("m", 1000 - i), ("only_late", 900 - i), ("only_late", 2000)] {
                let labels = LabelSet::from_pairs([("__name__", name)]);
                let _ = batch.append_float(SeriesRef::UNKNOWN, &labels, at * 100, at as f64);
            }
            batch.commit().unwrap();
        }
    };
    let db = open();
    append(&db, 500..600);
    let before = everything(&db);
    assert!(before.0.values().all(|(times, ..)| times.len() > 100), "{before:?}");
    db.close().unwrap();
    let db = open();
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    assert!(everything(&db) == before);
    append(&db, 600..650);
    let after = everything(&db);
    assert!(after != before);
    kill(db, dir.path());
    assert!(everything(&open()) == after);
}

/// Taken while writers, new series and deletions go on, a snapshot with its log says what the log says.
#[test]
fn a_snapshot_need_not_stop_the_world() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let db = &db;
            scope.spawn(move || {
                for i in 1..400i64 {
                    let mut batch = db.batch();
                    for n in 0..20 + i / 4 {
                        let name = LabelSet::from_pairs([("w", writer.to_string()), ("n", n.to_string())]);
                        batch.append_float(SeriesRef::UNKNOWN, &name, i, (i * n) as f64 / 4.0).unwrap();
                    }
                    batch.commit().unwrap();
                    if i % 60 == 0 {
                        let which = [Matcher::equal("n", "3"), Matcher::equal("w", writer.to_string())];
                        db.delete(&which, TimeRange::new(i - 20, i - 10)).unwrap();
                    }
                }
            });
        }
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            db.write_snapshot().unwrap();
        }
    });
    let expected = everything(&db);
    kill(db, dir.path());
    let db = open(dir.path());
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    assert!(everything(&db) == expected);
    drop(db);
    assert!(everything(&open_log(dir.path())) == expected);
}
