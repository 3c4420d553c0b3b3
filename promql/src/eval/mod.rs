//! The engine: a plan becomes operators, operators yield rows, rows become the answer.
//!
//! Everything is evaluated over all steps at once. An operator knows the labels of its series beforehand and
//! computes rows (one value per step) when asked, so that selectors, range functions, arithmetic with scalars
//! and aggregations work in one pass over the series, on as many threads as the engine may use.

// Foundations.
mod annotations;
mod context;
mod error;
mod grid;
mod limits;
mod row;
mod samples;
mod time_walk;

// What operators are.
mod matrix;
mod operator;
mod parallel;

// Operators.
mod absent;
mod aggregate;
mod binary;
mod build;
mod call;
mod histogram_call;
mod info;
mod labels;
mod range_call;
mod range_source;
mod selector;
mod smoothed;
mod sort;
mod timestamp;

// Running a query.
mod engine;
mod shared_select;
mod stack;

#[cfg(test)]
mod sliding_law;

pub use annotations::Annotations;
pub(crate) use annotations::{Monotonicity, Note, Operation};
pub(crate) use context::{Context, Notes};
pub use engine::{Engine, Options, QueryOptions, QueryResult, QueryStats, StepStats};
pub use error::{DataError, QueryError};
pub use limits::Cancel;
