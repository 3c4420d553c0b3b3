use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_core::histogram::{CUSTOM_BUCKETS_SCHEMA, Indexes, ResetHint};
use metrics_core::{Columns, FloatHistogram, Histogram, STALE_NAN, Span};
use proptest::prelude::*;

use super::*;
use crate::chunk::{decode, sample_count};

fn span(offset: i32, length: u32) -> Span {
    Span { offset, length }
}

/// A histogram with absolute counts at bucket indexes.
fn histogram(hint: ResetHint, positive: &BTreeMap<i32, u32>, negative: &BTreeMap<i32, u32>) -> Histogram {
    let side = |buckets: &BTreeMap<i32, u32>| {
        let (mut spans, mut deltas): (Vec<Span>, Vec<i64>) = (vec![], vec![]);
        let (mut next, mut before) = (0, 0);
        for (index, count) in buckets {
            match spans.last_mut() {
                Some(last) if *index == next => last.length += 1,
                _ => spans.push(span(index - next, 1)),
            }
            next = index + 1;
            deltas.push(i64::from(*count) - before);
            before = i64::from(*count);
        }
        (spans, deltas)
    };
    let (positive_spans, positive_buckets) = side(positive);
    let (negative_spans, negative_buckets) = side(negative);
    let total = |b: &BTreeMap<i32, u32>| b.values().map(|c| u64::from(*c)).sum::<u64>();
    Histogram {
        reset_hint: hint,
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 2,
        count: total(positive) + total(negative) + 2,
        sum: total(positive) as f64 * 0.75,
        positive_spans,
        negative_spans,
        positive_buckets,
        negative_buckets,
        custom_values: vec![],
    }
}

type Buckets = Vec<(i32, f64)>;

/// Counts that are not zero, by index: what a histogram says whatever its layout.
fn content(h: &FloatHistogram) -> (Buckets, Buckets, u64, u64) {
    let side = |spans: &[Span], counts: &[f64]| -> Buckets {
        Indexes::new(spans).zip(counts.iter().copied()).filter(|(_, c)| *c != 0.0).collect()
    };
    (
        side(&h.positive_spans, &h.positive_buckets),
        side(&h.negative_spans, &h.negative_buckets),
        h.count.to_bits(),
        h.sum.to_bits(),
    )
}

fn encode(samples: &[(i64, Value)]) -> Vec<EncodedChunk> {
    let mut encoder = ChunkEncoder::new(120);
    for (t, v) in samples {
        encoder.push(*t, v).unwrap();
    }
    encoder.finish()
}

fn read(chunks: &[EncodedChunk]) -> Columns {
    let mut columns = Columns::default();
    for c in chunks {
        decode(c.encoding, &c.bytes, &mut columns).unwrap();
        let count = usize::from(sample_count(&c.bytes).unwrap());
        let times =
            if c.encoding.is_float() { &columns.floats.timestamps } else { &columns.histograms.timestamps };
        let own = &times[times.len() - count..];
        assert_eq!((own.first(), own.last()), (Some(&c.min_time), Some(&c.max_time)));
    }
    columns
}

fn buckets() -> impl Strategy<Value = BTreeMap<i32, u32>> {
    proptest::collection::btree_map(-20i32..20, 0u32..1000, 0..8)
}

fn hints() -> impl Strategy<Value = ResetHint> {
    prop_oneof![
        Just(ResetHint::Unknown),
        Just(ResetHint::Unknown),
        Just(ResetHint::Reset),
        Just(ResetHint::Gauge)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_pushed_comes_back(
        items in proptest::collection::vec((buckets(), buckets(), hints(), 0u8..12, 1i64..100_000), 1..60),
        floats in any::<bool>(),
    ) {
        let mut t = 1_700_000_000_000;
        let mut grown: (BTreeMap<i32, u32>, BTreeMap<i32, u32>) = Default::default();
        let mut samples = vec![];
        for (positive, negative, hint, choice, step) in items {
            t += step;
            // Mostly counters that grow, so that chunks hold more than one.
            for (into, from) in [(&mut grown.0, &positive), (&mut grown.1, &negative)] {
                for (index, count) in from {
                    *into.entry(*index).or_default() += count;
                }
            }
            let h = match choice {
                0 => histogram(hint, &positive, &negative),
                1 => Histogram { sum: STALE_NAN, ..Histogram::default() },
                _ => histogram(ResetHint::Unknown, &grown.0, &grown.1),
            };
            let float = Arc::new(h.to_float());
            samples.push((t, if floats { Value::FloatHistogram(float) } else { Value::Histogram(Arc::new(h)) }));
        }
        let chunks = encode(&samples);
        let columns = read(&chunks);
        let times: Vec<_> = samples.iter().map(|(t, _)| *t).collect();
        prop_assert_eq!(&columns.histograms.timestamps, &times);
        for ((_, value), found) in samples.iter().zip(&columns.histograms.values) {
            let expected = match value {
                Value::Histogram(h) => h.to_float(),
                Value::FloatHistogram(h) => (**h).clone(),
                _ => unreachable!("only histograms here"),
            };
            prop_assert_eq!(content(found), content(&expected));
        }
        // No cut and no flipped byte makes a reader panic.
        let bytes = &chunks[0].bytes;
        for len in 0..bytes.len() {
            let mut columns = Columns::default();
            if decode(chunks[0].encoding, &bytes[..len], &mut columns).is_ok() {
                let count = usize::from(sample_count(bytes).unwrap());
                prop_assert_eq!(columns.histograms.timestamps.len(), if len == 0 { 0 } else { count });
            }
            let mut flipped = bytes.clone();
            flipped[len] ^= 0x5a;
            let _ = decode(chunks[0].encoding, &flipped, &mut Columns::default());
        }
    }
}

#[test]
fn new_buckets_join_a_chunk_and_resets_split_it() {
    let map = |items: &[(i32, u32)]| items.iter().copied().collect::<BTreeMap<_, _>>();
    let none = BTreeMap::new();
    let h = |items: &[(i32, u32)], hint| Value::Histogram(Arc::new(histogram(hint, &map(items), &none)));
    let unknown = ResetHint::Unknown;
    let samples = [
        (1, h(&[(0, 5)], unknown)),
        (2, h(&[(0, 5), (3, 1)], unknown)),
        (3, h(&[(-1, 2), (0, 6), (3, 1)], unknown)),
        // The bucket at 0 fell.
        (4, h(&[(-1, 9), (0, 1), (3, 9)], unknown)),
        (5, h(&[(0, 20), (-1, 20), (3, 20)], ResetHint::Reset)),
        (6, h(&[(0, 1)], ResetHint::Gauge)),
        (7, h(&[(5, 1)], ResetHint::Gauge)),
    ];
    let chunks = encode(&samples);
    let flags: Vec<_> = chunks.iter().map(|c| (sample_count(&c.bytes).unwrap(), c.bytes[2])).collect();
    assert_eq!(flags, [(3, 0), (1, 0b1000_0000), (1, 0b1000_0000), (2, 0b1100_0000)]);
    let columns = read(&chunks);
    let hints: Vec<_> = columns.histograms.values.iter().map(|h| h.reset_hint).collect();
    use ResetHint::{Gauge, NotReset, Unknown};
    assert_eq!(hints, [Unknown, NotReset, NotReset, Unknown, Unknown, Gauge, Gauge]);
    assert_eq!(columns.histograms.values[0].positive_spans, [span(-1, 2), span(2, 1)]);
    assert_eq!(columns.histograms.values[6].positive_spans, [span(0, 1), span(4, 1)]);
}

#[test]
fn kinds_alternate_and_full_chunks_are_followed() {
    let custom = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 3,
        sum: 1.0,
        positive_spans: vec![span(0, 3)],
        positive_buckets: vec![1, 0, 0],
        custom_values: vec![-1.0, 0.005, 33_554.43, 1e9, 0.1 + 0.2],
        ..Histogram::default()
    };
    let value = Value::Histogram(Arc::new(custom.clone()));
    let mut samples: Vec<_> = (0..150).map(|i| (i, value.clone())).collect();
    samples.push((150, Value::Float(1.0)));
    samples.push((151, Value::FloatHistogram(Arc::new(custom.to_float()))));
    samples.push((152, value));
    let chunks = encode(&samples);
    let shape: Vec<_> = chunks.iter().map(|c| (c.encoding, sample_count(&c.bytes).unwrap())).collect();
    let (integers, floats) = (Encoding::Histogram, Encoding::FloatHistogram);
    assert_eq!(shape, [(integers, 120), (integers, 30), (Encoding::Xor, 1), (floats, 1), (integers, 1)]);
    // The second continues the first; behind another kind nothing is known.
    assert_eq!(chunks.iter().map(|c| c.bytes[2]).collect::<Vec<_>>()[1], 0b0100_0000);
    assert_eq!(chunks[4].bytes[2], 0);
    let columns = read(&chunks);
    assert_eq!(columns.histograms.values.len(), 152);
    assert_eq!(columns.histograms.values[151].custom_values, custom.custom_values);
    assert_eq!(columns.floats.values, [1.0]);
}

#[test]
fn start_timestamps_are_stepped_over() {
    let h = histogram(ResetHint::Gauge, &BTreeMap::from([(0, 5), (3, 7)]), &BTreeMap::new());
    for (value, encoding) in [
        (Value::FloatHistogram(Arc::new(h.to_float())), Encoding::FloatHistogramSt),
        (Value::Histogram(Arc::new(h)), Encoding::HistogramSt),
    ] {
        let chunk = &encode(&[(1, value.clone()), (2, value)])[0];
        // The same chunk with its flags where those with start timestamps have them, and none of these.
        let mut bytes = chunk.bytes.clone();
        bytes[0] |= bytes[2];
        bytes[2] = 0;
        let mut columns = Columns::default();
        decode(encoding, &bytes, &mut columns).unwrap();
        assert_eq!(columns.histograms.values, read(std::slice::from_ref(chunk)).histograms.values);
        assert_eq!(encoding.sample_count(&bytes), Ok(2));
        // Now the first is said to have one: a varint in the middle, which shifts all that follows.
        bytes[2] = 0x80;
        let _ = decode(encoding, &bytes, &mut columns);
    }
}
