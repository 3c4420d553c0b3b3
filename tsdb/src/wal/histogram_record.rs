//! Records of native histograms. Those with custom buckets have records of their own, so that readers from
//! before their time step over them.

use std::sync::Arc;

use metrics_core::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint};
use metrics_core::{FloatHistogram, Histogram, Span};

use super::record::{PlacesV2, RecordError, RecordKind, open};
use crate::codec::{Reader, put_uvarint, put_varint};

/// A histogram with integer counts of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// The series' reference.
    pub series: u64,
    /// When.
    pub timestamp: i64,
    /// What.
    pub histogram: Arc<Histogram>,
}

/// A histogram with float counts of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatHistogramSample {
    /// The series' reference.
    pub series: u64,
    /// When.
    pub timestamp: i64,
    /// What.
    pub histogram: Arc<FloatHistogram>,
}

/// Adds up to two records of histograms with integer counts to a buffer each: exponential and custom buckets.
/// A buffer stays as it is if there are none of its kind.
pub fn put_histograms(exponential: &mut Vec<u8>, custom: &mut Vec<u8>, samples: &[HistogramSample]) {
    let split = |is_custom| samples.iter().filter(move |s| s.histogram.has_custom_buckets() == is_custom);
    for (buf, kind, is_custom) in
        [(exponential, RecordKind::Histograms, false), (custom, RecordKind::CustomHistograms, true)]
    {
        let mut places = PlacesV1::new(kind);
        for s in split(is_custom) {
            places.put(buf, s.series, s.timestamp);
            put_histogram(buf, &s.histogram);
        }
    }
}

/// As [`put_histograms`], with float counts.
pub fn put_float_histograms(
    exponential: &mut Vec<u8>,
    custom: &mut Vec<u8>,
    samples: &[FloatHistogramSample],
) {
    let split = |is_custom| samples.iter().filter(move |s| s.histogram.has_custom_buckets() == is_custom);
    for (buf, kind, is_custom) in
        [(exponential, RecordKind::FloatHistograms, false), (custom, RecordKind::CustomFloatHistograms, true)]
    {
        let mut places = PlacesV1::new(kind);
        for s in split(is_custom) {
            places.put(buf, s.series, s.timestamp);
            put_float_histogram(buf, &s.histogram);
        }
    }
}

/// Reads a record of histograms with integer counts, of any version. Histograms of a schema that this version does
/// not know are left out.
///
/// # Errors
/// If the record is not one.
pub fn read_histograms(record: &[u8], into: &mut Vec<HistogramSample>) -> Result<(), RecordError> {
    let kinds = [RecordKind::Histograms, RecordKind::CustomHistograms, RecordKind::HistogramsV2];
    let mut places = Places::open(record, &kinds, RecordKind::HistogramsV2)?;
    while let Some((series, timestamp)) = places.next()? {
        let histogram = read_histogram(&mut places.reader)?;
        if is_known(histogram.schema) {
            into.push(HistogramSample { series, timestamp, histogram: Arc::new(histogram) });
        }
    }
    Ok(())
}

/// As [`read_histograms`], with float counts.
///
/// # Errors
/// If the record is not one.
pub fn read_float_histograms(record: &[u8], into: &mut Vec<FloatHistogramSample>) -> Result<(), RecordError> {
    let kinds =
        [RecordKind::FloatHistograms, RecordKind::CustomFloatHistograms, RecordKind::FloatHistogramsV2];
    let mut places = Places::open(record, &kinds, RecordKind::FloatHistogramsV2)?;
    while let Some((series, timestamp)) = places.next()? {
        let histogram = read_float_histogram(&mut places.reader)?;
        if is_known(histogram.schema) {
            into.push(FloatHistogramSample { series, timestamp, histogram: Arc::new(histogram) });
        }
    }
    Ok(())
}

fn is_known(schema: i32) -> bool {
    let exponential =
        metrics_core::histogram::MIN_EXPONENTIAL_SCHEMA..=metrics_core::histogram::MAX_EXPONENTIAL_SCHEMA;
    schema == CUSTOM_BUCKETS_SCHEMA || exponential.contains(&schema)
}

/// References and times as differences to the first.
struct PlacesV1 {
    kind: RecordKind,
    base: Option<(u64, i64)>,
}

impl PlacesV1 {
    fn new(kind: RecordKind) -> Self {
        Self { kind, base: None }
    }

    fn put(&mut self, buf: &mut Vec<u8>, series: u64, timestamp: i64) {
        let (first_series, first_time) = *self.base.get_or_insert_with(|| {
            buf.push(self.kind as u8);
            buf.extend_from_slice(&series.to_be_bytes());
            buf.extend_from_slice(&timestamp.to_be_bytes());
            (series, timestamp)
        });
        put_varint(buf, series.wrapping_sub(first_series) as i64);
        put_varint(buf, timestamp.wrapping_sub(first_time));
    }
}

/// References and times of either version.
struct Places<'a> {
    reader: Reader<'a>,
    version: Version,
}

enum Version {
    One { series: u64, timestamp: i64 },
    Two(PlacesV2),
}

impl<'a> Places<'a> {
    fn open(record: &'a [u8], kinds: &[RecordKind], second: RecordKind) -> Result<Self, RecordError> {
        let mut reader = open(record, kinds)?;
        let version = if record[0] == second as u8 {
            Version::Two(PlacesV2::default())
        } else if reader.is_empty() {
            Version::One { series: 0, timestamp: 0 }
        } else {
            Version::One { series: reader.u64()?, timestamp: reader.u64()? as i64 }
        };
        Ok(Self { reader, version })
    }

    fn next(&mut self) -> Result<Option<(u64, i64)>, RecordError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let r = &mut self.reader;
        Ok(Some(match &mut self.version {
            Version::One { series, timestamp } => {
                (series.wrapping_add_signed(r.varint()?), timestamp.wrapping_add(r.varint()?))
            }
            Version::Two(places) => places.next(r)?,
        }))
    }
}

fn hint_number(hint: ResetHint) -> u8 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    }
}

fn hint(number: u8) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

fn put_spans(buf: &mut Vec<u8>, spans: &[Span]) {
    put_uvarint(buf, spans.len() as u64);
    for s in spans {
        put_varint(buf, i64::from(s.offset));
        put_uvarint(buf, u64::from(s.length));
    }
}

fn read_spans(r: &mut Reader<'_>) -> Result<Vec<Span>, RecordError> {
    let n = r.count(2)?;
    let mut spans = Vec::with_capacity(n);
    for _ in 0..n {
        let offset = i32::try_from(r.varint()?).map_err(|_| r.malformed("a span offset of 32 bits"))?;
        let length = u32::try_from(r.uvarint()?).map_err(|_| r.malformed("a span length of 32 bits"))?;
        spans.push(Span { offset, length });
    }
    Ok(spans)
}

fn put_f64(buf: &mut Vec<u8>, x: f64) {
    buf.extend_from_slice(&x.to_bits().to_be_bytes());
}

fn put_f64s(buf: &mut Vec<u8>, xs: &[f64]) {
    put_uvarint(buf, xs.len() as u64);
    for x in xs {
        put_f64(buf, *x);
    }
}

fn read_f64s(r: &mut Reader<'_>) -> Result<Vec<f64>, RecordError> {
    let n = r.count(8)?;
    (0..n).map(|_| Ok(r.f64()?)).collect()
}

fn read_schema(r: &mut Reader<'_>) -> Result<i32, RecordError> {
    i32::try_from(r.varint()?).map_err(|_| r.malformed("a schema of 32 bits").into())
}

/// Writes a histogram without its place.
pub(crate) fn put_histogram(buf: &mut Vec<u8>, h: &Histogram) {
    buf.push(hint_number(h.reset_hint));
    put_varint(buf, i64::from(h.schema));
    put_f64(buf, h.zero_threshold);
    put_uvarint(buf, h.zero_count);
    put_uvarint(buf, h.count);
    put_f64(buf, h.sum);
    put_spans(buf, &h.positive_spans);
    put_spans(buf, &h.negative_spans);
    for buckets in [&h.positive_buckets, &h.negative_buckets] {
        put_uvarint(buf, buckets.len() as u64);
        for b in buckets {
            put_varint(buf, *b);
        }
    }
    if h.has_custom_buckets() {
        put_f64s(buf, &h.custom_values);
    }
}

pub(crate) fn read_histogram(r: &mut Reader<'_>) -> Result<Histogram, RecordError> {
    let reset_hint = hint(r.u8()?);
    let schema = read_schema(r)?;
    let read_buckets = |r: &mut Reader<'_>| -> Result<Vec<i64>, RecordError> {
        let n = r.count(1)?;
        (0..n).map(|_| Ok(r.varint()?)).collect()
    };
    Ok(Histogram {
        reset_hint,
        schema,
        zero_threshold: r.f64()?,
        zero_count: r.uvarint()?,
        count: r.uvarint()?,
        sum: r.f64()?,
        positive_spans: read_spans(r)?,
        negative_spans: read_spans(r)?,
        positive_buckets: read_buckets(r)?,
        negative_buckets: read_buckets(r)?,
        custom_values: if schema == CUSTOM_BUCKETS_SCHEMA { read_f64s(r)? } else { Vec::new() },
    })
}

/// Writes a histogram without its place.
pub(crate) fn put_float_histogram(buf: &mut Vec<u8>, h: &FloatHistogram) {
    buf.push(hint_number(h.reset_hint));
    put_varint(buf, i64::from(h.schema));
    put_f64(buf, h.zero_threshold);
    put_f64(buf, h.zero_count);
    put_f64(buf, h.count);
    put_f64(buf, h.sum);
    put_spans(buf, &h.positive_spans);
    put_spans(buf, &h.negative_spans);
    put_f64s(buf, &h.positive_buckets);
    put_f64s(buf, &h.negative_buckets);
    if h.has_custom_buckets() {
        put_f64s(buf, &h.custom_values);
    }
}

pub(crate) fn read_float_histogram(r: &mut Reader<'_>) -> Result<FloatHistogram, RecordError> {
    let reset_hint = hint(r.u8()?);
    let schema = read_schema(r)?;
    Ok(FloatHistogram {
        reset_hint,
        schema,
        zero_threshold: r.f64()?,
        zero_count: r.f64()?,
        count: r.f64()?,
        sum: r.f64()?,
        positive_spans: read_spans(r)?,
        negative_spans: read_spans(r)?,
        positive_buckets: read_f64s(r)?,
        negative_buckets: read_f64s(r)?,
        custom_values: if schema == CUSTOM_BUCKETS_SCHEMA { read_f64s(r)? } else { Vec::new() },
    })
}
