//! Syntax tree → plan.

use metrics_core::Timestamp;

use super::node::{
    Aggregation, Arg, BinaryNode, CallNode, Node, Operands, Selector, Shift, SubqueryNode, Window,
};
use super::rewrite::{Buckets, mark_stats_only, mark_step_invariant};
use super::unseen::mark_metadata_unseen;
use crate::eval::QueryError;
use crate::parser::{
    At, Expr, Length, LengthContext, MatrixSelector, Sign, Subquery, ValueType, VectorSelector,
};

/// The times of the whole query, which `start()`, `end()`, `step()` and `range()` stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryTimes {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// In milliseconds; 0 for an instant query.
    pub(crate) step: i64,
}

/// Makes the plan of a checked expression.
///
/// # Errors
/// If a duration expression has no value.
pub(crate) fn build(expr: &Expr, times: QueryTimes) -> Result<Node, QueryError> {
    let mut node = Builder { times }.node(expr)?;
    mark_stats_only(&mut node, Buckets::Needed);
    Ok(mark_step_invariant(node))
}

struct Builder {
    times: QueryTimes,
}

impl Builder {
    fn node(&self, expr: &Expr) -> Result<Node, QueryError> {
        Ok(match expr {
            Expr::Number(n) => Node::Number(n.value),
            Expr::String(s) => Node::Text(s.value.clone()),
            Expr::Paren(p) => self.node(&p.expr)?,
            Expr::Unary(u) if u.op == Sign::Minus => Node::Negate(Box::new(self.node(&u.expr)?)),
            Expr::Unary(u) => Node::Plus(Box::new(self.node(&u.expr)?)),
            Expr::Vector(v) => Node::Vector(self.selector(v)?),
            Expr::Matrix(m) => Node::Matrix(self.window(m)?),
            Expr::Subquery(s) => Node::Subquery(Box::new(self.subquery(s)?)),
            Expr::Call(c) => match self.query_time(c.function.name) {
                Some(seconds) => Node::Number(seconds),
                None => Node::Call(Box::new(CallNode {
                    name: c.function.name,
                    args: c.args.iter().map(|a| self.arg(a)).collect::<Result<_, _>>()?,
                    metadata_unseen: false,
                    span: c.span,
                })),
            },
            Expr::Aggregate(a) => {
                let mut grouping = a.grouping.clone();
                grouping.sort();
                grouping.dedup();
                let mut aggregation = Aggregation {
                    op: a.op,
                    arg: self.arg(&a.expr)?,
                    param: a.param.as_ref().map(|p| self.arg(p)).transpose()?,
                    grouping,
                    without: a.without,
                    span: a.span,
                };
                mark_metadata_unseen(&mut aggregation);
                Node::Aggregate(Box::new(aggregation))
            }
            Expr::Binary(b) => {
                let operands = match (b.lhs.value_type(), b.rhs.value_type()) {
                    (ValueType::Scalar, ValueType::Scalar) => Operands::Scalars,
                    (ValueType::Scalar, _) => Operands::ScalarVector,
                    (_, ValueType::Scalar) => Operands::VectorScalar,
                    _ => Operands::Vectors(b.matching.clone().unwrap_or_default()),
                };
                Node::Binary(Box::new(BinaryNode {
                    op: b.op,
                    lhs: self.node(&b.lhs)?,
                    rhs: self.node(&b.rhs)?,
                    operands,
                    return_bool: b.return_bool,
                    span: b.span,
                }))
            }
        })
    }

    fn arg(&self, expr: &Expr) -> Result<Arg, QueryError> {
        let inner = expr.unparenthesised();
        Ok(Arg { node: self.node(inner)?, span: inner.span() })
    }

    /// What the functions without arguments stand for that depend on the query alone.
    fn query_time(&self, function: &str) -> Option<f64> {
        let QueryTimes { start, end, step } = self.times;
        Some(match function {
            "start" => start as f64 / 1000.0,
            "end" => end as f64 / 1000.0,
            "range" => (end - start) as f64 / 1000.0,
            "step" if start == end => 0.0,
            "step" => step as f64 / 1000.0,
            _ => return None,
        })
    }

    fn lengths(&self) -> LengthContext {
        LengthContext { step: self.times.step, range: self.times.end - self.times.start }
    }

    fn shift(&self, at: Option<At>, offset: &Length) -> Result<Shift, QueryError> {
        let at = at.map(|at| match at {
            At::Time(t) => t,
            At::Start => self.times.start,
            At::End => self.times.end,
        });
        Ok(Shift { at, offset: offset.millis(&self.lengths())? })
    }

    fn selector(&self, s: &VectorSelector) -> Result<Selector, QueryError> {
        Ok(Selector {
            matchers: s.matchers.clone(),
            shift: self.shift(s.at, &s.offset)?,
            edges: s.edges,
            stats_only: false,
            span: s.span,
        })
    }

    fn window(&self, m: &MatrixSelector) -> Result<Window, QueryError> {
        Ok(Window {
            selector: self.selector(&m.selector)?,
            range: m.range.positive_millis(&self.lengths())?,
            span: m.span,
        })
    }

    fn subquery(&self, s: &Subquery) -> Result<SubqueryNode, QueryError> {
        let shift = self.shift(s.at, &s.offset)?;
        let step = s.step.as_ref().map(|step| step.positive_millis(&self.lengths())).transpose()?;
        Ok(SubqueryNode {
            range: s.range.positive_millis(&self.lengths())?,
            inner: self.node(&s.expr)?,
            // A step of less than a millisecond counts as none given.
            step: step.filter(|s| *s > 0),
            shift,
            span: s.span,
        })
    }
}
