//! A tower layer that counts and times what a service answers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Extensions, Method, Request, Response, Uri};
use metrics_core::instrument::{Buckets, Counter, Family, Gauge, Histogram, Native, RegisterError, Registry};
use tower_layer::Layer;
use tower_service::Service;

/// How many sets of method, route and status are told apart, lest clients make up series.
const MAX_MEMBERS: usize = 2000;

/// Counts and times the requests of the service below it:
/// - `http_requests_total` by method, route and status, where no answer counts as the status `none`;
/// - `http_request_duration_seconds` by method and route, until the response's head is there;
/// - `http_requests_in_flight`.
///
/// Routes are what [`HttpMetrics::route`] says. Paths as clients send them would make a series each, so without it
/// there is no such label.
///
/// ```
/// use exporter_kit::HttpMetrics;
/// use exporter_kit::instrument::Registry;
///
/// let registry = Registry::new();
/// let layer = HttpMetrics::new(&registry)?.route(|uri, _| match uri.path() {
///     "/" | "/orders" => Some(uri.path().to_owned()),
///     _ => Some("other".to_owned()),
/// });
/// // With axum: Router::new().route("/orders", get(orders)).layer(layer), and the route from its MatchedPath in the
/// // request's extensions.
/// # let _ = layer;
/// # Ok::<(), exporter_kit::instrument::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct HttpMetrics(Arc<Shared>);

#[derive(Clone)]
struct Shared {
    requests: Family<[&'static str; 3], Counter>,
    duration: Family<[&'static str; 2], Histogram>,
    in_flight: Gauge,
    route: Arc<Route>,
}

type Route = dyn Fn(&Uri, &Extensions) -> Option<String> + Send + Sync;

impl HttpMetrics {
    /// A layer that counts in this registry; several layers of one registry count together.
    ///
    /// # Errors
    /// [`RegisterError`] if the names stand for something else there.
    pub fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let requests = Family::new(["method", "route", "status"], Counter::new).max_members(MAX_MEMBERS);
        let histogram = || Histogram::with_native(Buckets::default(), Native::new(1.1));
        let duration = Family::new(["method", "route"], histogram).max_members(MAX_MEMBERS);
        Ok(Self(Arc::new(Shared {
            requests: registry
                .obtain(("http_requests", "Requests by method, route and status."), requests)?,
            duration: registry.obtain(
                ("http_request_duration_seconds", "Time until the response's head was there."),
                duration,
            )?,
            in_flight: registry.gauge("http_requests_in_flight", "Requests that are not answered yet.")?,
            route: Arc::new(|_, _| None),
        })))
    }

    /// Names the route of a request by its address and extensions; there must only be so many names.
    #[must_use]
    pub fn route(
        mut self,
        route: impl Fn(&Uri, &Extensions) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.0).route = Arc::new(route);
        self
    }
}

impl<S> Layer<S> for HttpMetrics {
    type Service = HttpMetricsService<S>;

    fn layer(&self, inner: S) -> HttpMetricsService<S> {
        HttpMetricsService { inner, shared: Arc::clone(&self.0) }
    }
}

/// A service that [`HttpMetrics`] watches.
#[derive(Clone)]
pub struct HttpMetricsService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, A, B> Service<Request<A>> for HttpMetricsService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let watch = Watch::start(&self.shared, &request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut watch = watch;
            let answer = answer.await;
            if let Ok(response) = &answer {
                watch.status = Some(response.status());
            }
            answer
        })
    }
}

/// A request under way; counted when it ends, however it ends.
struct Watch {
    shared: Arc<Shared>,
    begin: Instant,
    method: &'static str,
    route: Option<String>,
    status: Option<http::StatusCode>,
}

impl Watch {
    fn start<A>(shared: &Arc<Shared>, request: &Request<A>) -> Self {
        shared.in_flight.inc();
        Self {
            shared: Arc::clone(shared),
            begin: Instant::now(),
            method: word(request.method()),
            route: (shared.route)(request.uri(), request.extensions()),
            status: None,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let route = self.route.as_deref().unwrap_or("");
        let status = self.status.as_ref().map_or("none", http::StatusCode::as_str);
        self.shared.requests.inc([self.method, route, status]);
        self.shared.duration.observe([self.method, route], self.begin.elapsed().as_secs_f64());
        self.shared.in_flight.dec();
    }
}

/// The methods that there are; clients may invent others.
fn word(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| method.as_str() == *known).unwrap_or("other")
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpMetrics")
    }
}

impl<S: fmt::Debug> fmt::Debug for HttpMetricsService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpMetricsService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Ready, pending, ready};

    /// Answers by path; `/never` does not, `/broken` fails.
    #[derive(Clone)]
    struct Below;

    enum Answer {
        Now(Ready<Result<Response<()>, &'static str>>),
        Never,
    }

    impl Future for Answer {
        type Output = Result<Response<()>, &'static str>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            match &mut *self {
                Self::Now(answer) => Pin::new(answer).poll(cx),
                Self::Never => Pin::new(&mut Box::pin(pending())).poll(cx),
            }
        }
    }

    impl Service<Request<()>> for Below {
        type Response = Response<()>;
        type Error = &'static str;
        type Future = Answer;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Answer {
            match request.uri().path() {
                "/never" => Answer::Never,
                "/broken" => Answer::Now(ready(Err("broken"))),
                "/" => Answer::Now(ready(Ok(Response::new(())))),
                _ => Answer::Now(ready(Ok(Response::builder().status(404).body(()).unwrap()))),
            }
        }
    }

    #[tokio::test]
    async fn counts_answers_failures_and_those_who_left() {
        let registry = Registry::new();
        let layer = HttpMetrics::new(&registry).unwrap().route(|uri, _| match uri.path() {
            "/made-up" => Some("other".to_owned()),
            path => Some(path.to_owned()),
        });
        let mut service = layer.layer(Below);
        for (method, path) in [("GET", "/"), ("GET", "/"), ("BREW", "/made-up"), ("PUT", "/broken")] {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            let _ = service.call(request).await;
        }
        let in_flight =
            registry.gauge("http_requests_in_flight", "Requests that are not answered yet.").unwrap();
        let waiting = service.call(Request::get("/never").body(()).unwrap());
        assert_eq!(in_flight.value(), 1.0);
        drop(waiting);
        assert_eq!(in_flight.value(), 0.0);
        let families = registry.gather().families;
        let names: Vec<_> = families.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(
            names,
            ["http_request_duration_seconds", "http_requests_in_flight", "http_requests_total"]
        );
        let counted: Vec<String> =
            families[2].metrics.iter().map(|m| format!("{} {:?}", m.labels, m.value)).collect();
        let expected = [
            (r#"{method="GET", route="/", status="200"}"#, 2.0),
            (r#"{method="GET", route="/never", status="none"}"#, 1.0),
            (r#"{method="PUT", route="/broken", status="none"}"#, 1.0),
            (r#"{method="other", route="other", status="404"}"#, 1.0),
        ]
        .map(|(labels, n)| format!("{labels} Counter {{ total: {n:?}, exemplar: None }}"));
        assert_eq!(counted, expected);
    }
}
