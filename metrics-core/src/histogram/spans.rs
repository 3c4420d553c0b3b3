//! Runs of buckets: walking them, building them, comparing them.

use super::{Bucket, FloatHistogram, Span};

/// The index of every bucket that spans lay out, from either end.
#[derive(Debug, Clone)]
pub struct Indexes<'a> {
    spans: &'a [Span],
    // Index of the next bucket from the front, and how many of the first span are used up.
    front: i64,
    used: u32,
    // Index behind the last bucket, and how many of the last span are used up from the back.
    back: i64,
    used_back: u32,
}

impl<'a> Indexes<'a> {
    /// Walks over spans; the first span's offset is an index, the others' are gaps.
    pub fn new(spans: &'a [Span]) -> Self {
        let front = spans.first().map_or(0, |s| i64::from(s.offset));
        let back = spans.iter().map(|s| i64::from(s.offset) + i64::from(s.length)).sum();
        Self { spans, front, used: 0, back, used_back: 0 }
    }
}

impl Iterator for Indexes<'_> {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        loop {
            let (span, rest) = self.spans.split_first()?;
            let reserved = if rest.is_empty() { self.used_back } else { 0 };
            if self.used < span.length.saturating_sub(reserved) {
                self.used += 1;
                self.front += 1;
                return i32::try_from(self.front - 1).ok();
            }
            self.spans = rest;
            self.used = 0;
            self.front += rest.first().map_or(0, |s| i64::from(s.offset));
        }
    }
}

impl DoubleEndedIterator for Indexes<'_> {
    fn next_back(&mut self) -> Option<i32> {
        loop {
            let (span, rest) = self.spans.split_last()?;
            let reserved = if rest.is_empty() { self.used } else { 0 };
            if self.used_back < span.length.saturating_sub(reserved) {
                self.used_back += 1;
                self.back -= 1;
                return i32::try_from(self.back).ok();
            }
            self.spans = rest;
            self.used_back = 0;
            self.back -= i64::from(span.offset);
        }
    }
}

/// Buckets with their indexes, in rising order.
pub(super) fn indexed<'a>(
    spans: &'a [Span],
    buckets: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + Clone + 'a {
    Indexes::new(spans).zip(buckets.iter().copied())
}

/// Buckets with their indexes, in falling order.
fn indexed_back<'a>(spans: &'a [Span], buckets: &'a [f64]) -> impl Iterator<Item = (i32, f64)> + 'a {
    Indexes::new(spans).rev().zip(buckets.iter().rev().copied())
}

/// Lays out buckets that come in rising order of their indexes.
#[derive(Debug)]
pub(super) struct Layout<C> {
    pub(super) spans: Vec<Span>,
    pub(super) buckets: Vec<C>,
    next: i64,
}

impl<C> Layout<C> {
    pub(super) fn with_capacity(buckets: usize) -> Self {
        Self { spans: Vec::new(), buckets: Vec::with_capacity(buckets), next: 0 }
    }

    /// Adds a bucket, extending the last span where it follows at once.
    pub(super) fn push(&mut self, index: i32, bucket: C) {
        self.buckets.push(bucket);
        let gap = i64::from(index) - self.next;
        self.next = i64::from(index) + 1;
        match self.spans.last_mut() {
            Some(span) if gap == 0 => span.length += 1,
            _ => self.spans.push(Span { offset: gap as i32, length: 1 }),
        }
    }
}

/// Whether two lists of spans lay out the same buckets; empty spans only add to the gap behind them.
pub(super) fn same_layout(a: &[Span], b: &[Span]) -> bool {
    a == b || merged_empty(a).eq(merged_empty(b))
}

fn merged_empty(spans: &[Span]) -> impl Iterator<Item = Span> + '_ {
    let mut gap = 0i32;
    spans.iter().filter_map(move |span| {
        gap = gap.wrapping_add(span.offset);
        if span.length == 0 {
            return None;
        }
        Some(Span { offset: std::mem::take(&mut gap), length: span.length })
    })
}

impl FloatHistogram {
    /// Positive buckets, rising from the zero bucket; empty ones included.
    pub fn positive(&self) -> impl Iterator<Item = Bucket> + '_ {
        indexed(&self.positive_spans, &self.positive_buckets).map(|(i, c)| self.positive_bucket(i, c))
    }

    /// Negative buckets, falling from the zero bucket; empty ones included.
    pub fn negative(&self) -> impl Iterator<Item = Bucket> + '_ {
        indexed(&self.negative_spans, &self.negative_buckets).map(|(i, c)| self.negative_bucket(i, c))
    }

    /// All buckets from the lowest to the highest. Buckets that reach into the zero bucket are cut at its
    /// edge; the zero bucket is left out when empty.
    pub fn all_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let negative = indexed_back(&self.negative_spans, &self.negative_buckets)
            .map(|(i, c)| self.negative_bucket(i, c));
        self.joined(negative, self.positive())
    }

    /// As [`FloatHistogram::all_buckets`], from the highest to the lowest.
    pub fn all_buckets_back(&self) -> impl Iterator<Item = Bucket> + '_ {
        let positive = indexed_back(&self.positive_spans, &self.positive_buckets)
            .map(|(i, c)| self.positive_bucket(i, c));
        self.joined(positive, self.negative())
    }

    fn joined<'a>(
        &'a self,
        first: impl Iterator<Item = Bucket> + 'a,
        last: impl Iterator<Item = Bucket> + 'a,
    ) -> impl Iterator<Item = Bucket> + 'a {
        let edge = self.zero_threshold;
        let cut = move |mut bucket: Bucket| {
            if bucket.upper < 0.0 && bucket.upper > -edge {
                bucket.upper = -edge;
            } else if bucket.lower > 0.0 && bucket.lower < edge {
                bucket.lower = edge;
            }
            bucket
        };
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        first.map(cut).chain(zero).chain(last.map(cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: i32, length: u32) -> Span {
        Span { offset, length }
    }

    #[test]
    fn indexes_meet_in_the_middle() {
        let spans = [span(-2, 2), span(1, 0), span(2, 3)];
        let forward: Vec<_> = Indexes::new(&spans).collect();
        assert_eq!(forward, [-2, -1, 3, 4, 5]);
        let mut backward: Vec<_> = Indexes::new(&spans).rev().collect();
        backward.reverse();
        assert_eq!(backward, forward);
        let mut both = Indexes::new(&spans);
        assert_eq!(
            [both.next(), both.next_back(), both.next(), both.next_back()].map(Option::unwrap),
            [-2, 5, -1, 4]
        );
        assert_eq!((both.next(), both.next_back(), both.next()), (Some(3), None, None));
    }

    #[test]
    fn empty_spans_do_not_change_a_layout() {
        assert!(same_layout(&[span(1, 2), span(3, 1)], &[span(1, 2), span(1, 0), span(2, 1)]));
        assert!(same_layout(&[span(4, 0)], &[]));
        assert!(!same_layout(&[span(1, 2)], &[span(1, 1), span(0, 1)]));
    }
}
