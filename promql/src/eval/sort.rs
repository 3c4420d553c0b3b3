//! `sort` and its like: the order of an instant query's answer.

use std::cmp::Ordering;

use super::grid::Grid;
use super::operator::Operator;
use super::{Context, QueryError};
use crate::functions::natural_order;

/// Sorts the series of an instant vector by value or by labels. Over a range there is no order, as the answer is
/// ordered by labels anyway.
pub(crate) fn build<'a>(
    name: &str,
    source: Box<dyn Operator + 'a>,
    labels: &[&str],
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let by_value = labels.is_empty() && !name.starts_with("sort_by_label");
    let descending = name.ends_with("_desc");
    let mut matrix = source.into_matrix(context)?;
    if by_value {
        // Histograms have no order.
        matrix.rows_mut().iter_mut().for_each(|row| row.histograms.clear());
    }
    let mut order: Vec<usize> = (0..matrix.len()).collect();
    order.retain(|i| !matrix.rows()[*i].is_vacant());
    if !grid.is_instant() {
        // Nothing to sort.
    } else if by_value {
        let values: Vec<f64> = matrix.rows().iter().map(|row| row.floats[0]).collect();
        order.sort_by(|a, b| nan_last(values[*a], values[*b], descending));
    } else {
        let metas = matrix.metas();
        order.sort_by(|a, b| {
            let (a, b) = (&metas[*a].labels, &metas[*b].labels);
            let by_labels = labels.iter().map(|l| natural_order(a.value(l), b.value(l)));
            let ascending = by_labels.fold(Ordering::Equal, Ordering::then).then_with(|| a.cmp(b));
            if descending { ascending.reverse() } else { ascending }
        });
    }
    matrix.reorder(&order);
    Ok(Box::new(matrix))
}

/// Values in order, NaN at the end either way.
fn nan_last(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => {
            let ascending = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { ascending.reverse() } else { ascending }
        }
        (a, b) => a.cmp(&b),
    }
}
