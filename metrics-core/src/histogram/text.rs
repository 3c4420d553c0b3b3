//! Histograms as people read them: `{count:3, sum:4.5, (1,2]:3}`.

use std::fmt;

use super::bounds::Bucket;
use super::{FloatHistogram, Histogram};
use crate::number::format_general;

impl FloatHistogram {
    /// The text of the histogram as one with integer counts, which it was before [`Histogram::to_float`].
    ///
    /// ```
    /// use metrics_core::FloatHistogram;
    /// let h = FloatHistogram { count: 1e6, sum: 2e6, ..FloatHistogram::default() };
    /// assert_eq!(h.to_string(), "{count:1e+06, sum:2e+06}");
    /// assert_eq!(h.with_integers().to_string(), "{count:1000000, sum:2e+06}");
    /// ```
    pub fn with_integers(&self) -> impl fmt::Display + '_ {
        Text { histogram: self, show: integer }
    }
}

impl fmt::Display for FloatHistogram {
    /// Count, sum and populated buckets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text { histogram: self, show: format_general }.fmt(f)
    }
}

impl fmt::Display for Histogram {
    /// As a [`FloatHistogram`], with counts as integers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_float().with_integers().fmt(f)
    }
}

impl fmt::Display for Bucket {
    /// In interval notation: `(1,2]:3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bucket(f, self, format_general)
    }
}

/// A histogram, and how its counts are shown.
struct Text<'a> {
    histogram: &'a FloatHistogram,
    show: fn(f64) -> String,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histogram: h, show } = self;
        write!(f, "{{count:{}, sum:{}", show(h.count), format_general(h.sum))?;
        let mut negative: Vec<_> = h.negative().collect();
        negative.reverse();
        let zero = (!h.has_custom_buckets()).then(|| h.zero_bucket());
        let all = negative.into_iter().chain(zero).chain(h.positive());
        for bucket in all.filter(|b| b.count != 0.0) {
            f.write_str(", ")?;
            write_bucket(f, &bucket, *show)?;
        }
        f.write_str("}")
    }
}

fn write_bucket(f: &mut fmt::Formatter<'_>, bucket: &Bucket, show: fn(f64) -> String) -> fmt::Result {
    let open = if bucket.lower_inclusive { '[' } else { '(' };
    let close = if bucket.upper_inclusive { ']' } else { ')' };
    let [lower, upper] = [bucket.lower, bucket.upper].map(format_general);
    write!(f, "{open}{lower},{upper}{close}:{}", show(bucket.count))
}

fn integer(count: f64) -> String {
    (count as u64).to_string()
}
