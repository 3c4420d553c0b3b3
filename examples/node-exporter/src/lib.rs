//! `node_exporter`'s role: this host's hardware and kernel metrics on one page, under the original's names and flags.
//!
//! The collectors are `exporter-kit`'s; here they get flags ([`command`]), a page at `/metrics` with the original's
//! `collect[]` and `exclude[]` parameters, and metrics about the exporter itself. [`handler`] builds the whole as a
//! service, so that another program can serve it from its own process.
//!
//! ```no_run
//! use node_exporter::{Options, handler};
//! let service = handler(Options::default()).expect("default options are valid");
//! let page = service.respond(&http::Request::get("/metrics").body(bytes::Bytes::new()).expect("a valid path"));
//! assert_eq!(page.status(), 200);
//! ```
#![forbid(unsafe_code)]

mod build_info;
mod flags;
mod handler;

pub use flags::{Flags, LogFormat, command};
pub use handler::{NodeExporter, Options, handler};
