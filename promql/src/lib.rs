//! promql

pub mod parser;

#[cfg(feature = "rules")]
pub mod template;
