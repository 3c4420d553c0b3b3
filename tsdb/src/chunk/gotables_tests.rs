//! The original's own tables about chunk encodings.
#![allow(clippy::print_stdout)] // says how many cases agree

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use metrics_core::histogram::{Indexes, ResetHint};
use metrics_core::{Columns, Histogram, Span, Value};
use serde_json::Value as Json;

use super::bits::{BitReader, BitWriter};
use super::layout::{Layout, Merge};
use super::{ChunkEncoder, Encoding, decode, varbit};

fn table() -> Option<BTreeMap<String, Vec<Json>>> {
    let root = std::env::var_os("CONFORMANCE_GOTABLES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance/gotables")),
        PathBuf::from,
    );
    let text = std::fs::read(root.join("prometheus_tsdb_chunkenc.json")).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn spans(json: &Json) -> Vec<Span> {
    let field = |s: &Json, name: &str| s[name].as_i64().unwrap();
    let span = |s: &Json| Span { offset: field(s, "Offset") as i32, length: field(s, "Length") as u32 };
    json.as_array().map(|list| list.iter().map(span).collect()).unwrap_or_default()
}

fn numbers(json: &Json) -> Vec<i64> {
    json.as_array().map(|list| list.iter().map(|n| n.as_i64().unwrap()).collect()).unwrap_or_default()
}

/// Places and lengths of the runs of buckets that a side lacks, as the original lists them.
fn inserts(places: &[usize], len: usize) -> Vec<(i64, i64)> {
    let mut found: Vec<(i64, i64)> = vec![];
    let mut own = places.iter().peekable();
    let mut position = 0;
    for place in 0..len {
        if own.next_if(|p| **p == place).is_some() {
            position += 1;
        } else {
            match found.last_mut() {
                Some((at, num)) if *at == position => *num += 1,
                _ => found.push((position, 1)),
            }
        }
    }
    found
}

fn expected_inserts(json: &Json) -> Vec<(i64, i64)> {
    let list = json.as_array().cloned().unwrap_or_default();
    let mut merged: Vec<(i64, i64)> = vec![];
    for i in list {
        let (at, num) = (i["pos"].as_i64().unwrap(), i["num"].as_i64().unwrap());
        match merged.last_mut() {
            Some((last, n)) if *last == at => *n += num,
            _ => merged.push((at, num)),
        }
    }
    merged
}

fn compare_spans(case: &Json) -> bool {
    let (a, b) = (spans(&case["spansA"]), spans(&case["spansB"]));
    let merge = Merge::new(&a, &b);
    if inserts(&merge.first, merge.len) != expected_inserts(&case["fInserts"])
        || inserts(&merge.second, merge.len) != expected_inserts(&case["bInserts"])
    {
        return false;
    }
    if case["bucketsIn"].is_null() {
        return true;
    }
    // Differences in, differences of the buckets with gaps filled out.
    let absolute: Vec<i64> = numbers(&case["bucketsIn"])
        .iter()
        .scan(0, |sum, d| {
            *sum += d;
            Some(*sum)
        })
        .collect();
    let placed = merge.place(&merge.first, &absolute);
    let deltas: Vec<i64> =
        placed.iter().zip(std::iter::once(&0).chain(&placed)).map(|(now, before)| now - before).collect();
    deltas == numbers(&case["bucketsOut"])
}

fn layout(case: &Json) -> bool {
    let layout = Layout {
        schema: case["schema"].as_i64().unwrap() as i32,
        zero_threshold: case["zeroThreshold"].as_f64().unwrap(),
        positive: spans(&case["positiveSpans"]),
        negative: spans(&case["negativeSpans"]),
        custom_values: case["customValues"]
            .as_array()
            .map(|l| l.iter().map(|v| v.as_f64().unwrap()).collect())
            .unwrap_or_default(),
    };
    let mut w = BitWriter::new();
    layout.write(&mut w);
    let bytes = w.finish();
    let mut r = BitReader::new(&bytes, 0);
    // The table has more buckets than any chunk of these bytes could.
    Layout::read(&mut r, usize::MAX / 2).is_ok_and(|found| found == layout) && !r.is_past_end()
}

fn push(samples: impl IntoIterator<Item = Value>) -> Vec<super::EncodedChunk> {
    let mut encoder = ChunkEncoder::new(120);
    for (t, value) in samples.into_iter().enumerate() {
        encoder.push(t as i64, &value).unwrap();
    }
    encoder.finish()
}

fn first_reset(case: &Json, floats: bool) -> bool {
    let case = &case["$value"];
    let reset_hint = match case["hint"].as_i64().unwrap() {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    };
    let h = Histogram { reset_hint, ..Histogram::default() };
    let value =
        if floats { Value::FloatHistogram(Arc::new(h.to_float())) } else { Value::Histogram(Arc::new(h)) };
    let chunks = push([value]);
    let mut columns = Columns::default();
    decode(chunks[0].encoding, &chunks[0].bytes, &mut columns).unwrap();
    let expected = if case["expHint"] == 3 { ResetHint::Gauge } else { ResetHint::Unknown };
    i64::from(chunks[0].bytes[2]) == case["expHeader"] && columns.histograms.values[0].reset_hint == expected
}

fn histogram(json: &Json) -> Histogram {
    Histogram {
        schema: json["Schema"].as_i64().unwrap() as i32,
        zero_threshold: json["ZeroThreshold"].as_f64().unwrap(),
        zero_count: json["ZeroCount"].as_u64().unwrap(),
        count: json["Count"].as_u64().unwrap(),
        sum: json["Sum"].as_f64().unwrap(),
        positive_spans: spans(&json["PositiveSpans"]),
        negative_spans: spans(&json["NegativeSpans"]),
        positive_buckets: numbers(&json["PositiveBuckets"]),
        negative_buckets: numbers(&json["NegativeBuckets"]),
        ..Histogram::default()
    }
}

/// All histograms of the table go into one chunk and come back as floats.
fn at_float_histogram(cases: &[Json]) -> usize {
    let all: Vec<_> = cases.iter().map(|c| Arc::new(histogram(c))).collect();
    let chunks = push(all.iter().cloned().map(Value::Histogram));
    let mut columns = Columns::default();
    for c in &chunks {
        decode(c.encoding, &c.bytes, &mut columns).unwrap();
    }
    let agrees = |(h, found): &(&Arc<Histogram>, &Arc<metrics_core::FloatHistogram>)| {
        let expected = h.to_float();
        expected.positive_buckets == found.positive_buckets
            && expected.negative_buckets == found.negative_buckets
            && expected.sum == found.sum
    };
    if chunks.len() == 1 { all.iter().zip(&columns.histograms.values).filter(agrees).count() } else { 0 }
}

/// A histogram from its text: whole powers of two as bounds.
fn parse(text: &str) -> Histogram {
    let mut h = Histogram { zero_threshold: 0.001, ..Histogram::default() };
    let (mut positive, mut negative) = (BTreeMap::new(), BTreeMap::new());
    for item in text.trim_matches(['{', '}']).split(", ") {
        let (key, count) = item.rsplit_once(':').unwrap();
        match key {
            "count" => h.count = count.parse().unwrap(),
            "sum" => h.sum = count.parse().unwrap(),
            _ => {
                let (low, high) = key.trim_matches(['[', ']', '(', ')']).split_once(',').unwrap();
                let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
                let count: i64 = count.parse().unwrap();
                if low == -high {
                    h.zero_count = count as u64;
                } else if high > 0.0 {
                    positive.insert(high.log2() as i32, count);
                } else {
                    negative.insert((-low).log2() as i32, count);
                }
            }
        }
    }
    for (buckets, spans, deltas) in [
        (positive, &mut h.positive_spans, &mut h.positive_buckets),
        (negative, &mut h.negative_spans, &mut h.negative_buckets),
    ] {
        let (mut next, mut before) = (0, 0);
        for (index, count) in buckets {
            // A span for every bucket, with an empty one before it, as the table's name promises.
            spans.push(Span { offset: index - next, length: 0 });
            spans.push(Span { offset: 0, length: 1 });
            deltas.push(count - before);
            (next, before) = (index + 1, count);
        }
    }
    h
}

fn appendable(case: &Json, floats: bool) -> bool {
    let both = ["h1", "h2"].map(|name| Arc::new(parse(case["$value"][name].as_str().unwrap())));
    let value = |h: &Arc<Histogram>| {
        if floats { Value::FloatHistogram(Arc::new(h.to_float())) } else { Value::Histogram(h.clone()) }
    };
    push(both.iter().map(value)).len() == 1
}

fn varbit_int(case: &Json) -> bool {
    let x = case.as_i64().unwrap();
    let mut w = BitWriter::new();
    varbit::put_int(&mut w, x);
    varbit::take_int(&mut BitReader::new(&w.finish(), 0)) == x
}

fn varbit_uint(case: &Json) -> bool {
    let x = case.as_u64().unwrap();
    let mut w = BitWriter::new();
    varbit::put_uint(&mut w, x);
    varbit::take_uint(&mut BitReader::new(&w.finish(), 0)) == x
}

fn pool(case: &Json) -> bool {
    let known = Encoding::from_id(case["encoding"].as_u64().unwrap() as u8);
    match case["name"].as_str().unwrap() {
        "invalid encoding" => known.is_err(),
        name => known.is_ok_and(|e| e.to_string().to_lowercase() == name.replace(' ', "")),
    }
}

/// Single bits, as the table lists them.
fn bits(cases: &[Json]) -> usize {
    let mut w = BitWriter::new();
    for case in cases {
        w.put(u64::from(case.as_bool().unwrap()), 1);
    }
    let bytes = w.finish();
    let mut r = BitReader::new(&bytes, 0);
    cases.iter().filter(|case| (r.take(1) == 1) == case.as_bool().unwrap()).count()
}

/// The original lists its encoders to try; ours is tried with floats.
fn chunk(_: &Json) -> bool {
    let values: Vec<f64> = (0..300).map(|i| f64::from(i) * 1.25).collect();
    let chunks = push(values.iter().copied().map(Value::Float));
    let mut columns = Columns::default();
    for c in chunks {
        decode(c.encoding, &c.bytes, &mut columns).unwrap();
    }
    columns.floats.values == values
}

#[test]
fn conformance_gotables() {
    let Some(table) = table() else {
        println!("skipped: no conformance data");
        return;
    };
    let (mut agreed, mut total) = (0, 0);
    for (name, cases) in &table {
        let count = |check: &dyn Fn(&Json) -> bool| cases.iter().filter(|case| check(case)).count();
        let n = match name.split('#').next().unwrap() {
            "TestBstreamReader" => bits(cases),
            "TestChunk" => count(&chunk),
            "TestPool" => count(&pool),
            "TestFirstFloatHistogramExplicitCounterReset" => count(&|c| first_reset(c, true)),
            "TestFirstHistogramExplicitCounterReset" => count(&|c| first_reset(c, false)),
            "TestFloatHistogramChunkAppendableWithEmptySpan" => count(&|c| appendable(c, true)),
            "TestHistogramChunkAppendableWithEmptySpan" => count(&|c| appendable(c, false)),
            "TestBucketIterator" => count(&|c| {
                let found = Indexes::new(&spans(&c["spans"])).map(i64::from).collect::<Vec<_>>();
                found == numbers(&c["idxs"])
            }),
            "TestCompareSpansAndInsert" => count(&compare_spans),
            "TestWriteReadHistogramChunkLayout" => count(&layout),
            "TestSpansFromBidirectionalCompareSpans" => {
                count(&|c| Merge::new(&spans(&c["s1"]), &spans(&c["s2"])).spans == spans(&c["exp"]))
            }
            "TestAtFloatHistogram" => at_float_histogram(cases),
            "TestVarbitInt" => count(&varbit_int),
            "TestVarbitUint" => count(&varbit_uint),
            other => panic!("an unknown table {other}"),
        };
        assert_eq!(n, cases.len(), "{name}");
        agreed += n;
        total += cases.len();
    }
    println!("CONFORMANCE_GOTABLES: {agreed} of {total} cases agree");
}
