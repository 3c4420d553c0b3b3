//! The classic text format, versions 0.0.4 and 1.0.0.
//!
//! Source: "Exposition formats" of the Prometheus documentation; where it is silent, the parser of Prometheus
//! decides. Version 1.0.0 differs from 0.0.4 in quoted UTF-8 names only, so one parser reads both.

mod parse;
mod write;

pub use parse::Parser;
pub use write::{write, write_family};

pub(crate) use write::Lines;
