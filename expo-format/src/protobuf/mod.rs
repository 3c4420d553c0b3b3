//! Length-delimited `io.prometheus.client.MetricFamily` messages, native histograms included.
//!
//! Source: `metrics.proto` of the client model. A family is read metric by metric; a metric becomes the samples
//! that the text formats would show, in the order of Prometheus: count, sum, then quantiles or buckets.

mod histogram;
mod metric;
mod parse;
mod series_text;
mod write;

pub use parse::Parser;
pub use write::{write, write_family};

use metrics_core::{MetricType, Timestamp};

use crate::wire::{Reader, WireError};

/// The metric types in the order of their numbers.
const TYPES: [MetricType; 6] = [
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Summary,
    MetricType::Unknown,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
];

/// A `google.protobuf.Timestamp`, cut to milliseconds.
fn read_time(mut fields: Reader<'_>) -> Result<Timestamp, WireError> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    while let Some(field) = fields.field()? {
        match field.number {
            1 => seconds = field.int64()?,
            2 => nanos = field.int64()?,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

#[cfg(test)]
mod tests;
