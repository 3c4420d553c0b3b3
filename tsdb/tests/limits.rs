//! What a store refuses before memory runs out, and that it loses nothing by that.
#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use metrics_core::{
    Append, AppendError, Batch, Columns, Exemplar, LabelSet, Metadata, MetricType, Select, SelectRequest,
    SeriesRef, TimeRange, Value,
};
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

/// Appends until there is no room, and says how much was taken then.
fn fill_up(db: &Db, mut append: impl FnMut(&mut dyn Batch, usize) -> Result<(), AppendError>) -> usize {
    for i in 0.. {
        let mut batch = db.batch();
        match append(&mut *batch, i) {
            Ok(()) => batch.commit().unwrap(),
            Err(AppendError::Limit(_)) => break,
            Err(other) => panic!("{other}"),
        }
        assert!(i < 100_000, "no limit: {}", db.head_bytes());
    }
    db.head_bytes()
}

#[test]
fn whatever_fills_memory_counts() {
    const MAX: usize = 1_500_000;
    let open = || {
        let dir = TempDir::new().unwrap();
        let options =
            Options { max_head_bytes: MAX, out_of_order_window: 7_200_000, log: false, ..Options::default() };
        let db = Db::open(dir.path(), options).unwrap();
        let mut batch = db.batch();
        for number in 0..1000 {
            batch.append_float(SeriesRef::UNKNOWN, &series(number), 10_000_000, 1.0).unwrap();
        }
        batch.commit().unwrap();
        (db, dir)
    };
    let text = |i: usize| format!("{i:>100}");
    let (db, _dir) = open();
    let before = db.head_bytes();
    assert!(before < MAX / 2, "{before}");
    let exemplars = fill_up(&db, |batch, i| {
        let labels = LabelSet::from_pairs([("trace_id", text(i))]);
        let exemplar = Exemplar { labels, value: 1.0, timestamp: Some(10_000_000 + i as i64) };
        batch.append_exemplar(SeriesRef::UNKNOWN, &series(i % 1000), &exemplar)
    });
    let (db, _dir) = open();
    let metadata = fill_up(&db, |batch, i| {
        let help = text(i).repeat(20);
        let metadata = Metadata { metric_type: MetricType::Gauge, help, unit: String::new() };
        batch.append_metadata(SeriesRef::UNKNOWN, &series(i % 1000), &metadata)
    });
    let (db, _dir) = open();
    let late = fill_up(&db, |batch, i| {
        let value = Value::Float(i as f64);
        batch.append(SeriesRef::UNKNOWN, &series(i % 1000), 9_999_999 - i as i64, &value).map(|_| ())
    });
    for taken in [exemplars, metadata, late] {
        assert!((MAX..MAX + MAX / 50).contains(&taken), "{taken}");
    }
    // Blocks make room.
    assert!(db.flush(10_000_000).unwrap());
    assert!(db.head_bytes() < MAX / 2, "{}", db.head_bytes());
}

#[test]
fn a_block_is_cut_early_where_memory_is_nearly_full() {
    const STEP: i64 = 15_000;
    const START: i64 = 7_200_000 * 1000;
    let dir = TempDir::new().unwrap();
    let options =
        || Options { max_head_bytes: 360_000, retention: None, snapshot: false, ..Options::default() };
    let db = Db::open(dir.path(), options()).unwrap();
    let put = |db: &Db, i: usize| {
        let mut batch = db.batch();
        for number in 0..100 {
            let bits = (i * 7919 * (number + 1)) as u64 * 0x9e37_79b9;
            let noise = f64::from_bits(0x3ff0_0000_0000_0000 | bits);
            batch.append_float(SeriesRef::UNKNOWN, &series(number), START + i as i64 * STEP, noise)?;
        }
        batch.commit()
    };
    let mut i = 0;
    // Far from the three hours at which a block is due.
    while i < 400 {
        put(&db, i).unwrap();
        i += 1;
        db.tick(START + i as i64 * STEP).unwrap();
    }
    assert!(!db.blocks().is_empty(), "{}", db.head_bytes());
    assert!(db.head_bytes() < 360_000, "{}", db.head_bytes());
    assert_eq!(samples(&db), vec![400; 100]);
    // Deleted samples of a chunk that is in a block in part stay so, whoever has them.
    let gone = TimeRange::new(START, START + 99 * STEP);
    db.delete(&[], gone).unwrap();
    assert_eq!(samples(&db), vec![300; 100]);
    db.clean_deleted(START + 400 * STEP).unwrap();
    assert_eq!(samples(&db), vec![300; 100]);
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(samples(&db), vec![300; 100]);
    // It goes on, and blocks become those of whole ranges.
    while i < 1200 {
        put(&db, i).unwrap();
        i += 1;
        db.tick(START + i as i64 * STEP).unwrap();
    }
    assert_eq!(samples(&db), vec![1100; 100]);
    assert!(db.blocks().len() < 12, "{:#?}", db.blocks());
}
