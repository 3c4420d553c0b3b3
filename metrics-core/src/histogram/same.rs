//! Equality of data, and weight.

use super::FloatHistogram;
use super::arith::same_bounds;
use super::spans::same_layout;

impl FloatHistogram {
    /// Whether both hold the same data, floats compared by their bits and layouts up to empty spans. What is
    /// said about counter resets does not count. Compact both first unless empty buckets matter.
    pub fn same_data(&self, other: &Self) -> bool {
        let bits = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
        };
        let numbers = |h: &Self| [h.count, h.sum, h.zero_count];
        self.schema == other.schema
            && bits(&numbers(self), &numbers(other))
            && self.zero_threshold == other.zero_threshold
            && (!self.has_custom_buckets() || same_bounds(&self.custom_values, &other.custom_values))
            && same_layout(&self.negative_spans, &other.negative_spans)
            && same_layout(&self.positive_spans, &other.positive_spans)
            && bits(&self.negative_buckets, &other.negative_buckets)
            && bits(&self.positive_buckets, &other.positive_buckets)
    }

    /// Bytes that the histogram takes in memory, as the field counts them when it weighs histograms against
    /// float samples of 16 bytes.
    pub fn weight(&self) -> usize {
        168 + 8
            * (self.positive_spans.len()
                + self.negative_spans.len()
                + self.positive_buckets.len()
                + self.negative_buckets.len()
                + self.custom_values.len())
    }
}
