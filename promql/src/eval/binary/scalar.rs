//! Operators between a vector and a scalar, row by row.

use super::ops::{arithmetic, changes_meaning, compare, samples};
use crate::eval::build::{self, nameless_series};
use crate::eval::call::map_rows;
use crate::eval::grid::Grid;
use crate::eval::labels::{joined, rename};
use crate::eval::operator::Operator;
use crate::eval::row::{ABSENT, Row, is_absent, present};
use crate::eval::{Context, Note, Notes, QueryError};
use crate::parser::BinaryOp;
use crate::plan::{BinaryNode, Operands};
use crate::value::Point;

pub(super) fn build<'a>(
    node: &'a BinaryNode,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let scalar_first = node.operands == Operands::ScalarVector;
    let (vector, scalars);
    if scalar_first {
        scalars = build::scalar(&node.lhs, grid, context)?;
        vector = build::vector(&node.rhs, grid, context)?;
    } else {
        vector = build::vector(&node.lhs, grid, context)?;
        scalars = build::scalar(&node.rhs, grid, context)?;
    }
    let change = Change {
        op: node.op,
        scalars,
        scalar_first,
        return_bool: node.return_bool,
        notes: context.notes(node.span),
    };
    if changes_meaning(node.op) || node.return_bool {
        let names = nameless_series(&*vector, context);
        return rename(map_rows(vector, move |row| change.apply(row)), names, context);
    }
    joined(map_rows(vector, move |row| change.apply(row)), context)
}

struct Change<'a> {
    op: BinaryOp,
    scalars: Vec<f64>,
    scalar_first: bool,
    return_bool: bool,
    notes: Notes<'a>,
}

impl Change<'_> {
    fn apply(&self, row: &mut Row) {
        if row.has_histograms() || matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
            return self.apply_to_samples(row);
        }
        let sides =
            |value: f64, scalar: f64| if self.scalar_first { (scalar, value) } else { (value, scalar) };
        let values = row.floats.iter_mut().zip(&self.scalars).filter(|(v, _)| !is_absent(**v));
        if !self.op.is_comparison() {
            for (value, scalar) in values {
                let (a, b) = sides(*value, *scalar);
                *value = present(arithmetic(self.op, a, b));
            }
            return;
        }
        for (value, scalar) in values {
            let (a, b) = sides(*value, *scalar);
            let holds = compare(self.op, a, b) == Some(true);
            *value = match (self.return_bool, holds) {
                (true, holds) => f64::from(u8::from(holds)),
                (false, true) => *value,
                (false, false) => ABSENT,
            };
        }
    }

    fn apply_to_samples(&self, row: &mut Row) {
        for (step, scalar) in self.scalars.iter().enumerate() {
            let Some(sample) = row.get(step) else { continue };
            row.floats[step] = ABSENT;
            if let Some(histogram) = row.histograms.get_mut(step) {
                *histogram = None;
            }
            let scalar = Point::Float(*scalar);
            let (a, b) = if self.scalar_first { (&scalar, &sample) } else { (&sample, &scalar) };
            let mut note = |note: Note<'static>| self.notes.add(note);
            let Some(outcome) = samples(self.op, a, b, &mut note) else { continue };
            // A comparison filters the vector, also where it stands on the right.
            let value = if self.op.is_comparison() { sample.clone() } else { outcome.value };
            match (self.return_bool, outcome.keep) {
                (true, keep) => row.set(step, Point::Float(f64::from(u8::from(keep)))),
                (false, true) => row.set(step, value),
                (false, false) => {}
            }
        }
    }
}
