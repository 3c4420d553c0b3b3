//! Chunks of native histograms with float counts: every number as the difference in bits to the one before.
//!
//! Layout: as [histograms with integer counts](super::histogram), with floats as XOR chunks have them.

use std::sync::Arc;

use metrics_core::histogram::MAX_EXPONENTIAL_SCHEMA;
use metrics_core::{Columns, FloatHistogram, is_stale};

use super::ChunkError;
use super::bits::{BitReader, BitWriter};
use super::histogram_run::{Candidate, Header, ResetHeader, Row, RowWriter};
use super::layout::{Layout, bucket_count, is_beyond_use};
use super::varbit::{put_int, take_int};
use super::xor_field::XorField;

/// Writes the histograms of one chunk.
#[derive(Debug)]
pub(super) struct Writer {
    bits: BitWriter,
    cursor: Cursor,
}

impl RowWriter<f64> for Writer {
    fn new(header: ResetHeader, layout: &Layout, first: &Row<f64>) -> Self {
        let mut bits = header.start();
        layout.write(&mut bits);
        put_int(&mut bits, first.timestamp);
        let mut field = |value: f64| {
            bits.put(value.to_bits(), 64);
            XorField::new(value)
        };
        let numbers = [first.count, first.zero_count, first.sum].map(&mut field);
        let positive = first.positive.iter().map(|count| field(*count)).collect();
        let negative = first.negative.iter().map(|count| field(*count)).collect();
        Self { bits, cursor: Cursor { timestamp: first.timestamp, delta: 0, numbers, positive, negative } }
    }

    fn push(&mut self, row: &Row<f64>) {
        let Self { bits, cursor } = self;
        let delta = row.timestamp.wrapping_sub(cursor.timestamp);
        put_int(bits, delta.wrapping_sub(cursor.delta));
        (cursor.timestamp, cursor.delta) = (row.timestamp, delta);
        for (field, value) in cursor.numbers.iter_mut().zip([row.count, row.zero_count, row.sum]) {
            field.put(bits, value);
        }
        // A staleness marker has no buckets. Nothing follows it in a chunk.
        for (fields, counts) in [(&mut cursor.positive, &row.positive), (&mut cursor.negative, &row.negative)]
        {
            for (field, count) in fields.iter_mut().zip(counts) {
                field.put(bits, *count);
            }
        }
    }

    fn bits(&self) -> &BitWriter {
        &self.bits
    }

    fn read(chunk: &[u8]) -> Result<Vec<Row<f64>>, ChunkError> {
        let mut rows = Vec::new();
        decode_each(chunk, false, |t, h| rows.push(Candidate::of_floats(t, &h).row))?;
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
    mut each: impl FnMut(i64, FloatHistogram),
) -> Result<(), ChunkError> {
    let Some(header) = Header::read(chunk, with_starts)? else { return Ok(()) };
    let mut r = BitReader::new(chunk, 8 * Header::LEN);
    let damaged = |r: &BitReader<'_>, what| ChunkError::Damaged { offset: r.byte_position(), what };
    let layout = Layout::read(&mut r, chunk.len() * 8).map_err(|what| damaged(&r, what))?;
    let mut cursor = Cursor::first(&mut r, &layout);
    for i in 0..header.samples {
        let step = if i > 0 { cursor.next(&mut r) } else { Some(()) };
        step.and_then(|()| header.starts.skip(&mut r, i))
            .ok_or_else(|| damaged(&r, "bits that no encoder writes"))?;
        if r.is_past_end() {
            return Err(ChunkError::Truncated { len: chunk.len(), samples: header.samples });
        }
        each(cursor.timestamp, cursor.histogram(&layout, header.flags, i));
    }
    Ok(())
}

/// Decodes a chunk and appends its histograms to the columns.
///
/// # Errors
/// If the chunk is damaged; histograms before the damage have been appended.
pub fn decode(chunk: &[u8], with_starts: bool, into: &mut Columns) -> Result<(), ChunkError> {
    decode_each(chunk, with_starts, |t, h| into.histograms.push(t, Arc::new(h)))
}

/// The state between two histograms, for writing and reading.
#[derive(Debug)]
struct Cursor {
    timestamp: i64,
    delta: i64,
    /// Count, zero count, sum.
    numbers: [XorField; 3],
    positive: Vec<XorField>,
    negative: Vec<XorField>,
}

impl Cursor {
    fn first(r: &mut BitReader<'_>, layout: &Layout) -> Self {
        let timestamp = take_int(r);
        let mut field = || XorField::start(f64::from_bits(r.take(64)));
        let numbers = [field(), field(), field()];
        let positive = (0..bucket_count(&layout.positive)).map(|_| field()).collect();
        let negative = (0..bucket_count(&layout.negative)).map(|_| field()).collect();
        Self { timestamp, delta: 0, numbers, positive, negative }
    }

    fn next(&mut self, r: &mut BitReader<'_>) -> Option<()> {
        self.delta = self.delta.wrapping_add(take_int(r));
        self.timestamp = self.timestamp.wrapping_add(self.delta);
        for field in &mut self.numbers {
            field.take(r)?;
        }
        if is_stale(self.numbers[2].value()) {
            return Some(());
        }
        for field in self.positive.iter_mut().chain(&mut self.negative) {
            field.take(r)?;
        }
        Some(())
    }

    fn histogram(&self, layout: &Layout, flags: u8, i: u16) -> FloatHistogram {
        let [count, zero_count, sum] = self.numbers.map(|field| field.value());
        if is_stale(sum) {
            return FloatHistogram { sum, ..FloatHistogram::default() };
        }
        let values = |fields: &[XorField]| fields.iter().map(XorField::value).collect();
        let mut h = FloatHistogram {
            reset_hint: ResetHeader::hint(flags, i),
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count,
            count,
            sum,
            positive_spans: layout.positive.clone(),
            negative_spans: layout.negative.clone(),
            positive_buckets: values(&self.positive),
            negative_buckets: values(&self.negative),
            custom_values: layout.custom_values.clone(),
        };
        if is_beyond_use(h.schema) {
            h = h.at_schema(MAX_EXPONENTIAL_SCHEMA);
        }
        h
    }
}
