//! Cases that the field itself wrote. Each test reads its folder from an environment variable or from
//! `../shared/conformance`, is skipped with a printed word where neither is there, and prints a last line
//! `NAME: N of M cases agree`.
// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod corpus;

mod created_pages;

mod classic_text;
mod negotiation;
mod openmetrics_pages;
#[cfg(feature = "otlp")]
mod otlp_names;
#[cfg(feature = "protobuf")]
mod protobuf_pages;
#[cfg(feature = "remote-read")]
mod remote_messages;
