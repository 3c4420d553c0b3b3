//! Telling others without being asked: a registry pushed to a Pushgateway, for jobs that end before anybody could scrape
//! them, or by remote write.

mod error;
mod pace;
mod receiver;
#[cfg(feature = "remote-write")]
mod remote_write;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use expo_format::Format;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use metrics_core::instrument::Registry;

use crate::text_page;

pub use self::error::PushError;
#[cfg(feature = "remote-write")]
pub use self::remote_write::RemoteWrite;

use self::pace::{backoff, stopped_within};
use self::receiver::Receiver;

/// Pushes metrics to a group of a Pushgateway, over HTTP without TLS.
///
/// ```no_run
/// # async fn backup() -> Result<(), Box<dyn std::error::Error>> {
/// use exporter_kit::Push;
/// use exporter_kit::instrument::Registry;
///
/// let registry = Registry::new();
/// registry.gauge("backup_last_success_timestamp_seconds", "When the backup ended.")?.set(1.7e9);
/// Push::new("http://127.0.0.1:9091", "backup")?.group_by("instance", "db-1").put(&registry).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Push {
    gateway: Receiver,
    path: String,
}

impl Push {
    /// Pushes to the group of a job at this gateway.
    ///
    /// # Errors
    /// [`PushError`] if the address is not `http://host:port`, or the job has no name.
    pub fn new(gateway: &str, job: &str) -> Result<Self, PushError> {
        let (gateway, path) = Receiver::new("push gateway", gateway)?;
        if job.is_empty() {
            return Err(PushError::Job);
        }
        let path = format!("{}/metrics", path.trim_end_matches('/'));
        let push = Self { gateway, path };
        Ok(push.group_by("job", job))
    }

    /// Adds a label to the group's key: metrics of other keys are left alone.
    #[must_use]
    pub fn group_by(mut self, label: &str, value: &str) -> Self {
        self.path.push('/');
        percent(label, &mut self.path);
        // An empty part of a path would be lost, and a slash would begin a new one.
        if value.is_empty() || value.contains('/') {
            self.path.push_str("@base64/");
            self.path.push_str(&base64_url(value.as_bytes()));
        } else {
            self.path.push('/');
            percent(value, &mut self.path);
        }
        self
    }

    /// How long one push may take. 10 seconds unless told otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.gateway.timeout = timeout;
        self
    }

    /// Replaces all metrics of the group.
    ///
    /// # Errors
    /// [`PushError`] if the gateway cannot be reached or refuses.
    pub async fn put(&self, registry: &Registry) -> Result<(), PushError> {
        self.send(Method::PUT, page(registry)).await
    }

    /// Replaces those metrics of the group that the registry has too.
    ///
    /// # Errors
    /// [`PushError`] if the gateway cannot be reached or refuses.
    pub async fn post(&self, registry: &Registry) -> Result<(), PushError> {
        self.send(Method::POST, page(registry)).await
    }

    /// Deletes the group.
    ///
    /// # Errors
    /// [`PushError`] if the gateway cannot be reached or refuses.
    pub async fn delete(&self) -> Result<(), PushError> {
        self.send(Method::DELETE, Bytes::new()).await
    }

    /// Puts the registry every `interval` until `shutdown`, and once more then. After a failure, which is told to
    /// `report`, the next attempt comes after a second, then two, four, up to a minute, but never later than due.
    ///
    /// # Errors
    /// That of the last push.
    pub async fn run(
        &self,
        registry: &Registry,
        interval: Duration,
        shutdown: impl Future<Output = ()>,
        report: impl Fn(&PushError),
    ) -> Result<(), PushError> {
        let mut shutdown = pin!(shutdown);
        let mut failures = 0;
        loop {
            let wait = match self.put(registry).await {
                Ok(()) => {
                    failures = 0;
                    interval
                }
                Err(error) => {
                    report(&error);
                    failures += 1;
                    backoff(failures).min(interval)
                }
            };
            if stopped_within(wait, shutdown.as_mut()).await {
                return self.put(registry).await;
            }
        }
    }

    async fn send(&self, method: Method, body: Bytes) -> Result<(), PushError> {
        let request = Request::builder().method(method).uri(&self.path);
        self.gateway.send(request.header(CONTENT_TYPE, Format::Text.media_type()), body).await
    }
}

fn page(registry: &Registry) -> Bytes {
    Bytes::from(text_page(registry))
}

/// Everything that may not stand in a part of a path, as `%XX`.
fn percent(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Base64 with the alphabet of addresses, padded; nothing is `=`, as the gateway wants it. Source: RFC 4648, section 5.
fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if bytes.is_empty() {
        return "=".to_owned();
    }
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word =
            group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                out.push(char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_paths() {
        let push = Push::new("http://gateway:9091/prefix/", "nightly job").unwrap();
        let push = push.group_by("path", "/var/tmp").group_by("empty", "").group_by("x", "ä");
        assert_eq!(
            push.path,
            "/prefix/metrics/job/nightly%20job/path@base64/L3Zhci90bXA=/empty@base64/=/x/%C3%A4"
        );
    }

    #[test]
    fn base64() {
        let cases =
            [("/", "Lw=="), ("a/", "YS8="), ("a/b", "YS9i"), ("a/bc", "YS9iYw=="), ("\u{3ff}/>", "z78vPg==")];
        for (text, encoded) in cases {
            assert_eq!(base64_url(text.as_bytes()), encoded, "{text}");
        }
    }

    #[test]
    fn wrong_addresses_are_named() {
        for address in ["gateway:9091", "https://gateway", "/path", "http://", ""] {
            let error = Push::new(address, "job").unwrap_err();
            assert!(error.to_string().starts_with(&format!("{address:?} is not the address")), "{error}");
        }
        assert!(matches!(Push::new("http://x", ""), Err(PushError::Job)));
    }
}
