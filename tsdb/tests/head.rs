//! Appending, finding and reopening, while everything is in memory.
#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::sync::Arc;

use metrics_core::{
    Append, AppendError, Columns, Exemplar, Histogram, LabelSet, MatchOp, Matcher, STALE_NAN, Select,
    SelectRequest, SeriesRef, Span, TimeRange, Value, is_stale,
};
use tempfile::TempDir;
use tsdb::{Db, Durability, Error, Options};

fn open(dir: &TempDir) -> Db {
    Db::open(dir.path(), Options::default()).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    LabelSet::from_pairs(pairs.iter().copied())
}

type Rows = Vec<(String, Vec<(i64, f64)>)>;

fn select(db: &Db, matchers: &[Matcher], range: TimeRange) -> Rows {
    let found = db.select(&SelectRequest { matchers, range, hints: Default::default() }).unwrap();
    let mut columns = Columns::default();
    (0..found.len())
        .map(|i| {
            found.read(i, &mut columns).unwrap();
            let floats = &columns.floats;
            let samples = floats.timestamps.iter().copied().zip(floats.values.iter().copied()).collect();
            (found.labels(i).to_string(), samples)
        })
        .collect()
}

fn all(db: &Db) -> Rows {
    select(db, &[], TimeRange::ALL)
}

fn append(db: &Db, name: &str, samples: &[(i64, f64)]) {
    let labels = labels(&[("__name__", name)]);
    let mut batch = db.batch();
    for (t, v) in samples {
        batch.append_float(SeriesRef::UNKNOWN, &labels, *t, *v).unwrap();
    }
    batch.commit().unwrap();
}

#[test]
fn a_batch_is_seen_whole_or_not_at_all() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let (a, b) = (labels(&[("__name__", "a")]), labels(&[("__name__", "b")]));
    let mut batch = db.batch();
    batch.append_float(SeriesRef::UNKNOWN, &a, 1, 1.0).unwrap();
    batch.append_float(SeriesRef::UNKNOWN, &b, 1, 2.0).unwrap();
    assert!(all(&db).is_empty());
    batch.commit().unwrap();
    assert_eq!(all(&db), [("a".to_owned(), vec![(1, 1.0)]), ("b".to_owned(), vec![(1, 2.0)])]);

    let mut batch = db.batch();
    batch.append_float(SeriesRef::UNKNOWN, &a, 2, 1.0).unwrap();
    batch.rollback();
    assert_eq!(all(&db).len(), 2);
    assert_eq!(all(&db)[0].1.len(), 1);
}

#[test]
fn a_reader_does_not_see_what_is_committed_after_it_came() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    append(&db, "a", &[(1, 1.0)]);
    let matchers = [Matcher::metric_name("a")];
    let request = SelectRequest { matchers: &matchers, range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    for i in 2..500 {
        append(&db, "a", &[(i, 1.0)]);
    }
    let mut columns = Columns::default();
    found.read(0, &mut columns).unwrap();
    assert_eq!(columns.floats.timestamps, [1]);
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = TempDir::new().unwrap();
    let before = {
        let db = open(&dir);
        append(&db, "a", &[(1, 1.0), (2, 2.0), (3, STALE_NAN)]);
        append(&db, "b", &(0..1000).map(|i| (i * 1000, i as f64)).collect::<Vec<_>>());
        // Made in a batch that is rolled back, appended to in one that is not.
        let c = labels(&[("__name__", "c")]);
        let mut rolled_back = db.batch();
        rolled_back.append_float(SeriesRef::UNKNOWN, &c, 990_000, 1.0).unwrap();
        append(&db, "c", &[(990_001, 2.0)]);
        rolled_back.rollback();
        all(&db)
    };
    let db = open(&dir);
    assert!(db.warnings().is_empty());
    let after = all(&db);
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
    assert!(is_stale(after[0].1[2].1));
    assert_eq!(after[2].1, [(990_001, 2.0)]);
}

#[test]
fn late_and_contradicting_samples_are_refused() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    append(&db, "a", &[(10_000_000, 1.0)]);
    let labels = labels(&[("__name__", "a")]);
    let mut batch = db.batch();
    let mut put = |t, v| batch.append_float(SeriesRef::UNKNOWN, &labels, t, v);
    assert!(put(10_000_000, 1.0).is_ok());
    assert!(matches!(put(10_000_000, 2.0), Err(AppendError::Duplicate)));
    assert!(matches!(put(9_999_999, 1.0), Err(AppendError::OutOfOrder)));
    // One hour behind the newest sample is the edge.
    assert!(matches!(put(6_399_999, 1.0), Err(AppendError::OutOfBounds)));
    assert!(matches!(put(6_400_000, 1.0), Err(AppendError::OutOfOrder)));
    batch.commit().unwrap();
    assert_eq!(all(&db)[0].1, [(10_000_000, 1.0)]);
    let mut batch = db.batch();
    let refused = batch.append_float(SeriesRef::UNKNOWN, &LabelSet::empty(), 10_000_001, 1.0);
    assert!(matches!(refused, Err(AppendError::InvalidLabels(_))));
}

#[test]
fn ranges_and_matchers_select() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let mut batch = db.batch();
    for (name, job) in [("up", "node"), ("up", "api"), ("load", "node"), ("other", "")] {
        let labels = labels(&[("__name__", name), ("job", job)]);
        for t in 0..300 {
            batch.append_float(SeriesRef::UNKNOWN, &labels, t, t as f64).unwrap();
        }
    }
    batch.commit().unwrap();
    let names = |matchers: &[Matcher]| -> Vec<String> {
        select(&db, matchers, TimeRange::ALL).into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&[Matcher::equal("job", "")]), ["other"]);
    let not_api = Matcher::new("job", MatchOp::NotEqual, "api").unwrap();
    assert_eq!(names(&[Matcher::metric_name("up"), not_api]), [r#"up{job="node"}"#]);
    let rows = select(&db, &[Matcher::metric_name("other")], TimeRange::new(150, 152));
    assert_eq!(rows[0].1, [(150, 150.0), (151, 151.0), (152, 152.0)]);
    assert!(select(&db, &[], TimeRange::new(300, 400)).is_empty());
    assert_eq!(db.label_names(&[], TimeRange::ALL).unwrap(), ["__name__", "job"]);
    assert_eq!(db.label_values("job", &[], TimeRange::ALL).unwrap(), ["api", "node"]);
    let load = [Matcher::metric_name("load")];
    assert_eq!(db.label_values("job", &load, TimeRange::ALL).unwrap(), ["node"]);
}

#[test]
fn histograms_and_floats_share_a_series() {
    let dir = TempDir::new().unwrap();
    let histogram = |n: i64| {
        Value::Histogram(Arc::new(Histogram {
            count: n as u64,
            sum: n as f64,
            positive_spans: vec![Span { offset: 0, length: 1 }],
            positive_buckets: vec![n],
            ..Histogram::default()
        }))
    };
    let labels = labels(&[("__name__", "h")]);
    {
        let db = open(&dir);
        let mut batch = db.batch();
        let mut put = |t, v| batch.append(SeriesRef::UNKNOWN, &labels, t, &v);
        put(1, Value::Float(1.0)).unwrap();
        put(2, histogram(2)).unwrap();
        put(3, histogram(3)).unwrap();
        put(4, Value::Float(4.0)).unwrap();
        let broken = Histogram { count: 1, ..Histogram::default() };
        let refused = put(5, Value::Histogram(Arc::new(broken)));
        assert!(matches!(refused, Err(AppendError::InvalidHistogram(_))));
        batch.commit().unwrap();
    }
    for _ in 0..2 {
        let db = open(&dir);
        let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
        let found = db.select(&request).unwrap();
        let mut columns = Columns::default();
        found.read(0, &mut columns).unwrap();
        assert_eq!(columns.floats.timestamps, [1, 4]);
        assert_eq!(columns.histograms.timestamps, [2, 3]);
        assert_eq!(columns.histograms.values[1].count, 3.0);
    }
}

/// As in the original, where it decides which of equal values `topk` keeps.
#[test]
fn series_of_the_head_come_in_the_order_of_their_making() {
    let dir = TempDir::new().unwrap();
    for _ in 0..2 {
        let db = open(&dir);
        for name in ["c", "a", "b"] {
            append(&db, name, &[(1, 1.0)]);
        }
        let names: Vec<String> = all(&db).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["c", "a", "b"]);
    }
}

#[test]
fn exemplars_are_kept_and_replayed() {
    let dir = TempDir::new().unwrap();
    let exemplar = Exemplar { labels: labels(&[("trace_id", "abc")]), value: 0.5, timestamp: Some(1) };
    {
        let db = open(&dir);
        let labels = labels(&[("__name__", "a")]);
        let mut batch = db.batch();
        let series = batch.append_float(SeriesRef::UNKNOWN, &labels, 1, 1.0).unwrap();
        batch.append_exemplar(series, &labels, &exemplar).unwrap();
        batch.commit().unwrap();
    }
    let db = open(&dir);
    let found = db.exemplars(&[vec![Matcher::metric_name("a")]], TimeRange::ALL).unwrap();
    assert_eq!(found, [(labels(&[("__name__", "a")]), vec![exemplar])]);
    assert!(db.exemplars(&[vec![Matcher::metric_name("b")]], TimeRange::ALL).unwrap().is_empty());
}

#[test]
fn a_locked_directory_names_itself_and_the_process() {
    let dir = TempDir::new().unwrap();
    let _db = open(&dir);
    let error = Db::open(dir.path(), Options::default()).unwrap_err();
    let pid = std::process::id();
    assert!(matches!(&error, Error::Locked { pid: Some(found), .. } if *found == pid), "{error:?}");
    assert_eq!(error.to_string(), format!("{} is in use by process {pid}", dir.path().display()));
}

#[test]
fn a_torn_log_is_repaired_and_reported() {
    let dir = TempDir::new().unwrap();
    {
        let db = open(&dir);
        append(&db, "a", &[(1, 1.0)]);
        append(&db, "a", &[(2, 2.0)]);
    }
    let segment = dir.path().join("wal/00000000");
    let len = std::fs::metadata(&segment).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(len - 3).unwrap();
    let db = open(&dir);
    assert_eq!(db.warnings().len(), 1, "{:?}", db.warnings());
    assert_eq!(all(&db), [("a".to_owned(), vec![(1, 1.0)])]);
    append(&db, "a", &[(3, 3.0)]);
    drop(db);
    let db = open(&dir);
    assert!(db.warnings().is_empty());
    assert_eq!(all(&db), [("a".to_owned(), vec![(1, 1.0), (3, 3.0)])]);
}

#[test]
fn writers_that_wait_for_the_disk_work_side_by_side() {
    let dir = TempDir::new().unwrap();
    let options = Options { durability: Durability::Power, ..Options::default() };
    let db = Db::open(dir.path(), options).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for i in 0..50 {
                    append(db, &format!("w{writer}"), &[(i, i as f64)]);
                }
            });
        }
    });
    let rows = all(&db);
    assert_eq!(rows.iter().map(|(_, samples)| samples.len()).collect::<Vec<_>>(), [50; 4]);
}

#[test]
fn readers_never_see_half_a_batch() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let series: Vec<LabelSet> =
        (0..600).map(|i| labels(&[("__name__", "s"), ("i", &format!("{i:03}"))])).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut refs = vec![SeriesRef::UNKNOWN; series.len()];
            for t in 0..400 {
                let mut batch = db.batch();
                for (labels, known) in series.iter().zip(&mut refs) {
                    *known = batch.append_float(*known, labels, t, t as f64).unwrap();
                }
                batch.commit().unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let rows = all(&db);
            let counts: Vec<usize> = rows.iter().map(|(_, s)| s.len()).filter(|n| *n > 0).collect();
            assert!(counts.is_empty() || counts == vec![counts[0]; 600], "{counts:?}");
        }
    });
}

/// Whether a sample is a staleness marker, and of which kind, series by series.
fn markers(db: &Db) -> Vec<(String, Vec<(i64, bool)>)> {
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    let mut all = Vec::new();
    for i in 0..found.len() {
        found.read(i, &mut columns).unwrap();
        let mut marked = Vec::new();
        for (t, v) in columns.floats.timestamps.iter().zip(&columns.floats.values) {
            marked.extend(is_stale(*v).then_some((*t, false)));
        }
        for (t, h) in columns.histograms.timestamps.iter().zip(&columns.histograms.values) {
            marked.extend(is_stale(h.sum).then_some((*t, true)));
        }
        all.push((found.labels(i).to_string(), marked));
    }
    all.sort();
    all
}

#[test]
fn a_series_of_histograms_is_marked_stale_by_a_histogram() {
    let dir = TempDir::new().unwrap();
    let options = || Options { out_of_order_window: 60_000, ..Options::default() };
    let db = Db::open(dir.path(), options()).unwrap();
    let histogram = Histogram {
        count: 3,
        sum: 2.5,
        positive_spans: vec![Span { offset: 0, length: 1 }],
        positive_buckets: vec![3],
        ..Histogram::default()
    };
    let put = |name: &str, t: i64, value: &Value| {
        let mut batch = db.batch();
        batch.append(SeriesRef::UNKNOWN, &labels(&[("__name__", name)]), t, value).unwrap();
        batch.commit().unwrap();
    };
    let marker = Value::Float(STALE_NAN);
    let integer = Value::Histogram(Arc::new(histogram.clone()));
    let real = Value::FloatHistogram(Arc::new(histogram.to_float()));
    for (name, value) in [("float", &Value::Float(1.0)), ("integer", &integer), ("real", &real)] {
        put(name, 1000, value);
        put(name, 2000, &marker);
        put(name, 3000, value);
        // Late, between the others.
        put(name, 2500, &marker);
        put(name, 4000, &marker);
    }
    put("new", 4000, &marker);
    let expected = |is_histogram| vec![(2000, is_histogram), (2500, is_histogram), (4000, is_histogram)];
    let expected = [
        ("float".to_owned(), expected(false)),
        ("integer".to_owned(), expected(true)),
        ("new".to_owned(), vec![(4000, false)]),
        ("real".to_owned(), expected(true)),
    ];
    assert_eq!(markers(&db), expected);
    // From the log, which has the markers in order as they came.
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(markers(&db), expected);
    // From the snapshot, going on with the chunks in it.
    db.close().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(markers(&db), expected);
    let mut batch = db.batch();
    batch.append(SeriesRef::UNKNOWN, &labels(&[("__name__", "integer")]), 5000, &marker).unwrap();
    batch.commit().unwrap();
    assert_eq!(markers(&db)[1].1.last(), Some(&(5000, true)));
    assert!(db.flush(10_000).unwrap());
    assert_eq!(markers(&db)[3], expected[3]);
}
