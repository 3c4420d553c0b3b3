//! Finds what does not depend on the step, so that it is evaluated once; and histograms whose buckets nobody looks
//! at, so that they need not be computed with.

use super::node::{Arg, Node};
use crate::parser::BinaryOp;

/// What becomes of the buckets of native histograms further out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buckets {
    /// Nothing is known that would make them needless.
    Needed,
    /// Only count or sum are taken.
    Needless,
    /// They decide about the result, whatever is taken further in.
    Decisive,
}

/// Marks selectors of whose histograms only count and sum are looked at.
pub(super) fn mark_stats_only(node: &mut Node, buckets: Buckets) {
    let inside = |further: Buckets| if buckets == Buckets::Decisive { buckets } else { further };
    match node {
        Node::Number(_) | Node::Text(_) => {}
        Node::Vector(selector) => selector.stats_only = buckets == Buckets::Needless,
        Node::Matrix(window) => window.selector.stats_only = buckets == Buckets::Needless,
        // Resets between the results of an inner query are found by their buckets.
        Node::Subquery(s) => mark_stats_only(&mut s.inner, Buckets::Decisive),
        Node::Negate(inner) | Node::Plus(inner) | Node::StepInvariant(inner) => {
            mark_stats_only(inner, buckets)
        }
        Node::Aggregate(a) => {
            mark_stats_only(&mut a.arg.node, buckets);
            a.param.iter_mut().for_each(|p| mark_stats_only(&mut p.node, buckets));
        }
        Node::Binary(b) => {
            let trims = matches!(b.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
            let further = if trims { Buckets::Decisive } else { buckets };
            mark_stats_only(&mut b.lhs, further);
            mark_stats_only(&mut b.rhs, further);
        }
        Node::Call(c) => {
            let further = match c.name {
                "histogram_avg" | "histogram_count" | "histogram_sum" => inside(Buckets::Needless),
                "histogram_fraction" | "histogram_quantile" | "histogram_quantiles" => Buckets::Decisive,
                _ => buckets,
            };
            c.args.iter_mut().for_each(|arg| mark_stats_only(&mut arg.node, further));
        }
    }
}

/// Functions whose result depends on the time of evaluation even where their arguments do not.
const TIME_DEPENDENT: [&str; 11] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
];

/// Wraps the largest parts that do not depend on the step.
pub(crate) fn mark_step_invariant(mut node: Node) -> Node {
    match invariance(&mut node) {
        Invariance::Wrap => Node::StepInvariant(Box::new(node)),
        Invariance::Bare | Invariance::No => node,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invariance {
    /// Depends on the step.
    No,
    /// Does not, and gains nothing from being wrapped.
    Bare,
    /// Does not, and is worth being evaluated once.
    Wrap,
}

/// Judges a node, and wraps invariant parts inside it where it is not invariant as a whole.
fn invariance(node: &mut Node) -> Invariance {
    match node {
        Node::Number(_) | Node::Text(_) => Invariance::Bare,
        Node::Vector(s) => pinned(s.shift.at.is_some(), Invariance::Wrap),
        // Evaluated by the call around, which is wrapped itself.
        Node::Matrix(w) => pinned(w.selector.shift.at.is_some(), Invariance::Bare),
        Node::Subquery(s) => {
            // Inside, also numbers are worth it: the inner grid is not the outer one.
            if invariance(&mut s.inner) != Invariance::No {
                wrap(&mut s.inner);
            }
            pinned(s.shift.at.is_some(), Invariance::Bare)
        }
        Node::Negate(inner) | Node::Plus(inner) => invariance(inner),
        Node::Aggregate(a) => invariance(&mut a.arg.node),
        Node::Binary(b) => {
            let (left, right) = (invariance(&mut b.lhs), invariance(&mut b.rhs));
            if left != Invariance::No && right != Invariance::No {
                return Invariance::Wrap;
            }
            wrap_if(&mut b.lhs, left);
            wrap_if(&mut b.rhs, right);
            Invariance::No
        }
        Node::Call(c) => {
            let found: Vec<Invariance> = c.args.iter_mut().map(|a| invariance(&mut a.node)).collect();
            let all = found.iter().all(|i| *i != Invariance::No);
            // The time of a pinned selector's samples is itself pinned.
            let pinned_time =
                c.name == "timestamp" && all && c.args.iter().all(|a| matches!(a.node, Node::Vector(_)));
            if all && (pinned_time || !TIME_DEPENDENT.contains(&c.name)) {
                return Invariance::Wrap;
            }
            for (Arg { node, .. }, found) in c.args.iter_mut().zip(found) {
                wrap_if(node, found);
            }
            Invariance::No
        }
        Node::StepInvariant(_) => Invariance::Bare,
    }
}

fn pinned(is_pinned: bool, then: Invariance) -> Invariance {
    if is_pinned { then } else { Invariance::No }
}

fn wrap_if(node: &mut Node, found: Invariance) {
    if found == Invariance::Wrap {
        wrap(node);
    }
}

fn wrap(node: &mut Node) {
    let inner = std::mem::replace(node, Node::Number(0.0));
    *node = Node::StepInvariant(Box::new(inner));
}
