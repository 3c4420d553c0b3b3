use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use metrics_core::{Columns, Histogram, LabelSet, Span, Value};
use proptest::prelude::*;

use super::*;
use crate::block::{Block, BlockMeta, BlockWriter, Tombstones, Ulid};
use crate::chunk::ChunkEncoder;
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
        let style = if dense { Style::Dense { samples_per_chunk: 1000 } } else { Style::Field };
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
