//! The integers of a dense chunk: what they have in common, then as themselves, as differences, or entropy coded.

use std::ops::Range;

use super::decimal::{Floats, Integers};
use super::header::{Header, NOT_DECIMAL, Values};
use super::{Level, what};
use crate::chunk::pack::{put_column, put_sums, take_column, take_sums};
use crate::codec::{Reader, put_uvarint, put_varint};

/// Buffers of the writer, and what the header says of the values.
#[derive(Debug, Default)]
pub(super) struct ValueWriter {
    found: Integers,
    differences: Vec<i64>,
    direct: Vec<u8>,
    relative: Vec<u8>,
}

/// What the header says of values that were written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    pub(super) exponent: u8,
    pub(super) values: Values,
    pub(super) is_corrected: bool,
    pub(super) has_unit: bool,
    pub(super) min_delta: Option<i64>,
}

impl ValueWriter {
    /// Appends values, of which there is one at least.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, values: &[f64], level: Level) -> Written {
        self.found.fill(values);
        let Integers { exponent, integers, corrections } = &mut self.found;
        let (first, unit) = (integers[0], unit_of(integers));
        if unit > 1 {
            integers.iter_mut().for_each(|n| *n = n.wrapping_sub(first) / unit);
        }
        self.differences.clear();
        self.differences.extend(integers.windows(2).map(|w| w[1].wrapping_sub(w[0])));
        let min_delta = min_delta(*exponent, values, integers, &self.differences);
        let mut written = Written {
            exponent: *exponent,
            values: Values::Direct,
            is_corrected: !corrections.is_empty(),
            has_unit: unit > 1,
            min_delta: min_delta.filter(|_| corrections.is_empty()).and_then(|d| d.checked_mul(unit)),
        };
        put_corrections(out, corrections);
        if unit > 1 {
            put_varint(out, unit);
            put_varint(out, first);
        }
        let (direct, relative) = (typical_width(integers), typical_width(&self.differences));
        self.direct.clear();
        self.relative.clear();
        // Where one is much narrower, the other need not be tried.
        if direct <= relative + relative / 8 {
            put_column(&mut self.direct, integers);
        }
        if relative <= direct + direct / 8 {
            put_sums(&mut self.relative, integers);
        }
        let mut best = &self.direct;
        if best.is_empty() || (!self.relative.is_empty() && self.relative.len() < best.len()) {
            written.values = Values::Differences;
            best = &self.relative;
        }
        #[cfg(feature = "pco")]
        if level == Level::Small {
            let coded = super::entropy::encode(integers, best.len());
            if let Some(coded) = coded {
                written.values = Values::Entropy;
                out.extend_from_slice(&coded);
                return written;
            }
        }
        #[cfg(not(feature = "pco"))]
        let _ = level;
        out.extend_from_slice(best);
        written
    }
}

/// The smallest difference, unless differences mean nothing: the values' order must be that of their integers.
fn min_delta(exponent: u8, values: &[f64], integers: &[i64], differences: &[i64]) -> Option<i64> {
    let is_ordered = if exponent == NOT_DECIMAL {
        !values.iter().any(|v| v.is_nan())
            && integers.iter().max()?.checked_sub(*integers.iter().min()?).is_some()
    } else {
        true
    };
    is_ordered.then(|| differences.iter().min().copied().unwrap_or(0))
}

/// Bits that the integers take together, each as far as it is from the middle of the first and the last.
fn typical_width(integers: &[i64]) -> u64 {
    let (Some(first), Some(last)) = (integers.first(), integers.last()) else { return 0 };
    let middle = (first >> 1).wrapping_add(last >> 1);
    let width = |n: &i64| u64::from(64 - n.wrapping_sub(middle).unsigned_abs().leading_zeros());
    integers.iter().map(width).sum()
}

/// The largest number that divides the distances of all from the first; 1 where they are too far apart to tell.
fn unit_of(integers: &[i64]) -> i64 {
    let mut unit = 0u64;
    for n in integers {
        let Some(distance) = n.checked_sub(integers[0]) else { return 1 };
        unit = greatest_common_divisor(unit, distance.unsigned_abs());
        if unit == 1 {
            return 1;
        }
    }
    // Distances of nothing are packed in no bits anyway.
    i64::try_from(unit).unwrap_or(1).max(1)
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    // Mostly the unit divides the next distance too, or there is none.
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn put_corrections(out: &mut Vec<u8>, corrections: &[(u16, u64)]) {
    if corrections.is_empty() {
        return;
    }
    put_uvarint(out, corrections.len() as u64);
    let mut before = 0;
    for (place, bits) in corrections {
        put_uvarint(out, u64::from(place - before));
        out.extend_from_slice(&bits.to_be_bytes());
        before = *place;
    }
}

/// Reads the values at some places and appends them. `Err` says what is wrong.
pub(super) fn take(
    r: &mut Reader<'_>,
    header: &Header,
    places: Range<usize>,
    into: &mut Vec<f64>,
) -> Result<(), &'static str> {
    let start = into.len();
    let corrections = if header.is_corrected { Some(skip_corrections(r)?) } else { None };
    let unit = if header.has_unit {
        Some(Unit { size: r.varint().map_err(what)?, first: r.varint().map_err(what)? })
    } else {
        None
    };
    into.reserve(places.len());
    let floats = Floats::new(header.exponent);
    take_integers(r, header, places.clone(), |integers| {
        if let Some(unit) = unit {
            unit.apply(integers);
        }
        floats.extend(integers, into);
    })?;
    match corrections {
        Some(corrections) => correct(corrections, header, places, &mut into[start..]),
        None => Ok(()),
    }
}

/// Reads the integers at some places, before their unit is applied.
fn take_integers(
    r: &mut Reader<'_>,
    header: &Header,
    places: Range<usize>,
    each: impl FnMut(&mut [i64]),
) -> Result<(), &'static str> {
    let n = usize::from(header.samples);
    match header.values {
        Values::Direct => take_column(r, n, places, each),
        Values::Differences => take_sums(r, n, places, each),
        #[cfg(feature = "pco")]
        Values::Entropy => {
            let mut each = each;
            super::entropy::decode(r, n, |all| each(&mut all[places.clone()]))
        }
        #[cfg(not(feature = "pco"))]
        Values::Entropy => Err("entropy-coded values, which need the feature `pco`"),
    }
}

/// What all integers are multiples of, seen from the first.
#[derive(Debug, Clone, Copy)]
struct Unit {
    size: i64,
    first: i64,
}

impl Unit {
    fn apply(self, integers: &mut [i64]) {
        integers.iter_mut().for_each(|n| *n = n.wrapping_mul(self.size).wrapping_add(self.first));
    }
}

/// A reader at the corrections, and how many there are.
struct Corrections<'a> {
    r: Reader<'a>,
    count: usize,
}

fn skip_corrections<'a>(r: &mut Reader<'a>) -> Result<Corrections<'a>, &'static str> {
    let count = r.count(9).map_err(what)?;
    let corrections = Corrections { r: r.clone(), count };
    for _ in 0..count {
        r.uvarint().map_err(what)?;
        r.u64().map_err(what)?;
    }
    Ok(corrections)
}

/// Sets right those of the values at some places.
fn correct(
    mut corrections: Corrections<'_>,
    header: &Header,
    places: Range<usize>,
    values: &mut [f64],
) -> Result<(), &'static str> {
    let mut place = 0usize;
    for _ in 0..corrections.count {
        let step = corrections.r.uvarint().map_err(what)?;
        let value = corrections.r.f64().map_err(what)?;
        place = usize::try_from(step)
            .ok()
            .and_then(|s| place.checked_add(s))
            .filter(|place| *place < header.samples.into())
            .ok_or("a correction outside of the chunk")?;
        if let Some(wrong) = place.checked_sub(places.start).and_then(|at| values.get_mut(at)) {
            *wrong = value;
        }
    }
    Ok(())
}
