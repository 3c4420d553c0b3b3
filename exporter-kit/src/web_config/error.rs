//! Why a web configuration cannot be used.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why a `web.config.file` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebConfigError {
    /// The file, or one that it names, cannot be read; the system's reason is the source.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is not YAML, or has keys or values that do not belong there.
    #[error("{} is no web configuration in yaml", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A header that is not among those that may be set.
    #[error("HTTP header {name:?} can not be configured")]
    Header {
        /// The header.
        name: String,
    },
    /// A header that knows few values was given another one.
    #[error("invalid value for {name}: expected one of {allowed:?}, but got {value:?}")]
    HeaderValue {
        /// The header.
        name: String,
        /// The values that it knows; empty if only their form is wrong.
        allowed: &'static [&'static str],
        /// The value as given.
        value: String,
    },
    /// A user's password is not a bcrypt hash.
    #[error("the password of user {user:?} is no bcrypt hash")]
    Password {
        /// The user.
        user: String,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There are TLS settings, but no certificate.
    #[error("missing one of cert or cert_file")]
    NoCertificate,
    /// There are TLS settings, but no private key.
    #[error("missing one of key or key_file")]
    NoKey,
    /// A certificate, a key or a choice of versions cannot be used.
    #[error("cannot use the {what}")]
    Tls {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An unknown `client_auth_type`.
    #[error("invalid client_auth_type {name:?}")]
    ClientAuth {
        /// The type as given.
        name: String,
    },
    /// Authorities for certificates that nobody is asked for.
    #[error("client CA's have been configured without a Client Auth Policy")]
    UnusedClientCas,
    /// HTTP/2 needs a cipher suite that is not among those allowed.
    #[error(
        "HTTP/2 needs one of the cipher suites TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 and \
         TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    )]
    Http2Cipher,
}

impl WebConfigError {
    pub(super) fn tls(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Tls { what, source: source.into() }
    }
}
