//! Pushing over a real socket.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use exporter_kit::instrument::Registry;
use exporter_kit::serve::{ServeOptions, bind, handler_fn, serve};
use exporter_kit::{Push, PushError};
use http::{Request, Response};
use http_body_util::Full;

/// Everything that a gateway was sent: method, path, body.
type Seen = Arc<Mutex<Vec<(String, String, String)>>>;

/// A gateway that refuses the first `refusals` pushes.
async fn gateway(refusals: usize) -> (String, Seen) {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let service = handler_fn(move |request: Request<Bytes>| {
        let mut log = log.lock().unwrap();
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        log.push((request.method().to_string(), request.uri().path().to_owned(), body));
        let (status, text) =
            if log.len() <= refusals { (400, "pushed metrics are invalid\n") } else { (202, "") };
        Response::builder().status(status).body(Full::new(Bytes::from(text))).unwrap()
    });
    tokio::spawn(serve(listener, service, ServeOptions::default(), std::future::pending()));
    (address, seen)
}

fn registry() -> Registry {
    let registry = Registry::new();
    registry.gauge("done", "Done.").unwrap().set(1.0);
    registry
}

const PAGE: &str = "# HELP done Done.\n# TYPE done gauge\ndone 1\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_posts_and_deletes() {
    let (address, seen) = gateway(0).await;
    let push = Push::new(&address, "backup").unwrap().group_by("instance", "db-1");
    push.put(&registry()).await.unwrap();
    push.post(&registry()).await.unwrap();
    push.delete().await.unwrap();
    let sent: Vec<_> = seen.lock().unwrap().clone();
    let path = "/metrics/job/backup/instance/db-1".to_owned();
    let expected = [("PUT", PAGE), ("POST", PAGE), ("DELETE", "")]
        .map(|(m, b)| (m.to_owned(), path.clone(), b.to_owned()));
    assert_eq!(sent, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_say_what_happened() {
    let (address, _) = gateway(1).await;
    let refused = Push::new(&address, "backup").unwrap().put(&registry()).await.unwrap_err();
    let host = address.trim_start_matches("http://");
    assert_eq!(
        refused.to_string(),
        format!("push gateway {host} answered 400 Bad Request: pushed metrics are invalid")
    );
    // A port that was free a moment ago.
    let free = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Push::new(&format!("http://{free}"), "backup").unwrap().delete().await.unwrap_err();
    assert!(matches!(error, PushError::Connect { .. }), "{error}");
    // Somebody who listens and never answers.
    let mute = bind("127.0.0.1:0").await.unwrap();
    let push = Push::new(&format!("http://{}", mute.local_addr().unwrap()), "backup").unwrap();
    let error = push.timeout(Duration::from_millis(100)).put(&registry()).await.unwrap_err();
    assert!(error.to_string().ends_with("did not answer within 0.1 s"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_until_shutdown_and_pushes_once_more() {
    let (address, seen) = gateway(1).await;
    let push = Push::new(&address, "backup").unwrap();
    let registry = registry();
    let failures = Mutex::new(0);
    let shutdown = tokio::time::sleep(Duration::from_millis(300));
    push.run(&registry, Duration::from_millis(50), shutdown, |_| *failures.lock().unwrap() += 1)
        .await
        .unwrap();
    let pushes = seen.lock().unwrap().len();
    assert!(pushes >= 3, "{pushes} pushes");
    assert_eq!(*failures.lock().unwrap(), 1);
}

/// The real program, where it is installed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_gateway_takes_it() {
    let program = std::env::var("PUSHGATEWAY")
        .unwrap_or_else(|_| "/opt/peers/usr/bin/prometheus-pushgateway".to_owned());
    if !std::path::Path::new(&program).exists() {
        println!("skipped: no push gateway at {program}");
        return;
    }
    let free = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut gateway = std::process::Command::new(program)
        .arg(format!("--web.listen-address={free}"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let push = Push::new(&format!("http://{free}"), "nightly job").unwrap().group_by("path", "/var/tmp");
    let mut outcome = push.put(&registry()).await;
    for _ in 0..100 {
        if outcome.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        outcome = push.put(&registry()).await;
    }
    let page = page_of(free).await;
    let deleted = push.delete().await;
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    outcome.unwrap();
    deleted.unwrap();
    assert!(page.contains("done{instance=\"\",job=\"nightly job\",path=\"/var/tmp\"} 1\n"), "{page}");
}

async fn page_of(address: std::net::SocketAddr) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}
