//! Whether the parts of a histogram fit together.

use std::fmt;

use super::{
    CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA, Span,
};

/// Two histograms cannot be combined: one has custom buckets, the other exponential ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncompatibleBuckets;

impl fmt::Display for IncompatibleBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas",
        )
    }
}

impl std::error::Error for IncompatibleBuckets {}

/// Why a histogram is not valid.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum HistogramError {
    /// The schema is neither exponential nor that of custom buckets.
    Schema(i32),
    /// A span, counted from 1, starts before the end of the one before.
    SpanOffset {
        /// Which span.
        span: usize,
        /// Its offset.
        offset: i32,
    },
    /// The spans lay out another number of buckets than there are.
    BucketCount {
        /// Buckets that the spans lay out.
        needed: usize,
        /// Buckets that are there.
        found: usize,
    },
    /// A bucket, counted from 1, has a negative count.
    NegativeBucket {
        /// Which bucket.
        bucket: usize,
        /// Its count.
        count: f64,
    },
    /// The zero bucket has a negative count.
    NegativeZeroCount(f64),
    /// The count of all observations is negative.
    NegativeCount(f64),
    /// Fewer observations than the buckets hold together.
    CountTooSmall {
        /// Observations in buckets.
        buckets: u64,
        /// All observations.
        count: u64,
    },
    /// Not as many observations as the buckets hold together.
    CountMismatch {
        /// Observations in buckets.
        buckets: u64,
        /// All observations.
        count: u64,
    },
    /// Custom bounds do not rise.
    CustomBounds {
        /// A bound.
        previous: f64,
        /// The next bound.
        current: f64,
    },
    /// A custom bound is not a number.
    CustomBoundNan,
    /// The bound +Inf is implied and must not be given.
    CustomBoundInfinite,
    /// More custom buckets than bounds.
    TooFewCustomBounds {
        /// How many bounds there are.
        bounds: usize,
        /// How far the spans reach.
        spans: usize,
    },
    /// Custom buckets go without what is named here.
    CustomBucketsWith(&'static str),
    /// Exponential buckets with custom bounds.
    ExponentialWithCustomBounds,
}

impl fmt::Display for HistogramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(s) => write!(
                f,
                "histogram has an invalid schema, which must be between {MIN_EXPONENTIAL_SCHEMA} and \
                 {MAX_EXPONENTIAL_SCHEMA} for exponential buckets, or {CUSTOM_BUCKETS_SCHEMA} for custom buckets, \
                 got schema {s}"
            ),
            Self::SpanOffset { span, offset } => write!(
                f,
                "span number {span} with offset {offset}: histogram has a span whose offset is negative"
            ),
            Self::BucketCount { needed, found } => write!(
                f,
                "spans need {needed} buckets, have {found} buckets: histogram spans specify different number of \
                 buckets than provided"
            ),
            Self::NegativeBucket { bucket, count } => write!(
                f,
                "bucket number {bucket} has observation count of {count}: histogram has a bucket whose observation \
                 count is negative"
            ),
            Self::NegativeZeroCount(count) => write!(
                f,
                "zero bucket has observation count of {count}: histogram has a bucket whose observation count is \
                 negative"
            ),
            Self::NegativeCount(count) => {
                write!(f, "observation count is {count}: histogram's observation count is negative")
            }
            Self::CountTooSmall { buckets, count } => write!(
                f,
                "{buckets} observations found in buckets, but the Count field is {count}: histogram's observation \
                 count should be at least the number of observations found in the buckets"
            ),
            Self::CountMismatch { buckets, count } => write!(
                f,
                "{buckets} observations found in buckets, but the Count field is {count}: histogram's observation \
                 count should equal the number of observations found in the buckets (in absence of NaN)"
            ),
            Self::CustomBounds { previous, current } => write!(
                f,
                "previous bound is {previous:.6} and current is {current:.6}: histogram custom bounds must be in \
                 strictly increasing order"
            ),
            Self::CustomBoundNan => f.write_str("histogram custom bounds must not be NaN"),
            Self::CustomBoundInfinite => f.write_str(
                "last +Inf bound must not be explicitly defined: histogram custom bounds must be finite",
            ),
            Self::TooFewCustomBounds { bounds, spans } => write!(
                f,
                "only {bounds} custom bounds defined which is insufficient to cover total span length of {spans}: \
                 histogram custom bounds are too few"
            ),
            Self::CustomBucketsWith(what) => write!(f, "custom buckets: must not have {what}"),
            Self::ExponentialWithCustomBounds => {
                f.write_str("histogram with exponential schema must not have custom bounds")
            }
        }
    }
}

impl std::error::Error for HistogramError {}

impl FloatHistogram {
    /// Checks that spans, buckets, bounds and schema fit together and no count is negative. The count of all
    /// observations is not compared with the buckets, whose float counts add up only roughly.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn validate(&self) -> Result<(), HistogramError> {
        Parts {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0.0,
            positive: (&self.positive_spans, self.positive_buckets.len()),
            negative: (&self.negative_spans, self.negative_buckets.len()),
            custom_values: &self.custom_values,
        }
        .check()?;
        for buckets in [&self.negative_buckets, &self.positive_buckets] {
            if let Some((i, count)) = buckets.iter().enumerate().find(|(_, c)| **c < 0.0) {
                return Err(HistogramError::NegativeBucket { bucket: i + 1, count: *count });
            }
        }
        if self.zero_count < 0.0 {
            return Err(HistogramError::NegativeZeroCount(self.zero_count));
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount(self.count));
        }
        Ok(())
    }
}

impl Histogram {
    /// Checks that spans, buckets, bounds and schema fit together, no count is negative, and the count of all
    /// observations equals that of the buckets. If the sum is NaN it may be larger: observations of NaN are
    /// in no bucket.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn validate(&self) -> Result<(), HistogramError> {
        Parts {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0,
            positive: (&self.positive_spans, self.positive_buckets.len()),
            negative: (&self.negative_spans, self.negative_buckets.len()),
            custom_values: &self.custom_values,
        }
        .check()?;
        let mut buckets = self.zero_count;
        for deltas in [&self.negative_buckets, &self.positive_buckets] {
            let mut count = 0i64;
            for (i, delta) in deltas.iter().enumerate() {
                count = count.wrapping_add(*delta);
                if count < 0 {
                    return Err(HistogramError::NegativeBucket { bucket: i + 1, count: count as f64 });
                }
                buckets = buckets.wrapping_add(count as u64);
            }
        }
        let count = self.count;
        if self.sum.is_nan() {
            return if buckets > count {
                Err(HistogramError::CountTooSmall { buckets, count })
            } else {
                Ok(())
            };
        }
        if buckets == count { Ok(()) } else { Err(HistogramError::CountMismatch { buckets, count }) }
    }
}

/// What both kinds of histogram have in common.
struct Parts<'a> {
    schema: i32,
    zero_threshold: f64,
    has_zero_count: bool,
    positive: (&'a [Span], usize),
    negative: (&'a [Span], usize),
    custom_values: &'a [f64],
}

impl Parts<'_> {
    fn check(&self) -> Result<(), HistogramError> {
        match self.schema {
            CUSTOM_BUCKETS_SCHEMA => self.check_custom(),
            MIN_EXPONENTIAL_SCHEMA..=MAX_EXPONENTIAL_SCHEMA => {
                check_spans(self.positive)?;
                check_spans(self.negative)?;
                match self.custom_values.is_empty() {
                    true => Ok(()),
                    false => Err(HistogramError::ExponentialWithCustomBounds),
                }
            }
            other => Err(HistogramError::Schema(other)),
        }
    }

    fn check_custom(&self) -> Result<(), HistogramError> {
        let bounds = self.custom_values;
        if bounds.iter().any(|b| b.is_nan()) {
            return Err(HistogramError::CustomBoundNan);
        }
        if let Some(w) = bounds.windows(2).find(|w| w[1] <= w[0]) {
            return Err(HistogramError::CustomBounds { previous: w[0], current: w[1] });
        }
        if bounds.last() == Some(&f64::INFINITY) {
            return Err(HistogramError::CustomBoundInfinite);
        }
        let (spans, _) = self.positive;
        if let Some(first) = spans.first()
            && first.offset < 0
        {
            return Err(HistogramError::SpanOffset { span: 1, offset: first.offset });
        }
        check_spans(self.positive)?;
        let reach: usize = spans.iter().map(|s| s.offset as usize + s.length as usize).sum();
        if bounds.len() + 1 < reach {
            return Err(HistogramError::TooFewCustomBounds { bounds: bounds.len(), spans: reach });
        }
        for (present, what) in [
            (self.has_zero_count, "a zero count"),
            (self.zero_threshold != 0.0, "a zero threshold"),
            (!self.negative.0.is_empty(), "negative spans"),
            (self.negative.1 != 0, "negative buckets"),
        ] {
            if present {
                return Err(HistogramError::CustomBucketsWith(what));
            }
        }
        Ok(())
    }
}

fn check_spans((spans, found): (&[Span], usize)) -> Result<(), HistogramError> {
    if let Some((i, span)) = spans.iter().enumerate().skip(1).find(|(_, s)| s.offset < 0) {
        return Err(HistogramError::SpanOffset { span: i + 1, offset: span.offset });
    }
    let needed: usize = spans.iter().map(|s| s.length as usize).sum();
    if needed == found { Ok(()) } else { Err(HistogramError::BucketCount { needed, found }) }
}
