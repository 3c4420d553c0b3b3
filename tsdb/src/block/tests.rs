#![allow(clippy::print_stdout)] // says what was skipped

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use metrics_core::{Columns, LabelSet};

use super::*;
use crate::chunk::Encoding;
use crate::chunk::xor::XorAppender;
use crate::fs::{Fs, OsFs};

type Model = BTreeMap<LabelSet, Vec<(i64, f64)>>;

fn model(series: usize, samples: usize) -> Model {
    (0..series)
        .map(|i| {
            let labels = LabelSet::from_pairs([
                ("__name__".to_owned(), format!("metric_{}", i % 3)),
                ("i".to_owned(), i.to_string()),
                ("shared".to_owned(), "ü x".to_owned()),
            ]);
            let samples =
                (0..samples).map(|j| (j as i64 * 15_000 + i as i64, (i * j) as f64 / 8.0)).collect();
            (labels, samples)
        })
        .collect()
}

fn symbols(model: &Model) -> BTreeSet<&str> {
    model.keys().flat_map(|l| l.iter().flat_map(|(n, v)| [n, v])).collect()
}

fn write(dir: &Path, model: &Model) -> PathBuf {
    let end = model.values().flatten().map(|(t, _)| t + 1).max().unwrap_or(0);
    let meta = BlockMeta::new(Ulid::at(1_700_000_000_000), 0, end);
    let mut writer = BlockWriter::create(Arc::new(OsFs), dir, meta, symbols(model)).unwrap();
    for (labels, samples) in model {
        let chunks: Vec<_> = samples
            .chunks(120)
            .map(|part| {
                let mut chunk = XorAppender::new();
                for (t, v) in part {
                    chunk.append(*t, *v).unwrap();
                }
                (part[0].0, part[part.len() - 1].0, chunk.finish())
            })
            .collect();
        let data: Vec<_> = chunks
            .iter()
            .map(|(min_time, max_time, bytes)| ChunkData {
                min_time: *min_time,
                max_time: *max_time,
                encoding: Encoding::Xor,
                bytes,
            })
            .collect();
        writer.add_series(labels, &data).unwrap();
    }
    writer.finish().unwrap().0
}

/// Everything in a block, through the list of all series.
fn read(dir: &Path) -> Result<Model, BlockError> {
    let block = Block::open(&OsFs, dir)?;
    let mut ids = vec![];
    block.index().all_postings(&mut ids)?;
    let mut model = Model::new();
    for id in ids {
        let entry = block.index().series(id)?;
        let mut columns = Columns::default();
        for chunk in &entry.chunks {
            block.read_chunk(&entry.labels, chunk, &mut columns)?;
        }
        let samples = columns.floats.timestamps.into_iter().zip(columns.floats.values).collect();
        model.insert(entry.labels, samples);
    }
    // Walks the rest of the index too.
    for name in block.index().label_names() {
        for value in block.index().label_values(name) {
            block.index().read_postings(value?.postings, &mut vec![])?;
        }
    }
    Ok(model)
}

#[test]
fn a_block_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(100, 300);
    let path = write(dir.path(), &model);
    assert_eq!(read(&path).unwrap(), model);

    let block = Block::open(&OsFs, &path).unwrap();
    let stats = block.meta().stats;
    assert_eq!((stats.num_series, stats.num_chunks, stats.num_samples), (100, 300, 30_000));
    let index = block.index();
    assert_eq!(index.label_names().collect::<Vec<_>>(), ["__name__", "i", "shared"]);
    let values: Vec<_> = index.label_values("i").map(|v| v.unwrap().value.to_owned()).collect();
    let expected: BTreeSet<_> = (0..100).map(|i| i.to_string()).collect();
    assert_eq!(values, expected.into_iter().collect::<Vec<_>>());
    assert_eq!((index.label_value_count("i"), index.label_value_count("none")), (100, 0));
    assert_eq!(index.symbols().map(|s| s.unwrap()).collect::<BTreeSet<_>>(), symbols(&model));
    for (name, value) in [("__name__", "metric_1"), ("i", "7"), ("shared", "ü x"), ("i", "100"), ("no", "")]
    {
        let mut ids = vec![];
        if let Some(list) = index.postings(name, value).unwrap() {
            index.read_postings(list, &mut ids).unwrap();
            assert_eq!(index.postings_len(list).unwrap(), ids.len());
        }
        let found: Vec<_> = ids.iter().map(|id| index.labels(*id).unwrap()).collect();
        let expected: Vec<_> = model.keys().filter(|l| l.get(name) == Some(value)).cloned().collect();
        assert_eq!(found, expected, "{name}={value}");
    }
    let leftovers: Vec<_> = OsFs.list(dir.path()).unwrap();
    assert_eq!(leftovers, [block.meta().ulid.to_string()]);
    remove_block(&OsFs, &path).unwrap();
    assert!(OsFs.list(dir.path()).unwrap().is_empty());
}

#[test]
fn chunk_files_are_cut_at_their_size() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = ChunkWriter::create(Arc::new(OsFs), dir.path()).unwrap().file_size(1000);
    let written: Vec<_> = (0..50u8)
        .map(|i| {
            let data = vec![i; usize::from(i) * 7];
            (writer.write(Encoding::Xor, &data).unwrap(), data)
        })
        .collect();
    writer.finish().unwrap();
    let reader = ChunkReader::open(&OsFs, dir.path()).unwrap();
    assert!(OsFs.list(dir.path()).unwrap().len() > 5);
    for (reference, data) in written {
        assert_eq!(reader.chunk(reference).unwrap(), (Encoding::Xor, &*data));
    }
    for reference in [0, 7, 9, 990, 99 << 32, u64::MAX] {
        assert!(reader.chunk(reference).is_err(), "{reference}");
    }
}

#[test]
fn disorder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let create = |symbols: &[&'static str]| {
        BlockWriter::create(Arc::new(OsFs), dir.path(), BlockMeta::new(Ulid::at(1), 0, 1), symbols.to_vec())
    };
    assert!(matches!(create(&["b", "a"]), Err(BlockError::SymbolOrder { .. })));
    let mut writer = create(&["a", "b", "c"]).unwrap();
    let chunk =
        |min_time, max_time| ChunkData { min_time, max_time, encoding: Encoding::Xor, bytes: &[0, 0] };
    let b = LabelSet::from_pairs([("a", "b")]);
    writer.add_series(&b, &[chunk(1, 2), chunk(3, 3)]).unwrap();
    assert!(matches!(writer.add_series(&b, &[chunk(1, 2)]), Err(BlockError::SeriesOrder { .. })));
    let c = LabelSet::from_pairs([("a", "c")]);
    assert!(matches!(
        writer.add_series(&c, &[chunk(1, 2), chunk(2, 3)]),
        Err(BlockError::ChunkOrder { min_time: 2, .. })
    ));
    let d = LabelSet::from_pairs([("a", "d")]);
    assert!(matches!(writer.add_series(&d, &[chunk(1, 2)]), Err(BlockError::UnknownSymbol { .. })));
    drop(writer);
    assert!(OsFs.list(dir.path()).unwrap().is_empty());
}

/// Calls `check` with a block of which one file is replaced, for each way to damage it.
fn with_damage(file: &str, damages: impl Fn(&[u8]) -> Vec<Vec<u8>>, check: impl Fn(&Path, usize, &Model)) {
    let dir = tempfile::tempdir().unwrap();
    let model = model(4, 30);
    let path = write(dir.path(), &model);
    let target = path.join(file);
    let bytes = OsFs.read(&target).unwrap();
    for (i, damaged) in damages(&bytes).into_iter().enumerate() {
        OsFs.create(&target).unwrap().append(&damaged).unwrap();
        check(&path, i, &model);
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for file in ["index", "chunks/000001", "meta.json", "tombstones"] {
        let cuts = |bytes: &[u8]| (0..bytes.len()).map(|n| bytes[..n].to_vec()).collect();
        with_damage(file, cuts, |path, n, _| {
            let error = read(path).expect_err(&format!("{file} cut at {n}"));
            assert!(error.to_string().contains(file), "{error}");
        });
    }
}

#[test]
fn a_flipped_byte_is_an_error_or_harmless() {
    for file in ["index", "chunks/000001", "tombstones"] {
        let flips = |bytes: &[u8]| {
            let flip = |i: usize| {
                let mut damaged = bytes.to_vec();
                damaged[i] ^= 0x24;
                damaged
            };
            (0..bytes.len()).map(flip).collect()
        };
        with_damage(file, flips, |path, n, model| {
            // Padding and the references that nobody follows are not covered by checksums.
            if let Ok(found) = read(path) {
                assert_eq!(found, *model, "{file} byte {n}");
            }
        });
    }
}

/// Version 1 of the index, as old releases wrote it: symbols by place, a table that is not sorted, series by place.
#[test]
fn the_first_version_of_the_index_is_read() {
    use crate::codec::{put_bytes, put_uvarint, put_varint};
    let section = |file: &mut Vec<u8>, body: &[u8]| {
        let at = file.len() as u64;
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(body);
        file.extend(crc32c::crc32c(body).to_be_bytes());
        at
    };
    let mut file = vec![0xBA, 0xAA, 0xD7, 0x00, 1];
    let mut places = BTreeMap::new();
    let mut body = 4u32.to_be_bytes().to_vec();
    for symbol in ["a", "b", "x", "y"] {
        places.insert(symbol, (file.len() + 4 + body.len()) as u64);
        put_bytes(&mut body, symbol.as_bytes());
    }
    let symbols_at = section(&mut file, &body);
    let series_at = file.len() as u64;
    let mut ids = vec![];
    for (a, b) in [("x", "y"), ("y", "x")] {
        let mut entry = vec![2];
        for symbol in ["a", a, "b", b] {
            put_uvarint(&mut entry, places[symbol]);
        }
        entry.push(1);
        put_varint(&mut entry, -5);
        put_uvarint(&mut entry, 10);
        put_uvarint(&mut entry, 8);
        ids.push(file.len() as u32);
        put_bytes(&mut file, &entry);
        file.extend(crc32c::crc32c(&entry).to_be_bytes());
    }
    let mut table = 5u32.to_be_bytes().to_vec();
    for (name, value, list) in [
        ("b", "y", &ids[..1]),
        ("a", "y", &ids[1..]),
        ("", "", &ids[..]),
        ("a", "x", &ids[..1]),
        ("b", "x", &ids[1..]),
    ] {
        let mut body = (list.len() as u32).to_be_bytes().to_vec();
        body.extend(list.iter().flat_map(|id| id.to_be_bytes()));
        let at = section(&mut file, &body);
        table.push(2);
        put_bytes(&mut table, name.as_bytes());
        put_bytes(&mut table, value.as_bytes());
        put_uvarint(&mut table, at);
    }
    let table_at = section(&mut file, &table);
    let contents: Vec<u8> =
        [symbols_at, series_at, 0, 0, 0, table_at].iter().flat_map(|at| at.to_be_bytes()).collect();
    file.extend(&contents);
    file.extend(crc32c::crc32c(&contents).to_be_bytes());

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    OsFs.create(&path).unwrap().append(&file).unwrap();
    let index = Index::open(&OsFs, &path).unwrap();
    let values: Vec<_> = index.label_values("a").map(|v| v.unwrap().value).collect();
    assert_eq!(values, ["x", "y"]);
    let mut found = vec![];
    index.read_postings(index.postings("b", "x").unwrap().unwrap(), &mut found).unwrap();
    assert_eq!(found, ids[1..]);
    let entry = index.series(found[0]).unwrap();
    assert_eq!(entry.labels, LabelSet::from_pairs([("a", "y"), ("b", "x")]));
    assert_eq!(entry.chunks, [ChunkMeta { reference: 8, min_time: -5, max_time: 5 }]);
    let mut all = vec![];
    index.all_postings(&mut all).unwrap();
    assert_eq!(all, ids);
}

const PROMTOOL: &str = "/opt/peers/usr/bin/promtool";
const PROMBENCH: &str = "/opt/peers/bin/prombench";

/// Runs a program of the field; `None`, said aloud, where it is not installed.
fn peer(program: &str, args: &[&str]) -> Option<String> {
    if !Path::new(program).exists() {
        println!("skipped: {program} is not installed");
        return None;
    }
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

/// What the field's `tsdb dump` says of a directory, in order.
fn dump(dir: &Path) -> Option<Vec<String>> {
    // The program insists on a log.
    OsFs.create_dir_all(&dir.join("wal")).unwrap();
    let text = peer(PROMTOOL, &["tsdb", "dump", dir.to_str().unwrap()])?;
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Some(lines)
}

/// The same of a model.
fn lines(model: &Model) -> Vec<String> {
    let mut lines = vec![];
    for (labels, samples) in model {
        let labels: Vec<_> = labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
        for (t, v) in samples {
            lines.push(format!("{{{}}} {} {t}", labels.join(", "), go_number(*v)));
        }
    }
    lines.sort_unstable();
    lines
}

/// Go's shortest form: an exponent below 1e-4 and from 1e21.
fn go_number(v: f64) -> String {
    if v == 0.0 || (1e-4..1e21).contains(&v.abs()) {
        return v.to_string();
    }
    let text = format!("{v:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap();
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[test]
fn the_field_reads_our_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(50, 500);
    let path = write(dir.path(), &model);
    let ulid = path.file_name().unwrap().to_str().unwrap().to_owned();
    let dir_name = dir.path().to_str().unwrap();
    let Some(list) = peer(PROMTOOL, &["tsdb", "list", dir_name]) else { return };
    assert!(list.contains(&ulid) && list.contains("25000"), "{list}");
    let analysis = peer(PROMTOOL, &["tsdb", "analyze", dir_name]).unwrap();
    assert!(analysis.contains(&ulid) && analysis.contains("Total Series: 50"), "{analysis}");
    assert_eq!(dump(dir.path()).unwrap(), lines(&model));
}

#[test]
fn we_read_blocks_of_the_field() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("data");
    let args = ["mkblock", "-hosts", "3", "-T", "40", "-scrapes", "400", "-dir", target.to_str().unwrap()];
    if peer(PROMBENCH, &args).is_none() {
        return;
    }
    let ulids = OsFs.list(&target).unwrap();
    let block = ulids.iter().find(|name| name.parse::<Ulid>().is_ok()).unwrap();
    let found = read(&target.join(block)).unwrap();
    assert_eq!(found.len(), 120);
    assert_eq!(lines(&found), dump(&target).unwrap());
}

#[test]
fn the_field_reads_our_histograms() {
    use metrics_core::histogram::CUSTOM_BUCKETS_SCHEMA;
    use metrics_core::{Histogram, STALE_NAN, Span, Value};

    let dir = tempfile::tempdir().unwrap();
    let exponential = |i: i64| {
        // Buckets join as counts grow.
        let n = 2 + i as usize / 20;
        Histogram {
            schema: 2,
            zero_threshold: 1e-128,
            zero_count: i as u64,
            count: (n as i64 * i) as u64 + i as u64,
            sum: i as f64 * 1.5,
            positive_spans: vec![Span { offset: -3, length: n as u32 }],
            positive_buckets: std::iter::once(i).chain(std::iter::repeat_n(0, n - 1)).collect(),
            ..Histogram::default()
        }
    };
    let custom = |i: i64| Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 3 * i as u64,
        sum: i as f64,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![i, i],
        custom_values: vec![0.25, 1.0, 10.0],
        ..Histogram::default()
    };
    let stale = Histogram { sum: STALE_NAN, ..Histogram::default() };
    let samples = |name: &str| -> Vec<Value> {
        let shape = |i| if name.ends_with("custom") { custom(i) } else { exponential(i) };
        let mut all: Vec<_> = (1..200).map(shape).collect();
        all.extend([stale.clone(), shape(3)]);
        let value = |h: Histogram| {
            if name.starts_with("float") {
                Value::FloatHistogram(Arc::new(h.to_float()))
            } else {
                Value::Histogram(Arc::new(h))
            }
        };
        all.into_iter().map(value).collect()
    };
    let names = ["float", "float_custom", "integer", "integer_custom"];
    let symbols: BTreeSet<_> = names.into_iter().chain(["__name__"]).collect();
    let meta = BlockMeta::new(Ulid::at(1), 0, 1_000_000);
    let mut writer = BlockWriter::create(Arc::new(OsFs), dir.path(), meta, symbols).unwrap();
    let mut expected = vec![];
    for name in names {
        let mut encoder = crate::chunk::ChunkEncoder::new(120);
        for (t, value) in samples(name).into_iter().zip(1..).map(|(value, i)| (i * 1000, value)) {
            encoder.push(t, &value).unwrap();
            let text = match &value {
                Value::Histogram(h) => h.to_float().to_string(),
                Value::FloatHistogram(h) => h.to_string(),
                _ => unreachable!("only histograms here"),
            };
            // The field's dump loses the first sample of histograms while it looks for floats, and one more while it
            // looks for float histograms.
            if t > if name.starts_with("float") { 1000 } else { 2000 } {
                expected.push(format!("{{__name__={name:?}}} {text} {t}"));
            }
        }
        let chunks = encoder.finish();
        let data: Vec<_> = chunks.iter().map(|c| c.as_data()).collect();
        writer.add_series(&LabelSet::from_pairs([("__name__", name)]), &data).unwrap();
    }
    writer.finish().unwrap();
    expected.sort_unstable();
    let Some(found) = dump(dir.path()) else { return };
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}
