use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use metrics_core::{Columns, Histogram, LabelSet, Span, Value};
use proptest::prelude::*;

use super::*;
use crate::block::{Block, BlockMeta, BlockWriter, Tombstones, Ulid};
use crate::chunk::dense::Level;
use crate::chunk::{ChunkEncoder, Encoding};
use crate::fs::{Fs, OsFs};

type Model = BTreeMap<LabelSet, BTreeMap<i64, u32>>;

fn labels(i: u8) -> LabelSet {
    LabelSet::from_pairs([("__name__", "m".to_owned()), ("i", i.to_string())])
}

/// Odd series hold histograms.
fn value(series: &LabelSet, n: u32) -> Value {
    if series.value("i").parse::<u8>().unwrap().is_multiple_of(2) {
        return Value::Float(f64::from(n));
    }
    Value::Histogram(Arc::new(Histogram {
        count: u64::from(n),
        sum: f64::from(n),
        positive_spans: vec![Span { offset: (n % 3) as i32, length: 1 }],
        positive_buckets: vec![i64::from(n)],
        ..Histogram::default()
    }))
}

fn write(dir: &Path, name: u64, model: &Model) -> Block {
    let names: Vec<_> = model.keys().flat_map(|l| l.iter().map(|(_, v)| v.to_owned())).collect();
    let symbols: BTreeSet<&str> = names.iter().map(String::as_str).chain(["__name__", "i"]).collect();
    let times = || model.values().flat_map(|s| s.keys().copied());
    let meta =
        BlockMeta::new(Ulid::from_parts(name, 0), times().min().unwrap_or(0), times().max().unwrap_or(0) + 1);
    let mut writer = BlockWriter::create(Arc::new(OsFs), dir, meta, symbols).unwrap();
    for (series, samples) in model {
        let mut encoder = ChunkEncoder::new(5);
        for (t, n) in samples {
            encoder.push(*t, &value(series, *n)).unwrap();
        }
        let chunks = encoder.finish();
        writer.add_series(series, &chunks.iter().map(|c| c.as_data()).collect::<Vec<_>>()).unwrap();
    }
    Block::open(&OsFs, &writer.finish().unwrap().0).unwrap()
}

fn read(block: &Block) -> Model {
    let mut ids = vec![];
    block.index().all_postings(&mut ids).unwrap();
    let mut model = Model::new();
    for id in ids {
        let entry = block.index().series(id).unwrap();
        let mut columns = Columns::default();
        for chunk in &entry.chunks {
            block.read_chunk(&entry.labels, chunk, &mut columns).unwrap();
        }
        let floats = columns.floats.timestamps.iter().copied().zip(columns.floats.values.iter().copied());
        let sums = columns.histograms.values.iter().map(|h| h.sum);
        let histograms = columns.histograms.timestamps.iter().copied().zip(sums);
        let samples: BTreeMap<_, _> = floats.chain(histograms).map(|(t, v)| (t, v as u32)).collect();
        assert_eq!(samples.len(), columns.len());
        model.insert(entry.labels, samples);
    }
    model
}

fn model() -> impl Strategy<Value = Model> {
    let samples = proptest::collection::btree_map(0i64..200, 1u32..1000, 1..40);
    proptest::collection::btree_map((0u8..6).prop_map(labels), samples, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn merging_is_union_without_what_was_deleted(
        models in proptest::collection::vec(model(), 1..4),
        deleted in proptest::collection::vec((0usize..4, 0usize..5, 0i64..200, 0i64..50), 0..6),
        spread in any::<bool>(),
        dense in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let fs: Arc<dyn Fs> = Arc::new(OsFs);
        let mut expected = Model::new();
        let mut blocks = vec![];
        for (b, model) in models.into_iter().enumerate() {
            // Spread out, the blocks do not overlap and chunks are copied.
            let shift = if spread { 200 * b as i64 } else { 0 };
            let mut model: Model =
                model.into_iter().map(|(l, s)| (l, s.into_iter().map(|(t, n)| (t + shift, n)).collect())).collect();
            let mut block = write(dir.path(), b as u64, &model);
            let mut ids = vec![];
            block.index().all_postings(&mut ids).unwrap();
            let mut tombstones = Tombstones::default();
            for (_, series, start, len) in deleted.iter().filter(|d| d.0 == b) {
                if let Some(id) = ids.get(*series) {
                    let (start, end) = (start + shift, start + shift + len);
                    tombstones.add(u64::from(*id), start, end);
                    let labels = block.index().labels(*id).unwrap();
                    model.get_mut(&labels).unwrap().retain(|t, _| *t < start || end < *t);
                }
            }
            block.write_tombstones(&OsFs, tombstones).unwrap();
            for (labels, samples) in model {
                let into = expected.entry(labels).or_default();
                for (t, n) in samples {
                    into.entry(t).or_insert(n);
                }
            }
            blocks.push(block);
        }
        expected.retain(|_, samples| !samples.is_empty());
        let blocks: Vec<&Block> = blocks.iter().collect();
        let style = if dense { Style::dense(Level::Fast) } else { Style::Field };
        match merge(&fs, dir.path(), &blocks, Ulid::from_parts(99, 0), style).unwrap() {
            Some((path, meta)) => {
                prop_assert_eq!(&read(&Block::open(&OsFs, &path).unwrap()), &expected);
                prop_assert_eq!(meta.stats.num_samples as usize, expected.values().map(BTreeMap::len).sum::<usize>());
                prop_assert_eq!(meta.stats.num_series as usize, expected.len());
                prop_assert_eq!((meta.compaction.level, meta.compaction.parents.len()), (2, blocks.len()));
            }
            None => prop_assert!(expected.is_empty()),
        }
    }
}

/// Three series of one target, scraped at odd times.
fn target() -> Model {
    let times: Vec<i64> = (0..300i64).map(|i| i * 1000 + i * i % 13).collect();
    let series = |i: u8| {
        times.iter().enumerate().map(move |(n, t)| (*t, (n as u32 * 7 + u32::from(i)) % 100 + 1)).collect()
    };
    [0u8, 2, 4].into_iter().map(|i| (labels(i), series(i))).collect()
}

fn chunks(block: &Block) -> Vec<(Encoding, usize)> {
    let mut ids = vec![];
    block.index().all_postings(&mut ids).unwrap();
    let entries = ids.iter().map(|id| block.index().series(*id).unwrap());
    let metas = entries.flat_map(|e| e.chunks);
    metas
        .map(|c| block.chunk(c.reference).map(|(encoding, bytes)| (encoding, bytes.len())).unwrap())
        .collect()
}

#[test]
fn series_of_a_target_share_their_times() {
    let dir = tempfile::tempdir().unwrap();
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let model = target();
    let field = write(dir.path(), 1, &model);
    let convert = |block: &Block, name, style| {
        let (path, _) =
            merge(&fs, dir.path(), &[block], Ulid::from_parts(name, 0), style).unwrap().expect("samples");
        Block::open(&OsFs, &path).unwrap()
    };
    let dense = convert(&field, 2, Style::dense(Level::Fast));
    assert_eq!(read(&dense), model);
    let sizes = chunks(&dense);
    assert!(sizes.iter().all(|(encoding, _)| *encoding == Encoding::Dense), "{sizes:?}");
    assert!(sizes[1].1 + 100 < sizes[0].1 && sizes[2].1 == sizes[1].1, "{sizes:?}");
    // Again, from chunks that refer to others; and back to what others read.
    assert_eq!(read(&convert(&dense, 3, Style::dense(Level::Small))), model);
    let back = convert(&dense, 4, Style::Field);
    assert_eq!(read(&back), model);
    assert!(chunks(&back).iter().all(|(encoding, _)| *encoding == Encoding::Xor));
}

#[test]
fn without_the_chunk_that_holds_their_times_the_others_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let field = write(dir.path(), 1, &target());
    let dense = Style::dense(Level::Fast);
    let (path, _) = merge(&fs, dir.path(), &[&field], Ulid::from_parts(2, 0), dense).unwrap().unwrap();
    // Inside the first chunk, which holds the times.
    let file = path.join("chunks/000001");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let block = Block::open(&OsFs, &path).unwrap();
    let mut ids = vec![];
    block.index().all_postings(&mut ids).unwrap();
    for id in ids {
        let entry = block.index().series(id).unwrap();
        let read = block.read_chunk(&entry.labels, &entry.chunks[0], &mut Columns::default());
        let error = read.unwrap_err().to_string();
        assert!(error.contains("000001"), "{error}");
    }
}
