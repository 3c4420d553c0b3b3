//! One exchange over HTTP/1.1 with whoever is pushed to.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER};
use http::request::Builder;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::PushError;

/// How much of a refusal is shown.
const MAX_REFUSAL: usize = 4096;

/// Where pushes go, over HTTP without TLS.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    /// What it is, for errors.
    kind: &'static str,
    authority: Authority,
    pub(super) timeout: Duration,
}

impl Receiver {
    /// The receiver at this address, and the address's path.
    pub(super) fn new(kind: &'static str, address: &str) -> Result<(Self, String), PushError> {
        let wrong = || PushError::Address { receiver: kind, address: address.to_owned() };
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(wrong());
        }
        let authority = uri.authority().cloned().ok_or_else(wrong)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok((Self { kind, authority, timeout: Duration::from_secs(10) }, path))
    }

    /// Sends a request and waits for the answer, which must be a success.
    pub(super) async fn send(&self, request: Builder, body: Bytes) -> Result<(), PushError> {
        let outcome = tokio::time::timeout(self.timeout, self.exchange(request, body)).await;
        let late = |_| PushError::Timeout { receiver: self.to_string(), timeout: self.timeout };
        let (status, headers, reason) = outcome.map_err(late)??;
        if status.is_success() {
            return Ok(());
        }
        let reason = reason.trim().to_owned();
        Err(PushError::Refused {
            receiver: self.to_string(),
            status,
            reason,
            retry_after: retry_after(&headers),
        })
    }

    async fn exchange(
        &self,
        request: Builder,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, String), PushError> {
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| PushError::Exchange {
            receiver: self.to_string(),
            source,
        };
        let request = request.header(HOST, self.authority.as_str()).body(Full::new(body));
        let request = request.map_err(|e| broken(e.into()))?;
        let address = (self.authority.host(), self.authority.port_u16().unwrap_or(80));
        let connect = TcpStream::connect(address).await;
        let stream = connect.map_err(|source| PushError::Connect { receiver: self.to_string(), source })?;
        talk(stream, request).await.map_err(|e| broken(e.into()))
    }
}

/// One request and its answer.
async fn talk(
    stream: TcpStream,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, HeaderMap, String), hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_REFUSAL).collect().await;
        // A refusal too long to show is shown without its words.
        let text = body.map(|b| String::from_utf8_lossy(&b.to_bytes()).into_owned()).unwrap_or_default();
        Ok::<_, hyper::Error>((head.status, head.headers, text))
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
}

/// Source: RFC 9110, section 10.2.3; dates are not understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

impl std::fmt::Display for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.authority)
    }
}
