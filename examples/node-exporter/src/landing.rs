//! The small page at the root, for people who come by.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;

pub(crate) fn page(telemetry_path: &str) -> Response<Full<Bytes>> {
    let path = telemetry_path.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let text = include_str!("landing.html")
        .replace("{{path}}", &path)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"));
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}
