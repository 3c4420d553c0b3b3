//! The native histogram message, which both versions share.

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{FloatHistogram, Histogram, Span, Timestamp, Value};

use super::HistogramSample;
use crate::wire::{self, Field, Reader, WireError, to_zigzag, zigzag};

/// The fields as they come; only at the end is it known whether counts are integers or floats.
#[derive(Default)]
struct Raw {
    float: Option<bool>,
    count: (u64, f64),
    zero_count: (u64, f64),
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    positive: Buckets,
    negative: Buckets,
    reset_hint: ResetHint,
    custom_values: Vec<f64>,
}

#[derive(Default)]
struct Buckets {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl Buckets {
    fn add_span(&mut self, field: &Field<'_>) -> Result<(), WireError> {
        let mut span = Span { offset: 0, length: 0 };
        let mut fields = field.message()?;
        while let Some(field) = fields.field()? {
            match field.number {
                1 => span.offset = field.sint32()?,
                2 => span.length = field.uint32()?,
                _ => {}
            }
        }
        self.spans.push(span);
        Ok(())
    }
}

pub(super) fn read(mut fields: Reader<'_>) -> Result<HistogramSample, WireError> {
    let mut raw = Raw::default();
    let (mut timestamp, mut created) = (0, None);
    while let Some(field) = fields.field()? {
        match field.number {
            1 => (raw.count.0, raw.float) = (field.uint64()?, Some(false)),
            2 => (raw.count.1, raw.float) = (field.double()?, Some(true)),
            3 => raw.sum = field.double()?,
            4 => raw.schema = field.sint32()?,
            5 => raw.zero_threshold = field.double()?,
            6 => raw.zero_count.0 = field.uint64()?,
            7 => raw.zero_count.1 = field.double()?,
            8 => raw.negative.add_span(&field)?,
            9 => field.varints(|v| raw.negative.deltas.push(zigzag(v)))?,
            10 => field.doubles(&mut raw.negative.counts)?,
            11 => raw.positive.add_span(&field)?,
            12 => field.varints(|v| raw.positive.deltas.push(zigzag(v)))?,
            13 => field.doubles(&mut raw.positive.counts)?,
            14 => raw.reset_hint = hint(field.uint64()?),
            15 => timestamp = field.int64()?,
            16 => field.doubles(&mut raw.custom_values)?,
            17 => created = Some(field.int64()?).filter(|t| *t != 0),
            _ => {}
        }
    }
    Ok(HistogramSample { timestamp, value: raw.value(), created })
}

impl Raw {
    fn value(self) -> Value {
        if self.float == Some(true) {
            return Value::FloatHistogram(Arc::new(FloatHistogram {
                reset_hint: self.reset_hint,
                schema: self.schema,
                zero_threshold: self.zero_threshold,
                zero_count: self.zero_count.1,
                count: self.count.1,
                sum: self.sum,
                positive_spans: self.positive.spans,
                negative_spans: self.negative.spans,
                positive_buckets: self.positive.counts,
                negative_buckets: self.negative.counts,
                custom_values: self.custom_values,
            }));
        }
        Value::Histogram(Arc::new(Histogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count.0,
            count: self.count.0,
            sum: self.sum,
            positive_spans: self.positive.spans,
            negative_spans: self.negative.spans,
            positive_buckets: self.positive.deltas,
            negative_buckets: self.negative.deltas,
            custom_values: self.custom_values,
        }))
    }
}

fn hint(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

fn hint_number(hint: ResetHint) -> i64 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    }
}

/// Appends the fields of a histogram; a float value has none.
pub(super) fn write(out: &mut Vec<u8>, timestamp: Timestamp, value: &Value) {
    match value {
        Value::Histogram(h) => {
            wire::uint64(out, 1, h.count);
            wire::double(out, 3, h.sum);
            wire::sint32(out, 4, h.schema);
            wire::double(out, 5, h.zero_threshold);
            wire::uint64(out, 6, h.zero_count);
            write_spans(out, 8, &h.negative_spans);
            write_deltas(out, 9, &h.negative_buckets);
            write_spans(out, 11, &h.positive_spans);
            write_deltas(out, 12, &h.positive_buckets);
            wire::int64(out, 14, hint_number(h.reset_hint));
            wire::int64(out, 15, timestamp);
            write_doubles(out, 16, &h.custom_values);
        }
        Value::FloatHistogram(h) => {
            wire::set_double(out, 2, h.count);
            wire::double(out, 3, h.sum);
            wire::sint32(out, 4, h.schema);
            wire::double(out, 5, h.zero_threshold);
            wire::set_double(out, 7, h.zero_count);
            write_spans(out, 8, &h.negative_spans);
            write_doubles(out, 10, &h.negative_buckets);
            write_spans(out, 11, &h.positive_spans);
            write_doubles(out, 13, &h.positive_buckets);
            wire::int64(out, 14, hint_number(h.reset_hint));
            wire::int64(out, 15, timestamp);
            write_doubles(out, 16, &h.custom_values);
        }
        _ => {}
    }
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

fn write_doubles(out: &mut Vec<u8>, field: u32, values: &[f64]) {
    wire::packed(out, field, values.iter(), |out, v| out.extend_from_slice(&v.to_le_bytes()));
}
