//! Cutting observations off above or below a bound.

use super::{Bucket, FloatHistogram};

/// Which side of the bound is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// Observations at or below the bound.
    Below,
    /// Observations above the bound.
    Above,
}

impl FloatHistogram {
    /// Drops observations on one side of a bound. A bucket that contains the bound is divided by interpolation;
    /// the new sum is estimated from the middles of what remains. Nothing changes if nothing is cut.
    pub fn trim(&mut self, bound: f64, keep: Keep) -> &mut Self {
        let cut = Cut { bound, keep, linear: self.has_custom_buckets() };
        let mut rest = Rest::default();
        let positive: Vec<f64> = self.positive().map(|b| rest.take(cut, b, true)).collect();
        let has_positive = std::mem::take(&mut rest.populated);
        let negative: Vec<f64> = self.negative().map(|b| rest.take(cut, b, false)).collect();
        let has_negative = rest.populated;
        self.positive_buckets = positive;
        self.negative_buckets = negative;
        if self.zero_count > 0.0 {
            let mut zero = self.zero_bucket();
            match (has_negative, has_positive) {
                (true, false) => zero.upper = 0.0,
                (false, true) => zero.lower = 0.0,
                _ => {}
            }
            let (kept, middle) = cut.zero_bucket(&zero);
            rest.trimmed |= self.zero_count != kept;
            self.zero_count = kept;
            rest.sum += middle * kept;
            rest.count += kept;
        }
        if rest.trimmed {
            self.count = rest.count;
            self.sum = rest.sum;
            self.compact();
        }
        self
    }
}

/// What is left so far.
#[derive(Debug, Default)]
struct Rest {
    count: f64,
    sum: f64,
    trimmed: bool,
    populated: bool,
}

impl Rest {
    /// Judges one bucket and returns what it keeps.
    fn take(&mut self, cut: Cut, bucket: Bucket, positive: bool) -> f64 {
        if bucket.count == 0.0 {
            return bucket.count;
        }
        self.populated = true;
        let (whole, part) = match cut.keep {
            Keep::Below => (bucket.upper <= cut.bound, bucket.lower < cut.bound),
            Keep::Above => (bucket.lower >= cut.bound, bucket.upper > cut.bound),
        };
        if whole {
            self.count += bucket.count;
            self.sum += middle(bucket.lower, bucket.upper, positive, cut.linear) * bucket.count;
            return bucket.count;
        }
        if !part {
            self.trimmed = true;
            return 0.0;
        }
        let (kept, middle) = cut.bucket(&bucket, positive);
        self.count += kept;
        self.sum += middle * kept;
        self.trimmed |= bucket.count != kept;
        kept
    }
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    bound: f64,
    keep: Keep,
    linear: bool,
}

impl Cut {
    /// What a bucket around the bound keeps, and the middle of that.
    fn bucket(self, bucket: &Bucket, positive: bool) -> (f64, f64) {
        if bucket.lower == f64::NEG_INFINITY {
            return self.without_lower_bound(bucket);
        }
        if bucket.upper == f64::INFINITY {
            // Where its observations lie is unknown: all go when values above are cut, all stay otherwise.
            return match self.keep {
                Keep::Above if self.bound >= bucket.lower => (bucket.count, self.bound),
                _ => (0.0, finite_or_zero(bucket.lower)),
            };
        }
        let below = if self.bound <= bucket.lower {
            0.0
        } else if self.bound >= bucket.upper {
            bucket.count
        } else {
            bucket.count * bucket.fraction_below(self.bound, self.linear)
        };
        match self.keep {
            Keep::Below => (below, middle(bucket.lower, self.bound, positive, self.linear)),
            Keep::Above => (bucket.count - below, middle(self.bound, bucket.upper, positive, self.linear)),
        }
    }

    /// The lowest custom bucket: taken to begin at zero if it ends above zero, else not divisible.
    fn without_lower_bound(self, bucket: &Bucket) -> (f64, f64) {
        let (bound, upper) = (self.bound, bucket.upper);
        match self.keep {
            Keep::Below if bound >= upper => (bucket.count, 0.0),
            Keep::Below if bound > 0.0 && upper > 0.0 && upper != f64::INFINITY => {
                (bucket.count * bound / upper, bound / 2.0)
            }
            Keep::Below if upper <= 0.0 => (bucket.count, bound),
            Keep::Above if bound <= bucket.lower => (bucket.count, 0.0),
            Keep::Above if bound >= 0.0 && upper > bound && upper != f64::INFINITY => {
                (bucket.count * (1.0 - bound / upper), (bound + upper) / 2.0)
            }
            _ => (0.0, finite_or_zero(upper)),
        }
    }

    fn zero_bucket(self, zero: &Bucket) -> (f64, f64) {
        let (lower, upper) = (zero.lower, zero.upper);
        let (none, all) = match self.keep {
            Keep::Below => (self.bound <= lower, self.bound >= upper),
            Keep::Above => (self.bound >= upper, self.bound <= lower),
        };
        // The original asks for the lower edge first, which matters for a bucket without width.
        let (none, all) = match self.keep {
            Keep::Below => (none, all && !none),
            Keep::Above => (none && !all, all),
        };
        if none {
            return (0.0, 0.0);
        }
        if all {
            return (zero.count, (lower + upper) / 2.0);
        }
        let (fraction, middle) = match self.keep {
            Keep::Below => ((self.bound - lower) / (upper - lower), (lower + self.bound) / 2.0),
            Keep::Above => ((upper - self.bound) / (upper - lower), (self.bound + upper) / 2.0),
        };
        (zero.count * fraction, middle)
    }
}

fn finite_or_zero(value: f64) -> f64 {
    if value.is_infinite() { 0.0 } else { value }
}

/// Where the observations between two bounds lie on average: in the arithmetic or the geometric middle.
fn middle(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if linear => (lower + upper) / 2.0,
        (false, false) => {
            let middle = (lower * upper).abs().sqrt();
            if positive { middle } else { -middle }
        }
    }
}
