//! What the messages of both versions have in common.

use metrics_core::{MetricType, Timestamp};

use super::Sample;
use crate::wire::{self, Field, Reader, WireError};

/// All fields of one small number, read by `read`; the iterator ends after an error.
pub(crate) fn fields<'a, T>(
    mut rest: Reader<'a>,
    number: u8,
    mut read: impl FnMut(&Field<'a>) -> Result<T, WireError>,
) -> impl Iterator<Item = Result<T, WireError>> {
    let mut broken = false;
    std::iter::from_fn(move || {
        while !broken {
            rest.skip_short(|other| other != number);
            match rest.field() {
                Ok(Some(field)) if field.number == u32::from(number) => {
                    let item = read(&field);
                    broken = item.is_err();
                    return Some(item);
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(e) => {
                    broken = true;
                    return Some(Err(e));
                }
            }
        }
        None
    })
}

/// A float sample; the older version has no time of creation.
#[inline]
pub(super) fn read_sample(field: &Field<'_>) -> Result<Sample, WireError> {
    let mut sample = Sample { timestamp: 0, value: 0.0, created: None };
    let mut parts = field.message()?;
    if let Some((value, timestamp)) = parts.double_and_number() {
        return Ok(Sample { timestamp: timestamp as i64, value, created: None });
    }
    while let Some(part) = parts.field()? {
        match part.number {
            1 => sample.value = part.double()?,
            2 => sample.timestamp = part.int64()?,
            3 => sample.created = Some(part.int64()?).filter(|t| *t != 0),
            _ => {}
        }
    }
    Ok(sample)
}

/// Appends the fields of a float sample.
pub(super) fn write_sample(out: &mut Vec<u8>, timestamp: Timestamp, value: f64) {
    wire::double(out, 1, value);
    wire::int64(out, 2, timestamp);
}

/// The metric types in the order of their numbers.
const TYPES: [MetricType; 8] = [
    MetricType::Unknown,
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
    MetricType::Summary,
    MetricType::Info,
    MetricType::StateSet,
];

/// The metric type of a number; an unknown number is an unknown type.
pub(super) fn metric_type(number: u64) -> MetricType {
    usize::try_from(number).ok().and_then(|n| TYPES.get(n)).copied().unwrap_or_default()
}

/// The number of a metric type.
pub(super) fn metric_type_number(metric_type: MetricType) -> i64 {
    TYPES.iter().position(|t| *t == metric_type).map_or(0, |n| n as i64)
}
