//! Chunks of native histograms with integer counts: every number as the change of its change.
//!
//! Layout: Prometheus' `tsdb/docs/format/chunks.md`, "Histogram chunk data".

use std::sync::Arc;

use metrics_core::histogram::MAX_EXPONENTIAL_SCHEMA;
use metrics_core::{Columns, Histogram, is_stale};

use super::ChunkError;
use super::bits::{BitReader, BitWriter};
use super::histogram_run::{Candidate, Header, ResetHeader, Row, RowWriter};
use super::layout::{Layout, bucket_count, is_beyond_use};
use super::varbit::{put_int, put_uint, take_int, take_uint};
use super::xor_field::XorField;

/// Number and its change.
#[derive(Debug, Clone, Copy, Default)]
struct Slope {
    value: i64,
    change: i64,
}

impl Slope {
    fn put(&mut self, w: &mut BitWriter, value: i64) {
        let change = value.wrapping_sub(self.value);
        put_int(w, change.wrapping_sub(self.change));
        *self = Self { value, change };
    }

    fn take(&mut self, r: &mut BitReader<'_>) -> i64 {
        self.change = self.change.wrapping_add(take_int(r));
        self.value = self.value.wrapping_add(self.change);
        self.value
    }
}

/// The state between two histograms, for writing and reading.
#[derive(Debug)]
struct Cursor {
    timestamp: Slope,
    count: Slope,
    zero_count: Slope,
    sum: XorField,
    /// Differences between neighbouring buckets.
    positive: Vec<Slope>,
    negative: Vec<Slope>,
}

impl Cursor {
    /// Before the second histogram: all changes are zero.
    fn new(row: &Row<u64>, sum: XorField) -> Self {
        let start = |value| Slope { value, change: 0 };
        let starts = |counts: &[u64]| differences(counts).map(start).collect();
        Self {
            timestamp: start(row.timestamp),
            count: start(row.count as i64),
            zero_count: start(row.zero_count as i64),
            sum,
            positive: starts(&row.positive),
            negative: starts(&row.negative),
        }
    }
}

/// Differences between neighbouring counts.
fn differences(counts: &[u64]) -> impl Iterator<Item = i64> {
    let mut before = 0u64;
    counts.iter().map(move |count| {
        let difference = count.wrapping_sub(before) as i64;
        before = *count;
        difference
    })
}

/// Writes the histograms of one chunk.
#[derive(Debug)]
pub(super) struct Writer {
    bits: BitWriter,
    cursor: Cursor,
}

impl RowWriter<u64> for Writer {
    fn new(header: ResetHeader, layout: &Layout, first: &Row<u64>) -> Self {
        let mut bits = header.start();
        layout.write(&mut bits);
        put_int(&mut bits, first.timestamp);
        put_uint(&mut bits, first.count);
        put_uint(&mut bits, first.zero_count);
        bits.put(first.sum.to_bits(), 64);
        for difference in differences(&first.positive).chain(differences(&first.negative)) {
            put_int(&mut bits, difference);
        }
        Self { bits, cursor: Cursor::new(first, XorField::new(first.sum)) }
    }

    fn push(&mut self, row: &Row<u64>) {
        let Self { bits, cursor } = self;
        cursor.timestamp.put(bits, row.timestamp);
        if row.is_stale() {
            // Only the marker counts; the numbers go on as they did. Nothing follows it in a chunk.
            put_int(bits, 0);
            put_int(bits, 0);
            cursor.sum.put(bits, row.sum);
            return;
        }
        cursor.count.put(bits, row.count as i64);
        cursor.zero_count.put(bits, row.zero_count as i64);
        cursor.sum.put(bits, row.sum);
        for (slopes, counts) in [(&mut cursor.positive, &row.positive), (&mut cursor.negative, &row.negative)]
        {
            for (slope, difference) in slopes.iter_mut().zip(differences(counts)) {
                slope.put(bits, difference);
            }
        }
    }

    fn bits(&self) -> &BitWriter {
        &self.bits
    }

    fn read(chunk: &[u8]) -> Result<Vec<Row<u64>>, ChunkError> {
        let mut rows = Vec::new();
        decode_each(chunk, false, |t, h| rows.push(Candidate::of_integers(t, &h).row))?;
        Ok(rows)
    }
}

/// Decodes a chunk and hands each histogram to `each`. Chunks `with_starts` have start timestamps, which are stepped
/// over.
///
/// # Errors
/// If the chunk is damaged; histograms before the damage have been handed over.
pub fn decode_each(
    chunk: &[u8],
    with_starts: bool,
    mut each: impl FnMut(i64, Histogram),
) -> Result<(), ChunkError> {
    let Some(header) = Header::read(chunk, with_starts)? else { return Ok(()) };
    let mut r = BitReader::new(chunk, 8 * Header::LEN);
    let damaged = |r: &BitReader<'_>, what| ChunkError::Damaged { offset: r.byte_position(), what };
    let layout = Layout::read(&mut r, chunk.len() * 8).map_err(|what| damaged(&r, what))?;
    let mut cursor = first(&mut r, &layout);
    for i in 0..header.samples {
        let step = if i > 0 { next(&mut r, &mut cursor) } else { Some(()) };
        step.and_then(|()| header.starts.skip(&mut r, i))
            .ok_or_else(|| damaged(&r, "bits that no encoder writes"))?;
        if r.is_past_end() {
            return Err(ChunkError::Truncated { len: chunk.len(), samples: header.samples });
        }
        each(cursor.timestamp.value, histogram(&cursor, &layout, header.flags, i));
    }
    Ok(())
}

/// Decodes a chunk and appends its histograms, with float counts, to the columns.
///
/// # Errors
/// If the chunk is damaged; histograms before the damage have been appended.
pub fn decode(chunk: &[u8], with_starts: bool, into: &mut Columns) -> Result<(), ChunkError> {
    decode_each(chunk, with_starts, |t, h| {
        let mut h = h.to_float();
        if is_beyond_use(h.schema) {
            h = h.at_schema(MAX_EXPONENTIAL_SCHEMA);
        }
        into.histograms.push(t, Arc::new(h));
    })
}

fn first(r: &mut BitReader<'_>, layout: &Layout) -> Cursor {
    let start = |value| Slope { value, change: 0 };
    let timestamp = start(take_int(r));
    let count = start(take_uint(r) as i64);
    let zero_count = start(take_uint(r) as i64);
    let sum = XorField::start(f64::from_bits(r.take(64)));
    let mut buckets = |spans| (0..bucket_count(spans)).map(|_| start(take_int(r))).collect();
    let positive = buckets(&layout.positive);
    let negative = buckets(&layout.negative);
    Cursor { timestamp, count, zero_count, sum, positive, negative }
}

fn next(r: &mut BitReader<'_>, cursor: &mut Cursor) -> Option<()> {
    cursor.timestamp.take(r);
    cursor.count.take(r);
    cursor.zero_count.take(r);
    if is_stale(cursor.sum.take(r)?) {
        return Some(());
    }
    for slope in cursor.positive.iter_mut().chain(&mut cursor.negative) {
        slope.take(r);
    }
    Some(())
}

fn histogram(cursor: &Cursor, layout: &Layout, flags: u8, i: u16) -> Histogram {
    let sum = cursor.sum.value();
    if is_stale(sum) {
        return Histogram { sum, ..Histogram::default() };
    }
    let values = |slopes: &[Slope]| slopes.iter().map(|s| s.value).collect();
    Histogram {
        reset_hint: ResetHeader::hint(flags, i),
        schema: layout.schema,
        zero_threshold: layout.zero_threshold,
        zero_count: cursor.zero_count.value as u64,
        count: cursor.count.value as u64,
        sum,
        positive_spans: layout.positive.clone(),
        negative_spans: layout.negative.clone(),
        positive_buckets: values(&cursor.positive),
        negative_buckets: values(&cursor.negative),
        custom_values: layout.custom_values.clone(),
    }
}
