//! Cases that the field itself wrote, from `shared/conformance` or where the environment says; skipped without.
#![allow(clippy::print_stdout)] // the counts are for people who run the tests

mod gotables;
mod parse;
#[cfg(feature = "rules")]
mod rulefmt;
mod tally;
#[cfg(feature = "rules")]
mod template;
