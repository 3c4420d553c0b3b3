//! `limitk`, `limit_ratio`: some series of each group, whatever their values.

use super::ratio_hash::place;
use super::topk::{Chosen, Heap, counts};
use super::{Grouping, param, param_notes};
use crate::eval::grid::Grid;
use crate::eval::matrix::Matrix;
use crate::eval::operator::Operator;
use crate::eval::row::is_absent;
use crate::eval::{Context, DataError, Note, QueryError, build};
use crate::parser::AggregateOp;
use crate::plan::Aggregation;

pub(super) fn build<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    if node.op == AggregateOp::LimitRatio { ratio(node, grid, context) } else { first(node, grid, context) }
}

/// The first `k` series of each group that have a value.
fn first<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let counts = counts(node, grid, context)?;
    let matrix = build::vector(&node.arg.node, grid, context)?.into_matrix(context)?;
    let Some(counts) = counts else { return Ok(Box::new(Matrix::new(context)?)) };
    let grouping = Grouping::of(node, matrix.metas());
    let mut chosen = Chosen::new(&matrix, grid.count);
    let mut heaps: Vec<Heap> = (0..grouping.labels.len()).map(|_| Heap::new(true)).collect();
    for (step, count) in counts.into_iter().enumerate() {
        context.check()?;
        let count = usize::try_from(count).unwrap_or(0);
        for (series, row) in matrix.rows().iter().enumerate() {
            let heap = &mut heaps[grouping.groups[series]];
            if heap.len() < count && row.is_present(step) {
                // Kept in the order of a heap, as the original shows them.
                let value = row.floats[step];
                heap.push(if is_absent(value) { 0.0 } else { value }, series);
            }
        }
        for heap in &mut heaps {
            heap.take().for_each(|series| chosen.keep(series, step));
        }
    }
    chosen.into_operator(matrix, context)
}

/// A share of all series, chosen by a hash of their labels: a negative share is the complement.
fn ratio<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let shares = param(node, grid, context)?;
    let matrix = build::vector(&node.arg.node, grid, context)?.into_matrix(context)?;
    if shares.iter().all(|r| *r == 0.0) {
        return Ok(Box::new(Matrix::new(context)?));
    }
    if shares.iter().any(|r| r.is_nan()) {
        return Err(DataError::RatioNan.into());
    }
    let largest = shares.iter().copied().fold(f64::MIN, f64::max);
    let smallest = shares.iter().copied().fold(f64::MAX, f64::min);
    let notes = param_notes(node, context);
    if largest > 1.0 {
        notes.add(Note::InvalidRatio { given: largest, capped: 1.0 });
    }
    if smallest < -1.0 {
        notes.add(Note::InvalidRatio { given: smallest, capped: -1.0 });
    }
    let places: Vec<f64> = matrix.metas().iter().map(|meta| place(&meta.labels)).collect();
    let mut chosen = Chosen::new(&matrix, grid.count);
    for (step, share) in shares.into_iter().enumerate() {
        context.check()?;
        let share = share.clamp(-1.0, 1.0);
        for (series, place) in places.iter().enumerate() {
            let inside = if share >= 0.0 { *place < share } else { *place >= 1.0 + share };
            if inside && matrix.rows()[series].is_present(step) {
                chosen.keep(series, step);
            }
        }
    }
    chosen.into_operator(matrix, context)
}
