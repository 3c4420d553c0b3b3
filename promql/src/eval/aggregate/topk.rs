//! `topk`, `bottomk`: the series with the largest or smallest values of each group.

use metrics_core::number::format_general;

use super::{Grouping, param};
use crate::eval::grid::Grid;
use crate::eval::matrix::Matrix;
use crate::eval::operator::Operator;
use crate::eval::row::{Row, is_absent};
use crate::eval::{Context, DataError, Note, QueryError, build};
use crate::parser::AggregateOp;
use crate::plan::Aggregation;

/// Steps that are looked at together: rows lie step by step in memory.
const TILE: usize = 32;

/// How many series a group may keep at each step; nothing if that is none at all steps.
///
/// # Errors
/// If the parameter is no number that fits into 64 bits.
pub(super) fn counts<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Option<Vec<i64>>, QueryError> {
    let values = param(node, grid, context)?;
    if values.iter().all(|v| *v < 1.0) {
        return Ok(None);
    }
    for value in &values {
        let range = |word| DataError::ParameterRange(format_general(*value), word);
        if value.is_nan() {
            return Err(DataError::ParameterNan.into());
        } else if *value <= i64::MIN as f64 {
            return Err(range("underflows").into());
        } else if *value >= i64::MAX as f64 {
            return Err(range("overflows").into());
        }
    }
    Ok(Some(values.into_iter().map(|v| v as i64).collect()))
}

pub(super) fn build<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let counts = counts(node, grid, context)?;
    let matrix = build::vector(&node.arg.node, grid, context)?.into_matrix(context)?;
    let Some(counts) = counts else { return Ok(Box::new(Matrix::new(context)?)) };
    let largest = node.op == AggregateOp::Topk;
    if matrix.rows().iter().any(Row::has_histograms) {
        let aggregation = if largest { "topk" } else { "bottomk" };
        context.notes(node.span).add(Note::HistogramIgnoredInAggregation { aggregation });
    }
    let grouping = Grouping::of(node, matrix.metas());
    let mut chosen = Chosen::new(&matrix, grid.count);
    let mut heaps: Vec<Heap> = (0..grouping.labels.len() * TILE).map(|_| Heap::new(largest)).collect();
    for (first, counts) in (0..).step_by(TILE).zip(counts.chunks(TILE)) {
        context.check()?;
        let counts: Vec<usize> = counts.iter().map(|k| usize::try_from(*k).unwrap_or(0)).collect();
        for (series, row) in matrix.rows().iter().enumerate() {
            let heaps = &mut heaps[grouping.groups[series] * TILE..][..counts.len()];
            let values = &row.floats[first..][..counts.len()];
            for ((heap, value), count) in heaps.iter_mut().zip(values).zip(&counts) {
                if !is_absent(*value) {
                    heap.offer(*value, series, *count);
                }
            }
        }
        for step in 0..counts.len() {
            for heap in heaps.iter_mut().skip(step).step_by(TILE) {
                heap.take_best_first().for_each(|series| chosen.keep(series, first + step));
            }
        }
    }
    chosen.into_operator(matrix, context)
}

/// Which values of a matrix stay.
pub(super) struct Chosen {
    rows: Vec<Row>,
    /// Series in the order in which they were first chosen.
    order: Vec<usize>,
    steps: usize,
    picks: Vec<(usize, usize)>,
}

impl Chosen {
    pub(super) fn new(matrix: &Matrix<'_>, steps: usize) -> Self {
        Self { rows: vec![Row::default(); matrix.len()], order: Vec::new(), steps, picks: Vec::new() }
    }

    pub(super) fn keep(&mut self, series: usize, step: usize) {
        self.picks.push((series, step));
    }

    /// The chosen values, series in the order in which they were first chosen.
    pub(super) fn into_operator<'a>(
        mut self,
        matrix: Matrix<'a>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Operator + 'a>, QueryError> {
        for (series, step) in self.picks {
            let row = &mut self.rows[series];
            if row.steps() == 0 {
                *row = Row::empty(self.steps);
                self.order.push(series);
            }
            if let Some(value) = matrix.rows()[series].get(step) {
                row.set(step, value);
            }
        }
        let mut result = Matrix::new(context)?;
        for series in self.order {
            result.push(matrix.metas()[series].clone(), std::mem::take(&mut self.rows[series]))?;
        }
        Ok(Box::new(result))
    }
}

/// A binary heap of series with the worst on top, NaN worse than all. Of equal values the ones that came first
/// are kept.
#[derive(Debug)]
pub(super) struct Heap {
    entries: Vec<(f64, usize)>,
    largest: bool,
}

impl Heap {
    pub(super) fn new(largest: bool) -> Self {
        Self { entries: Vec::new(), largest }
    }

    fn worse(&self, a: f64, b: f64) -> bool {
        a.is_nan() || if self.largest { a < b } else { a > b }
    }

    /// Adds a series, in place of the worst one if there are already `count`.
    fn offer(&mut self, value: f64, series: usize, count: usize) {
        if self.entries.len() < count {
            self.push(value, series);
        } else if count > 0 {
            let worst = self.entries[0].0;
            if self.worse(worst, value) && !(worst.is_nan() && value.is_nan()) {
                self.entries[0] = (value, series);
                self.sink();
            }
        }
    }

    pub(super) fn push(&mut self, value: f64, series: usize) {
        self.entries.push((value, series));
        let mut at = self.entries.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.worse(self.entries[at].0, self.entries[parent].0) {
                break;
            }
            self.entries.swap(at, parent);
            at = parent;
        }
    }

    /// Moves the top down to its place.
    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= self.entries.len() {
                return;
            }
            let right_is_worse =
                right < self.entries.len() && self.worse(self.entries[right].0, self.entries[left].0);
            let child = if right_is_worse { right } else { left };
            if !self.worse(self.entries[child].0, self.entries[at].0) {
                return;
            }
            self.entries.swap(at, child);
            at = child;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Empties the heap, in no particular order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = usize> + '_ {
        self.entries.drain(..).map(|(_, series)| series)
    }

    /// Empties the heap, the best first.
    fn take_best_first(&mut self) -> impl Iterator<Item = usize> + '_ {
        let largest = self.largest;
        self.entries.sort_by(|(a, _), (b, _)| match (a.is_nan(), b.is_nan()) {
            (false, false) => {
                let rising = a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
                if largest { rising.reverse() } else { rising }
            }
            (a, b) => a.cmp(&b),
        });
        self.take()
    }
}
