//! The server's own pages: query, alerts, rules, targets, status. They ask `/api/v1` like everybody else.

use bytes::Bytes;
use http::{HeaderValue, Response, header};

const PAGE: &str = include_str!("../page/console.html");
const SCRIPT: &str = include_str!("../page/console.js");
const STYLE: &str = include_str!("../page/console.css");

/// Paths at which the page is shown; the script finds out which one it is.
const PAGES: [&str; 6] = ["/query", "/graph", "/alerts", "/rules", "/targets", "/status"];

/// What is at a path below the server's prefix; nothing if the path is not one of the pages'.
pub(crate) fn console(path: &str, prefix: &str) -> Option<Response<Bytes>> {
    match path {
        "/console.js" => Some(found("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes()))),
        "/console.css" => Some(found("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes()))),
        path if PAGES.contains(&path) => {
            Some(found("text/html; charset=utf-8", Bytes::from(PAGE.replace("{{prefix}}", prefix))))
        }
        _ => None,
    }
}

fn found(content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // A new version of the program must not meet an old script.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_know_their_prefix() {
        let page = console("/query", "/metrics/x").unwrap();
        let text = String::from_utf8(page.body().to_vec()).unwrap();
        assert!(text.contains(r#"href="/metrics/x/targets""#));
        assert!(!text.contains("{{"));
        assert!(console("/api/v1/query", "").is_none());
    }
}
