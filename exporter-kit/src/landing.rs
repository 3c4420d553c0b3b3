//! The small site around an exporter's metrics: a page at `/` that says what this is and where to go.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use crate::Endpoint;

/// An exporter's whole site: metrics under one path, a landing page at `/`, 404 elsewhere.
///
/// ```
/// use exporter_kit::{Endpoint, Site};
/// use exporter_kit::instrument::Registry;
///
/// let site = Site::new("Shop exporter", "Orders and baskets.", Endpoint::new(&Registry::new()));
/// let request = http::Request::get("/metrics").body(()).unwrap();
/// assert_eq!(site.respond(&request).status(), 200);
/// ```
#[derive(Debug, Clone)]
pub struct Site {
    endpoint: Endpoint,
    path: Arc<str>,
    landing: Bytes,
    name: Arc<str>,
    description: Arc<str>,
}

impl Site {
    /// A site with its metrics at `/metrics`.
    pub fn new(name: &str, description: &str, endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            path: Arc::from("/metrics"),
            landing: landing(name, description, "/metrics"),
            name: Arc::from(name),
            description: Arc::from(description),
        }
    }

    /// Puts the metrics at another path; at `/` they replace the landing page.
    #[must_use]
    pub fn metrics_path(mut self, path: &str) -> Self {
        self.path = Arc::from(path);
        self.landing = landing(&self.name, &self.description, path);
        self
    }

    /// Answers one request.
    pub fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            path if *path == *self.path => self.endpoint.respond(request),
            "/" => {
                let page = if request.method() == Method::HEAD { Bytes::new() } else { self.landing.clone() };
                answer(StatusCode::OK, "text/html; charset=utf-8", page)
            }
            _ => answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", Bytes::from("not found\n")),
        }
    }
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn landing(name: &str, description: &str, path: &str) -> Bytes {
    let (name, description, path) = (escape(name), escape(description), escape(path));
    Bytes::from(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{name}</title>\n\
         <style>body {{ font-family: sans-serif; margin: 3em auto; max-width: 40em; }}</style>\n</head>\n\
         <body>\n<h1>{name}</h1>\n<p>{description}</p>\n<p><a href=\"{path}\">Metrics</a></p>\n</body>\n</html>\n"
    ))
}

/// Text that stands for itself in HTML, inside and outside of attributes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl<B> Service<Request<B>> for Site {
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
