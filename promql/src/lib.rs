//! PromQL: the language, the engine, and what acts on its answers.
//!
//! A query is parsed ([`parser`]), planned, and evaluated by an [`Engine`] over anything that implements
//! [`metrics_core::Select`]. It is not a store, opens no socket and needs no runtime.
//!
//! ```text
//! text ──parser──▶ tree ──plan──▶ operators ──rows──▶ value ──api──▶ JSON
//!                                    ▲                    └──rules──▶ alerts, recorded series
//!                                  Select
//! ```
//!
//! ```
//! use metrics_core::{Append, LabelSet, MemStore, SeriesRef};
//! use promql::{Engine, Options, QueryValue};
//!
//! let store = MemStore::default();
//! let mut batch = store.batch();
//! let labels = LabelSet::from_pairs([("__name__", "requests_total")]);
//! for minute in 0..10 {
//!     batch.append_float(SeriesRef::UNKNOWN, &labels, minute * 60_000, minute as f64 * 30.0).unwrap();
//! }
//! batch.commit().unwrap();
//!
//! let engine = Engine::new(Options::default());
//! let answer = engine.range(&store, "rate(requests_total[5m])", 300_000, 540_000, 60_000).unwrap();
//! let QueryValue::Matrix(series) = answer.value else { panic!("a range query yields a matrix") };
//! assert_eq!(series[0].floats.values, [0.5; 5]);
//! ```

// Parse.
pub mod parser;

// Plan and evaluate.
mod eval;
mod functions;
mod plan;
mod value;

// Act.
#[cfg(feature = "rules")]
pub mod rules;
#[cfg(feature = "rules")]
pub mod template;

// Render.
#[cfg(feature = "api")]
pub mod api;

// What rules have come to, and how it is written.
#[cfg(any(feature = "rules", feature = "api"))]
mod alert;
#[cfg(any(feature = "rules", feature = "api"))]
mod json;
#[cfg(any(feature = "rules", feature = "api"))]
mod rule_status;

#[cfg(any(feature = "rules", feature = "api"))]
pub use alert::{Alert, AlertState};

pub use eval::{
    Annotations, Cancel, DataError, Engine, Options, QueryError, QueryOptions, QueryResult, QueryStats,
    StepStats,
};
#[cfg(any(feature = "rules", feature = "api"))]
pub use rule_status::{GroupStatus, Health, RuleKind, RuleStatus};
pub use value::{MatrixSeries, Point, QueryValue, Scalar, Text, VectorSample};

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
