//! What stands in the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};
use rustls::{CipherSuite, SupportedCipherSuite};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};

use super::WebConfigError;
use super::p521::P521;

/// The whole file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "tls_server_config", deserialize_with = "or_default")]
    pub(super) tls: TlsSection,
    #[serde(rename = "http_server_config", deserialize_with = "or_default")]
    pub(super) http: HttpSection,
    #[serde(deserialize_with = "or_default")]
    pub(super) rate_limit: RateLimitSection,
    /// User to bcrypt hash of the password.
    #[serde(rename = "basic_auth_users", deserialize_with = "or_default")]
    pub(super) users: BTreeMap<String, String>,
}

/// How connections are secured; not at all if nothing is said.
#[derive(Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TlsSection {
    pub(super) cert: String,
    pub(super) cert_file: PathBuf,
    pub(super) key: String,
    pub(super) key_file: PathBuf,
    pub(super) client_ca: String,
    pub(super) client_ca_file: PathBuf,
    pub(super) client_auth_type: String,
    /// Names that a client's certificate must have one of.
    pub(super) client_allowed_sans: Option<Vec<String>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) cipher_suites: Vec<Cipher>,
    #[serde(deserialize_with = "or_default")]
    pub(super) curve_preferences: Vec<Curve>,
    pub(super) min_version: Version,
    pub(super) max_version: Version,
    /// Has no effect, as in the original since Go 1.17.
    #[serde(rename = "prefer_server_cipher_suites")]
    _prefer_server_cipher_suites: bool,
}

impl Default for TlsSection {
    fn default() -> Self {
        Self {
            cert: String::new(),
            cert_file: PathBuf::new(),
            key: String::new(),
            key_file: PathBuf::new(),
            client_ca: String::new(),
            client_ca_file: PathBuf::new(),
            client_auth_type: String::new(),
            client_allowed_sans: None,
            cipher_suites: Vec::new(),
            curve_preferences: Vec::new(),
            min_version: Version::Tls12,
            max_version: Version::Tls13,
            _prefer_server_cipher_suites: true,
        }
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpSection {
    pub(super) http2: bool,
    #[serde(deserialize_with = "or_default")]
    headers: BTreeMap<String, String>,
    /// [`HttpSection::headers`], checked.
    #[serde(skip)]
    pub(super) checked_headers: HeaderMap,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self { http2: true, headers: BTreeMap::new(), checked_headers: HeaderMap::new() }
    }
}

/// One request per interval on average, `burst` at once.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RateLimitSection {
    #[serde(deserialize_with = "go_duration")]
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl Document {
    /// Reads the file's bytes; paths in it are taken from its folder.
    pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Self, WebConfigError> {
        let not_yaml = |source: Box<dyn std::error::Error + Send + Sync>| WebConfigError::Yaml {
            path: path.to_owned(),
            source,
        };
        let text = std::str::from_utf8(bytes).map_err(|e| not_yaml(e.into()))?;
        let document: Option<Self> = match text.trim() {
            "" => None,
            _ => serde_saphyr::from_str(text).map_err(|e| not_yaml(e.to_string().into()))?,
        };
        let mut document = document.unwrap_or_default();
        document.http.check_headers()?;
        for (user, hash) in &document.users {
            bcrypt::HashParts::from_str(hash)
                .map_err(|e| WebConfigError::Password { user: user.clone(), source: e.into() })?;
        }
        document.tls.set_folder(path.parent().unwrap_or(Path::new("")));
        Ok(document)
    }
}

impl TlsSection {
    /// Whether connections are to be secured.
    pub(super) fn is_present(&self) -> bool {
        let texts = [&self.cert, &self.key, &self.client_ca, &self.client_auth_type];
        let files = [&self.cert_file, &self.key_file, &self.client_ca_file];
        texts.iter().any(|t| !t.is_empty()) || files.iter().any(|f| !f.as_os_str().is_empty())
    }

    fn set_folder(&mut self, folder: &Path) {
        for file in [&mut self.cert_file, &mut self.key_file, &mut self.client_ca_file] {
            if !file.as_os_str().is_empty() {
                *file = folder.join(&*file);
            }
        }
    }

    /// Source: RFC 9113, section 9.2.2.
    pub(super) fn check_http2(&self) -> Result<(), WebConfigError> {
        let needed = [
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ];
        let has = |suite: &SupportedCipherSuite| needed.contains(&suite.suite());
        let restricted = !self.cipher_suites.is_empty() && self.min_version < Version::Tls13;
        if restricted && !self.cipher_suites.iter().filter_map(|c| c.0.as_ref()).any(has) {
            return Err(WebConfigError::Http2Cipher);
        }
        Ok(())
    }
}

/// The headers that may be set, with the values that they know where those are few.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

impl HttpSection {
    fn check_headers(&mut self) -> Result<(), WebConfigError> {
        for (name, value) in &self.headers {
            let Some((known, allowed)) = HEADERS.into_iter().find(|(known, _)| known == name) else {
                return Err(WebConfigError::Header { name: name.clone() });
            };
            let wrong = || WebConfigError::HeaderValue { name: name.clone(), allowed, value: value.clone() };
            if !allowed.is_empty() && !allowed.contains(&value.as_str()) {
                return Err(wrong());
            }
            let name = HeaderName::from_str(known).map_err(|_| wrong())?;
            self.checked_headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        Ok(())
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*String::deserialize(deserializer)? {
            "TLS10" => Ok(Self::Tls10),
            "TLS11" => Ok(Self::Tls11),
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            other => Err(D::Error::custom(format_args!("unknown TLS version: {other}"))),
        }
    }
}

/// A cipher suite; nothing where the name is known, but the suite not offered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cipher(pub(super) Option<SupportedCipherSuite>);

impl<'de> Deserialize<'de> for Cipher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match &*String::deserialize(deserializer)? {
            "TLS_AES_128_GCM_SHA256" => Some(cipher_suite::TLS13_AES_128_GCM_SHA256),
            "TLS_AES_256_GCM_SHA384" => Some(cipher_suite::TLS13_AES_256_GCM_SHA384),
            "TLS_CHACHA20_POLY1305_SHA256" => Some(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => {
                Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
            }
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => {
                Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)
            }
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
            }
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => {
                Some(cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
            }
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => {
                Some(cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)
            }
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Some(cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
            }
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
            | "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
            | "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
            | "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA" => None,
            other => return Err(D::Error::custom(format_args!("unknown cipher: {other}"))),
        }))
    }
}

/// A group for the exchange of keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve(pub(super) &'static dyn SupportedKxGroup);

impl<'de> Deserialize<'de> for Curve {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match &*String::deserialize(deserializer)? {
            "CurveP256" => kx_group::SECP256R1,
            "CurveP384" => kx_group::SECP384R1,
            "CurveP521" => &P521,
            "X25519" => kx_group::X25519,
            other => return Err(D::Error::custom(format_args!("unknown curve: {other}"))),
        }))
    }
}

/// A key without a value says as much as no key.
fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A duration as Go writes it (`1m30s`), or a number of nanoseconds.
fn go_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format_args!("not a duration: {text}"));
    if let Ok(nanoseconds) = text.parse() {
        return Ok(Duration::from_nanos(nanoseconds));
    }
    let (mut rest, mut total) = (text.as_str(), 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        total += number.parse::<f64>().map_err(|_| wrong())? * seconds;
        rest = tail;
    }
    Duration::try_from_secs_f64(total).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Document, String> {
        Document::read(text.as_bytes(), Path::new("/etc/x/web.yml")).map_err(|e| {
            let source = std::error::Error::source(&e).map(|s| format!(": {s}"));
            format!("{e}{}", source.unwrap_or_default())
        })
    }

    #[test]
    fn nothing_said_is_nothing_asked() {
        for text in ["", "\n# nothing\n", "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n"] {
            let document = read(text).unwrap();
            assert!(
                !document.tls.is_present() && document.http.http2 && document.users.is_empty(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn paths_start_at_the_file() {
        let document = read("tls_server_config: {cert_file: a.pem, key_file: /b.pem}").unwrap();
        assert_eq!(document.tls.cert_file, Path::new("/etc/x/a.pem"));
        assert_eq!(document.tls.key_file, Path::new("/b.pem"));
        assert_eq!(document.tls.client_ca_file, Path::new(""));
    }

    #[test]
    fn durations() {
        let interval =
            |text: &str| read(&format!("rate_limit: {{interval: {text}}}")).map(|d| d.rate_limit.interval);
        assert_eq!(interval("1m30s").unwrap(), Duration::from_secs(90));
        assert_eq!(interval("\"1.5s\"").unwrap(), Duration::from_millis(1500));
        assert_eq!(interval("1000").unwrap(), Duration::from_micros(1));
        for wrong in ["1d", "s", "-1s", "1"] {
            assert_eq!(interval(wrong).is_ok(), wrong == "1", "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("basic_auth_users: {john: doe}", "the password of user \"john\" is no bcrypt hash"),
            ("http_server_config: {headers: {Server: x}}", "HTTP header \"Server\" can not be configured"),
            ("tls_server_config: {min_version: TLS9}", "unknown TLS version: TLS9"),
            ("tls_config: {}", "tls_config"),
        ];
        for (text, expected) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
