//! HTTP over hyper: kept-alive connections, redirects, time and size limits.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION, USER_AGENT,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::decode::Body;
use super::{Fetch, FetchError, FetchFuture, HttpError, Page, auth};
use crate::config::{HttpClientConfig, ScrapeConfig, ScrapeProtocol};

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// How long an unused connection is kept: longer than nearly every scrape interval.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// As many redirects as the original follows.
const MAX_REDIRECTS: usize = 10;
/// No page is larger, even if the job sets no limit: a runaway target must not take the memory of all.
const MAX_BODY: u64 = 1 << 29;
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// An HTTP client with the credentials and certificates of a configuration, for what is not a scrape: deliveries to
/// Alertmanagers, lists of targets.
pub struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    config: HttpClientConfig,
}

impl HttpClient {
    /// A client that talks as a configuration says.
    ///
    /// # Errors
    /// If certificates or keys cannot be used.
    pub fn new(config: HttpClientConfig) -> Result<Self, HttpError> {
        let connector = connector(&config)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, config })
    }

    /// Sends a body and reads the answer, both inside `timeout`. Answers longer than `limit` bytes are an error.
    ///
    /// # Errors
    /// If there is no whole answer in time; an answer of any status is none.
    pub async fn exchange(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        limit: u64,
    ) -> Result<Response<Vec<u8>>, FetchError> {
        let (head, body) = request.into_parts();
        let url = head.uri.to_string();
        let exchange = async {
            let (head, answer) = self.send(head.method, &url, head.headers, body).await?.into_parts();
            let mut page = Body::new(Vec::new(), false, limit);
            read(answer, |piece| page.push(piece)).await?;
            Ok(Response::from_parts(head, page.finish()?))
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(FetchError::Timeout { url: url.clone() }),
        }
    }

    /// Sends a request and follows redirects of `GET`.
    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, FetchError> {
        let mut headers = headers;
        auth::add_headers(&mut headers, &self.config).map_err(|e| FetchError::Request {
            url: url.to_owned(),
            reason: e.to_string(),
            source: Some(Box::new(e)),
        })?;
        let mut uri: Uri = url.parse().map_err(|e| FetchError::broken(url, format!("parse URL: {e}")))?;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers.clone();
            let host = authority(&uri);
            let response =
                self.client.request(request).await.map_err(|e| FetchError::request(url, &host, e))?;
            let redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)
                && self.config.follow_redirects
                && method == Method::GET;
            let Some(location) = response.headers().get(LOCATION).filter(|_| redirect) else {
                return Ok(response);
            };
            let next = location.to_str().ok().and_then(|to| resolve(&uri, to));
            let next = next.ok_or_else(|| FetchError::broken(url, "failed to parse Location header"))?;
            if next.authority() != uri.authority() {
                headers.remove(AUTHORIZATION); // not meant for strangers
            }
            uri = next;
        }
        Err(FetchError::broken(url, format!("stopped after {MAX_REDIRECTS} redirects")))
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(feature = "tls")]
fn connector(config: &HttpClientConfig) -> Result<Connector, HttpError> {
    let tls = super::tls::client_config(&config.tls)?;
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let name = &config.tls.server_name;
    if name.is_empty() {
        return Ok(builder.enable_http1().wrap_connector(tcp()));
    }
    let fixed = rustls::pki_types::ServerName::try_from(name.clone())
        .map_err(|e| HttpError::Tls { what: "server_name", reason: e.to_string() })?;
    let resolver = hyper_rustls::FixedServerNameResolver::new(fixed);
    Ok(builder.with_server_name_resolver(resolver).enable_http1().wrap_connector(tcp()))
}

#[cfg(not(feature = "tls"))]
fn connector(_: &HttpClientConfig) -> Result<Connector, HttpError> {
    Ok(tcp())
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

/// Host and port, with the scheme's port where the URL has none.
fn authority(uri: &Uri) -> String {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    format!("{}:{port}", uri.host().unwrap_or(""))
}

/// Where a `Location` header leads from a URL.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.parse().ok();
    }
    let scheme = base.scheme_str()?;
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}").parse().ok();
    }
    let authority = base.authority()?;
    if location.starts_with('/') {
        return format!("{scheme}://{authority}{location}").parse().ok();
    }
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{scheme}://{authority}{folder}/{location}").parse().ok()
}

/// Gets pages of a job's targets over HTTP.
#[derive(Debug)]
pub struct HttpFetch {
    client: HttpClient,
    headers: HeaderMap,
    limit: u64,
}

impl HttpFetch {
    /// A client as a job wants it. `user_agent` names the program to the targets.
    ///
    /// # Errors
    /// If certificates or keys cannot be used.
    pub fn new(job: &ScrapeConfig, user_agent: &str) -> Result<Self, HttpError> {
        let mut headers = HeaderMap::new();
        let header = |text: &str| HeaderValue::from_str(text).map_err(|_| HttpError::Header(text.to_owned()));
        headers.insert(ACCEPT, header(&accept(job))?);
        let encoding = if job.enable_compression { "gzip" } else { "identity" };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        headers.insert(USER_AGENT, header(user_agent)?);
        let limit = match job.body_size_limit {
            0 => MAX_BODY,
            limit => limit,
        };
        Ok(Self { client: HttpClient::new(job.http.clone())?, headers, limit })
    }

    async fn get(&self, url: &str, timeout: Duration, body: Vec<u8>) -> Result<Page, FetchError> {
        let mut headers = self.headers.clone();
        if let Ok(seconds) = HeaderValue::from_str(&timeout.as_secs_f64().to_string()) {
            headers.insert(SCRAPE_TIMEOUT, seconds);
        }
        let response = self.client.send(Method::GET, url, headers, Bytes::new()).await?;
        if response.status() != http::StatusCode::OK {
            return Err(FetchError::Status(response.status().to_string()));
        }
        let text = |name: &HeaderName| {
            response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned()
        };
        let content_type = text(&CONTENT_TYPE);
        let mut page = Body::new(body, text(&CONTENT_ENCODING) == "gzip", self.limit);
        read(response.into_body(), |piece| page.push(piece)).await?;
        Ok(Page { body: page.finish()?, content_type })
    }
}

/// Hands a body over piece by piece.
async fn read(
    mut body: Incoming,
    mut take: impl FnMut(&[u8]) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| FetchError::Body {
            reason: "unexpected EOF".to_owned(),
            source: Some(Box::new(e)),
        })?;
        if let Some(piece) = frame.data_ref() {
            take(piece)?;
        }
    }
    Ok(())
}

impl Fetch for HttpFetch {
    fn fetch<'a>(&'a self, url: &'a str, timeout: Duration, body: Vec<u8>) -> FetchFuture<'a> {
        Box::pin(async move {
            match tokio::time::timeout(timeout, self.get(url, timeout, body)).await {
                Ok(result) => result,
                Err(_) => Err(FetchError::Timeout { url: url.to_owned() }),
            }
        })
    }
}

/// The `Accept` header: formats in order of preference, then anything.
fn accept(job: &ScrapeConfig) -> String {
    let mut weight = ScrapeProtocol::ALL.len() + 1;
    let mut out = String::new();
    for protocol in &job.scrape_protocols {
        let (media, escapes) = match protocol {
            ScrapeProtocol::PrometheusProto => (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
                false,
            ),
            ScrapeProtocol::PrometheusText004 => ("text/plain;version=0.0.4", false),
            ScrapeProtocol::PrometheusText100 => ("text/plain;version=1.0.0", true),
            ScrapeProtocol::OpenMetricsText001 => ("application/openmetrics-text;version=0.0.1", false),
            ScrapeProtocol::OpenMetricsText100 => ("application/openmetrics-text;version=1.0.0", true),
        };
        out.push_str(media);
        if escapes {
            out.push_str(&format!(";escaping={}", job.metric_name_escaping.as_str()));
        }
        out.push_str(&format!(";q=0.{weight},"));
        weight -= 1;
    }
    out + &format!("*/*;q=0.{weight}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn accept_header_of_the_original() {
        let config = Config::parse("scrape_configs: [{job_name: a}]", "p.yml", &|_| None).unwrap();
        assert_eq!(
            accept(&config.scrape_configs[0]),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
    }

    #[test]
    fn redirects_are_resolved() {
        let base: Uri = "http://h:1/a/b?x=1".parse().unwrap();
        for (location, to) in [
            ("https://o/", "https://o/"),
            ("//o/p", "http://o/p"),
            ("/c", "http://h:1/c"),
            ("c?y=2", "http://h:1/a/c?y=2"),
        ] {
            assert_eq!(resolve(&base, location).unwrap().to_string(), to);
        }
    }
}
