//! The power is cut, the disk full or an operation fails, at every single change of the disk: all that was
//! acknowledged is there afterwards, and nothing that was never appended.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

mod power_fs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use metrics_core::{Append, Columns, LabelSet, Select, SelectRequest, SeriesRef, TimeRange};
use power_fs::{Fault, Luck, PowerFs};
use tsdb::wal::{LogStyle, WalOptions};
use tsdb::{Db, Durability, Error, Options, Warning};

const DIR: &str = "/data";
const SERIES: usize = 3;
const STEPS: i64 = 45;
/// The series that late samples come to as well.
const LATE: &str = "late";
/// How late they come.
const BEHIND: i64 = 35;

fn options(durability: Durability, style: LogStyle) -> Options {
    Options {
        block_range: 100,
        max_block_range: 900,
        retention: None,
        durability,
        // Segments of one page, so that the script goes through many.
        wal: WalOptions { segment_size: 32 * 1024, style, ..WalOptions::default() },
        out_of_order_window: 400,
        out_of_order_chunk_samples: 3,
        ..Options::default()
    }
}

fn open(fs: &PowerFs, durability: Durability) -> Result<Db, Error> {
    open_with(fs, durability, LogStyle::Field)
}

fn open_with(fs: &PowerFs, durability: Durability, style: LogStyle) -> Result<Db, Error> {
    Db::open_on(Arc::new(fs.clone()), Path::new(DIR), options(durability, style))
}

fn labels(series: usize) -> LabelSet {
    // Long, so that a few series fill a segment.
    LabelSet::from_pairs([("__name__", "m"), ("series", &series.to_string()), ("long", &"x".repeat(3000))])
}

/// What was appended, and how much of it was acknowledged before the power went.
#[derive(Default)]
struct Told {
    /// Time of the last commit that returned.
    acknowledged: i64,
    /// Time of the last commit that was tried.
    tried: i64,
    /// Commits that failed while the power was on.
    refused: Vec<i64>,
}

/// Appends, cuts blocks, compacts, truncates the log, takes snapshots, closes and opens, as long as the power is on.
fn script(fs: &PowerFs, durability: Durability) -> Told {
    let mut told = Told::default();
    let mut next = 1;
    // A log of both styles.
    for style in [LogStyle::Dense, LogStyle::Field, LogStyle::Dense] {
        let Ok(db) = open_with(fs, durability, style) else { return told };
        let until = next + STEPS / 3;
        while next < until {
            // Ten times the step, so that the script crosses several block ranges.
            let time = next * 10;
            let mut batch = db.batch();
            let mut append = |labels: &LabelSet, time, value| {
                batch.append_float(SeriesRef::UNKNOWN, labels, time, value).is_ok()
            };
            let late = LabelSet::from_pairs([("series", LATE)]);
            let appended = (0..SERIES).all(|s| append(&labels(s), time, next as f64))
                && append(&late, time, next as f64)
                && append(&late, time - BEHIND, next as f64);
            told.tried = next;
            match appended.then(|| batch.commit()) {
                Some(Ok(())) => told.acknowledged = next,
                _ => told.refused.push(next),
            }
            if next % 7 == 0 {
                // May fail; what it did not finish is finished or undone later.
                let _ = db.tick(time);
            }
            if next % 11 == 0 {
                let _ = db.write_snapshot();
            }
            next += 1;
        }
        let _ = db.close();
    }
    told
}

/// All samples, by series.
fn read(db: &Db) -> BTreeMap<String, Vec<(i64, f64)>> {
    // A snapshot has its name only once it is whole, and goes before the log that it needs.
    let is_refused = db.warnings().iter().any(|w| matches!(w, Warning::Snapshot(_)));
    assert!(!is_refused, "{:?}", db.warnings());
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    (0..found.len())
        .map(|i| {
            found.read(i, &mut columns).unwrap();
            let samples =
                columns.floats.timestamps.iter().copied().zip(columns.floats.values.iter().copied());
            (found.labels(i).value("series").to_owned(), samples.collect())
        })
        .collect()
}

/// Every series has every acknowledged sample, in order, once, and no others but the one in flight.
fn check(found: &BTreeMap<String, Vec<(i64, f64)>>, told: &Told, context: &str) {
    if told.acknowledged > 0 {
        assert_eq!(found.len(), SERIES + 1, "{context}");
    }
    let mut found = found.clone();
    if let Some(samples) = found.remove(LATE) {
        let (late, in_order): (Vec<_>, _) =
            samples.into_iter().partition(|(t, v)| *t == *v as i64 * 10 - BEHIND);
        found.insert("late, in order".to_owned(), in_order);
        found.insert("late".to_owned(), late.into_iter().map(|(t, v)| (t + BEHIND, v)).collect());
    }
    for samples in found.values() {
        let steps: Vec<i64> = samples.iter().map(|(_, v)| *v as i64).collect();
        assert!(samples.iter().all(|(t, v)| *t == *v as i64 * 10), "{context}");
        let expected: Vec<i64> = (1..=told.acknowledged).filter(|n| !told.refused.contains(n)).collect();
        let sure: Vec<i64> = steps.iter().copied().filter(|n| expected.binary_search(n).is_ok()).collect();
        assert_eq!(sure, expected, "{context}: acknowledged samples are missing, there are {steps:?}");
        for n in steps {
            assert!(n <= told.tried, "{context}: {n} was never appended");
        }
    }
}

fn operations(durability: Durability) -> u64 {
    let fs = PowerFs::new();
    let told = script(&fs, durability);
    assert_eq!((told.acknowledged, told.refused.len()), (STEPS, 0));
    fs.operations()
}

#[test]
fn commits_survive_the_power_where_that_was_asked_for() {
    let durability = Durability::Power;
    for at in 1..=operations(durability) {
        let fs = PowerFs::new();
        fs.fault_after(at, Fault::PowerCut);
        let told = script(&fs, durability);
        for luck in [Luck::None, Luck::Torn, Luck::All] {
            let context = format!("power cut at operation {at}, {luck:?} of the rest");
            let after = fs.after_power_cut(luck);
            let db = open(&after, durability).unwrap_or_else(|e| panic!("{context}: {e}"));
            // Commits that failed as the power went may or may not be there.
            let told = Told { refused: Vec::new(), ..told };
            check(&read(&db), &told, &context);
            // The store goes on.
            let mut batch = db.batch();
            batch.append_float(SeriesRef::UNKNOWN, &labels(0), 100_000, 1.0).unwrap();
            batch.commit().unwrap();
            db.tick(100_000).unwrap_or_else(|e| panic!("{context}: {e}"));
        }
    }
}

#[test]
fn commits_survive_the_process() {
    let durability = Durability::Process;
    for at in 1..=operations(durability) {
        let fs = PowerFs::new();
        fs.fault_after(at, Fault::PowerCut);
        let told = script(&fs, durability);
        let context = format!("killed at operation {at}");
        // The system has all that it was given.
        let after = fs.after_power_cut(Luck::All);
        let db = open(&after, durability).unwrap_or_else(|e| panic!("{context}: {e}"));
        check(&read(&db), &Told { refused: Vec::new(), ..told }, &context);
        // With the power gone too, some may be lost, but nothing is wrong and nothing in the middle is.
        for luck in [Luck::None, Luck::Torn] {
            let context = format!("power cut at operation {at}, {luck:?} of the rest, not asked for");
            let after = fs.after_power_cut(luck);
            let db = open(&after, durability).unwrap_or_else(|e| panic!("{context}: {e}"));
            for samples in read(&db).values() {
                assert!(samples.windows(2).all(|w| w[0].0 < w[1].0), "{context}");
                let is_appended = |t: i64, n: i64| t == n * 10 || t == n * 10 - BEHIND;
                assert!(samples.iter().all(|(t, v)| is_appended(*t, *v as i64)), "{context}");
            }
        }
    }
}

#[test]
fn refused_commits_leave_nothing_and_harm_nothing() {
    for fault in [Fault::DiskFull, Fault::Failure] {
        for at in 1..=operations(Durability::Process) {
            let fs = PowerFs::new();
            fs.fault_after(at, fault);
            let told = script(&fs, Durability::Process);
            let context = format!("{fault:?} at operation {at}");
            let db = open(&fs, Durability::Process).unwrap_or_else(|e| panic!("{context}: {e}"));
            check(&read(&db), &told, &context);
        }
    }
}
