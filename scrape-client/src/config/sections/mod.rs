//! The sections of prometheus.yml, as tables of keys with their kinds and defaults, and the rules about them.
//!
//! Source: the configuration reference of Prometheus 3.14. Keys stand in the order in which the original
//! prints them.

pub(crate) mod alerting;
pub(crate) mod discovery;
pub(crate) mod document;
pub(crate) mod http;
pub(crate) mod relabel;
pub(crate) mod remote;
pub(crate) mod scrape;

use super::schema::{Field, Kind};

/// Shorthand for a row of a table.
const fn field(key: &'static str, kind: Kind) -> Field {
    Field::new(key, kind)
}

/// Fails with a message of the original.
fn fail(message: &str) -> Result<(), String> {
    Err(message.to_owned())
}

/// How many of some conditions hold.
fn count(conditions: &[bool]) -> usize {
    conditions.iter().filter(|c| **c).count()
}
