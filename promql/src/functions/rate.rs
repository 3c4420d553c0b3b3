//! `rate`, `increase`, `delta`: how much a window grew, extrapolated to its edges.

use metrics_core::histogram::ResetHint;
use metrics_core::{FloatHistogram, Timestamp};

use super::extended;
use super::start_time::{is_reset, overlaps};
use super::window::{Outcome, Samples, Window, float, histogram};
use crate::eval::{Note, Operation};
use crate::parser::Edges;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Counters only rise, except for resets, and began at zero.
    pub(crate) is_counter: bool,
    /// Per second.
    pub(crate) is_rate: bool,
}

pub(crate) const RATE: Growth = Growth { is_counter: true, is_rate: true };
pub(crate) const INCREASE: Growth = Growth { is_counter: true, is_rate: false };
pub(crate) const DELTA: Growth = Growth { is_counter: false, is_rate: false };

pub(crate) fn rate(w: &Window<'_>) -> Outcome {
    growth(w, RATE)
}

pub(crate) fn increase(w: &Window<'_>) -> Outcome {
    growth(w, INCREASE)
}

pub(crate) fn delta(w: &Window<'_>) -> Outcome {
    growth(w, DELTA)
}

fn growth(w: &Window<'_>, of: Growth) -> Outcome {
    if w.is_mixed() {
        return Ok(None);
    }
    match (w.edges, w.histograms.is_empty()) {
        (Edges::Plain, true) => float_growth(w, of),
        (Edges::Plain, false) => histogram_growth(w, of),
        (_, true) => extended::float_growth(w, of),
        (_, false) => extended::histogram_growth(w, of),
    }
}

fn float_growth(w: &Window<'_>, of: Growth) -> Outcome {
    let (Some((_, first)), Some((_, last))) = (w.floats.first(), w.floats.last()) else { return Ok(None) };
    let mut grown = last - first;
    if of.is_counter {
        let mut overlap = false;
        for (i, pair) in w.floats.values.windows(2).enumerate() {
            let (start_before, time_before) = (w.floats.start(i), w.floats.times[i]);
            let start = w.floats.start(i + 1);
            overlap |= overlaps(start_before, time_before, start);
            if pair[1] < pair[0] || is_reset(start_before, time_before, start, w.floats.times[i + 1]) {
                grown += pair[0];
            }
        }
        if overlap {
            w.notes.add(Note::StartTimeOverlap { metric: w.metric });
        }
    }
    let Some(mut span) = Span::of(w, &w.floats) else { return Ok(None) };
    if of.is_counter && span.begin_at_start(w, &w.floats) {
        grown += first;
    } else if w.floats.len() < 2 {
        return Ok(None);
    } else if of.is_counter && grown > 0.0 && *first >= 0.0 {
        span.begin_at_zero(span.sampled * (first / grown));
    }
    float(grown * span.factor(w, of))
}

fn histogram_growth(w: &Window<'_>, of: Growth) -> Outcome {
    let samples = &w.histograms;
    let mut grown = None;
    if samples.len() > 1 {
        grown = subtract_and_correct(w, of);
        if grown.is_none() {
            return Ok(None);
        }
    }
    let Some(mut span) = Span::of(w, samples) else { return Ok(None) };
    let first = &samples.values[0];
    let mut result = if of.is_counter && span.begin_at_start(w, samples) {
        match grown {
            None => FloatHistogram::clone(first),
            Some(mut grown) => {
                if !extended::add(w, &mut grown, first) {
                    return Ok(None);
                }
                grown
            }
        }
    } else {
        let Some(grown) = grown else { return Ok(None) };
        if of.is_counter && grown.count > 0.0 && first.count >= 0.0 {
            span.begin_at_zero(span.sampled * (first.count / grown.count));
        }
        grown
    };
    result.scale(span.factor(w, of));
    histogram(result)
}

/// The stretch of time between the first and the last sample, and how far it is extended at both ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Seconds between the first and the last sample.
    pub(super) sampled: f64,
    pub(super) to_start: f64,
    pub(super) to_end: f64,
}

impl Span {
    /// Samples are expected as far apart as they are on average. Where the next one is missing (by more than a
    /// tenth), the series is taken to begin or end half that distance away, else it fills the window.
    fn of<T>(w: &Window<'_>, samples: &Samples<'_, T>) -> Option<Self> {
        let (first, last) = (*samples.times.first()?, *samples.times.last()?);
        Some(Self::new(w.start, w.end, first, last, samples.len()))
    }

    pub(super) fn new(
        start: Timestamp,
        end: Timestamp,
        first: Timestamp,
        last: Timestamp,
        count: usize,
    ) -> Self {
        let sampled = (last - first) as f64 / 1000.0;
        let apart = if count > 1 { sampled / (count - 1) as f64 } else { 0.0 };
        let threshold = apart * 1.1;
        let reach = |distance: f64| if distance >= threshold { apart / 2.0 } else { distance };
        Self {
            sampled,
            to_start: reach((first - start) as f64 / 1000.0),
            to_end: reach((end - last) as f64 / 1000.0),
        }
    }

    /// Begins at the time at which counting began, if that is known and inside the window.
    fn begin_at_start<T>(&mut self, w: &Window<'_>, samples: &Samples<'_, T>) -> bool {
        let (Some(first), Some(last)) = (samples.times.first(), samples.times.last()) else { return false };
        let start = samples.start(0);
        let inside = start != 0 && start > w.start && start < *first;
        if inside {
            self.sampled = (last - start) as f64 / 1000.0;
            self.to_start = 0.0;
        }
        inside
    }

    /// A counter is not extended to where it would have been below zero.
    pub(super) fn begin_at_zero(&mut self, to_zero: f64) {
        if to_zero < self.to_start {
            self.to_start = to_zero;
        }
    }

    /// By what the growth between the samples is multiplied.
    fn factor(&self, w: &Window<'_>, of: Growth) -> f64 {
        self.factor_for(if of.is_rate { Some(w.range_seconds()) } else { None })
    }

    pub(super) fn factor_for(&self, per_seconds: Option<f64>) -> f64 {
        let factor = match self.sampled {
            0.0 => 1.0,
            sampled => (sampled + self.to_start + self.to_end) / sampled,
        };
        per_seconds.map_or(factor, |seconds| factor / seconds)
    }
}

/// Last minus first, plus what was lost in counter resets. Nothing if the histograms do not fit together.
fn subtract_and_correct(w: &Window<'_>, of: Growth) -> Option<FloatHistogram> {
    let samples = &w.histograms;
    let [first, second, ..] = samples.values else { return None };
    let last = samples.values.last()?;
    let is_gauge = |h: &FloatHistogram| h.reset_hint == ResetHint::Gauge;
    if of.is_counter && (is_gauge(first) || is_gauge(last)) {
        w.notes.add(Note::NotCounter { metric: w.metric });
    }
    let restarts =
        |i: usize| is_reset(samples.start(i), samples.times[i], samples.start(i + 1), samples.times[i + 1]);
    let nothing;
    let mut before: &FloatHistogram = first;
    // If the first one is from before a reset, its layout does not matter.
    if of.is_counter && (restarts(0) || second.detect_reset(first)) {
        nothing = FloatHistogram {
            schema: second.schema,
            custom_values: second.custom_values.clone(),
            ..FloatHistogram::default()
        };
        before = &nothing;
    }
    let custom = before.has_custom_buckets();
    if last.has_custom_buckets() != custom {
        w.note_mixed_schemas();
        return None;
    }
    let mut schema = last.schema.min(before.schema);
    if of.is_counter {
        for h in &samples.values[1..samples.len() - 1] {
            if is_gauge(h) {
                w.notes.add(Note::NotCounter { metric: w.metric });
            }
            schema = schema.min(h.schema);
            if h.has_custom_buckets() != custom {
                w.note_mixed_schemas();
                return None;
            }
        }
    }
    let mut grown = last.at_schema(schema);
    match grown.subtract(before) {
        Ok(seen) if seen.bounds_reconciled => {
            w.notes.add(Note::CustomBoundsReconciled(Operation::Subtraction));
        }
        Ok(_) => {}
        Err(_) => {
            w.note_mixed_schemas();
            return None;
        }
    }
    if of.is_counter {
        let mut overlap = false;
        for (i, now) in samples.values[1..].iter().enumerate() {
            overlap |= overlaps(samples.start(i), samples.times[i], samples.start(i + 1));
            if (restarts(i) || now.detect_reset(before)) && !extended::add(w, &mut grown, before) {
                return None;
            }
            before = now;
        }
        if overlap {
            w.notes.add(Note::StartTimeOverlap { metric: w.metric });
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        w.notes.add(Note::NotGauge { metric: w.metric });
    }
    grown.reset_hint = ResetHint::Gauge;
    grown.compact();
    Some(grown)
}
