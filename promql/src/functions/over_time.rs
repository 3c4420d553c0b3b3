//! Functions over the samples of a window: `sum_over_time` and its family.

use std::sync::Arc;

use metrics_core::histogram::{CompensatedHistogram, IncompatibleBuckets, ResetHint};
use metrics_core::{FloatHistogram, Timestamp, kahan_add};

use super::quantile::quantile;
use super::window::{Outcome, Window, float, histogram};
use crate::eval::{Note, Operation};
use crate::value::Point;

pub(crate) fn sum(w: &Window<'_>) -> Outcome {
    if w.is_mixed() {
        return Ok(None);
    }
    if w.floats.is_empty() {
        return fold_histograms(w, sum_histograms);
    }
    float(sum_floats(w.floats.values))
}

pub(super) fn sum_floats(values: &[f64]) -> f64 {
    let (sum, c) = values.iter().fold((0.0, 0.0), |(sum, c), v| kahan_add(*v, sum, c));
    if sum.is_infinite() { sum } else { sum + c }
}

pub(crate) fn avg(w: &Window<'_>) -> Outcome {
    if w.is_mixed() {
        return Ok(None);
    }
    if w.floats.is_empty() {
        return fold_histograms(w, avg_histograms);
    }
    float(avg_floats(w.floats.values))
}

/// The mean from the compensated sum, or computed step by step from where the sum would overflow.
pub(super) fn avg_floats(values: &[f64]) -> f64 {
    let mut mean = crate::functions::mean::Mean::new(values[0]);
    values[1..].iter().for_each(|v| mean.add(*v));
    mean.total()
}

/// A running sum of histograms with what was noticed on the way.
struct Fold<'a> {
    histograms: &'a [Arc<FloatHistogram>],
    reconciled: bool,
}

fn fold_histograms(
    w: &Window<'_>,
    fold: fn(&mut Fold<'_>) -> Result<FloatHistogram, IncompatibleBuckets>,
) -> Outcome {
    let mut state = Fold { histograms: w.histograms.values, reconciled: false };
    let Ok(result) = fold(&mut state) else {
        w.note_mixed_schemas();
        return Ok(None);
    };
    let hinted = |hint| w.histograms.values.iter().any(|h| h.reset_hint == hint);
    if hinted(ResetHint::Reset) && hinted(ResetHint::NotReset) {
        w.notes.add(Note::ResetCollision(Operation::Aggregation));
    }
    if state.reconciled {
        w.notes.add(Note::CustomBoundsReconciled(Operation::Aggregation));
    }
    histogram(result)
}

fn sum_histograms(fold: &mut Fold<'_>) -> Result<FloatHistogram, IncompatibleBuckets> {
    let mut sum = CompensatedHistogram::new((*fold.histograms[0]).clone());
    for h in &fold.histograms[1..] {
        fold.reconciled |= sum.add(h)?.bounds_reconciled;
    }
    Ok(sum.into_total())
}

fn avg_histograms(fold: &mut Fold<'_>) -> Result<FloatHistogram, IncompatibleBuckets> {
    let mut mean = super::mean::HistogramMean::new((*fold.histograms[0]).clone());
    for h in &fold.histograms[1..] {
        fold.reconciled |= mean.add(h)?.bounds_reconciled;
    }
    Ok(mean.into_total())
}

pub(crate) fn count(w: &Window<'_>) -> Outcome {
    float((w.floats.len() + w.histograms.len()) as f64)
}

pub(crate) fn present(_: &Window<'_>) -> Outcome {
    float(1.0)
}

pub(crate) fn first(w: &Window<'_>) -> Outcome {
    Ok(match (w.floats.first(), w.histograms.first()) {
        (Some((t, v)), other) if other.is_none_or(|(th, _)| t < th) => Some(Point::Float(*v)),
        (_, Some((_, h))) => Some(Point::Histogram(h.clone())),
        (v, None) => v.map(|(_, v)| Point::Float(*v)),
    })
}

pub(crate) fn last(w: &Window<'_>) -> Outcome {
    Ok(match (w.floats.last(), w.histograms.last()) {
        (Some((t, v)), other) if other.is_none_or(|(th, _)| th < t) => Some(Point::Float(*v)),
        (_, Some((_, h))) => Some(Point::Histogram(h.clone())),
        (v, None) => v.map(|(_, v)| Point::Float(*v)),
    })
}

fn seconds(time: Timestamp) -> Outcome {
    float(time as f64 / 1000.0)
}

pub(crate) fn time_of_first(w: &Window<'_>) -> Outcome {
    let times = [w.floats.times.first(), w.histograms.times.first()];
    seconds(times.into_iter().flatten().min().copied().unwrap_or(0))
}

pub(crate) fn time_of_last(w: &Window<'_>) -> Outcome {
    let times = [w.floats.times.last(), w.histograms.times.last()];
    seconds(times.into_iter().flatten().max().copied().unwrap_or(0))
}

/// Time and value of the sample that beats all before it; any value beats NaN.
fn champion(w: &Window<'_>, beats: fn(f64, f64) -> bool) -> Option<(Timestamp, f64)> {
    let (time, value) = w.floats.first()?;
    w.ignore_histograms();
    let samples = w.floats.times.iter().zip(w.floats.values);
    Some(samples.fold(
        (time, *value),
        |best, (t, v)| {
            if beats(*v, best.1) || best.1.is_nan() { (*t, *v) } else { best }
        },
    ))
}

pub(crate) fn max(w: &Window<'_>) -> Outcome {
    Ok(champion(w, |v, best| v > best).map(|(_, v)| Point::Float(v)))
}

pub(crate) fn min(w: &Window<'_>) -> Outcome {
    Ok(champion(w, |v, best| v < best).map(|(_, v)| Point::Float(v)))
}

pub(crate) fn time_of_max(w: &Window<'_>) -> Outcome {
    Ok(champion(w, |v, best| v >= best).map(|(t, _)| Point::Float(t as f64 / 1000.0)))
}

pub(crate) fn time_of_min(w: &Window<'_>) -> Outcome {
    Ok(champion(w, |v, best| v <= best).map(|(t, _)| Point::Float(t as f64 / 1000.0)))
}

pub(crate) fn quantile_over_time(w: &Window<'_>) -> Outcome {
    if w.floats.is_empty() {
        return Ok(None);
    }
    let q = w.params[0];
    if !(0.0..=1.0).contains(&q) {
        w.notes.add(Note::InvalidQuantile(q));
    }
    w.ignore_histograms();
    float(quantile(q, &mut w.floats.values.to_vec()))
}

/// Median absolute deviation.
pub(crate) fn mad(w: &Window<'_>) -> Outcome {
    if w.floats.is_empty() {
        return Ok(None);
    }
    w.ignore_histograms();
    let mut values = w.floats.values.to_vec();
    if values.iter().any(|v| v.is_nan()) {
        return float(f64::NAN);
    }
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    float(quantile(0.5, &mut values))
}

/// Population variance by Welford's method, compensated.
fn variance(values: &[f64]) -> f64 {
    let (mut count, mut mean, mut mean_c, mut aux, mut aux_c) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for v in values {
        count += 1.0;
        let delta = v - (mean + mean_c);
        (mean, mean_c) = kahan_add(delta / count, mean, mean_c);
        (aux, aux_c) = kahan_add(delta * (v - (mean + mean_c)), aux, aux_c);
    }
    (aux + aux_c) / count
}

pub(crate) fn stdvar(w: &Window<'_>) -> Outcome {
    if w.floats.is_empty() {
        return Ok(None);
    }
    w.ignore_histograms();
    float(variance(w.floats.values))
}

pub(crate) fn stddev(w: &Window<'_>) -> Outcome {
    if w.floats.is_empty() {
        return Ok(None);
    }
    w.ignore_histograms();
    float(variance(w.floats.values).sqrt())
}
