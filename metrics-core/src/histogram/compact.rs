//! Dropping empty buckets, so that equal histograms have equal layouts.

use super::spans::{Indexes, Layout, indexed};
use super::{FloatHistogram, Histogram, Span};

impl FloatHistogram {
    /// Drops empty buckets and joins runs that follow each other at once.
    pub fn compact(&mut self) -> &mut Self {
        compact(&mut self.positive_spans, &mut self.positive_buckets);
        compact(&mut self.negative_spans, &mut self.negative_buckets);
        self
    }

    /// As [`FloatHistogram::compact`], but keeps up to `gap` empty buckets between two populated ones, filling
    /// in missing ones, where that saves a run.
    pub fn compact_with_gaps(&mut self, gap: u32) -> &mut Self {
        self.compact();
        join(&mut self.positive_spans, &mut self.positive_buckets, gap);
        join(&mut self.negative_spans, &mut self.negative_buckets, gap);
        self
    }
}

impl Histogram {
    /// Drops empty buckets and joins runs that follow each other at once.
    pub fn compact(&mut self) -> &mut Self {
        compact_deltas(&mut self.positive_spans, &mut self.positive_buckets);
        compact_deltas(&mut self.negative_spans, &mut self.negative_buckets);
        self
    }

    /// As [`Histogram::compact`], but keeps up to `gap` empty buckets between two populated ones, filling in
    /// missing ones, where that saves a run.
    pub fn compact_with_gaps(&mut self, gap: u32) -> &mut Self {
        self.compact();
        join_deltas(&mut self.positive_spans, &mut self.positive_buckets, gap);
        join_deltas(&mut self.negative_spans, &mut self.negative_buckets, gap);
        self
    }
}

fn compact_deltas(spans: &mut Vec<Span>, deltas: &mut Vec<i64>) {
    let tidy = spans.iter().skip(1).all(|s| s.offset > 0) && spans.iter().all(|s| s.length > 0);
    let counts = deltas.iter().scan(0i64, |count, delta| {
        *count = count.wrapping_add(*delta);
        Some(*count)
    });
    if tidy && counts.clone().all(|c| c != 0) {
        return;
    }
    let mut layout = Layout::with_capacity(deltas.len());
    let mut last = 0i64;
    for (index, count) in Indexes::new(spans).zip(counts).filter(|(_, c)| *c != 0) {
        layout.push(index, count.wrapping_sub(last));
        last = count;
    }
    (*spans, *deltas) = (layout.spans, layout.buckets);
}

fn compact(spans: &mut Vec<Span>, buckets: &mut Vec<f64>) {
    let tidy = spans.iter().skip(1).all(|s| s.offset > 0)
        && spans.iter().all(|s| s.length > 0)
        && buckets.iter().all(|b| *b != 0.0);
    if tidy {
        return;
    }
    let mut layout = Layout::with_capacity(buckets.len());
    for (index, count) in indexed(spans, buckets).filter(|(_, c)| *c != 0.0) {
        layout.push(index, count);
    }
    (*spans, *buckets) = (layout.spans, layout.buckets);
}

/// Fills gaps of at most `gap` buckets between runs.
fn join<T: Copy + Default>(spans: &mut Vec<Span>, buckets: &mut Vec<T>, gap: u32) {
    let small = |offset: i32| u32::try_from(offset).is_ok_and(|o| o <= gap);
    if !spans.iter().skip(1).any(|s| small(s.offset)) {
        return;
    }
    let mut layout = Layout::with_capacity(buckets.len());
    let mut next: Option<i32> = None;
    for (index, count) in Indexes::new(spans).zip(buckets.iter().copied()) {
        if let Some(next) = next
            && small(index - next)
        {
            (next..index).for_each(|i| layout.push(i, T::default()));
        }
        layout.push(index, count);
        next = Some(index + 1);
    }
    (*spans, *buckets) = (layout.spans, layout.buckets);
}

/// As [`join`], for counts that are stored as differences.
fn join_deltas(spans: &mut Vec<Span>, deltas: &mut Vec<i64>, gap: u32) {
    let mut sum = 0i64;
    let mut counts: Vec<i64> = deltas
        .iter()
        .map(|delta| {
            sum = sum.wrapping_add(*delta);
            sum
        })
        .collect();
    join(spans, &mut counts, gap);
    let before = std::iter::once(&0).chain(&counts);
    *deltas = counts.iter().zip(before).map(|(count, before)| count.wrapping_sub(*before)).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_counts_are_compacted_like_floats() {
        let span = |offset, length| Span { offset, length };
        let mut h = Histogram {
            positive_spans: vec![span(-1, 3), span(0, 1), span(2, 1), span(9, 0)],
            positive_buckets: vec![0, 5, -5, 2, 1],
            ..Histogram::default()
        };
        let mut float = h.to_float();
        assert_eq!(h.compact().to_float(), *float.compact());
        assert_eq!(h.positive_spans, [span(0, 1), span(1, 1), span(2, 1)]);
        assert_eq!(h.positive_buckets, [5, -3, 1]);
    }

    #[test]
    fn drops_and_fills() {
        let span = |offset, length| Span { offset, length };
        let mut h = FloatHistogram {
            positive_spans: vec![span(-1, 3), span(0, 1), span(2, 1), span(9, 1)],
            positive_buckets: vec![0.0, 1.0, 0.0, 2.0, 3.0, 4.0],
            ..FloatHistogram::default()
        };
        let mut filled = h.clone();
        h.compact();
        assert_eq!(h.positive_spans, [span(0, 1), span(1, 1), span(2, 1), span(9, 1)]);
        assert_eq!(h.positive_buckets, [1.0, 2.0, 3.0, 4.0]);
        let deltas = vec![0, 1, -1, 2, 1, 1];
        let mut counted = Histogram {
            positive_spans: filled.positive_spans.clone(),
            positive_buckets: deltas,
            ..Histogram::default()
        };
        filled.compact_with_gaps(2);
        assert_eq!(counted.compact_with_gaps(2).to_float(), filled);
        assert_eq!(filled.positive_spans, [span(0, 6), span(9, 1)]);
        assert_eq!(filled.positive_buckets, [1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 4.0]);
    }
}
