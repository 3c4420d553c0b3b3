//! What operators do to a pair of values.

use std::sync::Arc;

use metrics_core::FloatHistogram;
use metrics_core::histogram::{Combined, Keep, ResetHint};

use crate::eval::{Note, Operation};
use crate::parser::BinaryOp;
use crate::value::Point;

/// An operator between two scalars; comparisons yield 0 or 1.
pub(super) fn scalars(op: BinaryOp, a: f64, b: f64) -> f64 {
    match compare(op, a, b) {
        Some(holds) => f64::from(u8::from(holds)),
        None => arithmetic(op, a, b),
    }
}

/// An arithmetic operator between floats.
pub(super) fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => f64::NAN,
    }
}

/// Whether a comparison holds; nothing for other operators.
pub(super) fn compare(op: BinaryOp, a: f64, b: f64) -> Option<bool> {
    Some(match op {
        BinaryOp::Eq => a == b,
        BinaryOp::NotEq => a != b,
        BinaryOp::Less => a < b,
        BinaryOp::LessEq => a <= b,
        BinaryOp::Greater => a > b,
        BinaryOp::GreaterEq => a >= b,
        _ => return None,
    })
}

/// Whether the result means something else than the operands, so that the metric's name goes.
pub(super) fn changes_meaning(op: BinaryOp) -> bool {
    !op.is_comparison() && !op.is_set() && !matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

/// The outcome of an operator between two samples.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// The result; for comparisons the left side.
    pub(super) value: Point,
    /// Whether a comparison holds; always for others.
    pub(super) keep: bool,
}

/// An operator between two samples; nothing, and a note, if it makes no sense between their kinds.
pub(super) fn samples(
    op: BinaryOp,
    a: &Point,
    b: &Point,
    notes: &mut dyn FnMut(Note<'static>),
) -> Option<Outcome> {
    let kept = |value| Some(Outcome { value, keep: true });
    match (a, b) {
        (Point::Float(x), Point::Float(y)) => match compare(op, *x, *y) {
            Some(keep) => Some(Outcome { value: Point::Float(*x), keep }),
            None if changes_meaning(op) => kept(Point::Float(arithmetic(op, *x, *y))),
            None => incompatible(op, "float", "float", notes),
        },
        (Point::Float(x), Point::Histogram(h)) => match op {
            BinaryOp::Mul => kept(changed(h, |h| {
                h.scale(*x).compact();
            })),
            _ => incompatible(op, "float", "histogram", notes),
        },
        (Point::Histogram(h), Point::Float(x)) => match op {
            BinaryOp::Mul => kept(changed(h, |h| {
                h.scale(*x).compact();
            })),
            BinaryOp::Div => kept(changed(h, |h| {
                h.divide(*x).compact();
            })),
            BinaryOp::TrimUpper => kept(changed(h, |h| {
                h.trim(*x, Keep::Below);
            })),
            BinaryOp::TrimLower => kept(changed(h, |h| {
                h.trim(*x, Keep::Above);
            })),
            _ => incompatible(op, "histogram", "float", notes),
        },
        (Point::Histogram(x), Point::Histogram(y)) => histograms(op, x, y, notes),
    }
}

fn changed(histogram: &FloatHistogram, change: impl FnOnce(&mut FloatHistogram)) -> Point {
    let mut copy = histogram.clone();
    change(&mut copy);
    Point::Histogram(Arc::new(copy))
}

fn incompatible(
    op: BinaryOp,
    left: &'static str,
    right: &'static str,
    notes: &mut dyn FnMut(Note<'static>),
) -> Option<Outcome> {
    notes(Note::IncompatibleTypes { left, operator: op.as_str(), right });
    None
}

fn histograms(
    op: BinaryOp,
    a: &Arc<FloatHistogram>,
    b: &FloatHistogram,
    notes: &mut dyn FnMut(Note<'static>),
) -> Option<Outcome> {
    let equal = || a.same_data(b);
    match op {
        BinaryOp::Eq => Some(Outcome { value: Point::Histogram(a.clone()), keep: equal() }),
        BinaryOp::NotEq => Some(Outcome { value: Point::Histogram(a.clone()), keep: !equal() }),
        BinaryOp::Add | BinaryOp::Sub => {
            let mut result = FloatHistogram::clone(a);
            let (combined, operation) = match op {
                BinaryOp::Add => (result.add(b), Operation::Addition),
                _ => (result.subtract(b), Operation::Subtraction),
            };
            let Ok(seen) = combined else {
                notes(Note::IncompatibleLayout { operator: op.as_str() });
                return None;
            };
            if op == BinaryOp::Sub {
                result.reset_hint = ResetHint::Gauge;
            }
            note_combined(seen, operation, notes);
            result.compact();
            // As in the original, what collides is noted and has no result.
            let collide = seen.reset_hints_collide;
            (!collide).then(|| Outcome { value: Point::Histogram(Arc::new(result)), keep: true })
        }
        _ => incompatible(op, "histogram", "histogram", notes),
    }
}

fn note_combined(seen: Combined, operation: Operation, notes: &mut dyn FnMut(Note<'static>)) {
    if seen.reset_hints_collide {
        notes(Note::ResetCollision(operation));
    } else if seen.bounds_reconciled {
        notes(Note::CustomBoundsReconciled(operation));
    }
}
