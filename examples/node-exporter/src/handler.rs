//! The page of metrics as a service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::Write;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use expo_format::{Format, WriteOptions, negotiate};
use exporter_kit::node::{NodeCollectors, NodeError, Settings};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower_service::Service;

use crate::landing;
use crate::self_metrics::SelfMetrics;

/// What is exposed, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Path of the page. Default: `/metrics`.
    pub telemetry_path: String,
    /// Which collectors run, and how. Default: those of the original.
    pub settings: Settings,
    /// Scrapes answered at once; further ones get 503. 0 is without limit. Default: 40.
    pub max_requests: usize,
    /// Whether the page tells about the exporter itself. Default: yes.
    pub exporter_metrics: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            telemetry_path: "/metrics".to_owned(),
            settings: Settings::default(),
            max_requests: 40,
            exporter_metrics: true,
        }
    }
}

/// The exporter: answers scrapes at its path and shows a small page at `/`.
#[derive(Debug, Clone)]
pub struct NodeExporter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Options,
    collectors: NodeCollectors,
    own: SelfMetrics,
}

/// Builds the exporter.
///
/// # Errors
/// A collector's option cannot be used, such as a pattern that is no regular expression.
pub fn handler(options: Options) -> Result<NodeExporter, NodeError> {
    let collectors = NodeCollectors::new(&options.settings)?;
    Ok(NodeExporter(Arc::new(Inner { options, collectors, own: SelfMetrics::default() })))
}

impl NodeExporter {
    /// Answers a request. Reads the host's files meanwhile, so it belongs on a thread that may block.
    pub fn respond(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if path == self.0.options.telemetry_path {
            return self.scrape(request);
        }
        match path {
            "/" => landing::page(&self.0.options.telemetry_path),
            "/-/healthy" => text(StatusCode::OK, "OK"),
            _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }

    fn scrape(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed\n");
        }
        let wanted = match Wanted::parse(request.uri().query().unwrap_or_default(), self) {
            Ok(wanted) => wanted,
            Err(message) => return text(StatusCode::BAD_REQUEST, &message),
        };
        let Some(_scrape) = self.0.own.begin(self.0.options.max_requests) else {
            let message = format!(
                "Limit of concurrent requests reached ({}), try again later.\n",
                self.0.options.max_requests
            );
            return text(StatusCode::SERVICE_UNAVAILABLE, &message);
        };
        let (mut families, outcomes) = self.0.collectors.scrape(|name| wanted.has(name));
        for outcome in outcomes {
            if let Some(error) = outcome.error {
                tracing::debug!(
                    collector = outcome.collector,
                    error = &error as &dyn std::error::Error,
                    "no data"
                );
            }
        }
        families.push(SelfMetrics::build_info());
        if self.0.options.exporter_metrics {
            families.extend(self.0.own.families());
        }
        families.sort_by(|a, b| a.name.cmp(&b.name));
        page(&families, request.headers())
    }
}

/// The families in the format that the headers ask for. Like the original it offers the text formats only: in
/// OpenMetrics those counters whose names do not end in `_total` would change their names.
fn page(families: &[metrics_core::family::MetricFamily], headers: &HeaderMap) -> Response<Full<Bytes>> {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let content = negotiate(accept, &[Format::Text, Format::TextUtf8]);
    let mut body = Vec::with_capacity(128 * 1024);
    let options = WriteOptions::default().escaping(content.escaping);
    expo_format::write(&mut body, content.format, families, options);
    let mut response = Response::new(Full::default());
    let content_type = HeaderValue::try_from(content.to_string());
    response.headers_mut().extend(content_type.ok().map(|value| (header::CONTENT_TYPE, value)));
    let compressed = accepts_gzip(headers).then(|| gzip(&body)).and_then(Result::ok);
    if let Some(compressed) = compressed {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        body = compressed;
    }
    *response.body_mut() = Full::new(Bytes::from(body));
    response
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).any(|v| {
        let mut parts = v.split(';').map(str::trim);
        let is_gzip = matches!(parts.next(), Some("gzip" | "*"));
        is_gzip && !parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)))
    })
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    // The lowest level already shrinks such a page to a tenth.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Which collectors a scrape asks for.
enum Wanted {
    All,
    Only(Vec<String>),
    Without(Vec<String>),
}

impl Wanted {
    fn parse(query: &str, exporter: &NodeExporter) -> Result<Self, String> {
        let values = |name: &str| -> Vec<String> {
            let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            pairs.map(|(_, value)| value.into_owned()).collect()
        };
        let (collect, exclude) = (values("collect[]"), values("exclude[]"));
        if !collect.is_empty() && !exclude.is_empty() {
            return Err("Combined collect and exclude queries are not allowed.".to_owned());
        }
        let inner = &exporter.0;
        for name in &collect {
            if !inner.collectors.names().any(|n| n == name) {
                let known = exporter_kit::node::SPECS.iter().any(|spec| spec.name == name);
                let error = if known { NodeError::DisabledCollector } else { NodeError::UnknownCollector };
                let error = error(name.clone());
                return Err(format!(
                    "Couldn't create filtered metrics handler: couldn't create collector: {error}"
                ));
            }
        }
        Ok(match (collect.is_empty(), exclude.is_empty()) {
            (false, _) => Self::Only(collect),
            (_, false) => Self::Without(exclude),
            _ => Self::All,
        })
    }

    fn has(&self, collector: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|n| n == collector),
            Self::Without(names) => !names.iter().any(|n| n == collector),
        }
    }
}

fn text(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(message.to_owned())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

impl Service<Request<Bytes>> for NodeExporter {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(self.respond(&request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(options: Options, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Bytes::new()).unwrap();
        let response = handler(options).unwrap().respond(&request);
        let (status, body) = (response.status(), response.into_body());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(http_body_util::BodyExt::collect(body)).unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[test]
    fn a_scrape_may_name_its_collectors() {
        let (status, page) = ask(Options::default(), "/metrics?collect[]=loadavg&collect[]=uname");
        assert_eq!(status, 200);
        assert!(page.contains("\nnode_load1 ") && page.contains("\nnode_uname_info{"));
        assert!(!page.contains("node_cpu_seconds_total"));
        let (_, page) = ask(Options::default(), "/metrics?exclude[]=loadavg");
        assert!(page.contains("node_cpu_seconds_total{") && !page.contains("node_load1"));
    }

    #[test]
    fn a_scrape_that_asks_for_nonsense_is_told_so() {
        assert_eq!(ask(Options::default(), "/metrics?collect[]=cpu&exclude[]=stat").0, 400);
        let mut options = Options::default();
        options.settings.enable("cpu", false).unwrap();
        let (status, message) = ask(options, "/metrics?collect[]=cpu");
        assert_eq!((status.as_u16(), message.contains("disabled collector: cpu")), (400, true));
        assert!(ask(Options::default(), "/metrics?collect[]=x").1.ends_with("missing collector: x"));
    }

    #[test]
    fn the_page_may_be_elsewhere_and_the_root_leads_there() {
        let options = Options { telemetry_path: "/host".to_owned(), ..Options::default() };
        assert!(ask(options.clone(), "/").1.contains("href=\"/host\""));
        assert_eq!(ask(options.clone(), "/metrics").0, 404);
        assert_eq!(ask(options, "/host?collect[]=loadavg").0, 200);
    }

    #[test]
    fn gzip_only_where_it_is_welcome() {
        let headers = |value: &str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]);
        assert!(accepts_gzip(&headers("deflate, gzip;q=0.5")));
        assert!(!accepts_gzip(&headers("gzip;q=0, identity")));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
