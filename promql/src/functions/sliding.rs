//! Range functions that move from window to window instead of reading each anew.
//!
//! A sliding version yields the very bits of the plain one, or leaves the work to it. Sums, for example, slide
//! only over whole numbers whose sums are exact.

use metrics_core::Timestamp;

use super::changes::float_changed;
use super::quantile::{Rank, nan_first, trivial_quantile};
use super::rate::{Growth, Span};

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
    fn windows(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
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
        "max_over_time" => Box::new(Extreme { beats: |a, b| a > b, queue: Vec::new() }),
        "min_over_time" => Box::new(Extreme { beats: |a, b| a < b, queue: Vec::new() }),
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
    spans: Vec<(Span, f64)>,
    generation: u64,
    resets: Vec<u32>,
}

impl SlidingGrowth {
    fn new(of: Growth) -> Self {
        Self { of, spans: Vec::new(), generation: u64::MAX, resets: Vec::new() }
    }

    fn per_seconds(&self, (start, end): (Timestamp, Timestamp)) -> Option<f64> {
        self.of.is_rate.then(|| (end - start) as f64 / 1000.0)
    }

    fn measure(&mut self, column: &Column<'_>) {
        self.generation = column.windows.generation;
        self.spans.clear();
        for ((lo, hi), edges) in column.windows().zip(&column.windows.edges) {
            let (first, last) = match hi - lo {
                0 | 1 => (0, 0),
                _ => (column.times[lo], column.times[hi - 1]),
            };
            let span = Span::new(edges.0, edges.1, first, last, hi - lo);
            self.spans.push((span, span.factor_for(self.per_seconds(*edges))));
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
        if self.of.is_counter && values.windows(2).any(|pair| pair[1] < pair[0]) {
            let fell = values.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]);
            self.resets.extend(fell.map(|(i, _)| i as u32));
        }
        let mut oldest = 0;
        let windows = column.windows().zip(&self.spans).zip(&column.windows.edges);
        for (out, (((lo, hi), (span, factor)), edges)) in out.iter_mut().zip(windows) {
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
            *out = grown * factor;
            if self.of.is_counter && grown > 0.0 && first >= 0.0 {
                let to_zero = span.sampled * (first / grown);
                if to_zero < span.to_start {
                    let mut span = *span;
                    span.begin_at_zero(to_zero);
                    *out = grown * span.factor_for(self.per_seconds(*edges));
                }
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
        for value in column.values {
            sum += value;
            let exact = value.trunc() == *value && value.abs() < EXACT && f64::abs(sum) < EXACT;
            if !exact {
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

/// Largest or smallest value: a queue of samples that no later one beats.
struct Extreme {
    beats: fn(f64, f64) -> bool,
    /// Positions; each value is not beaten by those behind it.
    queue: Vec<u32>,
}

impl Sliding for Extreme {
    fn run(&mut self, column: Column<'_>, _: &Params<'_>, out: &mut [f64]) -> bool {
        let values = column.values;
        if values.iter().any(|v| v.is_nan()) {
            return false;
        }
        self.queue.clear();
        let (mut head, mut next) = (0, 0);
        for (out, (lo, hi)) in out.iter_mut().zip(column.windows()) {
            next = next.max(lo);
            for (i, value) in values.iter().enumerate().take(hi).skip(next) {
                while self.queue.len() > head
                    && self.queue.last().is_some_and(|last| (self.beats)(*value, values[*last as usize]))
                {
                    self.queue.pop();
                }
                self.queue.push(i as u32);
            }
            next = next.max(hi);
            while self.queue.get(head).is_some_and(|i| (*i as usize) < lo) {
                head += 1;
            }
            if lo < hi
                && let Some(best) = self.queue.get(head)
            {
                *out = values[*best as usize];
            }
        }
        true
    }
}

/// Quantiles: all values of the column are ranked once, and a bit per rank tells which of them are inside.
#[derive(Default)]
struct Quantiles {
    /// Positions in order of their values.
    order: Vec<u32>,
    /// Rank of each position.
    ranks: Vec<u32>,
    bits: Vec<u64>,
}

impl Sliding for Quantiles {
    fn run(&mut self, column: Column<'_>, params: &Params<'_>, out: &mut [f64]) -> bool {
        let values = column.values;
        let Some(quantiles) = params.first() else { return false };
        self.order.clear();
        self.order.extend(0..values.len() as u32);
        self.order
            .sort_unstable_by(|a, b| nan_first(values[*a as usize], values[*b as usize]).then(a.cmp(b)));
        self.ranks.clear();
        self.ranks.resize(values.len(), 0);
        for (rank, position) in self.order.iter().enumerate() {
            self.ranks[*position as usize] = rank as u32;
        }
        self.bits.clear();
        self.bits.resize(values.len().div_ceil(64), 0);
        let (mut from, mut to) = (0, 0);
        for ((out, (lo, hi)), q) in out.iter_mut().zip(column.windows()).zip(*quantiles) {
            for rank in &self.ranks[from.min(to)..lo.min(to)] {
                self.bits[*rank as usize / 64] &= !(1 << (rank % 64));
            }
            for rank in &self.ranks[to.max(lo).min(hi)..hi] {
                self.bits[*rank as usize / 64] |= 1 << (rank % 64);
            }
            (from, to) = (lo, to.max(hi));
            if lo >= hi {
                continue;
            }
            *out = trivial_quantile(*q, hi - lo).unwrap_or_else(|| {
                let rank = Rank::of(*q, hi - lo);
                let (lower, upper) = self.select(rank.lower, rank.upper, hi - lo);
                rank.between(values[lower], values[upper])
            });
        }
        true
    }
}

impl Quantiles {
    /// Positions of the values that are the `lower`-th and `upper`-th of those inside, which are neighbours.
    fn select(&self, lower: usize, upper: usize, inside: usize) -> (usize, usize) {
        let (mut word, mut before) = (0, 0);
        if lower * 2 < inside {
            loop {
                let ones = self.bits[word].count_ones() as usize;
                if before + ones > lower {
                    break;
                }
                before += ones;
                word += 1;
            }
        } else {
            // From the top: high quantiles are asked for more often than low ones.
            let mut behind = 0;
            word = self.bits.len() - 1;
            loop {
                behind += self.bits[word].count_ones() as usize;
                if inside - behind <= lower {
                    break;
                }
                word -= 1;
            }
            before = inside - behind;
        }
        let mut bits = self.bits[word];
        for _ in before..lower {
            bits &= bits - 1;
        }
        let first = word * 64 + bits.trailing_zeros() as usize;
        if upper == lower {
            return (self.order[first] as usize, self.order[first] as usize);
        }
        bits &= bits - 1;
        while bits == 0 {
            word += 1;
            bits = self.bits[word];
        }
        let second = word * 64 + bits.trailing_zeros() as usize;
        (self.order[first] as usize, self.order[second] as usize)
    }
}
