//! Pushing a registry to a Pushgateway, for jobs that end before anybody could scrape them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use expo_format::{Format, WriteOptions};
use http::header::{CONTENT_TYPE, HOST};
use http::uri::{Authority, Scheme};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use metrics_core::instrument::Registry;
use tokio::net::TcpStream;

/// Longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// How much of a refusal is shown.
const MAX_REFUSAL: usize = 4096;

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
    authority: Authority,
    path: String,
    timeout: Duration,
}

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The address is not `http://host:port`, perhaps with a path.
    #[error("{address:?} is not the address of a push gateway: expected http://host:port")]
    Address {
        /// The address as given.
        address: String,
    },
    /// The job has no name.
    #[error("a push needs the name of its job")]
    Job,
    /// There is no connection.
    #[error("cannot connect to push gateway {gateway}")]
    Connect {
        /// Host and port.
        gateway: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The exchange broke off.
    #[error("the exchange with push gateway {gateway} broke off")]
    Exchange {
        /// Host and port.
        gateway: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took longer than allowed.
    #[error("push gateway {gateway} did not answer within {} s", timeout.as_secs_f64())]
    Timeout {
        /// Host and port.
        gateway: String,
        /// The time allowed.
        timeout: Duration,
    },
    /// The gateway refused.
    #[error("push gateway {gateway} answered {status}: {reason}")]
    Refused {
        /// Host and port.
        gateway: String,
        /// Its answer.
        status: StatusCode,
        /// Its words.
        reason: String,
    },
}

impl Push {
    /// Pushes to the group of a job at this gateway.
    ///
    /// # Errors
    /// [`PushError`] if the address is not `http://host:port`, or the job has no name.
    pub fn new(gateway: &str, job: &str) -> Result<Self, PushError> {
        let wrong = || PushError::Address { address: gateway.to_owned() };
        let address: Uri = gateway.parse().map_err(|_| wrong())?;
        if address.scheme() != Some(&Scheme::HTTP) {
            return Err(wrong());
        }
        if job.is_empty() {
            return Err(PushError::Job);
        }
        let authority = address.authority().cloned().ok_or_else(wrong)?;
        let path = format!("{}/metrics", address.path().trim_end_matches('/'));
        let push = Self { authority, path, timeout: Duration::from_secs(10) };
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
        self.timeout = timeout;
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
            let mut sleep = pin!(tokio::time::sleep(wait));
            let stop = poll_fn(|cx| {
                if shutdown.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(true);
                }
                sleep.as_mut().poll(cx).map(|()| false)
            });
            if stop.await {
                return self.put(registry).await;
            }
        }
    }

    async fn send(&self, method: Method, body: Bytes) -> Result<(), PushError> {
        let gateway = || self.authority.to_string();
        let outcome = tokio::time::timeout(self.timeout, self.exchange(method, body)).await;
        let (status, reason) =
            outcome.map_err(|_| PushError::Timeout { gateway: gateway(), timeout: self.timeout })??;
        if status.is_success() {
            return Ok(());
        }
        Err(PushError::Refused { gateway: gateway(), status, reason: reason.trim().to_owned() })
    }

    async fn exchange(&self, method: Method, body: Bytes) -> Result<(StatusCode, String), PushError> {
        let gateway = self.authority.to_string();
        let address = (self.authority.host(), self.authority.port_u16().unwrap_or(80));
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| PushError::Connect { gateway: gateway.clone(), source })?;
        let broken =
            |source: Box<dyn std::error::Error + Send + Sync>| PushError::Exchange { gateway, source };
        let request = Request::builder()
            .method(method)
            .uri(&self.path)
            .header(HOST, self.authority.as_str())
            .header(CONTENT_TYPE, Format::Text.media_type())
            .body(Full::new(body))
            .map_err(|e| broken(e.into()));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Err(error),
        };
        let talk = async {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let mut connection = pin!(connection);
            let mut answer = pin!(async {
                let response = sender.send_request(request).await?;
                let status = response.status();
                let body = Limited::new(response.into_body(), MAX_REFUSAL).collect().await;
                // A refusal too long to show is shown without its words.
                let text =
                    body.map(|b| String::from_utf8_lossy(&b.to_bytes()).into_owned()).unwrap_or_default();
                Ok::<_, hyper::Error>((status, text))
            });
            // The connection moves forward only while it is polled; it may end before the answer has been taken.
            let mut open = true;
            poll_fn(|cx| {
                if open && connection.as_mut().poll(cx).is_ready() {
                    open = false;
                }
                answer.as_mut().poll(cx)
            })
            .await
        };
        talk.await.map_err(|e: hyper::Error| PushError::Exchange {
            gateway: self.authority.to_string(),
            source: e.into(),
        })
    }
}

fn page(registry: &Registry) -> Bytes {
    let mut page = Vec::new();
    expo_format::write(&mut page, Format::Text, &registry.gather().families, WriteOptions::default());
    Bytes::from(page)
}

/// One second, then twice as long after each further failure.
fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(MAX_BACKOFF)
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

    #[test]
    fn waits_grow_to_a_minute() {
        assert_eq!([1, 2, 5, 7, 1000].map(|n| backoff(n).as_secs()), [1, 2, 16, 60, 60]);
    }
}
