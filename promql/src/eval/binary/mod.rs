//! Binary operators.

mod matching;
mod ops;
mod scalar;
mod sets;
mod vector;

use super::build::{self, Output};
use super::grid::Grid;
use super::{Context, QueryError};
use crate::plan::{BinaryNode, Operands};

pub(crate) fn build<'a>(
    node: &'a BinaryNode,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Output<'a>, QueryError> {
    Ok(match &node.operands {
        Operands::Scalars => {
            let lhs = build::scalar(&node.lhs, grid, context)?;
            let rhs = build::scalar(&node.rhs, grid, context)?;
            Output::Scalar(lhs.into_iter().zip(rhs).map(|(a, b)| ops::scalars(node.op, a, b)).collect())
        }
        Operands::VectorScalar | Operands::ScalarVector => {
            Output::Vector(scalar::build(node, grid, context)?)
        }
        Operands::Vectors(matching) => {
            let lhs = build::vector(&node.lhs, grid, context)?.into_matrix(context)?;
            let rhs = build::vector(&node.rhs, grid, context)?.into_matrix(context)?;
            Output::Vector(match node.op.is_set() {
                true => sets::build(node.op, matching, lhs, rhs, grid, context)?,
                false => vector::build(node, matching, lhs, rhs, grid, context)?,
            })
        }
    })
}
