//! What a store refuses before memory runs out, and that it loses nothing by that.
#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use metrics_core::{Append, AppendError, Columns, LabelSet, Select, SelectRequest, SeriesRef, TimeRange};
use tempfile::TempDir;
use tsdb::{Db, LabelLimits, Options};

fn series(number: usize) -> LabelSet {
    LabelSet::from_pairs([("__name__", "m"), ("number", &format!("{number:08}"))])
}

/// Number of samples of each series.
fn samples(db: &Db) -> Vec<usize> {
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    let count = |i| {
        found.read(i, &mut columns).unwrap();
        columns.len()
    };
    (0..found.len()).map(count).collect()
}

fn refusal(result: Result<SeriesRef, AppendError>) -> String {
    match result {
        Err(error @ AppendError::Limit(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn beyond_the_series_limit_known_series_go_on() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), Options { max_series: 2, ..Options::default() }).unwrap();
    for t in 1..=3 {
        let mut batch = db.batch();
        for number in 0..4 {
            let result = batch.append_float(SeriesRef::UNKNOWN, &series(number), t, 1.0);
            if number >= 2 {
                let text = refusal(result);
                let expected = format!("limit reached: {} would be one series more than 2", series(number));
                assert_eq!(text, expected);
            }
        }
        batch.commit().unwrap();
    }
    assert_eq!(samples(&db), [3, 3]);
}

#[test]
fn series_with_too_many_or_too_long_labels_are_refused_alone() {
    let dir = TempDir::new().unwrap();
    let label_limits = LabelLimits { count: 3, name_length: 10, value_length: 10 };
    let db = Db::open(dir.path(), Options { label_limits, ..Options::default() }).unwrap();
    let mut batch = db.batch();
    let mut append = |pairs: &[(&str, &str)]| {
        batch.append_float(SeriesRef::UNKNOWN, &LabelSet::from_pairs(pairs.iter().copied()), 1, 1.0)
    };
    append(&[("__name__", "good"), ("a", "0123456789"), ("b", "2")]).unwrap();
    assert!(
        refusal(append(&[("__name__", "many"), ("a", "1"), ("b", "2"), ("c", "3")])).contains("4 labels")
    );
    assert!(refusal(append(&[("__name__", "name"), ("a_very_long_name", "1")])).contains("name of 16 bytes"));
    assert!(refusal(append(&[("__name__", "value"), ("a", "01234567890")])).contains("value of 11 bytes"));
    append(&[("__name__", "last")]).unwrap();
    batch.commit().unwrap();
    assert_eq!(samples(&db), [1, 1]);
}

#[test]
fn a_full_memory_refuses_by_name_and_loses_nothing() {
    const MAX: usize = 1_000_000;
    let dir = TempDir::new().unwrap();
    let options = || Options { max_head_bytes: MAX, ..Options::default() };
    let db = Db::open(dir.path(), options()).unwrap();
    let (mut taken, mut known) = (0, SeriesRef::UNKNOWN);
    let text = 'fill: loop {
        let mut batch = db.batch();
        for _ in 0..100 {
            match batch.append_float(SeriesRef::UNKNOWN, &series(taken), 1000, taken as f64) {
                Ok(reference) => (taken, known) = (taken + 1, reference),
                refused => {
                    batch.commit().unwrap();
                    break 'fill refusal(refused);
                }
            }
        }
        batch.commit().unwrap();
    };
    assert!(text.contains(&format!("no room for {}", series(taken))), "{text}");
    assert!(taken > 1000, "{taken}");
    assert!((MAX / 2..MAX + MAX / 4).contains(&db.head_bytes()), "{}", db.head_bytes());
    // A reference alone is named by its labels too.
    let text = refusal(db.batch().append_float(known, &LabelSet::empty(), 2000, 1.0));
    assert!(text.contains(&format!("no room for {}", series(taken - 1))), "{text}");
    assert_eq!(samples(&db), vec![1; taken]);
    let before = db.head_bytes();
    drop(db);

    // The log is read whatever the limit: what was acknowledged is there.
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(samples(&db), vec![1; taken]);
    assert!(db.head_bytes().abs_diff(before) < before / 2, "{} {before}", db.head_bytes());

    assert!(db.flush(5000).unwrap());
    assert!(db.head_bytes() < MAX / 4, "{}", db.head_bytes());
    let mut batch = db.batch();
    batch.append_float(SeriesRef::UNKNOWN, &series(0), 10_000_000, 1.0).unwrap();
    batch.commit().unwrap();
    assert_eq!(samples(&db).into_iter().sum::<usize>(), taken + 1);
}

#[test]
fn series_that_are_gone_take_no_memory() {
    let dir = TempDir::new().unwrap();
    let options = Options { block_range: 1000, retention: Some(2000), log: false, ..Options::default() };
    let db = Db::open(dir.path(), options).unwrap();
    let mut sizes = Vec::new();
    for round in 0..20 {
        let mut batch = db.batch();
        for number in 0..1000 {
            let labels = series(round * 1000 + number);
            batch.append_float(SeriesRef::UNKNOWN, &labels, round as i64 * 1000, 1.0).unwrap();
        }
        batch.commit().unwrap();
        assert!(db.flush(round as i64 * 1000).unwrap());
        sizes.push(db.head_bytes());
    }
    assert_eq!(db.head_series(), 0);
    // Two kilobytes for every 256 series that ever were, and their slots.
    let (first, last) = (sizes[1], sizes[19]);
    assert!(last < first + 18 * 1000 * 16, "{sizes:?}");
}
