//! Blocks rewritten in other encodings answer as before, to the bit.
#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::path::Path;
use std::sync::Arc;

use metrics_core::{
    Append, Columns, FloatHistogram, Histogram, LabelSet, MatchOp, Matcher, STALE_NAN, Select, SelectRequest,
    SeriesRef, Span, TimeRange, Value,
};
use tsdb::block::{Block, BlockMeta, Ulid};
use tsdb::chunk::dense::Level;
use tsdb::chunk::{Encoding, decode_each};
use tsdb::compact::Style;
use tsdb::fs::OsFs;
use tsdb::{Db, Options};

const MINUTE: i64 = 60_000;

fn labels(name: &str, i: usize) -> LabelSet {
    LabelSet::from_pairs([("__name__", name.to_owned()), ("i", i.to_string())])
}

/// Values of a kind that is hard to keep.
fn float(kind: usize, n: i64) -> f64 {
    let noise = (n as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    match kind {
        0 => n as f64 / 100.0,
        1 => (n * n % 1000) as f64 * 4096.0,
        // NaN with any payload, as computing leaves them.
        2 if n % 7 == 0 => f64::from_bits(0x7FF8_0000_0000_0000 | noise >> 13),
        2 => f64::from_bits(noise),
        3 if n % 50 == 49 => f64::from_bits(STALE_NAN.to_bits()),
        3 => (n / 10) as f64,
        4 => [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX][n as usize % 6],
        _ => 1.0 / (n as f64 + 3.0),
    }
}

fn histogram(n: i64) -> Histogram {
    let n = n.unsigned_abs();
    Histogram {
        count: 3 * n,
        sum: n as f64 * 1.5,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![n as i64, n as i64],
        ..Histogram::default()
    }
}

fn float_histogram(n: i64) -> FloatHistogram {
    let mut h = histogram(n).to_float();
    h.sum = if n % 5 == 0 { STALE_NAN } else { h.sum / 3.0 };
    h
}

/// A store with one block of two hours.
fn filled(dir: &Path) -> Db {
    let db = Db::open(dir, Options { log: false, ..Options::default() }).unwrap();
    for n in 0..360 {
        // Not quite regular, and the same for all series.
        let t = n * MINUTE / 3 + n * n % 11;
        let mut batch = db.batch();
        for kind in 0..6 {
            batch.append_float(SeriesRef::UNKNOWN, &labels("floats", kind), t, float(kind, n)).unwrap();
        }
        let (h, f) = (labels("histograms", 0), labels("float_histograms", 0));
        batch.append(SeriesRef::UNKNOWN, &h, t, &Value::Histogram(Arc::new(histogram(n)))).unwrap();
        batch
            .append(SeriesRef::UNKNOWN, &f, t, &Value::FloatHistogram(Arc::new(float_histogram(n))))
            .unwrap();
        batch.commit().unwrap();
    }
    assert!(db.flush(7_200_000).unwrap());
    db
}

/// All there is, with floats as bits.
type Answers = Vec<(LabelSet, Vec<(i64, u64)>, Vec<(i64, String, u64)>)>;

fn answers(db: &Db, range: TimeRange) -> Answers {
    let matchers = [Matcher::new("__name__", MatchOp::Regex, ".+").unwrap()];
    let found = db.select(&SelectRequest { matchers: &matchers, range, hints: Default::default() }).unwrap();
    let read = |series| {
        let mut c = Columns::default();
        found.read(series, &mut c).unwrap();
        let floats = c.floats.timestamps.iter().copied().zip(c.floats.values.iter().map(|v| v.to_bits()));
        let histograms = c.histograms.timestamps.iter().zip(&c.histograms.values);
        let histograms = histograms.map(|(t, h)| (*t, format!("{h:?}"), h.sum.to_bits()));
        (found.labels(series).clone(), floats.collect(), histograms.collect())
    };
    (0..found.len()).map(read).collect()
}

fn encodings(dir: &Path, meta: &BlockMeta) -> Vec<Encoding> {
    let block = Block::open(&OsFs, &dir.join(meta.ulid.to_string())).unwrap();
    let mut ids = Vec::new();
    block.index().all_postings(&mut ids).unwrap();
    let chunks = ids.iter().flat_map(|id| block.index().series(*id).unwrap().chunks);
    let mut all: Vec<Encoding> = chunks
        .map(|c| {
            let (encoding, bytes) = block.chunk(c.reference).unwrap();
            if !encoding.is_float() {
                decode_each(encoding, bytes, |_, _| ()).unwrap();
            }
            encoding
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn answers_are_equal_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let ranges = [TimeRange::ALL, TimeRange::new(20 * MINUTE, 50 * MINUTE)];
    let before = ranges.map(|r| answers(&db, r));
    assert_eq!(before[0].len(), 8);
    let size = |meta: &BlockMeta| Block::open(&OsFs, &dir.path().join(meta.ulid.to_string())).unwrap().size();
    let mut meta = db.blocks().remove(0);
    let field = [Encoding::Xor, Encoding::Histogram, Encoding::FloatHistogram];
    assert_eq!(encodings(dir.path(), &meta), field);
    let first_size = size(&meta);
    let styles = [Style::dense(Level::Fast), Style::dense(Level::Small), Style::Field];
    for (n, style) in (1i64..).zip(styles) {
        let rewritten = db.rewrite(&[meta.ulid], style, 7_200_000 + n).unwrap();
        assert_eq!(db.blocks(), rewritten);
        assert_eq!(rewritten[0].stats.num_samples, meta.stats.num_samples);
        meta = rewritten.into_iter().next().unwrap();
        assert_eq!(ranges.map(|r| answers(&db, r)), before, "{style:?}");
        let has_dense = encodings(dir.path(), &meta).contains(&Encoding::Dense);
        assert_eq!(has_dense, style != Style::Field);
        assert_eq!(size(&meta) < first_size * 9 / 10, style != Style::Field, "{} {first_size}", size(&meta));
    }
    assert_eq!(encodings(dir.path(), &meta), field);
}

#[test]
fn blocks_that_are_not_there_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let before = db.blocks();
    assert_eq!(db.rewrite(&[Ulid::from_parts(1, 2)], Style::Field, 1).unwrap(), []);
    assert_eq!(db.blocks(), before);
}
