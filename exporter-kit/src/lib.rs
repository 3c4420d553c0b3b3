//! Everything needed to be scraped: a metrics endpoint, a small server for it, and collectors.
//!
//! What it is not: it scrapes nobody (`scrape-client`) and stores nothing (`tsdb`). Instruments and registries are
//! `metrics-core`'s ([`instrument`]), formats `expo-format`'s.
//!
//! ```text
//! instruments, collectors → Registry → Endpoint: http::Request → http::Response → serve, or your own server
//! ```
//!
//! Expose a registry in five lines:
//!
//! ```
//! use exporter_kit::{Endpoint, serve::{ServeOptions, bind, serve}};
//! use exporter_kit::instrument::Registry;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! # let stop_signal = || async {};
//! let registry = Registry::new();
//! let orders = registry.counter("shop_orders", "Orders taken.")?;
//! let listener = bind("127.0.0.1:0").await?;
//! orders.inc();
//! serve(listener, Endpoint::new(&registry), ServeOptions::default(), stop_signal()).await;
//! assert_eq!(orders.value(), 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Which instrument for what, with examples: [`guide`].
//!
//! # Features
//! - `remote-write`: `push`, and [`RemoteWrite`] to a server that takes it; brings in `snap`
//! - `serve` (default): a small HTTP server; brings in `tokio` and `hyper`
//! - `derive`: `derive(Labels)` and `derive(Metrics)` in [`instrument`]; brings in `syn` at build time
//! - `metrics-bridge`: [`MetricsBridge`], by which code instrumented with the `metrics` facade records into a registry;
//!   brings in `metrics`
//! - `node`: the node collectors; brings in `rustix`, `regex` and `jiff`
//! - `push`: [`Push`] to a Pushgateway; brings in `tokio` and `hyper`
//! - `tokio-metrics`: [`RuntimeCollector`], how busy a runtime is; brings in `tokio`
//! - `tower`: [`HttpMetrics`], a layer that counts and times requests; brings in `tower-layer`
//! - `web-config`: TLS, HTTP/2, passwords and headers for the server by the field's `web.config.file`; brings in
//!   `rustls`, `h2`, `bcrypt`, `x509-cert`, `serde` and `serde-saphyr`
//! - `zstd`: pages in zstd for scrapers that prefer it; brings in `zstd`
#![forbid(unsafe_code)]

// Which instrument for what.
pub mod guide;

// The page.
mod compress;
mod endpoint;
mod expose;
mod landing;
mod pages;
mod text_page;

// What is on it.
#[cfg(feature = "serve")]
mod async_collector;
mod build_info;
mod guard;
#[cfg(feature = "node")]
pub mod node;
mod process;
#[cfg(feature = "tokio-metrics")]
mod runtime;

// What others' services are seen by.
#[cfg(feature = "tower")]
mod layer;

// What others' instruments are seen by.
#[cfg(feature = "metrics-bridge")]
mod bridge;

// Who is told without asking.
#[cfg(feature = "push")]
mod push;

// Who is asked for it.
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "web-config")]
mod web_config;

#[cfg(feature = "serve")]
pub use async_collector::AsyncCollector;
#[cfg(feature = "metrics-bridge")]
pub use bridge::MetricsBridge;
pub use build_info::BuildInfo;
pub use endpoint::{Endpoint, OnError};
pub use expose::Expose;
pub use guard::Guarded;
pub use landing::Site;
#[cfg(feature = "tower")]
pub use layer::{HttpMetrics, HttpMetricsService};
pub use metrics_core::{counter, gauge, histogram, instrument};
pub use process::ProcessCollector;
#[cfg(feature = "remote-write")]
pub use push::RemoteWrite;
#[cfg(feature = "push")]
pub use push::{Push, PushError};
#[cfg(feature = "tokio-metrics")]
pub use runtime::RuntimeCollector;
pub use text_page::text_page;
