//! Trends: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use metrics_core::{Timestamp, kahan_add};

use super::window::{Outcome, Samples, Window, float};
use crate::eval::DataError;

/// Whether there are enough floats for a trend; notes histograms that are left out.
fn has_trend(w: &Window<'_>) -> bool {
    if !w.floats.is_empty() {
        w.ignore_histograms();
    }
    w.floats.len() >= 2
}

pub(crate) fn deriv(w: &Window<'_>) -> Outcome {
    if !has_trend(w) {
        return Ok(None);
    }
    // Times relative to the first sample are small, which keeps digits.
    float(regression(w.floats, w.floats.times[0]).0)
}

pub(crate) fn predict_linear(w: &Window<'_>) -> Outcome {
    if !has_trend(w) {
        return Ok(None);
    }
    let (slope, intercept) = regression(w.floats, w.time);
    float(slope * w.params[0] + intercept)
}

/// Least squares: slope per second, and the value at a time.
fn regression(samples: Samples<'_, f64>, at: Timestamp) -> (f64, f64) {
    let first = samples.values[0];
    if samples.values.iter().all(|v| *v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let (mut x_sum, mut y_sum, mut xy_sum, mut x2_sum) = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0));
    for (t, y) in samples.times.iter().zip(samples.values) {
        let x = (t - at) as f64 / 1e3;
        x_sum = kahan_add(x, x_sum.0, x_sum.1);
        y_sum = kahan_add(*y, y_sum.0, y_sum.1);
        xy_sum = kahan_add(x * y, xy_sum.0, xy_sum.1);
        x2_sum = kahan_add(x * x, x2_sum.0, x2_sum.1);
    }
    let [x, y, xy, x2] = [x_sum, y_sum, xy_sum, x2_sum].map(|(sum, c)| sum + c);
    let n = samples.len() as f64;
    let covariance = xy - x * y / n;
    let variance = x2 - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}

/// Holt's linear method.
pub(crate) fn double_exponential_smoothing(w: &Window<'_>) -> Outcome {
    let [smoothing, trend] = w.params;
    for (value, name, symbol) in [(smoothing, "smoothing", "sf"), (trend, "trend", "tf")] {
        if value <= 0.0 || value >= 1.0 {
            return Err(DataError::Factor { name, symbol, value });
        }
    }
    if !has_trend(w) {
        return Ok(None);
    }
    let values = w.floats.values;
    let (mut before, mut level, mut slope) = (0.0, values[0], values[1] - values[0]);
    for (i, value) in values.iter().enumerate().skip(1) {
        let scaled = smoothing * value;
        if i > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let expected = (1.0 - smoothing) * (level + slope);
        (before, level) = (level, scaled + expected);
    }
    float(level)
}
