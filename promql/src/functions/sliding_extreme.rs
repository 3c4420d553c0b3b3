//! `max_over_time` and `min_over_time` from window to window.

use std::marker::PhantomData;

use super::sliding::{Column, Params, Sliding, any};

/// Which of two values is kept.
pub(super) trait Order {
    fn beats(value: f64, best: f64) -> bool;
}

#[derive(Debug, Default)]
pub(super) struct Largest;

impl Order for Largest {
    fn beats(value: f64, best: f64) -> bool {
        value > best
    }
}

#[derive(Debug, Default)]
pub(super) struct Smallest;

impl Order for Smallest {
    fn beats(value: f64, best: f64) -> bool {
        value < best
    }
}

/// The column is cut wherever a window begins or ends; each piece is reduced to its best value once, and a queue
/// of pieces that no later one beats moves along.
#[derive(Debug)]
pub(super) struct Extreme<O> {
    /// Where pieces begin, and where the last one ends.
    cuts: Vec<u32>,
    /// The pieces of each window.
    windows: Vec<(u32, u32)>,
    generation: u64,
    best: Vec<f64>,
    queue: Vec<u32>,
    order: PhantomData<O>,
}

impl<O> Default for Extreme<O> {
    fn default() -> Self {
        Self {
            cuts: Vec::new(),
            windows: Vec::new(),
            generation: u64::MAX,
            best: Vec::new(),
            queue: Vec::new(),
            order: PhantomData,
        }
    }
}

impl<O> Extreme<O> {
    /// Cuts the column: depends on times alone.
    fn cut(&mut self, column: &Column<'_>) {
        self.generation = column.windows.generation;
        let bounds = &column.windows.bounds;
        self.cuts.clear();
        self.cuts.extend(bounds.iter().flat_map(|(lo, hi)| [*lo, *hi]));
        self.cuts.sort_unstable();
        self.cuts.dedup();
        self.windows.clear();
        let (mut first, mut last) = (0, 0);
        for (lo, hi) in bounds {
            // Both ends only rise.
            first += self.cuts[first..].iter().take_while(|c| *c < lo).count();
            last += self.cuts[last..].iter().take_while(|c| *c < hi).count();
            self.windows.push((first as u32, last as u32));
        }
    }
}

impl<O: Order> Sliding for Extreme<O> {
    fn run(&mut self, column: Column<'_>, _: &Params<'_>, out: &mut [f64]) -> bool {
        let values = column.values;
        // A NaN counts only where there is nothing else; the plain function knows.
        if any(values, f64::is_nan) {
            return false;
        }
        if self.generation != column.windows.generation {
            self.cut(&column);
        }
        self.best.clear();
        self.best.extend(self.cuts.windows(2).map(|piece| {
            let piece = &values[piece[0] as usize..piece[1] as usize];
            piece[1..].iter().fold(piece[0], |best, v| if O::beats(*v, best) { *v } else { best })
        }));
        self.queue.clear();
        let (mut head, mut next) = (0, 0);
        for (out, (first, last)) in out.iter_mut().zip(&self.windows) {
            next = next.max(*first);
            while next < *last {
                let value = self.best[next as usize];
                while self.queue.len() > head
                    && self.queue.last().is_some_and(|q| O::beats(value, self.best[*q as usize]))
                {
                    self.queue.pop();
                }
                self.queue.push(next);
                next += 1;
            }
            while self.queue.get(head).is_some_and(|q| q < first) {
                head += 1;
            }
            if first < last
                && let Some(best) = self.queue.get(head)
            {
                *out = self.best[*best as usize];
            }
        }
        true
    }
}
