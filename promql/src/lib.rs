//! promql

pub mod parser;
