//! Finds selectors that occur more than once.

use metrics_core::Matcher;

use super::node::{Node, Selector};
use crate::parser::Edges;

/// What two selectors must have in common to need the same samples, on the same grid.
#[derive(PartialEq)]
struct Wanted<'a> {
    matchers: &'a [Matcher],
    shift: super::Shift,
    edges: Edges,
    /// In milliseconds; of range selectors.
    range: Option<i64>,
}

/// The matchers of selectors that occur more than once with the same times.
pub(crate) fn repeated_matchers(node: &Node) -> Vec<&[Matcher]> {
    let mut all = Vec::new();
    collect(node, &mut all);
    let mut repeated = Vec::new();
    for (i, wanted) in all.iter().enumerate() {
        if all[..i].contains(wanted) && !repeated.contains(&wanted.matchers) {
            repeated.push(wanted.matchers);
        }
    }
    repeated
}

fn collect<'a>(node: &'a Node, all: &mut Vec<Wanted<'a>>) {
    let mut add = |selector: &'a Selector, range| {
        let Selector { matchers, shift, edges, .. } = selector;
        all.push(Wanted { matchers, shift: *shift, edges: *edges, range });
    };
    match node {
        Node::Number(_) | Node::Text(_) => {}
        Node::Vector(selector) => add(selector, None),
        Node::Matrix(window) => add(&window.selector, Some(window.range)),
        Node::Subquery(s) => collect(&s.inner, all),
        Node::Negate(inner) | Node::Plus(inner) | Node::StepInvariant(inner) => collect(inner, all),
        Node::Aggregate(a) => {
            collect(&a.arg.node, all);
            a.param.iter().for_each(|p| collect(&p.node, all));
        }
        Node::Binary(b) => {
            collect(&b.lhs, all);
            collect(&b.rhs, all);
        }
        Node::Call(c) => c.args.iter().for_each(|arg| collect(&arg.node, all)),
    }
}
