//! OpenMetrics 1.0.
//!
//! Source: the OpenMetrics 1.0 specification; the lenient reading is that of Prometheus.

mod parse;

pub use parse::Parser;
