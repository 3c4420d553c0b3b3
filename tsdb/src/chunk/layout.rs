//! What all histograms of a chunk share: resolution, zero threshold, which buckets there are.

use metrics_core::Span;
use metrics_core::histogram::{CUSTOM_BUCKETS_SCHEMA, Indexes, MAX_EXPONENTIAL_SCHEMA};

use super::bits::{BitReader, BitWriter};
use super::varbit::{put_int, put_uint, take_int, take_uint};

/// The largest schema that a reader accepts: the field reserves those above the ones in use.
const MAX_RESERVED_SCHEMA: i32 = 52;
/// The smallest schema that a reader accepts.
const MIN_RESERVED_SCHEMA: i32 = -9;

/// Resolution, zero threshold and buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Layout {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) positive: Vec<Span>,
    pub(super) negative: Vec<Span>,
    pub(super) custom_values: Vec<f64>,
}

impl Layout {
    /// Whether histograms of the other layout could share a chunk once buckets are added on either side.
    pub(super) fn is_same_scale(&self, schema: i32, zero_threshold: f64) -> bool {
        self.schema == schema && self.zero_threshold == zero_threshold
    }

    /// Whether the bounds of custom buckets are the same, bit by bit.
    pub(super) fn has_bounds(&self, custom_values: &[f64]) -> bool {
        self.schema != CUSTOM_BUCKETS_SCHEMA
            || (self.custom_values.len() == custom_values.len()
                && self.custom_values.iter().zip(custom_values).all(|(a, b)| a.to_bits() == b.to_bits()))
    }

    pub(super) fn write(&self, w: &mut BitWriter) {
        put_zero_threshold(w, self.zero_threshold);
        put_int(w, i64::from(self.schema));
        for spans in [&self.positive, &self.negative] {
            put_uint(w, spans.len() as u64);
            for span in spans {
                put_uint(w, u64::from(span.length));
                put_int(w, i64::from(span.offset));
            }
        }
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            put_uint(w, self.custom_values.len() as u64);
            for bound in &self.custom_values {
                put_bound(w, *bound);
            }
        }
    }

    /// Reads a layout from a chunk of so many bits, which bound what it may promise. `Err` says what is wrong with it.
    pub(super) fn read(r: &mut BitReader<'_>, bits: usize) -> Result<Self, &'static str> {
        let zero_threshold = take_zero_threshold(r);
        let schema = i32::try_from(take_int(r)).ok().filter(|s| is_known(*s)).ok_or("an unknown schema")?;
        let positive = take_spans(r, bits)?;
        let negative = take_spans(r, bits)?;
        let mut custom_values = Vec::new();
        if schema == CUSTOM_BUCKETS_SCHEMA {
            for _ in 0..take_count(r, bits)? {
                custom_values.push(take_bound(r));
            }
        }
        Ok(Self { schema, zero_threshold, positive, negative, custom_values })
    }
}

fn is_known(schema: i32) -> bool {
    schema == CUSTOM_BUCKETS_SCHEMA || (MIN_RESERVED_SCHEMA..=MAX_RESERVED_SCHEMA).contains(&schema)
}

/// Whether histograms of this schema have to be brought to a coarser one when they are read.
pub(super) fn is_beyond_use(schema: i32) -> bool {
    schema > MAX_EXPONENTIAL_SCHEMA
}

/// Number of buckets.
pub(super) fn bucket_count(spans: &[Span]) -> usize {
    spans.iter().map(|s| s.length as usize).sum()
}

fn take_count(r: &mut BitReader<'_>, bits: usize) -> Result<usize, &'static str> {
    // Every element takes a bit at least.
    usize::try_from(take_uint(r)).ok().filter(|n| r.position() + n <= bits).ok_or("more elements than bits")
}

fn take_spans(r: &mut BitReader<'_>, bits: usize) -> Result<Vec<Span>, &'static str> {
    let count = take_count(r, bits)?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let length = u32::try_from(take_uint(r)).map_err(|_| "a span of too many buckets")?;
        let offset = i32::try_from(take_int(r)).map_err(|_| "a span too far off")?;
        spans.push(Span { offset, length });
    }
    // Every bucket of every histogram takes a bit at least.
    if spans.iter().map(|s| u64::from(s.length)).sum::<u64>() > bits as u64 {
        return Err("more buckets than bits");
    }
    Ok(spans)
}

/// One byte for zero and for powers of two from 2^-243 to 2^10, nine for others.
fn put_zero_threshold(w: &mut BitWriter, threshold: f64) {
    let bits = threshold.to_bits();
    let exponent = (bits >> 52) as i64 - 1022;
    if bits << 1 == 0 {
        w.put(0, 8);
    } else if bits & ((1 << 52) - 1) == 0 && (-242..=11).contains(&exponent) {
        w.put((exponent + 243) as u64, 8);
    } else {
        w.put(255, 8);
        w.put(bits, 64);
    }
}

fn take_zero_threshold(r: &mut BitReader<'_>) -> f64 {
    match r.take(8) {
        0 => 0.0,
        255 => f64::from_bits(r.take(64)),
        n => f64::from_bits((n + 1022 - 243) << 52),
    }
}

/// Thousandths up to 33,554.430 as small integers, other bounds as they are.
fn put_bound(w: &mut BitWriter, bound: f64) {
    let thousandths = bound * 1000.0;
    let whole = thousandths.round();
    if (0.0..=33_554_430.0).contains(&thousandths) && whole / 1000.0 == bound {
        put_uint(w, whole as u64 + 1);
    } else {
        w.put(0, 1);
        w.put(bound.to_bits(), 64);
    }
}

fn take_bound(r: &mut BitReader<'_>) -> f64 {
    match take_uint(r) {
        0 => f64::from_bits(r.take(64)),
        n => (n - 1) as f64 / 1000.0,
    }
}

/// How the buckets of two histograms fit into one layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Merge {
    /// Place in the common layout of each bucket of the first.
    pub(super) first: Vec<usize>,
    /// Place in the common layout of each bucket of the second.
    pub(super) second: Vec<usize>,
    /// The buckets of the common layout.
    pub(super) spans: Vec<Span>,
    /// Number of buckets of the common layout.
    pub(super) len: usize,
}

impl Merge {
    pub(super) fn new(first: &[Span], second: &[Span]) -> Self {
        let mut merge = Self::default();
        let (mut a, mut b) = (Indexes::new(first).peekable(), Indexes::new(second).peekable());
        let mut behind_last = 0i64;
        loop {
            let index = match (a.peek(), b.peek()) {
                (None, None) => return merge,
                (Some(x), None) => *x,
                (None, Some(y)) => *y,
                (Some(x), Some(y)) => *x.min(y),
            };
            if a.next_if_eq(&index).is_some() {
                merge.first.push(merge.len);
            }
            if b.next_if_eq(&index).is_some() {
                merge.second.push(merge.len);
            }
            merge.len += 1;
            let gap = i64::from(index) - behind_last;
            behind_last = i64::from(index) + 1;
            match merge.spans.last_mut() {
                Some(span) if gap == 0 => span.length += 1,
                // Indexes are 32 bits wide; so is the gap of two that rise, unless they are nonsense.
                _ => merge.spans.push(Span { offset: i32::try_from(gap).unwrap_or(i32::MAX), length: 1 }),
            }
        }
    }

    /// Whether the first lacks buckets.
    pub(super) fn adds_to_first(&self) -> bool {
        self.first.len() < self.len
    }

    /// Whether the second lacks buckets.
    pub(super) fn adds_to_second(&self) -> bool {
        self.second.len() < self.len
    }

    /// Whether no count fell: buckets that the second lacks count as zero.
    pub(super) fn is_growth<C: PartialOrd + Default + Copy>(&self, first: &[C], second: &[C]) -> bool {
        let mut later = self.second.iter().zip(second).peekable();
        self.first.iter().zip(first).all(|(place, before)| {
            while later.next_if(|(p, _)| *p < place).is_some() {}
            let now = later.next_if(|(p, _)| *p == place).map_or(C::default(), |(_, count)| *count);
            *before <= now
        })
    }

    /// The counts, each at its place.
    pub(super) fn place<C: Default + Copy>(&self, places: &[usize], counts: &[C]) -> Vec<C> {
        let mut placed = vec![C::default(); self.len];
        for (place, count) in places.iter().zip(counts) {
            placed[*place] = *count;
        }
        placed
    }
}
