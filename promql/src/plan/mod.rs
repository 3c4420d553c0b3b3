//! From syntax tree to plan: durations and times resolved, constants folded, what does not depend on the step
//! marked.

mod build;
mod node;
mod repeated;
mod rewrite;
mod unseen;

pub(crate) use build::{QueryTimes, build};
pub(crate) use node::{
    Aggregation, Arg, BinaryNode, CallNode, Node, Operands, Selector, Shift, SubqueryNode, Window,
};
pub(crate) use repeated::repeated_matchers;
pub(crate) use unseen::METADATA;
