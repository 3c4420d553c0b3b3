//! Coarser schemas: each step down merges neighbouring buckets in pairs.

use super::spans::{Layout, indexed};
use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Span};

impl FloatHistogram {
    /// A copy at a coarser schema. At its own schema, at a finer one, and for custom buckets: a plain copy.
    /// A copy at another schema knows nothing about counter resets.
    pub fn at_schema(&self, schema: i32) -> Self {
        let mut copy = self.clone();
        if copy.reduce_resolution(schema) {
            copy.reset_hint = super::ResetHint::Unknown;
        }
        copy
    }

    /// Merges buckets to a coarser schema. Returns whether there was something to do.
    pub fn reduce_resolution(&mut self, schema: i32) -> bool {
        if self.has_custom_buckets() || schema == CUSTOM_BUCKETS_SCHEMA || schema >= self.schema {
            return false;
        }
        let shift = self.schema - schema;
        (self.positive_spans, self.positive_buckets) =
            coarser(&self.positive_spans, &self.positive_buckets, shift);
        (self.negative_spans, self.negative_buckets) =
            coarser(&self.negative_spans, &self.negative_buckets, shift);
        self.schema = schema;
        true
    }
}

fn coarser(spans: &[Span], buckets: &[f64], shift: i32) -> (Vec<Span>, Vec<f64>) {
    let layout = merged(indexed(spans, buckets), shift, |a, b| a + b);
    (layout.spans, layout.buckets)
}

/// The index of a bucket in a schema that is coarser by `shift`.
pub(super) fn coarser_index(index: i32, shift: i32) -> i32 {
    ((index.wrapping_sub(1)) >> shift.clamp(0, 31)).wrapping_add(1)
}

/// Merges cells that fall into one bucket of a schema that is coarser by `shift`.
pub(super) fn merged<C: Copy>(
    cells: impl Iterator<Item = (i32, C)>,
    shift: i32,
    join: impl Fn(C, C) -> C,
) -> Layout<C> {
    let mut layout = Layout::with_capacity(cells.size_hint().0);
    let mut last = None;
    for (index, cell) in cells {
        let index = coarser_index(index, shift);
        match layout.buckets.last_mut() {
            Some(open) if last == Some(index) => *open = join(*open, cell),
            _ => layout.push(index, cell),
        }
        last = Some(index);
    }
    layout
}
