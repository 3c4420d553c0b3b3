//! Passes the page's questions on to the data source, so that the browser needs to reach this server only.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderName, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

/// A response's body: words of this server, or what the data source sends, as it comes.
pub type ProxyBody = BoxBody<Bytes, hyper::Error>;

/// Longest time in which a data source must begin its answer; more than its own limit for a query.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(150);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is passed on of a question, and of its answer. Everything else is between two neighbours only, or would
/// carry the browser's cookies to the data source.
const PASSED: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::RETRY_AFTER,
];

/// Hands requests below `/api/v1` to a data source.
#[derive(Debug, Clone)]
pub struct Proxy {
    base: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// Why a data source's address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The address is not a URL.
    #[error("data source {url:?} is not a URL")]
    Invalid {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        source: InvalidUri,
    },
    /// The address is not of the form `http://host[:port][/path]`.
    #[error("data source {url:?} is not of the form http://host:port")]
    Unsupported {
        /// The address as given.
        url: String,
    },
}

impl Proxy {
    /// A proxy to the server whose `/api/v1` is below a URL such as `http://127.0.0.1:9090`.
    ///
    /// # Errors
    /// The text is not such a URL.
    pub fn new(url: &str) -> Result<Self, ProxyError> {
        let base: Uri = url.parse().map_err(|source| ProxyError::Invalid { url: url.to_owned(), source })?;
        if base.scheme_str() != Some("http") || base.authority().is_none() {
            return Err(ProxyError::Unsupported { url: url.to_owned() });
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        Ok(Self { base, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Asks the data source and answers with what it says, or with 502 and the API's form of an error if it says
    /// nothing.
    pub async fn pass(&self, request: Request<Bytes>) -> Response<ProxyBody> {
        let Some(question) = self.question(request) else {
            return refusal(StatusCode::BAD_REQUEST, "bad_data", "the address is not a valid one");
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, self.client.request(question)).await {
            Ok(Ok(answer)) => {
                let (parts, body) = answer.into_parts();
                let mut response = Response::new(body.boxed());
                *response.status_mut() = parts.status;
                for name in PASSED {
                    response.headers_mut().extend(parts.headers.get(&name).map(|v| (name, v.clone())));
                }
                response
            }
            Ok(Err(error)) => {
                let text = format!("{} is not reachable: {}", self.base, root_cause(&error));
                refusal(StatusCode::BAD_GATEWAY, "unavailable", &text)
            }
            Err(_) => {
                let seconds = ANSWER_TIMEOUT.as_secs();
                let text = format!("{} did not answer within {seconds} seconds", self.base);
                refusal(StatusCode::GATEWAY_TIMEOUT, "timeout", &text)
            }
        }
    }

    fn question(&self, request: Request<Bytes>) -> Option<Request<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let path = format!("{}{}", self.base.path().trim_end_matches('/'), parts.uri.path_and_query()?);
        let mut uri = self.base.clone().into_parts();
        uri.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        let mut question = Request::new(Full::new(body));
        *question.method_mut() = parts.method;
        *question.uri_mut() = Uri::from_parts(uri).ok()?;
        for name in PASSED.into_iter().filter(|name| *name != header::CONTENT_LENGTH) {
            question.headers_mut().extend(parts.headers.get(&name).map(|v| (name, v.clone())));
        }
        Some(question)
    }

    /// Whether a request only reads: what the page needs, and all that is passed on.
    pub(crate) fn allows(request: &Request<Bytes>) -> bool {
        let path = request.uri().path();
        let reads = request.method() == Method::GET || request.method() == Method::POST;
        reads
            && path.starts_with("/api/v1/")
            && !path.starts_with("/api/v1/admin/")
            && path != "/api/v1/write"
    }
}

fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    // The number says nothing that the words do not.
    let text = cause.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<ProxyBody> {
    let text = json!({"status": "error", "errorType": kind, "error": message}).to_string();
    let mut response = Response::new(Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Request<Bytes> {
        Request::get(path).body(Bytes::new()).unwrap()
    }

    #[test]
    fn the_base_keeps_its_path() {
        let proxy = Proxy::new("http://prometheus:9090/team/").unwrap();
        let question = proxy.question(get("/api/v1/query?query=up")).unwrap();
        assert_eq!(question.uri(), "http://prometheus:9090/team/api/v1/query?query=up");
        assert!(Proxy::new("https://prometheus:9090").is_err());
        assert!(Proxy::new("prometheus").is_err());
        assert!(Proxy::new("http://").is_err());
    }

    #[test]
    fn only_questions_pass() {
        assert!(Proxy::allows(&get("/api/v1/labels")));
        assert!(!Proxy::allows(&get("/api/v1/admin/tsdb/snapshot")));
        assert!(!Proxy::allows(&get("/metrics")));
        let mut delete = get("/api/v1/series");
        *delete.method_mut() = Method::DELETE;
        assert!(!Proxy::allows(&delete));
    }

    #[tokio::test]
    async fn a_data_source_that_is_away_is_named() {
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let proxy = Proxy::new(&format!("http://127.0.0.1:{port}")).unwrap();
        let response = proxy.pass(get("/api/v1/query?query=up")).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = format!("http://127.0.0.1:{port}/ is not reachable: connection refused");
        assert!(String::from_utf8_lossy(&body).contains(&expected), "{body:?}");
    }
}
