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

/// The column is cut wherever a window begins or ends, and each piece is reduced to its best value once. Pieces stand
/// in blocks as long as the longest window, so that most windows are the end of one block and the start of the next,
/// whose best values are known from two passes. Where too many windows lie inside a block, a queue of pieces that no
/// later one beats moves along instead.
#[derive(Debug)]
pub(super) struct Extreme<O> {
    /// Where pieces begin, and where the last one ends.
    cuts: Vec<u32>,
    /// The pieces of each window.
    windows: Vec<(u32, u32)>,
    generation: u64,
    best: Vec<f64>,
    /// Pieces in a block.
    block: usize,
    /// For each window two positions in `runs`, of which the better one counts.
    picks: Vec<(u32, u32)>,
    /// Windows inside a block, by number; nothing if they are too many.
    inside: Option<Vec<u32>>,
    /// The best values from the start of each block up to each piece, then those from each piece up to the end of its
    /// block.
    runs: Vec<f64>,
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
            block: 1,
            picks: Vec::new(),
            inside: None,
            runs: Vec::new(),
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
        self.arrange();
    }

    /// Puts the pieces into blocks, and finds which runs make up each window.
    fn arrange(&mut self) {
        let pieces = self.cuts.len().saturating_sub(1);
        self.block =
            self.windows.iter().map(|(first, last)| (last - first) as usize).max().unwrap_or(0).max(1);
        let (block, behind) = (self.block as u32, pieces as u32);
        let (mut inside, mut work) = (Vec::new(), 0);
        self.picks.clear();
        for (window, (first, last)) in (0..).zip(&self.windows) {
            let (up_to, from) = (last.saturating_sub(1), behind + first);
            self.picks.push(match first / block == up_to / block {
                _ if first == last => (0, 0),
                false => (from, up_to),
                true if first % block == 0 => (up_to, up_to),
                true if last % block == 0 || *last == behind => (from, from),
                true => {
                    inside.push(window);
                    work += (last - first) as usize;
                    (0, 0)
                }
            });
        }
        self.inside = (work <= 8 * pieces).then_some(inside);
    }
}

impl<O: Order> Extreme<O> {
    /// The better one; of equal ones the first.
    fn better(a: f64, b: f64) -> f64 {
        if O::beats(b, a) { b } else { a }
    }

    /// Windows as ends and starts of blocks.
    fn by_blocks(&mut self, inside: &[u32], out: &mut [f64]) {
        let n = self.best.len();
        self.runs.clear();
        self.runs.extend_from_slice(&self.best);
        self.runs.extend_from_slice(&self.best);
        let (ahead, back) = self.runs.split_at_mut(n);
        for run in ahead.chunks_mut(self.block) {
            (1..run.len()).for_each(|i| run[i] = Self::better(run[i - 1], run[i]));
        }
        for run in back.chunks_mut(self.block) {
            (1..run.len()).rev().for_each(|i| run[i - 1] = Self::better(run[i - 1], run[i]));
        }
        for ((out, (a, b)), (first, last)) in out.iter_mut().zip(&self.picks).zip(&self.windows) {
            if first < last {
                *out = Self::better(self.runs[*a as usize], self.runs[*b as usize]);
            }
        }
        for window in inside {
            let (first, last) = self.windows[*window as usize];
            let best = self.best[first as usize..last as usize].iter().copied().reduce(Self::better);
            out[*window as usize] = best.unwrap_or(out[*window as usize]);
        }
    }

    /// Windows by the queue.
    fn by_queue(&mut self, out: &mut [f64]) {
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
        match self.inside.take() {
            Some(inside) => {
                self.by_blocks(&inside, out);
                self.inside = Some(inside);
            }
            None => self.by_queue(out),
        }
        true
    }
}
