//! Quantiles and fractions of histograms, classic and native.

use metrics_core::{FloatHistogram, kahan_add};

use crate::eval::{Note, Notes};

/// A bucket of a classic histogram: observations at or below the upper bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClassicBucket {
    pub(crate) upper_bound: f64,
    pub(crate) count: f64,
}

/// What had to be done to counts that fall from one bucket to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Straightened {
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    pub(crate) difference: f64,
}

/// Differences between buckets that are relatively smaller than this come from rounding.
const TOLERANCE: f64 = 1e-12;

/// The quantile of a classic histogram, interpolated linearly inside a bucket; and what had to be straightened.
///
/// NaN without observations, with fewer than two buckets, or without a bucket that ends at +Inf. The lowest
/// bucket is taken to begin at zero if it ends above zero.
pub(crate) fn classic_quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Option<Straightened>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if !(0.0..=1.0).contains(&q) {
        return (if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, None);
    }
    if !sort_and_join(buckets) {
        return (f64::NAN, None);
    }
    let straightened = straighten(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, straightened);
    }
    let mut rank = q * observations;
    let at = first_at_least(&buckets[..last], rank);
    let value = if at == last {
        buckets[last - 1].upper_bound
    } else if at == 0 && buckets[0].upper_bound <= 0.0 {
        buckets[0].upper_bound
    } else {
        let end = buckets[at].upper_bound;
        let (mut start, mut count) = (0.0, buckets[at].count);
        if let Some(below) = at.checked_sub(1).map(|i| buckets[i]) {
            start = below.upper_bound;
            count -= below.count;
            rank -= below.count;
        }
        start + (end - start) * (rank / count)
    };
    (value, straightened)
}

/// Binary search as the original does it, which matters where counts are NaN.
fn first_at_least(buckets: &[ClassicBucket], rank: f64) -> usize {
    let reached = |b: &ClassicBucket| b.count >= rank;
    buckets.partition_point(|b| !reached(b))
}

/// Sorts by upper bound and adds up equal bounds. Returns whether the last one is +Inf.
fn sort_and_join(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper_bound.partial_cmp(&b.upper_bound).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last().is_none_or(|b| b.upper_bound != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|b, kept| {
        let same = b.upper_bound == kept.upper_bound;
        if same {
            kept.count += b.count;
        }
        same
    });
    true
}

/// Removes every fall of the counts; tells of those that are more than rounding.
fn straighten(buckets: &mut [ClassicBucket]) -> Option<Straightened> {
    let mut found: Option<Straightened> = None;
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if almost_equal(before, count, TOLERANCE) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let seen = found.get_or_insert(Straightened {
                lowest: f64::INFINITY,
                highest: f64::NEG_INFINITY,
                difference: 0.0,
            });
            seen.lowest = seen.lowest.min(bucket.upper_bound);
            seen.highest = seen.highest.max(bucket.upper_bound);
            seen.difference = seen.difference.max(before - count);
        } else {
            before = count;
        }
    }
    found
}

/// Whether two floats differ relatively by less than `epsilon`.
fn almost_equal(a: f64, b: f64, epsilon: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < epsilon * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < epsilon
}

/// The fraction of a classic histogram's observations between two values.
pub(crate) fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !sort_and_join(buckets) {
        return f64::NAN;
    }
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut ranks = Ranks::new(lower, upper);
    let mut below = 0.0;
    let mut start = if buckets[0].upper_bound <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    for bucket in buckets.iter() {
        let end = bucket.upper_bound;
        let inside = |v: f64| match start {
            f64::NEG_INFINITY => bucket.count,
            start => below + (bucket.count - below) * (v - start) / (end - start),
        };
        if ranks.pass(start, end, below, inside) {
            break;
        }
        below = bucket.count;
        start = end;
    }
    ranks.fraction(count, count)
}

/// Finds how many observations lie below each of two values while buckets pass by in rising order.
struct Ranks {
    values: [f64; 2],
    ranks: [Option<f64>; 2],
}

impl Ranks {
    fn new(lower: f64, upper: f64) -> Self {
        Self { values: [lower, upper], ranks: [None; 2] }
    }

    /// Looks at one bucket, with `below` observations under it. Returns whether both are found.
    fn pass(&mut self, start: f64, end: f64, below: f64, inside: impl Fn(f64) -> f64) -> bool {
        for (value, rank) in self.values.iter().zip(&mut self.ranks) {
            if rank.is_none() && start >= *value {
                *rank = Some(below);
            }
        }
        if self.ranks.iter().all(Option::is_some) {
            return true;
        }
        for (value, rank) in self.values.iter().zip(&mut self.ranks) {
            if rank.is_none() && start < *value && end > *value {
                *rank = Some(inside(*value));
            }
        }
        self.ranks.iter().all(Option::is_some)
    }

    fn fraction(&self, count: f64, of: f64) -> f64 {
        let [lower, upper] = self.ranks.map(|r| match r {
            Some(rank) if rank > count => count,
            Some(rank) => rank,
            None => count,
        });
        (upper - lower) / of
    }
}

/// The quantile of a native histogram. Exponential buckets are interpolated on a logarithmic scale, custom ones
/// and the zero bucket linearly.
///
/// A histogram with only positive buckets is taken to begin at zero, one with only negative buckets to end
/// there. Observations of NaN count as +Inf.
pub(crate) fn native_quantile(q: f64, h: &FloatHistogram, metric: &str, notes: &Notes<'_>) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if h.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    // Observations of NaN are in no bucket, so that the way from the top would start too low.
    let from_below = h.sum.is_nan() || q < 0.5;
    let mut buckets: Box<dyn Iterator<Item = metrics_core::histogram::Bucket> + '_> =
        if from_below { Box::new(h.all_buckets()) } else { Box::new(h.all_buckets_back()) };
    let mut rank = if from_below { q * h.count } else { (1.0 - q) * h.count };
    let mut count = 0.0;
    let mut found = None;
    for bucket in buckets.by_ref() {
        found = Some(bucket);
        if bucket.count != 0.0 {
            count += bucket.count;
            if count >= rank {
                break;
            }
        }
    }
    let mut bucket = found.unwrap_or_default();
    let custom = h.has_custom_buckets();
    if custom {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        match (h.negative_buckets.is_empty(), h.positive_buckets.is_empty()) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
    }
    count = if count > h.count { h.count } else { count };
    if count < rank {
        if h.sum.is_nan() {
            notes.add(Note::QuantileNan { metric });
            return f64::NAN;
        }
        return bucket.upper;
    }
    rank = if from_below { rank - (count - bucket.count) } else { count - rank };
    if h.sum.is_nan() {
        let mut all = count;
        for further in buckets {
            all += further.count;
        }
        if all < h.count {
            notes.add(Note::QuantileNanSkew { metric });
        }
    }
    let fraction = rank / bucket.count;
    if custom || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * fraction;
    }
    let lower = bucket.lower.abs().log2();
    let upper = bucket.upper.abs().log2();
    if bucket.lower > 0.0 {
        return (lower + (upper - lower) * fraction).exp2();
    }
    -(upper + (lower - upper) * (1.0 - fraction)).exp2()
}

/// The fraction of a native histogram's observations between two values.
pub(crate) fn native_fraction(
    lower: f64,
    upper: f64,
    h: &FloatHistogram,
    metric: &str,
    notes: &Notes<'_>,
) -> f64 {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut ranks = Ranks::new(lower, upper);
    let (mut below, mut count) = (0.0, 0.0);
    let mut buckets = h.all_buckets();
    for mut bucket in buckets.by_ref() {
        count += bucket.count;
        let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if around_zero {
            match (h.negative_buckets.is_empty(), h.positive_buckets.is_empty()) {
                (true, false) => bucket.lower = 0.0,
                (false, true) => bucket.upper = 0.0,
                _ => {}
            }
        }
        let linear = h.has_custom_buckets() || around_zero;
        let inside = |v: f64| {
            if linear && bucket.lower == f64::NEG_INFINITY {
                return bucket.count;
            }
            below + bucket.count * bucket.fraction_below(v, linear)
        };
        if ranks.pass(bucket.lower, bucket.upper, below, inside) {
            break;
        }
        below += bucket.count;
    }
    if h.sum.is_nan() {
        count = buckets.fold(count, |sum, b| sum + b.count);
        if count < h.count {
            notes.add(Note::FractionNan { metric });
        }
    } else {
        count = h.count;
    }
    ranks.fraction(count, h.count)
}

/// Variance of a native histogram, each bucket's observations taken to lie in its middle.
pub(crate) fn native_variance(h: &FloatHistogram) -> f64 {
    let mean = h.sum / h.count;
    let (mut sum, mut c) = (0.0, 0.0);
    for bucket in h.all_buckets().filter(|b| b.count != 0.0) {
        let value = if h.has_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = value - mean;
        (sum, c) = kahan_add(bucket.count * delta * delta, sum, c);
    }
    (sum + c) / h.count
}
