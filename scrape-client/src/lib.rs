//! Finds targets, pulls their pages, and hands the samples to any store; takes samples by remote write too.
//!
//! What it is not: it keeps no samples (any [`metrics_core::Append`] does), evaluates nothing and opens no
//! listening socket.
//!
//! ```text
//! prometheus.yml → discovery → target → fetch → parse → relabel → append
//!                                         sender → remote write ↗
//! ```
//!
//! One page by hand:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use metrics_core::{LabelSet, MemStore};
//! use scrape_client::config::Config;
//! use scrape_client::http::Page;
//! use scrape_client::scrape::{Scraper, SeriesCache};
//! use scrape_client::target::{Target, discovered_labels};
//!
//! let config = Config::parse("scrape_configs: [{job_name: node}]", "prometheus.yml", &|_| None).unwrap();
//! let job = config.scrape_configs[0].clone();
//! let address = LabelSet::from_pairs([("__address__", "db:9100")]);
//! let discovered = discovered_labels(&job, &address, &LabelSet::empty());
//! let target = Arc::new(Target::new(&job, discovered).unwrap().expect("no rule drops it"));
//!
//! let store = MemStore::default();
//! let mut scraper = Scraper::new(job, target, SeriesCache::new(), Arc::default(), Arc::default());
//! let page = Page { body: b"load 0.5\n".to_vec(), content_type: "text/plain".into() };
//! let (report, error) = scraper.append(&store, 60_000, Ok(&page), &|| Duration::from_millis(3));
//! assert!(report.up && error.is_none());
//! assert_eq!(store.dump()[0].0.to_string(), r#"load{instance="db:9100", job="node"}"#);
//! ```
//!
//! All jobs of a configuration, on their timers: [`Manager`].
//!
//! # Features
//! - `config`: prometheus.yml, discovery from it, target files
//! - `http`: fetching over HTTP, the scraper and its manager
//! - `tls`: https targets
//! - `remote-write`: the receiver of remote write
#![cfg_attr(not(all(feature = "http", feature = "remote-write")), allow(rustdoc::broken_intra_doc_links))]
#![forbid(unsafe_code)]

// 1. Which targets.
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "config")]
pub mod discovery;
#[cfg(feature = "config")]
pub mod target;

// 2. Pull.
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
mod manager;
#[cfg(feature = "http")]
mod pool;
#[cfg(feature = "http")]
pub mod scrape;
#[cfg(feature = "http")]
mod scrape_loop;
#[cfg(feature = "http")]
pub mod status;

// 3. Pass on.
#[cfg(feature = "remote-write")]
pub mod remote_write;

#[cfg(any(feature = "http", feature = "remote-write"))]
mod stats;

#[cfg(feature = "http")]
pub use manager::{Manager, StatusWatcher};
#[cfg(feature = "http")]
pub use pool::FetchFactory;
#[cfg(any(feature = "http", feature = "remote-write"))]
pub use stats::Count;
#[cfg(feature = "http")]
pub use stats::ScrapeStats;
