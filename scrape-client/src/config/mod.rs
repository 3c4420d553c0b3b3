//! prometheus.yml: the whole document as the original reads it.
//!
//! A file is accepted or refused as the original does it, whichever section it is about; unknown keys are
//! refused with their place. Sections that no part of this workspace acts on yet are read, checked and listed
//! by [`Config::unsupported`], so that a program can refuse them aloud instead of ignoring them.
//!
//! Source: the configuration reference of Prometheus 3.14.
//!
//! ```
//! use scrape_client::config::Config;
//! let text = "
//! scrape_configs:
//! - job_name: node
//!   scrape_interval: 5s
//!   static_configs:
//!   - targets: ['localhost:9100']
//! ";
//! let config = Config::parse(text, "prometheus.yml", &|_| None).unwrap();
//! assert_eq!(config.scrape_configs[0].scrape_timeout.as_secs(), 5);
//!
//! let error = Config::parse("globl: {}", "prometheus.yml", &|_| None).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "parsing YAML file prometheus.yml: field globl not found in type config.plain (prometheus.yml:1:1)"
//! );
//! ```

// The document as text, nodes and tables.
mod dump;
mod schema;
mod sections;
mod table;
mod value;
mod yaml;

// What the tables mean.
mod alerting;
mod discovery;
mod file;
mod global;
mod http;
mod remote;
mod scrape;

use std::fmt;
use std::path::PathBuf;

pub use alerting::{Alerting, AlertmanagerConfig};
pub use discovery::{
    DiscoveryConfig, DnsDiscovery, FileDiscovery, HttpDiscovery, TargetGroupConfig, groups_of_file,
};
pub use file::{Config, expand};
pub use global::Global;
pub use http::{Authorization, BasicAuth, HeaderConfig, HttpClientConfig, Secret, TlsConfig};
pub use remote::{QueueConfig, RemoteWriteConfig};
pub use scrape::{ScrapeConfig, ScrapeProtocol};
pub use value::{format_size, size as parse_size};

#[cfg(feature = "http")]
pub(crate) use discovery::groups_of_json;

/// A place in a file; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read; the system's reason is the source.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file does not say what a configuration may say; the message is in the original's words.
    #[error("parsing YAML file {}: {message} ({}:{at})", .path.display(), .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        at: Position,
        /// What is wrong.
        message: String,
    },
    /// A section that agent mode does not have.
    #[error("field {0} is not allowed in agent mode")]
    Agent(&'static str),
}

/// Something that the document asks for and this workspace cannot do yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The key.
    pub key: String,
    /// Where it stands.
    pub at: Position,
}
