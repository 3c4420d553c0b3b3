//! The page of metrics as a service.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use expo_format::Format;
use exporter_kit::instrument::{CollectError, RegisterError, Registry};
use exporter_kit::node::{NodeCollectors, NodeError, SPECS, Settings};
use exporter_kit::{Endpoint, ProcessCollector, Site};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use metrics_core::family::MetricFamily;
use tower_service::Service;

use crate::build_info::build_info;

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
    collectors: Arc<NodeCollectors>,
    // Everything, for scrapes that name no collectors.
    site: Site,
}

/// Like the original: in OpenMetrics those counters whose names do not end in `_total` would change their names.
const FORMATS: [Format; 2] = [Format::Text, Format::TextUtf8];

/// Builds the exporter.
///
/// # Errors
/// A collector's option cannot be used, such as a pattern that is no regular expression.
pub fn handler(options: Options) -> Result<NodeExporter, NodeError> {
    let collectors = Arc::new(NodeCollectors::new(&options.settings)?);
    let limit = if options.max_requests == 0 { usize::MAX } else { options.max_requests };
    let registry = registry(&collectors, &options, Wanted::All).and_then(|registry| {
        let endpoint = Endpoint::new(&registry).formats(&FORMATS).max_in_flight(limit);
        if options.exporter_metrics { endpoint.instrumented() } else { Ok(endpoint) }
    });
    let endpoint = registry.expect("nobody else has put names into this registry");
    let description = "Hardware and kernel metrics of this host.";
    let site = Site::new("Node exporter", description, endpoint).metrics_path(&options.telemetry_path);
    Ok(NodeExporter(Arc::new(Inner { options, collectors, site })))
}

/// What a page shows: the wanted collectors, and what there is to say about the exporter.
fn registry(
    collectors: &Arc<NodeCollectors>,
    options: &Options,
    wanted: Wanted,
) -> Result<Registry, RegisterError> {
    let registry = Registry::new();
    let collectors = Arc::clone(collectors);
    registry.register_collector("node", move |families: &mut Vec<MetricFamily>| {
        let (found, outcomes) = collectors.scrape(|name| wanted.has(name));
        families.extend(found);
        for outcome in outcomes {
            if let Some(error) = outcome.error {
                let error: &dyn Error = &error;
                tracing::debug!(collector = outcome.collector, error, "no data");
            }
        }
        Ok::<(), CollectError>(())
    })?;
    registry.register_collector("build", |families: &mut Vec<MetricFamily>| {
        families.push(build_info());
        Ok::<(), CollectError>(())
    })?;
    if options.exporter_metrics {
        registry.register_collector("process", ProcessCollector::new())?;
    }
    Ok(registry)
}

impl NodeExporter {
    /// Answers a request. Reads the host's files meanwhile, so it belongs on a thread that may block.
    pub fn respond(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let inner = &*self.0;
        if request.uri().path() != inner.options.telemetry_path {
            return inner.site.respond(request);
        }
        match Wanted::parse(request.uri().query().unwrap_or_default(), self) {
            Ok(Wanted::All) => inner.site.respond(request),
            Ok(wanted) => match registry(&inner.collectors, &inner.options, wanted) {
                Ok(registry) => Endpoint::new(&registry).formats(&FORMATS).respond(request),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
            Err(message) => text(StatusCode::BAD_REQUEST, &message),
        }
    }
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
                let known = SPECS.iter().any(|spec| spec.name == name);
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
}
