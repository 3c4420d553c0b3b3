//! Custom buckets with different bounds: both sides are mapped to the bounds in common.

use super::spans::{Layout, indexed};
use super::{FloatHistogram, Span};
use crate::kahan_add;

/// Adds `sign` times `other` to `target`. `errors` are the rounding errors beside the target's buckets; they
/// are replaced by those of the result.
pub(super) fn combine(
    target: &mut FloatHistogram,
    other: &FloatHistogram,
    sign: f64,
    mut errors: Option<&mut Vec<f64>>,
) {
    let bounds = intersection(&target.custom_values, &other.custom_values);
    let mut cells = vec![(0.0, 0.0); bounds.len() + 1];
    let before = errors.as_ref().map(|e| e.as_slice());
    gather(&mut cells, &bounds, Source::of(target, 1.0, before));
    gather(&mut cells, &bounds, Source::of(other, sign, None));
    let mut layout = Layout::with_capacity(cells.len());
    for (index, cell) in (0..).zip(cells).filter(|(_, cell)| *cell != (0.0, 0.0)) {
        layout.push(index, cell);
    }
    target.positive_spans = layout.spans;
    target.positive_buckets = layout.buckets.iter().map(|(v, _)| *v).collect();
    target.custom_values = bounds;
    if let Some(errors) = &mut errors {
        **errors = layout.buckets.iter().map(|(_, e)| *e).collect();
    }
}

/// Bounds that two rising lists have in common.
fn intersection(a: &[f64], b: &[f64]) -> Vec<f64> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut common = Vec::new();
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        if x == y {
            common.push(**x);
            a.next();
            b.next();
        } else if x < y {
            a.next();
        } else {
            b.next();
        }
    }
    common
}

struct Source<'a> {
    spans: &'a [Span],
    buckets: &'a [f64],
    bounds: &'a [f64],
    sign: f64,
    errors: Option<&'a [f64]>,
}

impl<'a> Source<'a> {
    fn of(h: &'a FloatHistogram, sign: f64, errors: Option<&'a [f64]>) -> Self {
        Self {
            spans: &h.positive_spans,
            buckets: &h.positive_buckets,
            bounds: &h.custom_values,
            sign,
            errors,
        }
    }
}

/// Adds each bucket to the first common bucket that ends at or behind its upper bound.
fn gather(cells: &mut [(f64, f64)], bounds: &[f64], source: Source<'_>) {
    let mut at = 0;
    for (position, (index, value)) in indexed(source.spans, source.buckets).enumerate() {
        let upper = usize::try_from(index).ok().and_then(|i| source.bounds.get(i));
        let target = match upper {
            Some(upper) => {
                at += bounds[at..].iter().take_while(|b| *b < upper).count();
                at
            }
            None => bounds.len(),
        };
        let (sum, error) = cells[target];
        cells[target] = kahan_add(source.sign * value, sum, error);
        if let Some(own) = source.errors.and_then(|e| e.get(position)) {
            let (sum, error) = cells[target];
            cells[target] = kahan_add(*own, sum, error);
        }
    }
}
