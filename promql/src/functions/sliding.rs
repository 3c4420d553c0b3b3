//! Range functions that move from window to window instead of reading each anew.
//!
//! A sliding version yields the very bits of the plain one, or leaves the work to it. Sums, for example, slide
//! only over whole numbers whose sums are exact.

use metrics_core::Timestamp;

use super::changes::float_changed;
use super::rate::{Growth, Span};
use super::sliding_extreme::{Extreme, Largest, Smallest};
use super::sliding_quantile::Quantiles;

/// A series of floats and its windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    pub(crate) times: &'a [Timestamp],
    pub(crate) values: &'a [f64],
    pub(crate) windows: &'a Windows,
}

/// Where windows begin and end in a column of times.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// Positions of the first sample of each window and behind the last; both rise from window to window.
    pub(crate) bounds: Vec<(u32, u32)>,
    /// The windows' edges in time: `(start, end]`.
    pub(crate) edges: Vec<(Timestamp, Timestamp)>,
    /// Changes whenever the bounds do: what depends on times alone need not be computed again before.
    pub(crate) generation: u64,
}

impl Column<'_> {
    pub(super) fn windows(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.windows.bounds.iter().map(|(lo, hi)| (*lo as usize, *hi as usize))
    }

    /// Fills each window that has a sample.
    fn fill(&self, out: &mut [f64], mut value: impl FnMut(usize, usize) -> f64) {
        for (out, (lo, hi)) in out.iter_mut().zip(self.windows()) {
            if lo < hi {
                *out = value(lo, hi);
            }
        }
    }
}

/// A range function over a whole column.
pub(crate) trait Sliding {
    /// Writes the result of each window into `out`, which is absent everywhere. Returns false, with `out`
    /// untouched, if this column is not one that can be slid over exactly.
    fn run(&mut self, column: Column<'_>, params: &Params<'_>, out: &mut [f64]) -> bool;
}

/// Scalar arguments, step by step.
pub(crate) type Params<'a> = [&'a [f64]];

/// The sliding version of a function, where there is one.
pub(crate) fn sliding(name: &str) -> Option<Box<dyn Sliding>> {
    use super::rate::{DELTA, INCREASE, RATE};
    Some(match name {
        "rate" => Box::new(SlidingGrowth::new(RATE)),
        "increase" => Box::new(SlidingGrowth::new(INCREASE)),
        "delta" => Box::new(SlidingGrowth::new(DELTA)),
        "sum_over_time" => Box::new(WholeSums { prefix: Vec::new(), mean: false }),
        "avg_over_time" => Box::new(WholeSums { prefix: Vec::new(), mean: true }),
        "max_over_time" => Box::new(Extreme::<Largest>::default()),
        "min_over_time" => Box::new(Extreme::<Smallest>::default()),
        "quantile_over_time" => Box::new(Quantiles::default()),
        "count_over_time" => Box::new(Pick(|_, lo, hi| (hi - lo) as f64)),
        "present_over_time" => Box::new(Pick(|_, _, _| 1.0)),
        "last_over_time" => Box::new(Pick(|values, _, hi| values[hi - 1])),
        "first_over_time" => Box::new(Pick(|values, lo, _| values[lo])),
        "changes" => Box::new(Pairs { counts: Vec::new(), condition: float_changed }),
        "resets" => Box::new(Pairs { counts: Vec::new(), condition: |before, now| now < before }),
        _ => return None,
    })
}

/// Whether any value satisfies a condition. Judges blocks without leaving early, which compiles to wide
/// instructions.
pub(super) fn any(values: &[f64], condition: impl Fn(f64) -> bool) -> bool {
    values.chunks(64).any(|block| block.iter().fold(false, |found, v| found | condition(*v)))
}

/// As [`any`], for values and their successors.
fn any_pair(values: &[f64], condition: impl Fn(f64, f64) -> bool) -> bool {
    let next = values.get(1..).unwrap_or(&[]);
    let mut blocks = values.chunks(64).zip(next.chunks(64));
    blocks.any(|(a, b)| a.iter().zip(b).fold(false, |found, (a, b)| found | condition(*a, *b)))
}

/// Functions that need nothing but the window's bounds.
struct Pick(fn(&[f64], usize, usize) -> f64);

impl Sliding for Pick {
    fn run(&mut self, column: Column<'_>, _: &Params<'_>, out: &mut [f64]) -> bool {
        column.fill(out, |lo, hi| (self.0)(column.values, lo, hi));
        true
    }
}

/// Counts pairs of neighbours with a property, by differences of running counts.
struct Pairs {
    counts: Vec<u32>,
    condition: fn(f64, f64) -> bool,
}

impl Sliding for Pairs {
    fn run(&mut self, column: Column<'_>, _: &Params<'_>, out: &mut [f64]) -> bool {
        let mut count = 0;
        self.counts.clear();
        // Position i holds the pairs that end at or before sample i.
        self.counts.push(0);
        self.counts.extend(column.values.windows(2).map(|pair| {
            count += u32::from((self.condition)(pair[0], pair[1]));
            count
        }));
        column.fill(out, |lo, hi| f64::from(self.counts[hi - 1] - self.counts[lo]));
        true
    }
}

/// `rate` and its like: the part that depends on times alone is computed once per column of times.
struct SlidingGrowth {
    of: Growth,
    spans: Vec<Span>,
    /// What is looked at in every window of every series, close together.
    stretches: Vec<Stretch>,
    generation: u64,
    resets: Vec<u32>,
}

/// What the times of a window make of its growth.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    lo: u32,
    hi: u32,
    /// By what growth is multiplied.
    factor: f64,
    /// Which part of its growth a counter must at least begin with to have begun before the window.
    reach: f64,
}

impl SlidingGrowth {
    fn new(of: Growth) -> Self {
        Self { of, spans: Vec::new(), stretches: Vec::new(), generation: u64::MAX, resets: Vec::new() }
    }

    fn per_seconds(&self, (start, end): (Timestamp, Timestamp)) -> Option<f64> {
        self.of.is_rate.then(|| (end - start) as f64 / 1000.0)
    }

    fn measure(&mut self, column: &Column<'_>) {
        self.generation = column.windows.generation;
        self.spans.clear();
        self.stretches.clear();
        for ((lo, hi), edges) in column.windows().zip(&column.windows.edges) {
            let (first, last) = match hi - lo {
                0 | 1 => (0, 0),
                _ => (column.times[lo], column.times[hi - 1]),
            };
            let span = Span::new(edges.0, edges.1, first, last, hi - lo);
            self.spans.push(span);
            self.stretches.push(Stretch {
                lo: lo as u32,
                hi: hi as u32,
                factor: span.factor_for(self.per_seconds(*edges)),
                // A little more, so that rounding never hides a counter that is to be looked at.
                reach: span.to_start / span.sampled * (1.0 + 1e-9),
            });
        }
    }
}

impl Sliding for SlidingGrowth {
    fn run(&mut self, column: Column<'_>, _: &Params<'_>, out: &mut [f64]) -> bool {
        if self.generation != column.windows.generation {
            self.measure(&column);
        }
        let values = column.values;
        self.resets.clear();
        if self.of.is_counter && any_pair(values, |before, now| now < before) {
            let fell = values.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]);
            self.resets.extend(fell.map(|(i, _)| i as u32));
        }
        let mut oldest = 0;
        for (step, (out, stretch)) in out.iter_mut().zip(&self.stretches).enumerate() {
            let (lo, hi) = (stretch.lo as usize, stretch.hi as usize);
            if hi - lo < 2 {
                continue;
            }
            let first = values[lo];
            let mut grown = values[hi - 1] - first;
            if !self.resets.is_empty() {
                oldest += self.resets[oldest..].iter().take_while(|i| (**i as usize) < lo).count();
                let inside = self.resets[oldest..].iter().take_while(|i| (**i as usize) + 1 < hi);
                inside.for_each(|i| grown += values[*i as usize]);
            }
            *out = grown * stretch.factor;
            // Few counters have begun lately: the others are spared the division.
            if self.of.is_counter && grown > 0.0 && first >= 0.0 && first <= grown * stretch.reach {
                let mut span = self.spans[step];
                span.begin_at_zero(span.sampled * (first / grown));
                *out = grown * span.factor_for(self.per_seconds(column.windows.edges[step]));
            }
        }
        true
    }
}

/// Sums and means of whole numbers, whose running sums are exact while they stay below 2^52.
struct WholeSums {
    prefix: Vec<f64>,
    mean: bool,
}

impl Sliding for WholeSums {
    fn run(&mut self, column: Column<'_>, _: &Params<'_>, out: &mut [f64]) -> bool {
        const EXACT: f64 = (1u64 << 52) as f64;
        let mut sum = 0.0;
        self.prefix.clear();
        self.prefix.push(0.0);
        if any(column.values, |v| v.trunc() != v || v.abs() >= EXACT || v.is_nan()) {
            return false;
        }
        for value in column.values {
            sum += value;
            if f64::abs(sum) >= EXACT {
                return false;
            }
            self.prefix.push(sum);
        }
        let prefix = &self.prefix;
        match self.mean {
            false => column.fill(out, |lo, hi| prefix[hi] - prefix[lo]),
            true => column.fill(out, |lo, hi| {
                // A mean of zeros keeps no sign, as the compensation that is added has none.
                (prefix[hi] - prefix[lo]) / (hi - lo) as f64 + 0.0
            }),
        }
        true
    }
}
