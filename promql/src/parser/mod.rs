//! From text to syntax tree and back: [`parse`](ast), check, print.

mod ast;
mod duration;
mod functions;

pub use ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, Edges, Expr, Matching, MatrixSelector,
    NumberLiteral, Paren, Sign, Span, StringLiteral, Subquery, Unary, ValueType, VectorSelector,
};
pub use duration::{
    DurationExpr, DurationOp, DurationOperand, Length, LengthContext, LengthError, LengthErrorKind,
};
pub use functions::{Arity, FUNCTIONS, Signature, function};
