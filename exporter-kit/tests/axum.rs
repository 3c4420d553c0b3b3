//! The endpoint and the layer inside somebody else's web framework.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::routing::get;
use exporter_kit::instrument::Registry;
use exporter_kit::{Endpoint, HttpMetrics};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower_service::Service;

async fn ask(router: &mut Router, method: &str, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router.call(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_router_is_watched_and_shows_what_was_seen() {
    let registry = Registry::new();
    // The pattern, not the path: there are only so many.
    let layer = HttpMetrics::new(&registry)
        .unwrap()
        .route(|_, extensions| extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()));
    let mut router = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .layer(layer)
        .route_service("/metrics", Endpoint::new(&registry));
    for id in 0..3 {
        let (status, body) = ask(&mut router, "GET", &format!("/orders/{id}")).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "an order"));
    }
    assert_eq!(ask(&mut router, "PUT", "/orders/1").await.0, StatusCode::METHOD_NOT_ALLOWED);
    let (status, page) = ask(&mut router, "GET", "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "http_requests_total{method=\"GET\",route=\"/orders/{id}\",status=\"200\"} 3\n",
        "http_requests_total{method=\"PUT\",route=\"/orders/{id}\",status=\"405\"} 1\n",
        "http_request_duration_seconds_count{method=\"GET\",route=\"/orders/{id}\"} 3\n",
        "http_requests_in_flight 0\n",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
}
