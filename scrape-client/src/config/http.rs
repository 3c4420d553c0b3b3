//! How to talk to an HTTP server: what the inlined client fields mean.

use std::fmt;
use std::path::PathBuf;

use super::table::Table;
use super::value::{Val, texts};

/// A text that is not to be shown, or the file that holds it and is read at every use.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The text itself.
    Inline(String),
    /// A file; spaces and newlines around its text do not count.
    File(PathBuf),
}

impl Secret {
    /// The text, read now where it is in a file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(&self) -> std::io::Result<String> {
        match self {
            Self::Inline(text) => Ok(text.clone()),
            Self::File(path) => Ok(std::fs::read_to_string(path)?.trim().to_owned()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("<secret>"),
            Self::File(path) => write!(f, "<secret in {}>", path.display()),
        }
    }
}

/// Credentials of HTTP basic authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicAuth {
    /// The user.
    pub username: Secret,
    /// The password, which may be empty.
    pub password: Secret,
}

/// The `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The scheme, such as `Bearer`.
    pub scheme: String,
    /// What follows it.
    pub credentials: Secret,
}

/// A header to send, once per value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderConfig {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<Secret>,
}

/// Which certificates to trust and to show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Authorities to trust instead of the system's, as PEM.
    pub ca: Option<Secret>,
    /// Certificate to show, as PEM.
    pub cert: Option<Secret>,
    /// Its key, as PEM.
    pub key: Option<Secret>,
    /// The name to expect in the server's certificate instead of the host's.
    pub server_name: String,
    /// Trust any certificate.
    pub insecure_skip_verify: bool,
    /// Oldest version to speak, such as `TLS12`; empty for the default.
    pub min_version: String,
    /// Newest version to speak; empty for the default.
    pub max_version: String,
}

/// How to talk to an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HttpClientConfig {
    /// Basic authentication.
    pub basic_auth: Option<BasicAuth>,
    /// The `Authorization` header.
    pub authorization: Option<Authorization>,
    /// Certificates.
    pub tls: TlsConfig,
    /// Whether to follow redirects.
    pub follow_redirects: bool,
    /// Headers to send with every request.
    pub headers: Vec<HeaderConfig>,
}

fn secret(t: &Table, inline: &str, file: &str) -> Option<Secret> {
    if let Some(path) = t.some_text(file) {
        return Some(Secret::File(path.into()));
    }
    t.some_text(inline).map(Secret::Inline)
}

impl TlsConfig {
    pub(super) fn read(t: &Table) -> Self {
        Self {
            ca: secret(t, "ca", "ca_file"),
            cert: secret(t, "cert", "cert_file"),
            key: secret(t, "key", "key_file"),
            server_name: t.text("server_name").to_owned(),
            insecure_skip_verify: t.bool("insecure_skip_verify"),
            min_version: t.text("min_version").to_owned(),
            max_version: t.text("max_version").to_owned(),
        }
    }
}

impl HttpClientConfig {
    /// Reads the client fields of a section that inlines them.
    pub(super) fn read(t: &Table) -> Self {
        let empty = || Secret::Inline(String::new());
        Self {
            basic_auth: t.section("basic_auth").map(|b| BasicAuth {
                username: secret(b, "username", "username_file").unwrap_or_else(empty),
                password: secret(b, "password", "password_file").unwrap_or_else(empty),
            }),
            authorization: t.section("authorization").and_then(|a| {
                let credentials = secret(a, "credentials", "credentials_file")?;
                Some(Authorization { scheme: a.text("type").to_owned(), credentials })
            }),
            tls: t.section("tls_config").map(TlsConfig::read).unwrap_or_default(),
            follow_redirects: t.bool("follow_redirects"),
            headers: t.map("http_headers").iter().map(header).collect(),
        }
    }
}

fn header((name, val): &(String, Val)) -> HeaderConfig {
    let mut values = Vec::new();
    if let Val::Section(t) = val {
        values.extend(texts(t.get("values")).into_iter().map(Secret::Inline));
        values.extend(texts(t.get("secrets")).into_iter().map(Secret::Inline));
        values.extend(texts(t.get("files")).into_iter().map(|f| Secret::File(f.into())));
    }
    HeaderConfig { name: name.clone(), values }
}
