//! What `pulltool` does, as functions that write to any output.
#![forbid(unsafe_code)]

pub mod check_config;
pub mod check_metrics;
pub mod check_rules;
pub mod check_web_config;
pub mod query;
pub mod tsdb;
pub mod unit_test;
