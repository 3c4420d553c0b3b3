use std::sync::Arc;

use metrics_core::STALE_NAN;
use proptest::prelude::*;

use super::super::{
    FloatSample, LogStyle, RecordKind, SampleReader, SegmentReader, Wal, WalOptions, checkpoint,
    last_checkpoint, segments,
};
use super::*;
use crate::fs::OsFs;

fn sample(series: u64, timestamp: i64, value: f64) -> FloatSample {
    FloatSample { series, timestamp, value }
}

fn bits(samples: &[FloatSample]) -> Vec<(u64, i64, u64)> {
    samples.iter().map(|s| (s.series, s.timestamp, s.value.to_bits())).collect()
}

fn dense(segment_size: u64) -> WalOptions {
    WalOptions { segment_size, style: LogStyle::Dense, ..WalOptions::default() }
}

/// All samples of a log, segment by segment.
fn read_log(dir: &std::path::Path) -> Vec<FloatSample> {
    let (mut reader, mut samples) = (SampleReader::default(), Vec::new());
    for segment in segments(&OsFs, dir).unwrap() {
        let mut records = SegmentReader::open(&OsFs, &segment.path).unwrap();
        reader.begin_segment();
        while let Some(record) = records.next().unwrap() {
            reader.read(record, &mut samples).unwrap();
        }
    }
    samples
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0i64..300).prop_map(|n| n as f64),
        3 => (0i64..100_000, 0u8..5).prop_map(|(n, e)| float(n, e)),
        1 => any::<i64>().prop_map(|n| n as f64),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(STALE_NAN),
        1 => Just(-0.0),
    ]
}

/// Samples of a batch: stretches of neighbours, and single ones anywhere.
fn batch() -> impl Strategy<Value = Vec<FloatSample>> {
    let stretch = (
        prop_oneof![0u64..200, (u64::MAX - 50)..=u64::MAX],
        any::<i64>(),
        proptest::collection::vec(value(), 1..80),
    );
    let samples = |(first, time, values): (u64, i64, Vec<f64>)| {
        let each = move |(i, v): (usize, &f64)| sample(first.wrapping_add(i as u64), time, *v);
        values.iter().enumerate().map(each).collect::<Vec<_>>()
    };
    proptest::collection::vec(stretch.prop_map(samples), 1..4).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever is dropped in between, whenever segments and styles change: what was flushed comes back to the bit.
    #[test]
    fn samples_come_back(batches in proptest::collection::vec((batch(), 0u8..10), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut wal = Wal::open(Arc::new(OsFs), dir.path(), dense(32 * 1024)).unwrap();
        let mut expected = Vec::new();
        for (samples, fate) in batches {
            wal.log_samples(&samples).unwrap();
            match fate {
                0 => wal.discard(),
                1 => {
                    wal.next_segment().unwrap();
                    expected.extend(samples);
                }
                2 => {
                    drop(wal);
                    expected.extend(samples);
                    let style = if expected.len() % 2 == 0 { LogStyle::Field } else { LogStyle::Dense };
                    let options = WalOptions { style, ..dense(32 * 1024) };
                    wal = Wal::open(Arc::new(OsFs), dir.path(), options).unwrap();
                }
                _ => {
                    wal.flush().unwrap();
                    expected.extend(samples);
                }
            }
        }
        drop(wal);
        prop_assert_eq!(bits(&read_log(dir.path())), bits(&expected));
    }

    #[test]
    fn damaged_records_are_refused_or_read(mut batches in proptest::collection::vec(batch(), 1..4), at: usize, byte: u8) {
        let (mut encoder, mut decoder) = (DenseEncoder::default(), DenseDecoder::default());
        let mut into = Vec::new();
        for samples in &mut batches {
            let mut record = Vec::new();
            encoder.encode(&mut record, samples);
            let at = at % record.len();
            record[at] = byte;
            let _ = decoder.decode(&record, &mut into);
            let _ = decoder.decode(&record[..at], &mut into);
        }
    }
}

/// The mixture that scrapes bring: counters, gauges with two digits, constants, and noise.
#[test]
fn a_scrape_takes_three_bytes_a_sample() {
    let mut encoder = DenseEncoder::default();
    let mut len = 0;
    for scrape in 0..100u64 {
        let value = |i: u64| match i % 20 {
            0..12 => (i * 1000 + scrape * (i * 37 % 2000)) as f64,
            12..15 => (5000 + (scrape * 7919 + i) % 200) as f64 / 100.0,
            15..19 => (i * 12_345) as f64,
            _ => f64::from_bits(0x4050_0000_0000_0000 | (scrape * i).wrapping_mul(0x9e37_79b9_7f4a) >> 12),
        };
        let samples: Vec<_> = (1..=1000).map(|i| sample(i, scrape as i64 * 15_000, value(i))).collect();
        let mut record = Vec::new();
        encoder.encode(&mut record, &samples);
        len += record.len();
    }
    let per_sample = len as f64 / 100_000.0;
    assert!((1.0..3.0).contains(&per_sample), "{per_sample}");
}

#[test]
fn values_take_the_bytes_that_the_format_says() {
    let mut encoder = DenseEncoder::default();
    let mut lengths = vec![];
    for value in [5.0, 5.0, 6.0, 5.5, 5.6, STALE_NAN, STALE_NAN, 7.25, -1e300] {
        let mut record = Vec::new();
        encoder.encode(&mut record, &[sample(1, 0, value)]);
        // Kind, flags, count, time, reference, code.
        lengths.push(record.len() - 6);
    }
    assert_eq!(lengths, [2, 0, 1, 2, 1, 8, 0, 3, 8]);
}

#[test]
fn after_a_record_that_makes_no_sense_differences_wait_for_a_fresh_start() {
    let (mut encoder, mut decoder) = (DenseEncoder::default(), DenseDecoder::default());
    let mut records = vec![];
    for (i, value) in [1.0, 2.0, 3.0, 4.0].into_iter().enumerate() {
        if i == 3 {
            encoder.forget();
        }
        let mut record = Vec::new();
        encoder.encode(&mut record, &[sample(1, i as i64, value)]);
        records.push(record);
    }
    records[1].pop();
    let mut into = Vec::new();
    let results: Vec<bool> = records.iter().map(|r| decoder.decode(r, &mut into).is_ok()).collect();
    assert_eq!(results, [true, false, false, true]);
    assert_eq!(bits(&into), bits(&[sample(1, 0, 1.0), sample(1, 3, 4.0)]));
}

#[test]
fn checkpoints_keep_the_style_and_the_values() {
    let dir = tempfile::tempdir().unwrap();
    let fs: Arc<dyn crate::fs::Fs> = Arc::new(OsFs);
    let mut wal = Wal::open(fs.clone(), dir.path(), dense(32 * 1024)).unwrap();
    for t in 0..300 {
        let samples: Vec<_> = (0..100).map(|s| sample(s, t, (s as i64 * t) as f64 / 10.0)).collect();
        wal.log_samples(&samples).unwrap();
        wal.flush().unwrap();
    }
    let to = wal.next_segment().unwrap() - 1;
    checkpoint(&fs, dir.path(), to, dense(1 << 20), |_| true, 200).unwrap();
    let (path, _) = last_checkpoint(&OsFs, dir.path()).unwrap().unwrap();
    let expected: Vec<_> = read_log(dir.path()).into_iter().filter(|s| s.timestamp >= 200).collect();
    assert_eq!(expected.len(), 100 * 100);
    assert_eq!(bits(&read_log(&path)), bits(&expected));
    let segment = &segments(&OsFs, &path).unwrap()[0];
    let mut records = SegmentReader::open(&OsFs, &segment.path).unwrap();
    let kind = RecordKind::of(records.next().unwrap().unwrap());
    assert_eq!(kind, Some(RecordKind::DenseSamples));
}
