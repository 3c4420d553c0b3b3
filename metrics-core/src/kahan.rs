//! Compensated summation.

/// Adds `value` to the running sum `(sum, compensation)` and returns the new pair.
///
/// Source: Kahan–Babuška summation in Neumaier's form. The total is `sum + compensation`, or `sum` alone once
/// it is infinite. Starting from `(0.0, 0.0)`, the total of any number of values carries almost no rounding error.
///
/// ```
/// use metrics_core::kahan_add;
/// let (sum, c) = [1e100, 1.0, -1e100].into_iter().fold((0.0, 0.0), |(s, c), v| kahan_add(v, s, c));
/// assert_eq!(sum + c, 1.0);
/// ```
#[inline(always)]
pub fn kahan_add(value: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + value;
    let lost = if sum.abs() >= value.abs() { (sum - total) + value } else { (value - total) + sum };
    // The error of an infinite sum is NaN and would spoil it.
    (total, if total.is_infinite() { 0.0 } else { compensation + lost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_has_no_compensation() {
        assert_eq!(kahan_add(f64::INFINITY, 1.0, 0.5), (f64::INFINITY, 0.0));
        let (sum, c) = kahan_add(f64::NAN, 1.0, 0.0);
        assert!((sum + c).is_nan());
    }
}
