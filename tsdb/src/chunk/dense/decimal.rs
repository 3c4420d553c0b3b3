//! Floats as integers, to the bit: decimals times a power of ten, or bits in an order that is that of the floats.

use super::header::NOT_DECIMAL;
use super::quotient::Quotient;
use crate::decimal::{EXPONENTS, large_integer, power};

/// The most floats that are set right afterwards, as a share of all: above, eight bytes each cost more than bits do.
const MOST_CORRECTIONS: usize = 16;

/// Floats as integers, and those that have to be set right.
#[derive(Debug, Default)]
pub(super) struct Integers {
    /// Decimal places, or [`NOT_DECIMAL`].
    pub(super) exponent: u8,
    pub(super) integers: Vec<i64>,
    /// Place, and bits of the float there; the integer repeats the one before.
    pub(super) corrections: Vec<(u16, u64)>,
}

impl Integers {
    /// Makes integers of floats in place of those held.
    pub(super) fn fill(&mut self, values: &[f64]) {
        let sampled = exponent_of(values);
        // The sample may have missed values with more digits.
        let tried = sampled.map_or(0..0, |e| e..(e + 3).min(EXPONENTS));
        for exponent in tried {
            if self.fill_decimals(values, exponent) {
                return;
            }
        }
        self.clear(NOT_DECIMAL);
        self.integers.extend(values.iter().map(|v| ordered(v.to_bits())));
    }

    fn clear(&mut self, exponent: u8) {
        self.exponent = exponent;
        self.integers.clear();
        self.corrections.clear();
    }

    fn fill_decimals(&mut self, values: &[f64], exponent: u8) -> bool {
        self.clear(exponent);
        let most = values.len() / MOST_CORRECTIONS;
        let mut last = values.iter().find_map(|v| large_integer(*v, exponent)).unwrap_or(0);
        for (i, v) in values.iter().enumerate() {
            match large_integer(*v, exponent) {
                Some(n) => last = n,
                None if self.corrections.len() == most => return false,
                None => self.corrections.push((i as u16, v.to_bits())),
            }
            self.integers.push(last);
        }
        true
    }
}

/// The smallest exponent that makes integers of most values, as a sample of them tells.
fn exponent_of(values: &[f64]) -> Option<u8> {
    let step = (values.len() / 64).max(1);
    let mut highest = 0u8;
    let (mut tried, mut failed) = (0, 0);
    for v in values.iter().step_by(step) {
        tried += 1;
        match (highest..EXPONENTS).find(|e| large_integer(*v, *e).is_some()) {
            Some(e) => highest = e,
            None => failed += 1,
        }
    }
    (failed * 8 <= tried).then_some(highest)
}

/// Bits as an integer that is larger for the larger float.
fn ordered(bits: u64) -> i64 {
    let n = bits as i64;
    n ^ ((n >> 63) as u64 >> 1) as i64
}

/// What turns integers into the floats that they stand for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Floats {
    Whole,
    Decimal(Quotient),
    Bits,
}

impl Floats {
    pub(super) fn new(exponent: u8) -> Self {
        match (exponent, power(exponent)) {
            (0, _) => Self::Whole,
            (_, Some(ten)) => Self::Decimal(Quotient::by(ten, exponent)),
            (_, None) => Self::Bits,
        }
    }

    /// Appends the floats of some integers: one loop per kind, without a branch in it.
    #[inline]
    pub(super) fn extend(self, integers: &[i64], into: &mut Vec<f64>) {
        match self {
            Self::Whole => into.extend(integers.iter().map(|n| *n as f64)),
            Self::Decimal(quotient) => quotient.extend(integers, into),
            // The same again undoes it.
            Self::Bits => into.extend(integers.iter().map(|n| f64::from_bits(ordered(*n as u64) as u64))),
        }
    }
}
