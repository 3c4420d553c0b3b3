//! Discovers, scrapes, stores, evaluates rules and answers queries: the field's Prometheus server, with its flags,
//! configuration file, endpoints and on-disk format.
//!
//! Wiring only: targets and scraping are `scrape-client`'s, the database `tsdb`'s, language, rules and query API
//! `promql`'s.
//!
//! ```no_run
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use server::{Options, Server};
//! let options = Options { listen_addresses: vec!["127.0.0.1:9090".into()], ..Options::default() };
//! let server = Server::start(options).await?;
//! server.run(exporter_kit::serve::stop_signal()).await;
//! # Ok::<(), server::Error>(())
//! # });
//! ```
#![forbid(unsafe_code)]

// How it is told to run.
pub mod flags;
pub mod log;
mod options;

// Its life.
mod app;
mod error;
mod server;

// Its parts.
mod notify;
mod queries;
mod rules;
mod store;

// What it shows.
mod console;
mod web;

pub use error::{Error, line};
pub use options::Options;
pub use server::Server;
