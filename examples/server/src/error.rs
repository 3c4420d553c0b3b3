//! Why a server does not start.

use exporter_kit::serve::{BindError, WebConfigError};
use scrape_client::config::ConfigError;

/// Why a server does not start or does not take a new configuration. One line explains each, causes included, by
/// [`line()`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be read or makes no sense.
    #[error("error loading config")]
    Config(#[from] ConfigError),
    /// The configuration asks for something that this program cannot do yet.
    #[error("{file}:{at}: {key} is not supported yet")]
    Unsupported {
        /// The file.
        file: String,
        /// The place.
        at: scrape_client::config::Position,
        /// The key.
        key: String,
    },
    /// A port cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The file for TLS and passwords cannot be used.
    #[error("unable to validate web configuration file")]
    WebConfig(#[from] WebConfigError),
    /// The database cannot be opened.
    #[error("opening storage failed")]
    Store(#[from] tsdb::Error),
    /// A certificate or header of the configuration cannot be used.
    #[error("error applying config")]
    Http(#[from] scrape_client::http::HttpError),
    /// A URL makes no sense.
    #[error("external URL {0:?} is not an http URL")]
    ExternalUrl(String),
    /// A rule file cannot be read or makes no sense.
    #[error("error loading rules: {0}")]
    Rules(String),
    /// A task of the start died.
    #[error("start was interrupted: {0}")]
    Task(String),
    /// A metric of the program itself cannot be registered.
    #[error("own metrics")]
    Metrics(#[from] metrics_core::instrument::RegisterError),
}

/// An error and its causes on one line.
pub fn line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
