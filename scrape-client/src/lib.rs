//! Finds targets, pulls their pages, and hands the samples to any store.
#![forbid(unsafe_code)]

// Which targets.
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "config")]
pub mod discovery;
#[cfg(feature = "config")]
pub mod target;
