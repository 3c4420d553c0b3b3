//! The native parts of a histogram message.

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{FloatHistogram, Histogram, Span, Value};

use crate::error::Problem;
use crate::wire::{self, Field, Reader, WireError, to_zigzag, zigzag};

#[derive(Debug, Default)]
pub(super) struct Native<'a> {
    pub(super) count: u64,
    pub(super) count_float: f64,
    schema: i32,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    negative: Side,
    positive: Side,
    pub(super) exemplars: Vec<Reader<'a>>,
}

#[derive(Debug, Default)]
struct Side {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl Side {
    fn clear(&mut self) {
        self.spans.clear();
        self.deltas.clear();
        self.counts.clear();
    }

    fn add_span(&mut self, field: &Field<'_>) -> Result<(), WireError> {
        let mut span = Span { offset: 0, length: 0 };
        let mut parts = field.message()?;
        while let Some(part) = parts.field()? {
            match part.number {
                1 => span.offset = part.sint32()?,
                2 => span.length = part.uint32()?,
                _ => {}
            }
        }
        self.spans.push(span);
        Ok(())
    }

    fn check(&self, side: &'static str, found: usize) -> Result<(), Problem> {
        let wanted: u64 = self.spans.iter().map(|s| u64::from(s.length)).sum();
        if wanted == found as u64 { Ok(()) } else { Err(Problem::Buckets { side, wanted, found }) }
    }
}

impl<'a> Native<'a> {
    pub(super) fn clear(&mut self) {
        self.negative.clear();
        self.positive.clear();
        self.exemplars.clear();
        (self.count, self.zero_count, self.schema) = (0, 0, 0);
        (self.count_float, self.zero_count_float, self.zero_threshold) = (0.0, 0.0, 0.0);
    }

    pub(super) fn read(&mut self, field: &Field<'a>) -> Result<(), WireError> {
        match field.number {
            1 => self.count = field.uint64()?,
            4 => self.count_float = field.double()?,
            5 => self.schema = field.sint32()?,
            6 => self.zero_threshold = field.double()?,
            7 => self.zero_count = field.uint64()?,
            8 => self.zero_count_float = field.double()?,
            9 => self.negative.add_span(field)?,
            10 => field.varints(|v| self.negative.deltas.push(zigzag(v)))?,
            11 => field.doubles(&mut self.negative.counts)?,
            12 => self.positive.add_span(field)?,
            13 => field.varints(|v| self.positive.deltas.push(zigzag(v)))?,
            14 => field.doubles(&mut self.positive.counts)?,
            16 => self.exemplars.push(field.message()?),
            _ => {}
        }
        Ok(())
    }

    /// Whether the message is a native histogram at all. One without observations and without zero bucket says so
    /// with an empty span.
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
    }

    /// The histogram, compacted.
    pub(super) fn value(&self, sum: f64, is_gauge: bool) -> Result<Value, Problem> {
        let reset_hint = if is_gauge { ResetHint::Gauge } else { ResetHint::Unknown };
        let (positive, negative) = (&self.positive, &self.negative);
        if self.count_float > 0.0 || self.zero_count_float > 0.0 {
            positive.check("positive", positive.counts.len())?;
            negative.check("negative", negative.counts.len())?;
            let mut histogram = FloatHistogram {
                reset_hint,
                schema: self.schema,
                zero_threshold: self.zero_threshold,
                zero_count: self.zero_count_float,
                count: self.count_float,
                sum,
                positive_spans: positive.spans.clone(),
                negative_spans: negative.spans.clone(),
                positive_buckets: positive.counts.clone(),
                negative_buckets: negative.counts.clone(),
                custom_values: Vec::new(),
            };
            histogram.compact();
            return Ok(Value::FloatHistogram(Arc::new(histogram)));
        }
        positive.check("positive", positive.deltas.len())?;
        negative.check("negative", negative.deltas.len())?;
        let mut histogram = Histogram {
            reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum,
            positive_spans: positive.spans.clone(),
            negative_spans: negative.spans.clone(),
            positive_buckets: positive.deltas.clone(),
            negative_buckets: negative.deltas.clone(),
            custom_values: Vec::new(),
        };
        histogram.compact();
        Ok(Value::Histogram(Arc::new(histogram)))
    }
}

/// Appends the native fields of a histogram message.
pub(super) fn write_native(out: &mut Vec<u8>, histogram: &Histogram) {
    wire::sint32(out, 5, histogram.schema);
    wire::double(out, 6, histogram.zero_threshold);
    wire::int64(out, 7, histogram.zero_count as i64);
    write_spans(out, 9, &histogram.negative_spans);
    write_deltas(out, 10, &histogram.negative_buckets);
    let would_look_classic = histogram.positive_spans.is_empty()
        && histogram.negative_spans.is_empty()
        && histogram.zero_threshold <= 0.0
        && histogram.zero_count == 0;
    if would_look_classic {
        write_spans(out, 12, &[Span { offset: 0, length: 0 }]);
    }
    write_spans(out, 12, &histogram.positive_spans);
    write_deltas(out, 13, &histogram.positive_buckets);
}

/// Appends the native fields of a histogram message with float counts.
pub(super) fn write_native_floats(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    wire::sint32(out, 5, histogram.schema);
    wire::double(out, 6, histogram.zero_threshold);
    wire::double(out, 8, histogram.zero_count);
    write_spans(out, 9, &histogram.negative_spans);
    write_counts(out, 11, &histogram.negative_buckets);
    let has_spans = !histogram.positive_spans.is_empty() || !histogram.negative_spans.is_empty();
    if !has_spans && histogram.zero_threshold <= 0.0 {
        write_spans(out, 12, &[Span { offset: 0, length: 0 }]);
    }
    write_spans(out, 12, &histogram.positive_spans);
    write_counts(out, 14, &histogram.positive_buckets);
}

fn write_counts(out: &mut Vec<u8>, field: u32, counts: &[f64]) {
    wire::packed(out, field, counts.iter(), |out, c| out.extend_from_slice(&c.to_le_bytes()));
}

fn write_spans(out: &mut Vec<u8>, field: u32, spans: &[Span]) {
    for span in spans {
        wire::message(out, field, |out| {
            wire::sint32(out, 1, span.offset);
            wire::int64(out, 2, i64::from(span.length));
        });
    }
}

fn write_deltas(out: &mut Vec<u8>, field: u32, deltas: &[i64]) {
    wire::packed(out, field, deltas.iter(), |out, d| wire::varint(out, to_zigzag(*d)));
}
