//! `/metrics` as a function from request to response.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use expo_format::{Format, WriteOptions, negotiate};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use metrics_core::instrument::{Counter, Family, GatherError, Gathered, Gauge, RegisterError, Registry};
use tower_service::Service;

use crate::compress::Encoding;
use crate::pages::{LastPages, Pages};

/// In which the field's servers say how long they wait, in seconds.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// Answers scrapes of a registry: the format that the scraper likes best, compressed if it can take that.
///
/// Understands `name[]=…` (only these families), HEAD, and the header that tells how long the scraper waits, which
/// collectors learn of ([`Collect::collect_until`](metrics_core::instrument::Collect::collect_until)). It is a [`Service`] for any HTTP stack; [`serve`] is
/// the nearest one.
///
#[cfg_attr(feature = "serve", doc = "[`serve`]: crate::serve::serve")]
#[cfg_attr(not(feature = "serve"), doc = "[`serve`]: crate")]
///
/// ```
/// use exporter_kit::Endpoint;
/// use exporter_kit::instrument::Registry;
///
/// let registry = Registry::new();
/// registry.counter("shop_orders", "Orders taken.")?.add(3);
/// let endpoint = Endpoint::new(&registry);
///
/// let request = http::Request::get("/metrics").body(())?;
/// let response = endpoint.respond(&request);
/// assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
/// # use http_body_util::BodyExt;
/// # let page = tokio::runtime::Builder::new_current_thread().build()?.block_on(response.into_body().collect())?;
/// # let page = page.to_bytes();
/// assert_eq!(page, "\
/// ## HELP shop_orders_total Orders taken.
/// ## TYPE shop_orders_total counter
/// shop_orders_total 3
/// ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Endpoint(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    registry: Registry,
    formats: Vec<Format>,
    on_error: OnError,
    max_in_flight: usize,
    timeout_offset: Duration,
    in_flight: Arc<AtomicUsize>,
    own: Option<OwnMetrics>,
    report: Option<Arc<Report>>,
    last: Arc<LastPages>,
}

/// What to do with a scrape of which a part could not be gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnError {
    /// Show what there is; answer with an error only if there is nothing at all.
    #[default]
    Continue,
    /// Answer 500 with the errors.
    Fail,
}

/// Is told of errors in gathering.
type Report = dyn Fn(&GatherError) + Send + Sync;

/// What the endpoint counts about itself, named as the field's Go library names it.
#[derive(Debug, Clone)]
struct OwnMetrics {
    requests: Family<[&'static str; 1], Counter>,
    in_flight: Gauge,
    errors: Family<[&'static str; 1], Counter>,
}

impl Endpoint {
    /// Shows this registry in every format that there is.
    pub fn new(registry: &Registry) -> Self {
        Self(Arc::new(Inner {
            registry: registry.clone(),
            formats: Format::OFFERED.to_vec(),
            on_error: OnError::default(),
            max_in_flight: usize::MAX,
            timeout_offset: Duration::from_millis(500),
            in_flight: Arc::default(),
            own: None,
            report: None,
            last: Arc::default(),
        }))
    }

    /// Offers only these formats, the best first.
    #[must_use]
    pub fn formats(self, formats: &[Format]) -> Self {
        self.with(|inner| inner.formats = formats.to_vec())
    }

    /// What to do if a part cannot be gathered. [`OnError::Continue`] unless told otherwise.
    #[must_use]
    pub fn on_error(self, on_error: OnError) -> Self {
        self.with(|inner| inner.on_error = on_error)
    }

    /// Answers 503 to scrapes beyond this many at once. No limit unless told otherwise.
    #[must_use]
    pub fn max_in_flight(self, scrapes: usize) -> Self {
        self.with(|inner| inner.max_in_flight = scrapes)
    }

    /// How much earlier than the scraper collectors are to give up, so that the page is there in time. Half a second unless
    /// told otherwise, as the field's probing exporters have it.
    #[must_use]
    pub fn timeout_offset(self, offset: Duration) -> Self {
        self.with(|inner| inner.timeout_offset = offset)
    }

    /// Hands every error in gathering to `report`, to be logged.
    #[must_use]
    pub fn report_errors(self, report: impl Fn(&GatherError) + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.report = Some(Arc::new(report)))
    }

    /// Counts scrapes, scrapes in flight and errors in the registry itself, as `promhttp_metric_handler_*`.
    ///
    /// # Errors
    /// [`RegisterError`] if these names stand for something else there.
    pub fn instrumented(self) -> Result<Self, RegisterError> {
        let registry = &self.0.registry;
        let own = OwnMetrics {
            requests: registry.counter_family(
                "promhttp_metric_handler_requests_total",
                "Total number of scrapes by HTTP status code.",
                ["code"],
            )?,
            in_flight: registry.gauge(
                "promhttp_metric_handler_requests_in_flight",
                "Current number of scrapes being served.",
            )?,
            errors: registry.counter_family(
                "promhttp_metric_handler_errors_total",
                "Total number of internal errors encountered by the promhttp metric handler.",
                ["cause"],
            )?,
        };
        // Shown from the start, so that their first increase can be seen.
        for code in ["200", "500", "503"] {
            own.requests.get([code]);
        }
        for cause in ["encoding", "gathering"] {
            own.errors.get([cause]);
        }
        Ok(self.with(|inner| inner.own = Some(own)))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Answers one scrape. Blocks for as long as the registry's collectors do.
    pub fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let inner = &*self.0;
        let _in_flight = InFlight::enter(inner);
        let mut response = if inner.in_flight.load(Ordering::Relaxed) > inner.max_in_flight {
            let limit = inner.max_in_flight;
            refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{limit} scrapes are being served already, try again later\n"),
            )
        } else {
            self.page(request.headers(), request.uri().query().unwrap_or(""))
        };
        if let Some(own) = &inner.own {
            own.requests.get([response.status().as_str()]).inc();
        }
        if request.method() == Method::HEAD {
            *response.body_mut() = Full::default();
        }
        response
    }

    fn page(&self, headers: &HeaderMap, query: &str) -> Response<Full<Bytes>> {
        let inner = &*self.0;
        let mut pages = inner.last.take(&inner.registry);
        let deadline = deadline(headers, inner.timeout_offset);
        let response = match inner.complaint(pages.gather_until(deadline)) {
            Some(text) => refusal(StatusCode::INTERNAL_SERVER_ERROR, text),
            None => inner.show(&mut pages, headers, query),
        };
        inner.last.put_back(pages);
        response
    }
}

impl Inner {
    /// Reports what could not be gathered, and says so if there shall be no page for that.
    fn complaint(&self, gathered: &Gathered) -> Option<String> {
        if gathered.errors.is_empty() {
            return None;
        }
        if let Some(report) = &self.report {
            gathered.errors.iter().for_each(|error| report(error));
        }
        if let Some(own) = &self.own {
            own.errors.get(["gathering"]).inc();
        }
        (self.on_error == OnError::Fail || gathered.families.is_empty()).then(|| {
            let mut text = "the metrics could not be gathered:\n".to_owned();
            for error in &gathered.errors {
                text.push_str(&format!("\n{error}\n"));
            }
            text
        })
    }

    fn show(&self, pages: &mut Pages, headers: &HeaderMap, query: &str) -> Response<Full<Bytes>> {
        let wanted: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| key == "name[]")
            .map(|(_, name)| name)
            .collect();
        let content_type = negotiate(&header(headers, ACCEPT), &self.formats);
        let options = WriteOptions::default().escaping(content_type.escaping);
        let encoding = Encoding::negotiate(&header(headers, ACCEPT_ENCODING));
        let page = if wanted.is_empty() {
            encoding.apply(pages.write(content_type.format, options))
        } else {
            let mut families = pages.gathered().families.clone();
            families.retain(|f| wanted.iter().any(|w| *w == f.name));
            let mut page = Vec::new();
            expo_format::write(&mut page, content_type.format, &families, options);
            encoding.apply(&page)
        };
        let mut response = Response::new(());
        if let Ok(value) = HeaderValue::try_from(content_type.to_string()) {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        if let Some(name) = encoding.name() {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(page.len()));
        response.map(|()| Full::new(Bytes::from(page)))
    }
}

/// Until when the scraper waits, if it says so; what is left of a wait shorter than the offset is all of it.
fn deadline(headers: &HeaderMap, offset: Duration) -> Option<Instant> {
    let seconds = headers.get(SCRAPE_TIMEOUT)?.to_str().ok()?.parse().ok()?;
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())?;
    Instant::now().checked_add(timeout.checked_sub(offset).unwrap_or(timeout))
}

/// A header that may be spread over several lines, as one.
fn header(headers: &HeaderMap, name: http::HeaderName) -> String {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    lines.join(",")
}

fn refusal(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A scrape being served, for as long as this lives.
struct InFlight<'a>(&'a Inner);

impl<'a> InFlight<'a> {
    fn enter(inner: &'a Inner) -> Self {
        inner.in_flight.fetch_add(1, Ordering::Relaxed);
        if let Some(own) = &inner.own {
            own.in_flight.inc();
        }
        Self(inner)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(own) = &self.0.own {
            own.in_flight.dec();
        }
    }
}

impl<B> Service<Request<B>> for Endpoint {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(&request)))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("registry", &self.registry)
            .field("formats", &self.formats)
            .field("on_error", &self.on_error)
            .field("max_in_flight", &self.max_in_flight)
            .finish_non_exhaustive()
    }
}
