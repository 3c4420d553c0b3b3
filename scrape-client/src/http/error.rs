//! Why a page did not come.

use std::error::Error;
use std::io;

/// Why a page did not come, in the words that the original shows on its targets page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, no answer, or it broke off.
    #[error("Get {url:?}: {reason}")]
    Request {
        /// The URL.
        url: String,
        /// What happened.
        reason: String,
        /// The cause.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The target took longer than its timeout.
    #[error("Get {url:?}: context deadline exceeded")]
    Timeout {
        /// The URL.
        url: String,
    },
    /// The target answered with something else than a page.
    #[error("server returned HTTP status {0}")]
    Status(String),
    /// The page is larger than allowed.
    #[error("body size limit exceeded")]
    BodySizeLimit,
    /// The page broke off or could not be decompressed.
    #[error("{reason}")]
    Body {
        /// What happened.
        reason: String,
        /// The cause.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

/// Why a client could not be made of its configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// A certificate, key or credential could not be read.
    #[error("unable to read {what}")]
    Read {
        /// What was to be read.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A certificate or key makes no sense.
    #[error("unable to use {what}: {reason}")]
    Tls {
        /// What was to be used.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// A header name or value that HTTP does not allow.
    #[error("invalid header {0:?}")]
    Header(String),
}

impl FetchError {
    /// An error of the HTTP client, said as the original's network library says it.
    pub(super) fn request(url: &str, host: &str, error: hyper_util::client::legacy::Error) -> Self {
        let reason = reason(&error, host);
        Self::Request { url: url.to_owned(), reason, source: Some(Box::new(error)) }
    }

    pub(super) fn broken(url: &str, reason: impl Into<String>) -> Self {
        Self::Request { url: url.to_owned(), reason: reason.into(), source: None }
    }
}

fn reason(error: &hyper_util::client::legacy::Error, host: &str) -> String {
    let mut deepest: &(dyn Error + 'static) = error;
    let mut io = None;
    while let Some(source) = deepest.source() {
        deepest = source;
        io = deepest.downcast_ref::<io::Error>().or(io);
    }
    if !error.is_connect() {
        return match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionReset) => {
                format!("read tcp {host}: read: connection reset by peer")
            }
            Some(io::ErrorKind::UnexpectedEof) => "EOF".to_owned(),
            _ if deepest.to_string().contains("connection closed before message completed") => {
                "EOF".to_owned()
            }
            _ => deepest.to_string(),
        };
    }
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => format!("dial tcp {host}: connect: connection refused"),
        Some(io::ErrorKind::HostUnreachable) => format!("dial tcp {host}: connect: no route to host"),
        Some(io::ErrorKind::NetworkUnreachable) => {
            format!("dial tcp {host}: connect: network is unreachable")
        }
        _ if deepest.to_string().contains("lookup address") => {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            format!("dial tcp: lookup {name}: no such host")
        }
        _ => deepest.to_string(),
    }
}
