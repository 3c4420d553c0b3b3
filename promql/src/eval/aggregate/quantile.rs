//! `quantile`

use super::{Grouping, param, param_notes};
use crate::eval::grid::Grid;
use crate::eval::matrix::Matrix;
use crate::eval::operator::{Operator, SeriesMeta};
use crate::eval::row::{ABSENT, Row, is_absent, present};
use crate::eval::{Context, Note, Notes, QueryError, build};
use crate::functions::quantile;
use crate::plan::Aggregation;

/// The quantile over each group's floats.
pub(super) fn build<'a>(
    node: &'a Aggregation,
    grid: Grid,
    notes: Notes<'a>,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let quantiles = param(node, grid, context)?;
    let matrix = build::vector(&node.arg.node, grid, context)?.into_matrix(context)?;
    note_invalid(&quantiles, param_notes(node, context));
    let grouping = Grouping::of(node, matrix.metas());
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); grouping.labels.len()];
    for (series, group) in grouping.groups.iter().enumerate() {
        members[*group].push(series);
    }
    if matrix.rows().iter().any(Row::has_histograms) {
        notes.add(Note::HistogramIgnoredInAggregation { aggregation: "quantile" });
    }
    let mut result = Matrix::new(context)?;
    let mut values = Vec::new();
    for (labels, members) in grouping.labels.into_iter().zip(members) {
        context.check()?;
        let mut row = Row::empty(grid.count);
        for (step, out) in row.floats.iter_mut().enumerate() {
            values.clear();
            values.extend(members.iter().map(|m| matrix.rows()[*m].floats[step]).filter(|v| !is_absent(*v)));
            *out = if values.is_empty() { ABSENT } else { present(quantile(quantiles[step], &mut values)) };
        }
        if !row.is_vacant() {
            let drop_name = members.iter().any(|m| matrix.metas()[*m].drop_name);
            result.push(SeriesMeta { labels, drop_name }, row)?;
        }
    }
    Ok(Box::new(result))
}

fn note_invalid(quantiles: &[f64], notes: Notes<'_>) {
    if quantiles.iter().any(|q| q.is_nan()) {
        notes.add(Note::InvalidQuantile(f64::NAN));
        return;
    }
    let largest = quantiles.iter().copied().fold(f64::MIN, f64::max);
    let smallest = quantiles.iter().copied().fold(f64::MAX, f64::min);
    if largest > 1.0 {
        notes.add(Note::InvalidQuantile(largest));
    }
    if smallest < 0.0 {
        notes.add(Note::InvalidQuantile(smallest));
    }
}
