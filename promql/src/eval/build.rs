//! Plan → operators.

use super::absent;
use super::aggregate;
use super::binary;
use super::call;
use super::grid::Grid;
use super::labels::{joined, nameless, rename, without_metadata};
use super::matrix::Matrix;
use super::operator::{Operator, SeriesMeta};
use super::range_source::{RangeSource, StoredRange, Subquery};
use super::row::Row;
use super::samples::Part;
use super::selector::VectorSelector;
use super::smoothed::SmoothedSelector;
use super::{Context, QueryError};
use crate::parser::Edges;
use crate::plan::{Arg, Node};
use crate::value::Point;

/// What a part of the plan yields.
pub(crate) enum Output<'a> {
    /// One float per step.
    Scalar(Vec<f64>),
    /// Series of rows.
    Vector(Box<dyn Operator + 'a>),
}

/// Builds the operators of a part of the plan. Parts that must see all series at once run on the way.
pub(crate) fn output<'a>(
    node: &'a Node,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Output<'a>, QueryError> {
    context.check()?;
    if grid.count == 0 {
        return Ok(Output::Vector(Box::new(Matrix::new(context)?)));
    }
    // A row takes room for every step, before it is known how many of them have a value.
    if grid.count > context.options.max_samples {
        return Err(QueryError::TooManySamples);
    }
    Ok(match node {
        Node::Number(value) => Output::Scalar(vec![*value; grid.count]),
        Node::Vector(selector) if selector.edges == Edges::Smoothed => {
            Output::Vector(Box::new(SmoothedSelector::new(selector, grid, context)?))
        }
        Node::Vector(selector) => Output::Vector(Box::new(VectorSelector::new(selector, grid, context)?)),
        Node::Negate(inner) => negated(inner, grid, context)?,
        Node::Plus(inner) => output(inner, grid, context)?,
        Node::StepInvariant(inner) => repeated(inner, grid, context)?,
        Node::Binary(b) => binary::build(b, grid, context)?,
        Node::Aggregate(a) => Output::Vector(aggregate::build(a, grid, context)?),
        Node::Call(c) => call::build(c, grid, context)?,
        // Texts and ranges are read by the calls that take them; the parser allows them nowhere else.
        Node::Text(_) | Node::Matrix(_) | Node::Subquery(_) => {
            Output::Vector(Box::new(Matrix::new(context)?))
        }
    })
}

/// A part that yields a vector. A scalar becomes a series without labels.
pub(crate) fn vector<'a>(
    node: &'a Node,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    match output(node, grid, context)? {
        Output::Vector(operator) => Ok(operator),
        Output::Scalar(values) => {
            let mut matrix = Matrix::new(context)?;
            let row = Row { floats: values, histograms: Vec::new() };
            matrix.push(SeriesMeta::new(metrics_core::LabelSet::empty()), row)?;
            Ok(Box::new(matrix))
        }
    }
}

/// A part that yields a scalar.
pub(crate) fn scalar<'a>(
    node: &'a Node,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Vec<f64>, QueryError> {
    match output(node, grid, context)? {
        Output::Scalar(values) => Ok(values),
        Output::Vector(_) => Ok(vec![f64::NAN; grid.count]),
    }
}

/// A part that yields a range vector.
pub(crate) fn range<'a>(
    arg: &'a Arg,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn RangeSource + 'a>, QueryError> {
    range_of(&arg.node, grid, context)
}

pub(crate) fn range_of<'a>(
    node: &'a Node,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn RangeSource + 'a>, QueryError> {
    Ok(match node {
        Node::Matrix(window) => Box::new(StoredRange::new(window, grid, context)?),
        Node::Subquery(subquery) => Box::new(Subquery::new(subquery, grid, context)?),
        Node::StepInvariant(inner) => return range_of(inner, grid, context),
        other => return Err(QueryError::RangeType(absent::value_type(other))),
    })
}

/// Unary minus.
fn negated<'a>(inner: &'a Node, grid: Grid, context: &'a Context<'a>) -> Result<Output<'a>, QueryError> {
    Ok(match output(inner, grid, context)? {
        Output::Scalar(values) => Output::Scalar(values.into_iter().map(|v| -v).collect()),
        Output::Vector(operator) => {
            let names = operator.series().iter().map(|meta| nameless(meta, context)).collect();
            let negated = call::map_rows(operator, |row| {
                for value in &mut row.floats {
                    // The sign is not looked at where it says that there is no value.
                    if !super::row::is_absent(*value) {
                        *value = -*value;
                    }
                }
                for histogram in row.histograms.iter_mut().flatten() {
                    std::sync::Arc::make_mut(histogram).scale(-1.0);
                }
            });
            Output::Vector(rename(negated, names, context)?)
        }
    })
}

/// A part that is evaluated once, at the first step.
fn repeated<'a>(inner: &'a Node, grid: Grid, context: &'a Context<'a>) -> Result<Output<'a>, QueryError> {
    let once = context.samples.part(grid, Part::Once, Grid { count: 1, ..grid });
    Ok(match output(inner, once, context)? {
        Output::Scalar(values) => {
            Output::Scalar(vec![values.first().copied().unwrap_or(f64::NAN); grid.count])
        }
        Output::Vector(operator) => {
            let matrix = operator.into_matrix(context)?;
            let mut repeated = Matrix::new(context)?;
            for (meta, row) in matrix.into_parts() {
                if let Some(value) = row.get(0) {
                    repeated.push(meta, Row::constant(&value, grid.count))?;
                }
            }
            Output::Vector(Box::new(repeated))
        }
    })
}

/// Series under the names that functions leave them, which drop the metric's.
pub(crate) fn nameless_series(operator: &dyn Operator, context: &Context<'_>) -> Vec<SeriesMeta> {
    operator.series().iter().map(|meta| nameless(meta, context)).collect()
}

/// Drops metric names that were kept to the end of the query, and joins what becomes the same.
pub(crate) fn drop_kept_names<'a>(
    operator: Box<dyn Operator + 'a>,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    if !context.keeps_names() {
        return joined(operator, context);
    }
    let mut matrix = operator.into_matrix(context)?;
    for meta in matrix.metas_mut().iter_mut().filter(|m| m.drop_name) {
        meta.labels = without_metadata(&meta.labels);
    }
    matrix.merge_same_labels()?;
    Ok(Box::new(matrix))
}

/// The value of a one-step row.
pub(crate) fn only_value(row: &Row) -> Option<Point> {
    row.get(0)
}
