//! Chunk files of the head that reach further than a damaged log.
#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use metrics_core::{
    Append, Columns, Histogram, LabelSet, Select, SelectRequest, SeriesRef, Span, TimeRange, Value,
};
use tempfile::TempDir;
use tsdb::chunk::ChunkEncoder;
use tsdb::fs::OsFs;
use tsdb::head_chunks::{HEAD_CHUNKS, HeadChunkWriter};
use tsdb::wal;
use tsdb::{Db, Options};

const START: i64 = 1_700_006_400_000;
const STEP: i64 = 15_000;
const NAMES: [&str; 2] = ["floats", "histograms"];

fn options() -> Options {
    Options { snapshot: false, retention: None, ..Options::default() }
}

fn sample(name: &str, i: i64) -> Value {
    if name == "floats" {
        return Value::Float(i as f64);
    }
    Value::Histogram(Arc::new(Histogram {
        count: i as u64,
        sum: i as f64,
        positive_spans: vec![Span { offset: 0, length: 1 }],
        positive_buckets: vec![i],
        ..Histogram::default()
    }))
}

fn append(db: &Db, samples: std::ops::Range<i64>) {
    for i in samples {
        let mut batch = db.batch();
        for name in NAMES {
            let labels = LabelSet::from_pairs([("__name__", name)]);
            batch.append(SeriesRef::UNKNOWN, &labels, START + i * STEP, &sample(name, i)).unwrap();
        }
        batch.commit().unwrap();
    }
}

/// Which samples there are, by series, checked for what they say.
fn found(db: &Db) -> Vec<Vec<i64>> {
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    let number = |t: &i64| (t - START) / STEP;
    (0..found.len())
        .map(|i| {
            found.read(i, &mut columns).unwrap();
            for (t, v) in columns.floats.timestamps.iter().zip(&columns.floats.values) {
                assert_eq!(*v, number(t) as f64);
            }
            for (t, h) in columns.histograms.timestamps.iter().zip(&columns.histograms.values) {
                assert_eq!(h.sum, number(t) as f64);
            }
            columns.floats.timestamps.iter().chain(&columns.histograms.timestamps).map(number).collect()
        })
        .collect()
}

/// Chunks of a hundred samples each, as the head of Prometheus writes them; the log calls series 1 and 2.
fn write_chunks(dir: &Path, samples: i64) {
    let mut writer = HeadChunkWriter::new(Arc::new(OsFs), &dir.join(HEAD_CHUNKS), Vec::new());
    for (series, name) in (1..).zip(NAMES) {
        let mut encoder = ChunkEncoder::new(100);
        for i in 0..samples {
            encoder.push(START + i * STEP, &sample(name, i)).unwrap();
        }
        for chunk in encoder.finish() {
            writer.add(series, &chunk, false).unwrap();
        }
    }
    // Of a series that nobody knows.
    let mut encoder = ChunkEncoder::new(100);
    encoder.push_float(START, 1.0).unwrap();
    writer.add(77, &encoder.finish()[0], false).unwrap();
    writer.end_file().unwrap();
}

/// Cuts the log off after so many thousandths.
fn cut_log(dir: &Path, thousandths: u64) {
    for segment in wal::segments(&OsFs, &dir.join("wal")).unwrap() {
        let file = OpenOptions::new().write(true).open(segment.path).unwrap();
        file.set_len(file.metadata().unwrap().len() * thousandths / 1000).unwrap();
    }
}

fn upto(n: i64) -> Vec<i64> {
    (0..n).collect()
}

#[test]
fn chunks_complete_a_log_that_was_cut_off() {
    let dir = TempDir::new().unwrap();
    append(&Db::open(dir.path(), options()).unwrap(), 0..400);
    write_chunks(dir.path(), 300);
    {
        let db = Db::open(dir.path(), options()).unwrap();
        assert_eq!(found(&db), [upto(400), upto(400)], "a whole log has everything");
        assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    }
    cut_log(dir.path(), 400);
    {
        let db = Db::open_read_only(dir.path(), options()).unwrap();
        assert_eq!(found(&db), [upto(300), upto(300)]);
    }
    // Read again and again, with new samples behind them.
    for round in 0..3 {
        let db = Db::open(dir.path(), options()).unwrap();
        let new = 300 + 10 * round;
        assert_eq!(found(&db), [upto(new), upto(new)]);
        append(&db, new..new + 10);
        assert_eq!(found(&db), [upto(new + 10), upto(new + 10)]);
    }
    // Once logged, they no longer depend on the files.
    std::fs::remove_dir_all(dir.path().join(HEAD_CHUNKS)).unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(found(&db), [upto(330), upto(330)]);
    // Series of chunk files that the log does not know keep their numbers to themselves.
    let labels = LabelSet::from_pairs([("__name__", "new")]);
    let mut batch = db.batch();
    batch.append_float(SeriesRef::UNKNOWN, &labels, START + 330 * STEP, 330.0).unwrap();
    batch.commit().unwrap();
    drop(db);
    write_chunks(dir.path(), 300);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(found(&db)[2], [330]);
}

#[test]
fn what_blocks_have_does_not_come_back_from_chunk_files() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    append(&db, 0..400);
    let all = TimeRange::new(START, START + 49 * STEP);
    db.delete(&[], all).unwrap();
    assert!(db.flush(START + 400 * STEP).unwrap());
    let left: Vec<i64> = (50..400).collect();
    assert_eq!(found(&db), [left.clone(), left.clone()]);
    drop(db);
    write_chunks(dir.path(), 300);
    cut_log(dir.path(), 300);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(found(&db), [left.clone(), left]);
}
