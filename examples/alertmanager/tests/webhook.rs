//! An alert is posted over a real socket, a webhook hears of it over another.

#![allow(clippy::unwrap_used, reason = "helpers outside test functions fail the test by panicking")]
use std::sync::mpsc;
use std::time::Duration;

use alertmanager::{Alertmanager, Options};
use bytes::Bytes;
use exporter_kit::serve::{ServeOptions, bind, handler_fn, serve};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};

async fn ask(method: Method, url: &str, body: String) -> (u16, Value) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(method).uri(url).body(Full::new(Bytes::from(body))).unwrap();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_alert_reaches_the_webhook() {
    let (told, heard) = mpsc::channel::<Value>();
    let hook = bind("127.0.0.1:0").await.unwrap();
    let hook_address = hook.local_addr().unwrap();
    let hook_service = handler_fn(move |request: Request<Bytes>| {
        told.send(serde_json::from_slice(request.body()).unwrap()).unwrap();
        Response::new(Full::new(Bytes::new()))
    });
    tokio::spawn(serve(hook, hook_service, ServeOptions::default(), std::future::pending()));

    let dir = tempfile::tempdir().unwrap();
    let config_file = dir.path().join("alertmanager.yml");
    let config = format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 50ms, group_interval: 1s}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: 'http://{hook_address}/'}}]}}]\n"
    );
    std::fs::write(&config_file, config).unwrap();
    let retention = Duration::from_secs(3600);
    let storage_path = dir.path().join("data");
    let options = Options { config_file, storage_path, external_url: "http://am".to_owned(), retention };
    let manager = Alertmanager::new(options, Timestamp::now()).unwrap();
    let listener = bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { manager.serve(listener, std::future::pending()).await });

    let alerts = json!([
        {"labels": {"alertname": "Down", "job": "a", "empty": ""}, "annotations": {"summary": "s"}},
        {"labels": {}},
    ]);
    let (status, words) = ask(Method::POST, &format!("{base}/api/v2/alerts"), alerts.to_string()).await;
    assert_eq!((status, words), (400, json!("at least one label pair required")), "the bad one is named");

    let message = heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(message["status"], "firing");
    assert_eq!(message["groupKey"], r#"{}:{alertname="Down"}"#);
    assert_eq!(message["commonLabels"], json!({"alertname": "Down", "job": "a"}));
    assert_eq!(message["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");

    let (_, listed) = ask(Method::GET, &format!("{base}/api/v2/alerts?filter=job=a"), String::new()).await;
    assert_eq!(listed[0]["status"]["state"], "active");
    assert_eq!(listed[0]["receivers"], json!([{"name": "hook"}]));
    let (_, none) = ask(Method::GET, &format!("{base}/api/v2/alerts?filter=job=b"), String::new()).await;
    assert_eq!(none, json!([]));

    let end = (Timestamp::now()).to_string();
    let over = json!([{"labels": {"alertname": "Down", "job": "a"}, "endsAt": end}]);
    let (status, _) = ask(Method::POST, &format!("{base}/api/v2/alerts"), over.to_string()).await;
    assert_eq!(status, 200);
    let message = heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(message["status"], "resolved");
    assert_eq!(message["notification_reason"], "all alerts resolved");

    let (status, answer) = ask(Method::GET, &format!("{base}/api/v2/status"), String::new()).await;
    assert_eq!(status, 200);
    assert!(answer["config"]["original"].as_str().unwrap().contains("group_wait"));
    let (status, _) = ask(Method::GET, &format!("{base}/metrics"), String::new()).await;
    assert_eq!(status, 200);
    let (status, _) = ask(Method::GET, &format!("{base}/api/v2/nothing"), String::new()).await;
    assert_eq!(status, 404);
}
