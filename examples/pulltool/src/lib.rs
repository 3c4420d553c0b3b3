//! What `pulltool` does, as functions that write to any output.
#![forbid(unsafe_code)]

pub mod tsdb;
