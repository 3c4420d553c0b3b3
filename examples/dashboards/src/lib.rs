//! Grafana's role: dashboards in the browser, live, from any server that speaks Prometheus' `/api/v1`.
//!
//! The page is plain HTML, CSS and JavaScript in `page/`, embedded as it is: no build step, no script of others. It
//! reads Grafana's dashboard JSON; the built-in one, `dashboards/host.json`, shows a host. The browser talks to this
//! server only: either `/api/v1` is served by the same process (as `stack` does), or [`Proxy`] passes it on.
//!
//! ```
//! use dashboards::Dashboards;
//! let pages = Dashboards::default();
//! let page = pages.response("/").expect("the page itself");
//! assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
//! assert!(pages.response("/dashboards/host.json").is_some());
//! assert!(pages.response("/api/v1/query").is_none(), "that is the data source's business");
//! ```
#![forbid(unsafe_code)]

mod library;
mod pages;
mod proxy;
mod service;

pub use library::{Library, LibraryError};
pub use pages::Dashboards;
pub use proxy::{Proxy, ProxyBody, ProxyError};
pub use service::{Alone, alone};
