//! `absent` and `absent_over_time`: a series where there is none.

use metrics_core::{LabelSetBuilder, METRIC_NAME, MatchOp, Matcher};

use super::grid::Grid;
use super::matrix::Matrix;
use super::operator::{Operator, SeriesMeta};
use super::row::{ABSENT, Row};
use super::{Context, QueryError, parallel};
use crate::parser::ValueType;
use crate::plan::Node;

/// The value 1 at every step at which a vector is empty, with the labels that its selector asks for.
pub(crate) fn absent<'a>(
    arg: &Node,
    source: Box<dyn Operator + 'a>,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let mut row = Row { floats: vec![1.0; grid.count], histograms: Vec::new() };
    parallel::for_each_row(&*source, context, |_, found| {
        for (step, value) in row.floats.iter_mut().enumerate() {
            if found.is_present(step) {
                *value = ABSENT;
            }
        }
        Ok(())
    })?;
    let mut matrix = Matrix::new(context)?;
    if !row.is_vacant() {
        let matchers = match arg {
            Node::Vector(selector) => selector.matchers.as_slice(),
            Node::Matrix(window) => window.selector.matchers.as_slice(),
            _ => &[],
        };
        matrix.push(labels(matchers), row)?;
    }
    Ok(Box::new(matrix))
}

/// Labels that a selector pins to one value, each of which it names once.
fn labels(matchers: &[Matcher]) -> SeriesMeta {
    let mut labels = LabelSetBuilder::default();
    let mut seen = Vec::new();
    for matcher in matchers.iter().filter(|m| m.name != METRIC_NAME) {
        if matcher.op == MatchOp::Equal && !seen.contains(&&matcher.name) {
            labels.set(&matcher.name, matcher.value.clone());
            seen.push(&matcher.name);
        } else {
            labels.remove(&matcher.name);
        }
    }
    SeriesMeta::new(labels.build())
}

/// The type of a part of the plan, as far as operators must tell ranges from the rest.
pub(crate) fn value_type(node: &Node) -> ValueType {
    match node {
        Node::Number(_) => ValueType::Scalar,
        Node::Text(_) => ValueType::String,
        Node::Matrix(_) | Node::Subquery(_) => ValueType::Matrix,
        Node::StepInvariant(inner) => value_type(inner),
        _ => ValueType::Vector,
    }
}
