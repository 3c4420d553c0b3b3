//! Growth between the very edges of a window: `anchored` takes the values before the edges, `smoothed`
//! interpolates.

use std::sync::Arc;

use metrics_core::histogram::{IncompatibleBuckets, ResetHint};
use metrics_core::{FloatHistogram, Timestamp};

use super::rate::Growth;
use super::window::{Outcome, Samples, Window, float, histogram};
use crate::eval::{Note, Notes, Operation};
use crate::parser::Edges;

/// The straight line between two samples. For counters one that fell is taken to have begun anew at zero.
pub(crate) fn interpolate(
    (t1, v1): (Timestamp, f64),
    (t2, v2): (Timestamp, f64),
    at: Timestamp,
    is_counter: bool,
) -> f64 {
    let from = if is_counter && v2 < v1 { 0.0 } else { v1 };
    from + (v2 - from) * (at - t1) as f64 / (t2 - t1) as f64
}

/// As [`interpolate`], for histograms.
pub(crate) fn interpolate_histograms(
    notes: &Notes<'_>,
    (t1, h1): (Timestamp, &FloatHistogram),
    (t2, h2): (Timestamp, &FloatHistogram),
    at: Timestamp,
    is_counter: bool,
) -> Result<FloatHistogram, IncompatibleBuckets> {
    if at == t1 {
        return Ok(h1.clone());
    }
    let mut result = h2.clone();
    if at == t2 {
        return Ok(result);
    }
    let share = (at - t1) as f64 / (t2 - t1) as f64;
    if is_counter && h2.detect_reset(h1) {
        result.scale(share);
        return Ok(result);
    }
    if result.subtract(h1)?.bounds_reconciled {
        notes.add(Note::CustomBoundsReconciled(Operation::Subtraction));
    }
    result.scale(share);
    if result.add(h1)?.bounds_reconciled {
        notes.add(Note::CustomBoundsReconciled(Operation::Addition));
    }
    Ok(result)
}

/// The samples that count: positions of the first and the last, both included.
fn bounds<T>(w: &Window<'_>, samples: &Samples<'_, T>) -> Option<(usize, usize)> {
    let end = samples.len().checked_sub(1)?;
    let smoothed = w.edges == Edges::Smoothed;
    let inner = &samples.times[..end];
    let first = inner.partition_point(|t| *t <= w.start).saturating_sub(1);
    let last = if smoothed { inner.partition_point(|t| *t < w.end) } else { end };
    let outside = samples.times[last] <= w.start || (smoothed && samples.times[first] > w.end);
    if outside { None } else { Some((first, last)) }
}

pub(super) fn float_growth(w: &Window<'_>, of: Growth) -> Outcome {
    let samples = &w.floats;
    let Some((first, last)) = bounds(w, samples) else { return Ok(None) };
    let (left, right) = float_edges(samples, (first, last), (w.start, w.end), w.edges, of.is_counter);
    let mut grown = right - left;
    if of.is_counter {
        // Resets outside of the samples strictly inside are part of the values at the edges.
        let from = first + usize::from(samples.times[first] <= w.start);
        let to = (last + 1 - usize::from(samples.times[last] >= w.end)).max(from);
        let (mut lost, mut before) = (0.0, left);
        for value in samples.values[from..to].iter().copied().chain([right]) {
            if value < before {
                lost += before;
            }
            before = value;
        }
        grown += lost;
    }
    float(if of.is_rate { grown / w.range_seconds() } else { grown })
}

/// The values at the two edges.
fn float_edges(
    samples: &Samples<'_, f64>,
    (first, last): (usize, usize),
    (start, end): (Timestamp, Timestamp),
    edges: Edges,
    is_counter: bool,
) -> (f64, f64) {
    let at = |i: usize| (samples.times[i], samples.values[i]);
    let smoothed = edges == Edges::Smoothed;
    let left = match samples.times[first] < start && smoothed && first + 1 < samples.len() {
        true => interpolate(at(first), at(first + 1), start, is_counter),
        false => samples.values[first],
    };
    let right = match smoothed && last > 0 && samples.times[last] > end {
        true => interpolate(at(last - 1), at(last), end, is_counter),
        false => samples.values[last],
    };
    (left, right)
}

/// The samples of an anchored or smoothed window with the edges filled in; for range vectors that are shown.
pub(crate) fn with_edges(
    samples: &Samples<'_, f64>,
    start: Timestamp,
    end: Timestamp,
    edges: Edges,
) -> Vec<(Timestamp, f64)> {
    let Some(behind) = samples.len().checked_sub(1) else { return Vec::new() };
    let inner = &samples.times[..behind];
    let first = inner.partition_point(|t| *t <= start).saturating_sub(1);
    let last = if edges == Edges::Smoothed { inner.partition_point(|t| *t < end) } else { behind };
    if samples.times[last] <= start {
        return Vec::new();
    }
    let (left, right) = float_edges(samples, (first, last), (start, end), edges, false);
    let inside = (first..=last).map(|i| (samples.times[i], samples.values[i]));
    let inside = inside.filter(|(t, _)| *t > start && *t < end);
    [(start, left)].into_iter().chain(inside).chain([(end, right)]).collect()
}

pub(super) fn histogram_growth(w: &Window<'_>, of: Growth) -> Outcome {
    let samples = &w.histograms;
    let Some((first, last)) = bounds(w, samples) else { return Ok(None) };
    if !fit_together(w, &samples.values[first..=last], of.is_counter) {
        return Ok(None);
    }
    let edges = histogram_edges(w, samples, (first, last), of.is_counter);
    let Ok((left, right)) = edges else {
        w.note_mixed_schemas();
        return Ok(None);
    };
    if !of.is_counter && [&left, &right].iter().any(|h| h.reset_hint != ResetHint::Gauge) {
        w.notes.add(Note::NotGauge { metric: w.metric });
    }
    let mut grown = right.clone();
    match grown.subtract(&left) {
        Ok(seen) if seen.bounds_reconciled => {
            w.notes.add(Note::CustomBoundsReconciled(Operation::Subtraction));
        }
        Ok(_) => {}
        Err(_) => {
            w.note_mixed_schemas();
            return Ok(None);
        }
    }
    if of.is_counter {
        let Ok(lost) = lost_in_resets(w, samples, (first, last), &left, &right) else { return Ok(None) };
        if let Some(lost) = lost
            && !add(w, &mut grown, &lost)
        {
            return Ok(None);
        }
    }
    if of.is_rate {
        grown.divide(w.range_seconds());
    }
    grown.reset_hint = ResetHint::Gauge;
    grown.compact();
    histogram(grown)
}

/// Checks that all have the same kind of buckets, and notes gauges among counters.
fn fit_together(w: &Window<'_>, histograms: &[Arc<FloatHistogram>], is_counter: bool) -> bool {
    for h in histograms {
        if h.has_custom_buckets() != histograms[0].has_custom_buckets() {
            w.note_mixed_schemas();
            return false;
        }
        if is_counter && h.reset_hint == ResetHint::Gauge {
            w.notes.add(Note::NotCounter { metric: w.metric });
        }
    }
    true
}

fn histogram_edges(
    w: &Window<'_>,
    samples: &Samples<'_, Arc<FloatHistogram>>,
    (first, last): (usize, usize),
    is_counter: bool,
) -> Result<(FloatHistogram, FloatHistogram), IncompatibleBuckets> {
    let at = |i: usize| (samples.times[i], &*samples.values[i]);
    let smoothed = w.edges == Edges::Smoothed;
    let left = match smoothed && samples.times[first] < w.start && first + 1 < samples.len() {
        true => interpolate_histograms(&w.notes, at(first), at(first + 1), w.start, is_counter)?,
        false => at(first).1.clone(),
    };
    let right = match smoothed && last > 0 && samples.times[last] > w.end {
        true => interpolate_histograms(&w.notes, at(last - 1), at(last), w.end, is_counter)?,
        false => at(last).1.clone(),
    };
    Ok((left, right))
}

/// What stood on the counter before each reset inside the window; an error if it cannot be added up, which has
/// been noted then.
fn lost_in_resets(
    w: &Window<'_>,
    samples: &Samples<'_, Arc<FloatHistogram>>,
    (first, last): (usize, usize),
    left: &FloatHistogram,
    right: &FloatHistogram,
) -> Result<Option<FloatHistogram>, IncompatibleBuckets> {
    let (mut from, mut before) = (first + 1, left);
    let interpolated = w.edges == Edges::Smoothed && samples.times[first] < w.start && from < samples.len();
    if interpolated && samples.values[from].detect_reset(&samples.values[first]) {
        // The value at the edge already lies behind this reset.
        before = &samples.values[from];
        from += 1;
    }
    // The last sample is represented by the right edge.
    if from > last {
        return Ok(None);
    }
    let mut lost: Option<FloatHistogram> = None;
    for now in samples.values[from..last].iter().map(|h| &**h).chain([right]) {
        if now.detect_reset(before) {
            match &mut lost {
                None => lost = Some(before.clone()),
                Some(lost) => {
                    if !add(w, lost, before) {
                        return Err(IncompatibleBuckets);
                    }
                }
            }
        }
        before = now;
    }
    Ok(lost)
}

/// Adds a histogram and notes what is worth knowing. Returns false if the two do not fit together.
pub(super) fn add(w: &Window<'_>, to: &mut FloatHistogram, more: &FloatHistogram) -> bool {
    match to.add(more) {
        Ok(seen) => {
            if seen.bounds_reconciled {
                w.notes.add(Note::CustomBoundsReconciled(Operation::Addition));
            }
            true
        }
        Err(_) => {
            w.note_mixed_schemas();
            false
        }
    }
}
