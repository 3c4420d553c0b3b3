//! The field's `web.config.file`: TLS, passwords, response headers and a rate limit for a server's port, in one YAML
//! file that every exporter reads the same way.
//!
//! Source: "HTTPS and authentication" of the Prometheus documentation. The file is read anew for every connection
//! and request, so that certificates and passwords change without a restart; what cost time to make of it is kept for
//! as long as the bytes are the same.

mod client_certs;
mod document;
mod error;
mod gate;
mod p521;
mod rate_limit;
#[cfg(test)]
mod tests;
mod tls;
mod users;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;

pub use error::WebConfigError;

use document::Document;
use rate_limit::RateLimit;
use tls::Material;
use users::Users;

/// A `web.config.file` in use; goes into [`ServeOptions::web_config`](crate::serve::ServeOptions::web_config).
///
/// ```no_run
/// use exporter_kit::serve::{ServeOptions, WebConfig};
/// let mut options = ServeOptions::default();
/// options.web_config = Some(WebConfig::open("web-config.yml")?);
/// # Ok::<(), exporter_kit::serve::WebConfigError>(())
/// ```
///
/// Where TLS is spoken it is 1.2 or 1.3. The names of older versions and of cipher suites with CBC are understood, but
/// not offered.
#[derive(Clone)]
pub struct WebConfig(Arc<Inner>);

struct Inner {
    path: PathBuf,
    /// Whether connections are secured; decided once, as HTTP/2 and the rate limit are.
    tls: bool,
    http2: bool,
    limit: Option<RateLimit>,
    users: Users,
    document: Mutex<Kept<Vec<u8>, Document>>,
    server_config: Mutex<Kept<Material, ServerConfig>>,
    report: Option<Arc<Report>>,
}

/// Is told why a changed file cannot be used.
type Report = dyn Fn(&WebConfigError) + Send + Sync;

/// What was last made, and of what.
type Kept<From, Made> = Option<(From, Arc<Made>)>;

impl WebConfig {
    /// Opens a file and checks all that it says.
    ///
    /// # Errors
    /// [`WebConfigError`] if the file, or one that it names, cannot be read or used.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, WebConfigError> {
        let path = path.into();
        let document = Document::read(&fs_read(&path)?, &path)?;
        let (tls, http2) = (document.tls.is_present(), document.http.http2);
        if tls && http2 {
            document.tls.check_http2()?;
        }
        let config = Self(Arc::new(Inner {
            path,
            tls,
            http2,
            limit: RateLimit::new(&document.rate_limit),
            users: Users::default(),
            document: Mutex::default(),
            server_config: Mutex::default(),
            report: None,
        }));
        if tls {
            config.server_config()?;
        }
        Ok(config)
    }

    /// Checks a file as `promtool check web-config` does, without opening a port with it.
    ///
    /// # Errors
    /// [`WebConfigError`] if the file, or one that it names, cannot be read or used.
    pub fn check(path: &Path) -> Result<(), WebConfigError> {
        let document = Document::read(&fs_read(path)?, path)?;
        if document.tls.is_present() {
            tls::server_config(&document.tls, &Material::read(&document.tls)?)?;
        }
        Ok(())
    }

    /// Hands every failure to use a changed file to `report`, to be logged. Clients only learn that there is one.
    #[must_use]
    pub fn report_errors(self, report: impl Fn(&WebConfigError) + Send + Sync + 'static) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner { report: Some(Arc::new(report)), ..inner })),
            // Servers that have it already report as before.
            Err(shared) => Self(shared),
        }
    }

    /// Whether connections are secured.
    pub fn uses_tls(&self) -> bool {
        self.0.tls
    }

    /// The file as it is now.
    fn document(&self) -> Result<Arc<Document>, WebConfigError> {
        let inner = &*self.0;
        let bytes = fs_read(&inner.path)?;
        let mut kept = inner.document.lock();
        if let Some((from, document)) = &*kept
            && *from == bytes
        {
            return Ok(Arc::clone(document));
        }
        let document = Arc::new(Document::read(&bytes, &inner.path)?);
        *kept = Some((bytes, Arc::clone(&document)));
        Ok(document)
    }

    /// What the file and its certificates make of a new connection.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, WebConfigError> {
        let document = self.document()?;
        let material = Material::read(&document.tls)?;
        let mut kept = self.0.server_config.lock();
        if let Some((from, config)) = &*kept
            && *from == material
        {
            return Ok(Arc::clone(config));
        }
        let mut config = tls::server_config(&document.tls, &material)?;
        if self.0.http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        let config = Arc::new(config);
        *kept = Some((material, Arc::clone(&config)));
        Ok(config)
    }

    pub(crate) fn report(&self, error: &WebConfigError) {
        if let Some(report) = &self.0.report {
            report(error);
        }
    }
}

fn fs_read(path: &Path) -> Result<Vec<u8>, WebConfigError> {
    fs::read(path).map_err(|source| WebConfigError::Read { path: path.to_owned(), source })
}

impl fmt::Debug for WebConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebConfig")
            .field("path", &self.0.path)
            .field("tls", &self.0.tls)
            .finish_non_exhaustive()
    }
}
