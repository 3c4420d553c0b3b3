//! One measured value at one time.

use std::sync::Arc;

use crate::{FloatHistogram, Histogram, Timestamp};

/// The bits of the NaN that marks a series as gone (the field's staleness marker).
///
/// Every other NaN is an ordinary value, so comparison goes by bits: see [`is_stale`].
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The staleness marker as a float.
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether a value is the staleness marker.
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// What a sample holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A float.
    Float(f64),
    /// A native histogram with integer counts, as an instrument observes it.
    Histogram(Arc<Histogram>),
    /// A native histogram with float counts, as a recording rule computes it.
    FloatHistogram(Arc<FloatHistogram>),
}

impl Value {
    /// Whether this value marks its series as gone; a histogram does so through its sum.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Float(v) => is_stale(*v),
            Self::Histogram(h) => is_stale(h.sum),
            Self::FloatHistogram(h) => is_stale(h.sum),
        }
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Float(v)
    }
}

/// A value at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When it was measured.
    pub timestamp: Timestamp,
    /// What was measured.
    pub value: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_is_stale() {
        assert!(is_stale(STALE_NAN));
        assert!(!is_stale(f64::NAN));
        assert!(!is_stale(0.0));
    }
}
