//! OpenMetrics 1.0.
//!
//! Source: the OpenMetrics 1.0 specification; the lenient reading is that of Prometheus.

mod created;
mod parse;
mod strict;
mod write;

pub use parse::Parser;
pub use strict::StrictParser;
pub use write::{write, write_eof, write_family};

pub(crate) use write::{EOF, Lines};
