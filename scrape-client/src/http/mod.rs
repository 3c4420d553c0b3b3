//! Fetching pages: the [`Fetch`] seam and its implementation over HTTP.

mod auth;
mod client;
mod decode;
mod error;
#[cfg(feature = "tls")]
mod tls;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use client::{HttpClient, HttpFetch};
pub use error::{FetchError, HttpError};

/// A page as a target sent it, decompressed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its bytes.
    pub body: Vec<u8>,
    /// Its `Content-Type` header; empty if there is none.
    pub content_type: String,
}

/// The future that [`Fetch::fetch`] answers with.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Page, FetchError>> + Send + 'a>>;

/// Something that gets pages: HTTP in earnest, a list of pages in tests.
pub trait Fetch: Send + Sync {
    /// Gets the page at a URL. `body` is an old page whose memory may be used again.
    fn fetch<'a>(&'a self, url: &'a str, timeout: Duration, body: Vec<u8>) -> FetchFuture<'a>;
}
