//! Discovers, scrapes, stores, evaluates rules and answers queries: the field's Prometheus server, with its flags,
//! configuration file, endpoints and on-disk format.
#![forbid(unsafe_code)]

mod console;
mod flags;

pub use console::console;
pub use flags::{Flags, LogFormat, LogLevel};
