use std::path::Path;
use std::sync::Arc;

use metrics_core::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint};
use metrics_core::{FloatHistogram, Histogram, LabelSet, MetricType, STALE_NAN, Span};
use proptest::prelude::*;

use super::*;
use crate::fs::{FileBytes, FileError, Fs, OsFs};

fn options(segment_size: u64, compression: Compression) -> WalOptions {
    WalOptions { segment_size, compression, ..WalOptions::default() }
}

fn open(dir: &Path, segment_size: u64, compression: Compression) -> Wal {
    Wal::open(Arc::new(OsFs), dir, options(segment_size, compression)).unwrap()
}

/// All records up to the first damage.
fn read_all(dir: &Path) -> (Vec<Vec<u8>>, Option<FileError>) {
    let mut records = vec![];
    for segment in segments(&OsFs, dir).unwrap() {
        let mut reader = SegmentReader::open(&OsFs, &segment.path).unwrap();
        loop {
            match reader.next() {
                Ok(Some(record)) => records.push(record.to_vec()),
                Ok(None) => break,
                Err(e) => return (records, Some(e)),
            }
        }
    }
    (records, None)
}

fn read_bytes(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<FileError>) {
    let mut reader = SegmentReader::new(Path::new("00000000"), FileBytes::from(bytes.to_vec()));
    let mut records = vec![];
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push(record.to_vec()),
            Ok(None) => return (records, None),
            Err(e) => return (records, Some(e)),
        }
    }
}

/// Bytes that compress badly or well.
fn noise(len: usize, seed: u64, compressible: bool) -> Vec<u8> {
    let mut x = seed | 1;
    (0..len)
        .map(|i| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            if compressible && i % 16 != 0 { 7 } else { x as u8 }
        })
        .collect()
}

fn histogram(schema: i32) -> Histogram {
    let custom = schema == CUSTOM_BUCKETS_SCHEMA;
    Histogram {
        reset_hint: ResetHint::Gauge,
        schema,
        zero_threshold: if custom { 0.0 } else { 1e-9 },
        zero_count: if custom { 0 } else { 3 },
        count: 17,
        sum: 12.5,
        positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: 3, length: 1 }],
        negative_spans: if custom { vec![] } else { vec![Span { offset: -4, length: 1 }] },
        positive_buckets: vec![5, -2, 1],
        negative_buckets: if custom { vec![] } else { vec![2] },
        custom_values: if custom { vec![0.1, 1.0, 2.5, 5.0, 10.0, 11.0] } else { vec![] },
    }
}

fn compressions() -> Vec<Compression> {
    vec![
        Compression::None,
        Compression::Snappy,
        #[cfg(feature = "zstd")]
        Compression::Zstd,
    ]
}

#[test]
fn records_come_back_whatever_their_length() {
    for compression in compressions() {
        let dir = tempfile::tempdir().unwrap();
        // Lengths around the ends of pages and segments (three pages).
        let lengths = [
            0, 1, 32_753, 32_754, 32_755, 32_760, 32_761, 5, 65_000, 98_282, 98_283, 100, 300_000, 7, 32_747,
            0,
        ];
        let records: Vec<_> =
            lengths.iter().enumerate().map(|(i, n)| noise(*n, i as u64, i % 2 == 0)).collect();
        {
            let mut wal = open(dir.path(), 3 * 32_768, compression);
            for r in &records {
                wal.log(r).unwrap();
                wal.flush().unwrap();
            }
        }
        let (found, error) = read_all(dir.path());
        assert!(error.is_none(), "{error:?}");
        assert_eq!(found, records);
        assert!(segments(&OsFs, dir.path()).unwrap().len() > 2);
    }
}

#[test]
fn a_log_opened_again_goes_on_in_a_new_segment() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..3u8 {
        let mut wal = open(dir.path(), 1 << 20, Compression::None);
        assert_eq!(wal.segment(), u32::from(i));
        wal.log(&[i]).unwrap();
        wal.log(b"dropped").unwrap();
        wal.discard();
        wal.log(&[i, i]).unwrap();
    }
    assert_eq!(read_all(dir.path()).0, [vec![0, 0], vec![1, 1], vec![2, 2]]);
    open(dir.path(), 1 << 20, Compression::None).truncate_before(2).unwrap();
    let left: Vec<_> = segments(&OsFs, dir.path()).unwrap().iter().map(|s| s.number).collect();
    assert_eq!(left, [2, 3]);
}

#[test]
fn a_missing_segment_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    for n in [3, 5] {
        OsFs.create(&segment_path(dir.path(), n)).unwrap();
    }
    assert!(matches!(segments(&OsFs, dir.path()), Err(FileError::Damaged { .. })));
}

/// A segment with records of all sizes and its records.
fn sample_segment() -> (Vec<u8>, Vec<Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<_> =
        [10, 300, 0, 33_001, 4, 200].iter().map(|n| noise(*n, *n as u64, *n % 3 == 0)).collect();
    let mut wal = open(dir.path(), 1 << 20, Compression::Snappy);
    for r in &records {
        wal.log(r).unwrap();
    }
    drop(wal);
    (OsFs.read(&segment_path(dir.path(), 0)).unwrap(), records)
}

#[test]
fn every_torn_tail_leaves_the_records_before_it() {
    let (bytes, records) = sample_segment();
    let mut most = 0;
    for len in 0..=bytes.len() {
        let (found, error) = read_bytes(&bytes[..len]);
        assert_eq!(found, records[..found.len()], "cut at {len}");
        assert!(found.len() >= most, "cut at {len}");
        most = found.len();
        if let Some(e) = error {
            assert!(matches!(e, FileError::Damaged { offset, .. } if offset <= len as u64), "{e}");
        }
    }
    assert_eq!(most, records.len());
}

#[test]
fn every_flipped_byte_is_noticed() {
    let (bytes, records) = sample_segment();
    // All headers and small records, and a sample of the long one.
    for at in (0..bytes.len()).filter(|i| *i < 800 || *i > 32_700 || i % 97 == 0) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let (found, error) = read_bytes(&damaged);
        let e = error.unwrap_or_else(|| panic!("byte {at}: nothing noticed"));
        assert!(found.len() < records.len() && found == records[..found.len()], "byte {at}: {e}");
    }
}

#[test]
fn repair_keeps_what_was_whole() {
    let (bytes, records) = sample_segment();
    for len in [1, 9, 20, 330, 32_768, 33_100, bytes.len() - 1] {
        let dir = tempfile::tempdir().unwrap();
        OsFs.create(&segment_path(dir.path(), 0)).unwrap().append(&bytes[..len]).unwrap();
        OsFs.create(&segment_path(dir.path(), 1)).unwrap().append(&bytes).unwrap();
        let (before, error) = read_all(dir.path());
        repair(&OsFs, dir.path(), error.expect("torn")).unwrap();
        let (after, error) = read_all(dir.path());
        assert!(error.is_none(), "cut at {len}: {error:?}");
        assert_eq!(after, before);
        assert_eq!(after, records[..after.len()]);
        let mut wal = open(dir.path(), 1 << 20, Compression::None);
        assert_eq!(wal.segment(), 1);
        wal.log(b"more").unwrap();
        drop(wal);
        assert_eq!(read_all(dir.path()).0.len(), after.len() + 1);
    }
}

#[test]
fn a_checkpoint_keeps_what_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let labels = |i: u64| LabelSet::from_pairs([("__name__", "m".to_owned()), ("i", i.to_string())]);
    let mut wal = open(dir.path(), 1 << 20, Compression::Snappy);
    let mut record = vec![];
    for i in 0..4u64 {
        let mut log = |put: &mut dyn FnMut(&mut Vec<u8>)| {
            record.clear();
            put(&mut record);
            wal.log(&record).unwrap();
        };
        let (mut exponential, mut custom) = (vec![], vec![]);
        let h = |schema| HistogramSample {
            series: i,
            timestamp: 10 * i as i64,
            histogram: Arc::new(histogram(schema)),
        };
        put_histograms(&mut exponential, &mut custom, &[h(2), h(CUSTOM_BUCKETS_SCHEMA)]);
        log(&mut |r| put_series(r, [(i, &labels(i))]));
        log(&mut |r| put_samples(r, [FloatSample { series: i, timestamp: 10 * i as i64, value: 1.5 }]));
        log(&mut |r| r.extend_from_slice(&exponential));
        log(&mut |r| r.extend_from_slice(&custom));
        log(&mut |r| put_tombstones(r, [Tombstone { series: i, start: 0, end: 10 * i as i64 }]));
        for help in ["old", "new"] {
            let m = MetadataRef {
                series: i,
                metric_type: MetricType::Gauge,
                unit: String::new(),
                help: help.into(),
            };
            log(&mut |r| put_metadata(r, [&m]));
        }
    }
    wal.next_segment().unwrap();
    wal.log(&[RecordKind::Samples as u8]).unwrap();
    for round in 0..2 {
        let to = wal.segment() - 1;
        checkpoint(&fs, dir.path(), to, options(1 << 20, Compression::None), |s| s >= 2, 30).unwrap();
        wal.truncate_before(to + 1).unwrap();
        remove_checkpoints_before(&OsFs, dir.path(), to).unwrap();
        let (path, last) = last_checkpoint(&OsFs, dir.path()).unwrap().unwrap();
        assert_eq!(last, to);
        let (records, error) = read_all(&path);
        assert!(error.is_none());
        let kinds: Vec<_> = records.iter().map(|r| RecordKind::of(r).unwrap()).collect();
        use RecordKind as K;
        assert_eq!(kinds.iter().filter(|k| **k == K::Series).count(), 2, "round {round}: {kinds:?}");
        assert_eq!(kinds.iter().filter(|k| **k == K::Histograms).count(), 1);
        assert_eq!(kinds.iter().filter(|k| **k == K::CustomHistograms).count(), 1);
        assert_eq!(kinds.iter().filter(|k| **k == K::Tombstones).count(), 1);
        let mut samples = vec![];
        let mut metadata = vec![];
        for r in &records {
            match RecordKind::of(r).unwrap() {
                K::DenseSamples => SampleReader::default().read(r, &mut samples).unwrap(),
                K::Metadata => read_metadata(r, &mut metadata).unwrap(),
                _ => {}
            }
        }
        assert_eq!(samples, [FloatSample { series: 3, timestamp: 30, value: 1.5 }]);
        assert_eq!(
            metadata.iter().map(|m| (m.series, m.help.as_str())).collect::<Vec<_>>(),
            [(2, "new"), (3, "new")]
        );
        wal.next_segment().unwrap();
    }
}

fn any_labels() -> impl Strategy<Value = LabelSet> {
    proptest::collection::btree_map("[a-z]{1,8}", "\\PC{1,20}", 0..6).prop_map(LabelSet::from_pairs)
}

proptest! {
    #[test]
    fn float_samples_come_back(
        samples in proptest::collection::vec((any::<u64>(), any::<i64>(), any::<u64>()), 0..50)
    ) {
        let samples: Vec<_> = samples
            .into_iter()
            .map(|(series, timestamp, v)| FloatSample { series, timestamp, value: f64::from_bits(v) })
            .collect();
        let mut record = vec![];
        put_samples(&mut record, samples.iter().copied());
        let mut found = vec![];
        read_samples(&record, &mut found).unwrap();
        let bits = |s: &FloatSample| (s.series, s.timestamp, s.value.to_bits());
        prop_assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), samples.iter().map(bits).collect::<Vec<_>>());
    }

    #[test]
    fn series_and_exemplars_come_back(
        items in proptest::collection::vec((any::<u64>(), any::<i64>(), any_labels()), 0..10)
    ) {
        let series: Vec<_> = items.iter().map(|(r, _, l)| (*r, l.clone())).collect();
        let mut record = vec![];
        put_series(&mut record, series.iter().map(|(r, l)| (*r, l)));
        let mut found = vec![];
        read_series(&record, &mut found).unwrap();
        prop_assert_eq!(&found, &series);

        let exemplars: Vec<_> = items
            .into_iter()
            .map(|(series, timestamp, labels)| ExemplarRef { series, timestamp, value: 0.5, labels })
            .collect();
        record.clear();
        put_exemplars(&mut record, &exemplars);
        let mut found = vec![];
        read_exemplars(&record, &mut found).unwrap();
        prop_assert_eq!(found, exemplars);
    }

    /// No bytes make a decoder panic or take unbounded memory.
    #[test]
    fn garbage_is_an_error(kind in 1u8..14, mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        bytes.insert(0, kind);
        let _ = read_series(&bytes, &mut vec![]);
        let _ = read_samples(&bytes, &mut vec![]);
        let _ = read_histograms(&bytes, &mut vec![]);
        let _ = read_float_histograms(&bytes, &mut vec![]);
        let _ = read_tombstones(&bytes, &mut vec![]);
        let _ = read_exemplars(&bytes, &mut vec![]);
        let _ = read_metadata(&bytes, &mut vec![]);
        let _ = read_mmap_markers(&bytes, &mut vec![]);
    }
}

#[test]
fn histograms_come_back() {
    let samples: Vec<_> = [0, 3, CUSTOM_BUCKETS_SCHEMA, 8]
        .iter()
        .zip(5u64..)
        .map(|(schema, series)| HistogramSample {
            series,
            timestamp: series as i64 * 1000,
            histogram: Arc::new(histogram(*schema)),
        })
        .collect();
    let floats: Vec<_> = samples
        .iter()
        .map(|s| FloatHistogramSample {
            series: s.series,
            timestamp: s.timestamp,
            histogram: Arc::new(s.histogram.to_float()),
        })
        .collect();
    let (mut exponential, mut custom) = (vec![], vec![]);
    put_histograms(&mut exponential, &mut custom, &samples);
    let mut found = vec![];
    read_histograms(&exponential, &mut found).unwrap();
    read_histograms(&custom, &mut found).unwrap();
    found.sort_by_key(|s| s.series);
    assert_eq!(found, samples);

    let (mut exponential, mut custom) = (vec![], vec![]);
    put_float_histograms(&mut exponential, &mut custom, &floats);
    let mut found = vec![];
    read_float_histograms(&exponential, &mut found).unwrap();
    read_float_histograms(&custom, &mut found).unwrap();
    found.sort_by_key(|s| s.series);
    assert_eq!(found, floats);
    for len in 1..exponential.len() {
        // A cut between two samples is a shorter record.
        let _ = read_float_histograms(&exponential[..len], &mut vec![]);
    }
    let unknown = FloatHistogram { schema: 40, ..FloatHistogram::default() };
    let mut exponential = vec![];
    let sample = FloatHistogramSample { series: 1, timestamp: 1, histogram: Arc::new(unknown) };
    put_float_histograms(&mut exponential, &mut vec![], &[sample]);
    let mut found = vec![];
    read_float_histograms(&exponential, &mut found).unwrap();
    assert!(found.is_empty());
}

/// A record of the second version, put together from the field's description.
#[test]
fn start_timestamps_are_stepped_over() {
    let mut record = vec![RecordKind::SamplesV2 as u8];
    let value = 2.5f64.to_bits().to_be_bytes();
    record.extend([10, 200, 1, 0]); // reference 5, time 100, no start
    record.extend(value);
    record.extend([2, 2, 0]); // reference +1, time +1, no start
    record.extend(value);
    record.extend([2, 3, 2, 6]); // reference +1, time −2, start explicit
    record.extend(STALE_NAN.to_bits().to_be_bytes());
    let mut found = vec![];
    read_samples(&record, &mut found).unwrap();
    let places: Vec<_> = found.iter().map(|s| (s.series, s.timestamp)).collect();
    assert_eq!(places, [(5, 100), (6, 101), (7, 98)]);
    assert!(metrics_core::is_stale(found[2].value));
}

/// The field's `tsdb dump` reads the log too.
#[test]
#[allow(clippy::print_stdout)] // says what was skipped
fn the_field_reads_our_log() {
    let promtool = "/opt/peers/usr/bin/promtool";
    if !Path::new(promtool).exists() {
        println!("skipped: {promtool} is not installed");
        return;
    }
    for compression in compressions() {
        let dir = tempfile::tempdir().unwrap();
        let mut wal = open(&dir.path().join("wal"), 1 << 20, compression);
        let names: Vec<_> = (0..200u64)
            .map(|i| {
                (i + 1, LabelSet::from_pairs([("__name__", format!("metric_{i:03}")), ("job", "a b".into())]))
            })
            .collect();
        let mut record = vec![];
        put_series(&mut record, names.iter().map(|(r, l)| (*r, l)));
        wal.log(&record).unwrap();
        let mut expected = vec![];
        for t in 1..50 {
            record.clear();
            let sample = |series| FloatSample {
                series,
                timestamp: t * 1000 + series as i64 % 3,
                value: t as f64 / 2.0,
            };
            let samples: Vec<_> = names.iter().map(|(r, _)| sample(*r)).collect();
            expected.extend(samples.iter().map(|s| {
                format!(
                    "{{__name__=\"metric_{:03}\", job=\"a b\"}} {} {}",
                    s.series - 1,
                    s.value,
                    s.timestamp
                )
            }));
            put_samples(&mut record, samples);
            wal.log(&record).unwrap();
        }
        drop(wal);
        let output =
            std::process::Command::new(promtool).args(["tsdb", "dump"]).arg(dir.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let mut found: Vec<_> = text.lines().map(str::to_owned).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found.len(), expected.len(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(found, expected, "{compression:?}");
    }
}
