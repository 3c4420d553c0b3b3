//! Data points as the message has them.

use metrics_core::{Exemplar, LabelSet};

use super::attributes::{Attributes, read_attribute};
use crate::error::WireError;
use crate::wire::{Field, Reader, zigzag};

/// Characters that the labels of an exemplar may have together.
const MAX_EXEMPLAR_CHARACTERS: usize = 128;

/// The flag of a point that only says that there is none.
const NO_RECORDED_VALUE: u32 = 1;

/// A point of any kind of metric; each kind uses its own parts.
#[derive(Debug, Default)]
pub(super) struct Point {
    pub(super) attributes: Attributes,
    /// Nanoseconds.
    pub(super) start: u64,
    /// Nanoseconds.
    pub(super) time: u64,
    pub(super) is_stale: bool,
    pub(super) exemplars: Vec<Exemplar>,
    /// Value of a gauge or sum.
    pub(super) value: f64,
    pub(super) count: u64,
    pub(super) sum: Option<f64>,
    pub(super) bucket_counts: Vec<u64>,
    pub(super) bounds: Vec<f64>,
    pub(super) quantiles: Vec<(f64, f64)>,
    pub(super) scale: i32,
    pub(super) zero_count: u64,
    pub(super) positive: Dense,
    pub(super) negative: Dense,
}

/// Buckets of an exponential histogram, one after the other.
#[derive(Debug, Default)]
pub(super) struct Dense {
    pub(super) offset: i32,
    pub(super) counts: Vec<u64>,
}

pub(super) fn read_number(field: &Field<'_>) -> Result<Point, WireError> {
    let mut point = Point::default();
    let mut fields = field.message()?;
    while let Some(field) = fields.field()? {
        match field.number {
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.value = field.double()?,
            5 => point.exemplars.push(read_exemplar(field.message()?)?),
            6 => point.value = field.fixed64()? as i64 as f64,
            7 => point.attributes.push(read_attribute(&field)?),
            8 => point.is_stale = field.uint32()? & NO_RECORDED_VALUE != 0,
            _ => {}
        }
    }
    Ok(point)
}

pub(super) fn read_histogram(field: &Field<'_>) -> Result<Point, WireError> {
    let mut point = Point::default();
    let mut fields = field.message()?;
    while let Some(field) = fields.field()? {
        match field.number {
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.count = field.fixed64()?,
            5 => point.sum = Some(field.double()?),
            6 => field.fixed64s(&mut point.bucket_counts)?,
            7 => field.doubles(&mut point.bounds)?,
            8 => point.exemplars.push(read_exemplar(field.message()?)?),
            9 => point.attributes.push(read_attribute(&field)?),
            10 => point.is_stale = field.uint32()? & NO_RECORDED_VALUE != 0,
            _ => {}
        }
    }
    Ok(point)
}

pub(super) fn read_exponential(field: &Field<'_>) -> Result<Point, WireError> {
    let mut point = Point::default();
    let mut fields = field.message()?;
    while let Some(field) = fields.field()? {
        match field.number {
            1 => point.attributes.push(read_attribute(&field)?),
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.count = field.fixed64()?,
            5 => point.sum = Some(field.double()?),
            6 => point.scale = field.sint32()?,
            7 => point.zero_count = field.fixed64()?,
            8 => point.positive = read_dense(field.message()?)?,
            9 => point.negative = read_dense(field.message()?)?,
            10 => point.is_stale = field.uint32()? & NO_RECORDED_VALUE != 0,
            11 => point.exemplars.push(read_exemplar(field.message()?)?),
            _ => {}
        }
    }
    Ok(point)
}

pub(super) fn read_summary(field: &Field<'_>) -> Result<Point, WireError> {
    let mut point = Point::default();
    let mut fields = field.message()?;
    while let Some(field) = fields.field()? {
        match field.number {
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.count = field.fixed64()?,
            5 => point.sum = Some(field.double()?),
            6 => {
                let mut quantile = (0.0, 0.0);
                let mut parts = field.message()?;
                while let Some(part) = parts.field()? {
                    match part.number {
                        1 => quantile.0 = part.double()?,
                        2 => quantile.1 = part.double()?,
                        _ => {}
                    }
                }
                point.quantiles.push(quantile);
            }
            7 => point.attributes.push(read_attribute(&field)?),
            8 => point.is_stale = field.uint32()? & NO_RECORDED_VALUE != 0,
            _ => {}
        }
    }
    Ok(point)
}

fn read_dense(mut fields: Reader<'_>) -> Result<Dense, WireError> {
    let mut dense = Dense::default();
    while let Some(field) = fields.field()? {
        match field.number {
            1 => dense.offset = zigzag(field.uint64()?) as i32,
            2 => field.varints(|count| dense.counts.push(count))?,
            _ => {}
        }
    }
    Ok(dense)
}

fn read_exemplar(mut fields: Reader<'_>) -> Result<Exemplar, WireError> {
    let (mut value, mut time, mut ids, mut others) = (0.0, 0, Attributes::new(), Attributes::new());
    while let Some(field) = fields.field()? {
        match field.number {
            2 => time = field.fixed64()?,
            3 => value = field.double()?,
            4 => add_id(&mut ids, "span_id", field.bytes()?),
            5 => add_id(&mut ids, "trace_id", field.bytes()?),
            6 => value = field.fixed64()? as i64 as f64,
            7 => others.push(read_attribute(&field)?),
            _ => {}
        }
    }
    let characters = |all: &Attributes| -> usize {
        all.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum()
    };
    // Trace and span always fit; the rest is left out wholly where it does not.
    if characters(&ids) + characters(&others) <= MAX_EXEMPLAR_CHARACTERS {
        ids.append(&mut others);
    }
    let timestamp = Some((time / 1_000_000) as i64).filter(|t| *t != 0);
    Ok(Exemplar { labels: LabelSet::from_pairs(ids), value, timestamp })
}

/// An identifier in hexadecimal, unless it is all zero.
fn add_id(into: &mut Attributes, name: &str, id: &[u8]) {
    if id.iter().any(|b| *b != 0) {
        let hex = id.iter().map(|b| format!("{b:02x}")).collect();
        into.push((name.to_owned(), hex));
    }
}
