//! Functions that compare each sample with the one before: `changes`, `resets`, `irate`, `idelta`.

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{FloatHistogram, Timestamp};

use super::start_time::is_reset;
use super::window::{Outcome, Window, float, histogram};
use crate::eval::{Note, Operation};
use crate::parser::Edges;

/// A sample of either kind.
#[derive(Debug, Clone, Copy)]
struct Sample<'a> {
    time: Timestamp,
    start: Timestamp,
    value: Value<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

/// The samples of both kinds in order of time, from positions on.
fn in_order<'a>(w: &Window<'a>, mut i: usize, mut j: usize) -> impl Iterator<Item = Sample<'a>> {
    let (floats, histograms) = (w.floats, w.histograms);
    std::iter::from_fn(move || {
        let float_next = match (floats.times.get(i), histograms.times.get(j)) {
            (Some(f), Some(h)) => f < h,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return None,
        };
        if float_next {
            i += 1;
            let at = i - 1;
            let value = Value::Float(floats.values[at]);
            return Some(Sample { time: floats.times[at], start: floats.start(at), value });
        }
        j += 1;
        let at = j - 1;
        let value = Value::Histogram(&histograms.values[at]);
        Some(Sample { time: histograms.times[at], start: histograms.start(at), value })
    })
}

/// The samples to compare. For anchored windows that is the last one at or before the window's start, and all
/// inside; nothing if none is inside.
fn compared<'a>(w: &Window<'a>) -> Option<impl Iterator<Item = Sample<'a>>> {
    if w.edges != Edges::Anchored {
        return Some(in_order(w, 0, 0));
    }
    let (floats, histograms) = (w.floats.up_to(w.start), w.histograms.up_to(w.start));
    if floats >= w.floats.len() && histograms >= w.histograms.len() {
        return None;
    }
    let last_float = floats.checked_sub(1).map(|i| w.floats.times[i]);
    let last_histogram = histograms.checked_sub(1).map(|i| w.histograms.times[i]);
    Some(match (last_float, last_histogram) {
        (None, None) => in_order(w, 0, 0),
        (f, h) if h.is_none() || (f.is_some() && f >= h) => in_order(w, floats - 1, histograms),
        _ => in_order(w, floats, histograms - 1),
    })
}

/// How many samples satisfy a condition together with the one before.
fn count_pairs(w: &Window<'_>, condition: impl Fn(&Sample<'_>, &Sample<'_>) -> bool) -> Outcome {
    let Some(mut samples) = compared(w) else { return Ok(None) };
    let Some(mut before) = samples.next() else { return Ok(None) };
    let mut count = 0;
    for sample in samples {
        count += usize::from(condition(&before, &sample));
        before = sample;
    }
    float(count as f64)
}

pub(crate) fn changes(w: &Window<'_>) -> Outcome {
    count_pairs(w, |before, now| match (before.value, now.value) {
        (Value::Float(a), Value::Float(b)) => float_changed(a, b),
        (Value::Histogram(a), Value::Histogram(b)) => !b.same_data(a),
        _ => true,
    })
}

pub(super) fn float_changed(before: f64, now: f64) -> bool {
    now != before && !(now.is_nan() && before.is_nan())
}

pub(crate) fn resets(w: &Window<'_>) -> Outcome {
    count_pairs(w, |before, now| {
        let restarted = is_reset(before.start, before.time, now.start, now.time);
        match (before.value, now.value) {
            (Value::Float(a), Value::Float(b)) => b < a || restarted,
            (Value::Histogram(a), Value::Histogram(b)) => restarted || b.detect_reset(a),
            _ => true,
        }
    })
}

/// Per-second rate between the last two samples of a counter.
pub(crate) fn irate(w: &Window<'_>) -> Outcome {
    last_two(w, true)
}

/// Difference between the last two samples of a gauge.
pub(crate) fn idelta(w: &Window<'_>) -> Outcome {
    last_two(w, false)
}

fn last_two(w: &Window<'_>, is_rate: bool) -> Outcome {
    let (i, j) = (w.floats.len().saturating_sub(2), w.histograms.len().saturating_sub(2));
    let mut samples: Vec<Sample<'_>> = in_order(w, i, j).collect();
    let (Some(now), Some(before)) = (samples.pop(), samples.pop()) else { return Ok(None) };
    let interval = (now.time - before.time) as f64 / 1000.0;
    if interval == 0.0 {
        return Ok(None);
    }
    let restarted = is_reset(before.start, before.time, now.start, now.time);
    match (before.value, now.value) {
        (Value::Float(a), Value::Float(b)) => {
            let result = if is_rate && (b < a || restarted) { b } else { b - a };
            float(if is_rate { result / interval } else { result })
        }
        (Value::Histogram(a), Value::Histogram(b)) => {
            let gauges = [a, b].map(|h| h.reset_hint == ResetHint::Gauge);
            if is_rate && gauges.contains(&true) {
                w.notes.add(Note::NotCounter { metric: w.metric });
            }
            if !is_rate && gauges.contains(&false) {
                w.notes.add(Note::NotGauge { metric: w.metric });
            }
            let mut result = FloatHistogram::clone(b);
            if !is_rate || !(restarted || b.detect_reset(a)) {
                match result.subtract(a) {
                    Ok(seen) if seen.bounds_reconciled => {
                        w.notes.add(Note::CustomBoundsReconciled(Operation::Subtraction));
                    }
                    Ok(_) => {}
                    Err(_) => {
                        w.note_mixed_schemas();
                        return Ok(None);
                    }
                }
            }
            result.reset_hint = ResetHint::Gauge;
            result.compact();
            if is_rate {
                result.divide(interval);
            }
            histogram(result)
        }
        _ => {
            w.notes.add(Note::MixedFloatsHistograms { metric: w.metric });
            Ok(None)
        }
    }
}
