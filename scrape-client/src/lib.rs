//! Finds targets, pulls their pages, and hands the samples to any store.
#![forbid(unsafe_code)]

// Which targets.
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "config")]
pub mod discovery;
#[cfg(feature = "config")]
pub mod target;

// Pull.
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
mod stats;
#[cfg(feature = "http")]
pub mod status;

#[cfg(feature = "http")]
pub use manager::{Manager, StatusWatcher};
#[cfg(feature = "http")]
pub use pool::FetchFactory;
#[cfg(feature = "http")]
pub use stats::{Count, ScrapeStats};
