//! Deleting, cleaning, backing up, counting, and opening for reading only.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use metrics_core::{
    Append, Columns, LabelSet, MatchOp, Matcher, Select, SelectRequest, SeriesRef, TimeRange,
};
use tempfile::TempDir;
use tsdb::{Db, Error, Options};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

fn options() -> Options {
    Options { retention: None, ..Options::default() }
}

fn labels(zone: &str) -> LabelSet {
    LabelSet::from_pairs([("__name__", "m"), ("zone", zone)])
}

/// Two series, a sample a minute for five hours: two hours in a block, three in memory.
fn filled(dir: &TempDir) -> Db {
    let db = Db::open(dir.path(), options()).unwrap();
    for minute in 0..300 {
        let mut batch = db.batch();
        for zone in ["eu", "us"] {
            let t = minute * MINUTE;
            batch.append_float(SeriesRef::UNKNOWN, &labels(zone), t, minute as f64).unwrap();
        }
        batch.commit().unwrap();
    }
    db.tick(5 * HOUR).unwrap();
    assert_eq!(db.blocks().len(), 1);
    db
}

/// The minutes for which there are samples.
fn minutes(db: &Db, zone: &str) -> Vec<i64> {
    let matchers = [Matcher::equal("zone", zone)];
    let request = SelectRequest { matchers: &matchers, range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    if !found.is_empty() {
        found.read(0, &mut columns).unwrap();
    }
    columns.floats.timestamps.iter().map(|t| t / MINUTE).collect()
}

#[test]
fn what_is_deleted_is_gone_everywhere_and_for_good() {
    let dir = TempDir::new().unwrap();
    let db = filled(&dir);
    let all: Vec<i64> = (0..300).collect();
    let eu = [Matcher::equal("zone", "eu")];
    // From the block into memory.
    db.delete(&eu, TimeRange::new(100 * MINUTE, 149 * MINUTE)).unwrap();
    let left: Vec<i64> = (0..100).chain(150..300).collect();
    assert_eq!(minutes(&db, "eu"), left);
    assert_eq!(minutes(&db, "us"), all);
    drop(db);

    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(minutes(&db, "eu"), left);
    let samples = |db: &Db| db.blocks().iter().map(|b| b.stats.num_samples).sum::<u64>();
    assert_eq!(samples(&db), 240);
    db.clean_deleted(5 * HOUR).unwrap();
    assert_eq!(samples(&db), 220);
    assert!(db.flush(5 * HOUR).unwrap());
    assert_eq!(samples(&db), 550);
    assert_eq!(minutes(&db, "eu"), left);
    assert_eq!(minutes(&db, "us"), all);

    // Everything of a series.
    db.delete(&eu, TimeRange::ALL).unwrap();
    db.clean_deleted(5 * HOUR).unwrap();
    assert!(minutes(&db, "eu").is_empty());
    assert_eq!(db.label_values("zone", &[], TimeRange::ALL).unwrap(), ["us"]);
    assert_eq!(samples(&db), 300);
}

#[test]
fn samples_that_come_after_a_deletion_stay() {
    let dir = TempDir::new().unwrap();
    let db = filled(&dir);
    db.delete(&[], TimeRange::ALL).unwrap();
    assert!(minutes(&db, "eu").is_empty());
    let mut batch = db.batch();
    batch.append_float(SeriesRef::UNKNOWN, &labels("eu"), 300 * MINUTE, 1.0).unwrap();
    batch.commit().unwrap();
    assert_eq!(minutes(&db, "eu"), [300]);
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(minutes(&db, "eu"), [300]);
}

#[test]
fn a_backup_is_a_store_of_its_own() {
    let (dir, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let db = filled(&dir);
    let target = backup.path().join("copy");
    assert_eq!(db.backup(&target, 5 * HOUR).unwrap().len(), 2);
    // The original goes on, the copy does not care.
    db.delete(&[], TimeRange::ALL).unwrap();
    db.clean_deleted(5 * HOUR).unwrap();
    drop(db);
    let copy = Db::open(&target, options()).unwrap();
    assert!(copy.warnings().is_empty());
    assert_eq!(minutes(&copy, "eu"), (0..300).collect::<Vec<_>>());
}

#[test]
fn reading_only_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let writer = filled(&dir);
    let reader = Db::open_read_only(dir.path(), options()).unwrap();
    assert_eq!(minutes(&reader, "us"), (0..300).collect::<Vec<_>>());
    let mut batch = reader.batch();
    batch.append_float(SeriesRef::UNKNOWN, &labels("us"), 300 * MINUTE, 1.0).unwrap();
    assert!(batch.commit().is_err());
    assert_eq!(minutes(&reader, "us").len(), 300);
    assert!(matches!(reader.tick(0), Err(Error::ReadOnly)));
    assert!(matches!(reader.delete(&[], TimeRange::ALL), Err(Error::ReadOnly)));
    drop(reader);
    drop(writer);
    assert!(Db::open(dir.path(), options()).unwrap().warnings().is_empty());
}

#[test]
fn cardinality_names_what_is_many() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    let mut batch = db.batch();
    for (name, n) in [("few", 2), ("many", 30)] {
        for i in 0..n {
            let labels = LabelSet::from_pairs([("__name__", name), ("i", &format!("{i:02}"))]);
            batch.append_float(SeriesRef::UNKNOWN, &labels, 7, 1.0).unwrap();
        }
    }
    batch.commit().unwrap();
    let found = db.cardinality(1);
    assert_eq!((found.series, found.label_pairs, found.chunks), (32, 32, 32));
    assert_eq!(found.range, Some(TimeRange::new(7, 7)));
    assert_eq!(found.series_by_metric, [("many".to_owned(), 30)]);
    assert_eq!(found.values_by_label, [("i".to_owned(), 30)]);
    assert_eq!(found.bytes_by_label, [("__name__".to_owned(), 446)]);
    assert_eq!(found.series_by_pair, [("__name__=many".to_owned(), 30)]);
    let not_many = [Matcher::new("__name__", MatchOp::NotEqual, "many").unwrap()];
    assert_eq!(db.label_values("i", &not_many, TimeRange::ALL).unwrap(), ["00", "01"]);
}
