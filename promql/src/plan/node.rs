//! The plan: what the engine executes.

use metrics_core::{Matcher, Timestamp};

use crate::parser::{AggregateOp, BinaryOp, Edges, Matching, Span};

/// A part of the plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Number(f64),
    Text(String),
    /// An instant vector selector.
    Vector(Selector),
    /// A range vector selector; outside of a call only as the whole of an instant query.
    Matrix(Window),
    Subquery(Box<SubqueryNode>),
    Call(Box<CallNode>),
    Aggregate(Box<Aggregation>),
    Binary(Box<BinaryNode>),
    Negate(Box<Node>),
    /// Unary plus: changes no value, but what it stands before is no bare selector any more.
    Plus(Box<Node>),
    /// Evaluated once, at the first step, and repeated for the others.
    StepInvariant(Box<Node>),
}

/// Which series, and when to look at them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
    pub(crate) edges: Edges,
    /// Whether of native histograms only count and sum are looked at.
    pub(crate) stats_only: bool,
    pub(crate) span: Span,
}

/// How the time looked at depends on the time of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shift {
    /// `@`, in place of the time of evaluation.
    pub(crate) at: Option<Timestamp>,
    /// `offset`, in milliseconds, subtracted.
    pub(crate) offset: i64,
}

impl Shift {
    /// The time looked at.
    pub(crate) fn of(&self, time: Timestamp) -> Timestamp {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }
}

/// A selector with a range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) selector: Selector,
    /// In milliseconds.
    pub(crate) range: i64,
    pub(crate) span: Span,
}

/// A query inside, evaluated on a grid of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SubqueryNode {
    pub(crate) inner: Node,
    /// In milliseconds.
    pub(crate) range: i64,
    /// In milliseconds; the engine's default if absent.
    pub(crate) step: Option<i64>,
    pub(crate) shift: Shift,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CallNode {
    pub(crate) name: &'static str,
    pub(crate) args: Vec<Arg>,
    /// Whether nobody looks at the metric's name, type and unit of its results.
    pub(crate) metadata_unseen: bool,
    pub(crate) span: Span,
}

/// An argument with its place, for annotations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arg {
    pub(crate) node: Node,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregation {
    pub(crate) op: AggregateOp,
    pub(crate) arg: Arg,
    pub(crate) param: Option<Arg>,
    /// Sorted.
    pub(crate) grouping: Vec<String>,
    pub(crate) without: bool,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BinaryNode {
    pub(crate) op: BinaryOp,
    pub(crate) lhs: Node,
    pub(crate) rhs: Node,
    pub(crate) operands: Operands,
    pub(crate) return_bool: bool,
    pub(crate) span: Span,
}

/// The types of a binary operator's sides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operands {
    Scalars,
    VectorScalar,
    ScalarVector,
    Vectors(Matching),
}
