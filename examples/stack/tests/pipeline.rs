//! A page in, over real sockets → the query's answer and the alert's webhook out.
#![allow(clippy::unwrap_used, reason = "a failure shall panic")]

mod http;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ::http::{HeaderValue, Method, Request, Response, StatusCode};
use bytes::Bytes;
use exporter_kit::serve::{ServeOptions, bind, handler_fn, serve};
use http::{query, send, wait_for};
use http_body_util::Full;
use serde_json::Value;
use stack::{Options, Stack};

const PAGE: &str = "# HELP shop_queue Orders that wait.\n# TYPE shop_queue gauge\n\
                    shop_queue{shop=\"a\",secret=\"x\"} 42\nshop_queue{shop=\"b\"} 8\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_becomes_an_answer_and_an_alert() {
    let dir = tempfile::tempdir().unwrap();

    // The target: a page that can fall silent.
    let silent = Arc::new(AtomicBool::new(false));
    let target = bind("127.0.0.1:0").await.unwrap();
    let target_address = target.local_addr().unwrap();
    let page = {
        let silent = silent.clone();
        handler_fn(move |_: Request<Bytes>| {
            let mut response = Response::new(Full::new(Bytes::from_static(PAGE.as_bytes())));
            response
                .headers_mut()
                .insert("content-type", HeaderValue::from_static("text/plain; version=0.0.4"));
            if silent.load(Ordering::Relaxed) {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            response
        })
    };
    tokio::spawn(serve(target, page, ServeOptions::default(), std::future::pending()));

    // Whoever is to be told.
    let (told, heard) = mpsc::channel::<Value>();
    let hook = bind("127.0.0.1:0").await.unwrap();
    let hook_address = hook.local_addr().unwrap();
    let hear = handler_fn(move |request: Request<Bytes>| {
        told.send(serde_json::from_slice(request.body()).unwrap()).unwrap();
        Response::new(Full::new(Bytes::new()))
    });
    tokio::spawn(serve(hook, hear, ServeOptions::default(), std::future::pending()));

    let alertmanager_port = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    file(
        "rules.yml",
        "groups:\n- name: shop\n  rules:\n  - record: shop:queue:sum\n    expr: sum(shop_queue)\n  - alert: QueueLong\n    \
         expr: shop_queue > 40\n    labels: {severity: page}\n    annotations: {summary: \"{{ $value }} in {{ $labels.shop }}\"}\n"
            .to_owned(),
    );
    let config_file = file(
        "prometheus.yml",
        format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}\n\
             rule_files: [rules.yml]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager_port}']}}]}}]}}\n\
             scrape_configs:\n- job_name: shop\n  static_configs: [{{targets: ['{target_address}'], labels: {{zone: eu}}}}]\n  \
             metric_relabel_configs: [{{action: labeldrop, regex: secret}}]\n"
        ),
    );
    let alertmanager_config_file = file(
        "alertmanager.yml",
        format!(
            "route: {{receiver: hook, group_wait: 100ms, group_interval: 500ms}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: 'http://{hook_address}/'}}]}}]\n"
        ),
    );
    let stack = Stack::start(Options {
        data_dir: dir.path().join("data"),
        config_file: Some(config_file),
        alertmanager_config_file: Some(alertmanager_config_file),
        server_address: "127.0.0.1:0".to_owned(),
        node_address: "127.0.0.1:0".to_owned(),
        alertmanager_address: alertmanager_port.to_string(),
    })
    .await
    .unwrap();
    let base = format!("http://{}", stack.server_addresses()[0]);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(stack.run(async { drop(stopped.await) }));

    // Stored, relabeled, queried.
    let result = wait_for(&base, "sort(shop_queue)", |r| r.as_array().is_some_and(|r| r.len() == 2)).await;
    assert_eq!(result[1]["value"][1], "42");
    let metric = result[1]["metric"].as_object().unwrap();
    assert_eq!((&metric["zone"], &metric["job"]), (&Value::from("eu"), &Value::from("shop")));
    assert!(!metric.contains_key("secret"), "dropped by metric_relabel_configs");
    assert_eq!(query(&base, "up").await[0]["value"][1], "1");

    // Recorded, raised, delivered.
    let sum = wait_for(&base, "shop:queue:sum", |r| r[0].is_object()).await;
    assert_eq!(sum[0]["value"][1], "50");
    let message = heard.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(message["status"], "firing");
    assert_eq!(message["commonLabels"]["alertname"], "QueueLong");
    assert_eq!(message["commonAnnotations"]["summary"], "42 in a");

    // Shown: the live page and its data.
    let (status, page) = send(Method::GET, &format!("{base}/dashboards/"), &[], Vec::new()).await;
    assert_eq!(status, 200);
    assert!(String::from_utf8_lossy(&page).contains("<title>Pullstack</title>"));

    // Gone: the series are stale at once, and the alert ends.
    silent.store(true, Ordering::Relaxed);
    let up = wait_for(&base, "up", |r| r[0]["value"][1] == "0").await;
    assert_eq!(up[0]["value"][1], "0");
    assert_eq!(query(&base, "shop_queue").await, Value::Array(Vec::new()));
    let message = heard.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(message["status"], "resolved");

    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), running).await.expect("stops in time").unwrap();
}
