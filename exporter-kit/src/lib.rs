//! Everything needed to be scraped.
//!
//! What it is not: it scrapes nobody (`scrape-client`) and stores nothing (`tsdb`).
//!
//! # Features
//! - `serve` (default): a small HTTP server; brings in `tokio` and `hyper`
//! - `node`: `process_*` metrics and the node collectors; brings in `rustix`, `regex` and `jiff`
#![forbid(unsafe_code)]

#[cfg(feature = "node")]
pub mod node;
#[cfg(feature = "serve")]
pub mod serve;
