//! Asking servers, for the tests.
#![allow(clippy::unwrap_used, dead_code, reason = "each test uses its part; a failure shall panic")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Sends one request; no answer at all is status 0.
pub(crate) async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Bytes) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let Ok(response) = client.request(request).await else { return (0, Bytes::new()) };
    let status = response.status().as_u16();
    match response.into_body().collect().await {
        Ok(body) => (status, body.to_bytes()),
        Err(_) => (0, Bytes::new()),
    }
}

/// The result of an instant query; null if there is no answer.
pub(crate) async fn query(base: &str, query: &str) -> Value {
    let escaped: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
    let (_, body) = send(Method::GET, &format!("{base}/api/v1/query?query={escaped}"), &[], Vec::new()).await;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    answer["data"]["result"].clone()
}

/// Asks again until the answer is as wanted; after 30 seconds the last answer is returned all the same.
pub(crate) async fn wait_for(base: &str, expr: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let result = query(base, expr).await;
        if wanted(&result) || began.elapsed() > Duration::from_secs(30) {
            return result;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
