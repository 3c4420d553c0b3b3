//! Native histograms: the model that text, wire, chunk and query forms share.
//!
//! Source: the native histogram specification of Prometheus. A bucket of schema `n` (−4 … 8) with index `i`
//! covers `(base^(i-1), base^i]` with `base = 2^(2^-n)`; schema −53 has custom upper bounds.

mod arith;
mod bounds;
mod compact;
mod compensated;
mod custom;
mod index;
mod reset;
mod resolution;
mod same;
mod spans;
#[cfg(test)]
mod tests;
mod text;
mod trim;
mod validate;
mod zero;

pub use arith::Combined;
pub use bounds::{Bucket, upper_bound};
pub use compensated::CompensatedHistogram;
pub(crate) use index::{Grid, bucket_index};
pub use spans::Indexes;
pub use trim::Keep;
pub use validate::{HistogramError, IncompatibleBuckets};

/// The schema number of histograms with custom bucket bounds.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;
/// The coarsest exponential schema: each bucket 65,536 times the last.
pub const MIN_EXPONENTIAL_SCHEMA: i32 = -4;
/// The finest exponential schema: 256 buckets per doubling.
pub const MAX_EXPONENTIAL_SCHEMA: i32 = 8;

/// What is known about a counter reset between a histogram and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ResetHint {
    /// Compare the two to find out.
    #[default]
    Unknown,
    /// There was a reset.
    Reset,
    /// There was none.
    NotReset,
    /// A gauge histogram: the notion does not apply.
    Gauge,
}

/// A run of neighbouring buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Empty buckets between this run and the one before; for the first run, the index of its first bucket.
    pub offset: i32,
    /// How many buckets the run has.
    pub length: u32,
}

/// A native histogram with integer counts; buckets hold the difference to the bucket before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Whether a counter reset came before.
    pub reset_hint: ResetHint,
    /// Resolution, −4 … 8, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Values whose magnitude is at most this count as zero.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// All observations.
    pub count: u64,
    /// Sum of all observations; the staleness marker here marks the series stale.
    pub sum: f64,
    /// Layout of the positive buckets.
    pub positive_spans: Vec<Span>,
    /// Layout of the negative buckets.
    pub negative_spans: Vec<Span>,
    /// Positive buckets, each as the difference to the one before.
    pub positive_buckets: Vec<i64>,
    /// Negative buckets, each as the difference to the one before.
    pub negative_buckets: Vec<i64>,
    /// Upper bounds of custom buckets, rising, without +Inf; empty for exponential schemas.
    pub custom_values: Vec<f64>,
}

/// A native histogram with float counts; buckets hold their own counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FloatHistogram {
    /// Whether a counter reset came before.
    pub reset_hint: ResetHint,
    /// Resolution, −4 … 8, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Values whose magnitude is at most this count as zero.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of all observations; the staleness marker here marks the series stale.
    pub sum: f64,
    /// Layout of the positive buckets.
    pub positive_spans: Vec<Span>,
    /// Layout of the negative buckets.
    pub negative_spans: Vec<Span>,
    /// Positive bucket counts.
    pub positive_buckets: Vec<f64>,
    /// Negative bucket counts.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of custom buckets, rising, without +Inf; empty for exponential schemas.
    pub custom_values: Vec<f64>,
}

impl Histogram {
    /// The same histogram with float counts.
    pub fn to_float(&self) -> FloatHistogram {
        FloatHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: absolute(&self.positive_buckets),
            negative_buckets: absolute(&self.negative_buckets),
            custom_values: self.custom_values.clone(),
        }
    }

    /// Whether the buckets have custom bounds.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }
}

impl FloatHistogram {
    /// Whether the buckets have custom bounds.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }
}

/// Turns differences into counts.
fn absolute(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0i64;
    deltas
        .iter()
        .map(|d| {
            count = count.wrapping_add(*d);
            count as f64
        })
        .collect()
}
