//! `and`, `or`, `unless`

use super::matching::groups;
use crate::eval::grid::Grid;
use crate::eval::labels::joined_always;
use crate::eval::matrix::{Matrix, has_same_labels};
use crate::eval::operator::Operator;
use crate::eval::row::{ABSENT, Row};
use crate::eval::{Context, QueryError};
use crate::parser::{BinaryOp, Matching};

pub(super) fn build<'a>(
    op: BinaryOp,
    matching: &Matching,
    left: Matrix<'a>,
    right: Matrix<'a>,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let groups = groups(matching, &left, &right);
    let (left, mut left_rows): (Vec<_>, Vec<Row>) = left.into_parts().unzip();
    let (right, mut right_rows): (Vec<_>, Vec<Row>) = right.into_parts().unzip();
    for group in groups {
        match op {
            BinaryOp::And => {
                restrict(&mut left_rows, &group.left, &steps(&right_rows, &group.right, grid), true)
            }
            BinaryOp::Unless => {
                restrict(&mut left_rows, &group.left, &steps(&right_rows, &group.right, grid), false);
            }
            _ => restrict(&mut right_rows, &group.right, &steps(&left_rows, &group.left, grid), false),
        }
    }
    let mut series: Vec<_> = left.into_iter().zip(left_rows).collect();
    if op == BinaryOp::Or {
        series.extend(right.into_iter().zip(right_rows));
    }
    let mut result = Matrix::new(context)?;
    for (meta, row) in series.into_iter().filter(|(_, row)| !row.is_vacant()) {
        result.push(meta, row)?;
    }
    // The same series may come from the left at some steps and from the right at others.
    match has_same_labels(result.metas().iter().map(|m| &m.labels))
        && !(grid.is_instant() && context.keeps_names())
    {
        true => joined_always(Box::new(result), context),
        false => Ok(Box::new(result)),
    }
}

/// At which steps any of the series has a value.
fn steps(rows: &[Row], series: &[usize], grid: Grid) -> Vec<bool> {
    let mut present = vec![false; grid.count];
    for row in series.iter().map(|i| &rows[*i]) {
        present.iter_mut().enumerate().for_each(|(step, p)| *p |= row.is_present(step));
    }
    present
}

/// Keeps values only at steps that are marked, or only at those that are not.
fn restrict(rows: &mut [Row], series: &[usize], marked: &[bool], keep_marked: bool) {
    for row in series {
        let row = &mut rows[*row];
        for step in marked.iter().enumerate().filter(|(_, m)| **m != keep_marked).map(|(step, _)| step) {
            row.floats[step] = ABSENT;
            if let Some(histogram) = row.histograms.get_mut(step) {
                *histogram = None;
            }
        }
    }
}
