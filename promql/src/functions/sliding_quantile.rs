//! `quantile_over_time` from window to window.

use super::quantile::{Rank, trivial_quantile};
use super::sliding::{Column, Params, Sliding, any};

/// All values of the column are ranked once, and a bit per rank tells which of them are inside.
#[derive(Debug, Default)]
pub(super) struct Quantiles {
    /// Values in a form that sorts as bits, with their positions, in order.
    order: Vec<(u64, u32)>,
    /// Rank of each position.
    ranks: Vec<u32>,
    bits: Vec<u64>,
}

impl Sliding for Quantiles {
    fn run(&mut self, column: Column<'_>, params: &Params<'_>, out: &mut [f64]) -> bool {
        let values = column.values;
        let Some(quantiles) = params.first() else { return false };
        // Which of two zeros stands at a rank is for the plain function to say.
        if any(values, |v| v.to_bits() == (-0.0f64).to_bits()) {
            return false;
        }
        self.order.clear();
        self.order.extend((0..).zip(values).map(|(position, value)| (sort_key(*value), position)));
        self.order.sort_unstable();
        self.ranks.clear();
        self.ranks.resize(values.len(), 0);
        for (rank, (_, position)) in self.order.iter().enumerate() {
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
            return (self.position(first), self.position(first));
        }
        bits &= bits - 1;
        while bits == 0 {
            word += 1;
            bits = self.bits[word];
        }
        let second = word * 64 + bits.trailing_zeros() as usize;
        (self.position(first), self.position(second))
    }

    fn position(&self, rank: usize) -> usize {
        self.order[rank].1 as usize
    }
}

/// Rises with the value; NaN comes first, and both zeros are the same.
fn sort_key(value: f64) -> u64 {
    if value.is_nan() {
        return 0;
    }
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}
