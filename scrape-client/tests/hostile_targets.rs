//! Targets over loopback: good ones, and those that hang, lie, break off or never end.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)] // a test target; the lint sees only #[test] functions as tests

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scrape_client::config::{Config, ScrapeConfig};
use scrape_client::http::{Fetch, HttpFetch, Page};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that hands every connection to `serve` after it has read a request, which it gets as text.
async fn server<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let serve = serve.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut piece = [0u8; 1024];
                while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(n) if n > 0 => request.extend_from_slice(&piece[..n]),
                        _ => return,
                    }
                }
                serve(stream, String::from_utf8(request).unwrap()).await;
            });
        }
    });
    address
}

/// A server that answers with these bytes and closes.
async fn answering(bytes: Vec<u8>) -> SocketAddr {
    let bytes = Arc::new(bytes);
    server(move |mut stream, _| {
        let bytes = bytes.clone();
        async move {
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await
}

fn job(options: &str) -> Arc<ScrapeConfig> {
    let text = format!("scrape_configs:\n- job_name: j\n{options}");
    Config::parse(&text, "t.yml", &|_| None).unwrap().scrape_configs[0].clone()
}

async fn fetch(options: &str, url: &str) -> Result<Page, String> {
    let fetch = HttpFetch::new(&job(options), "test/1").unwrap();
    fetch.fetch(url, Duration::from_millis(700), Vec::new()).await.map_err(|e| e.to_string())
}

fn page(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    let mut out = head.into_bytes();
    out.extend_from_slice(body);
    out
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_good_page_plain_and_compressed() {
    let plain = answering(page("", b"a 1\n")).await;
    let got = fetch("", &format!("http://{plain}/metrics")).await.unwrap();
    assert_eq!((got.body.as_slice(), got.content_type.as_str()), (&b"a 1\n"[..], "text/plain"));
    let zipped = answering(page("Content-Encoding: gzip\r\n", &gzip(b"b 2\n"))).await;
    assert_eq!(fetch("", &format!("http://{zipped}/")).await.unwrap().body, b"b 2\n");
}

#[tokio::test]
async fn requests_say_what_the_original_says() {
    let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let address = server(move |mut stream, request| {
        let sender = sender.clone();
        async move {
            sender.send(request.to_ascii_lowercase()).unwrap();
            let _ = stream.write_all(&page("", b"")).await;
        }
    })
    .await;
    let options = "  basic_auth: {username: u, password: p}\n  http_headers: {X-Tenant: {values: [t1]}}\n";
    fetch(options, &format!("http://{address}/m?x=1")).await.unwrap();
    let request = requests.recv().await.unwrap();
    for line in [
        "get /m?x=1 http/1.1\r\n",
        "accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,",
        "accept-encoding: gzip\r\n",
        "user-agent: test/1\r\n",
        "x-prometheus-scrape-timeout-seconds: 0.7\r\n",
        "authorization: basic dtpw\r\n",
        "x-tenant: t1\r\n",
    ] {
        assert!(request.contains(line), "{line} not in {request}");
    }
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    let options = format!("  bearer_token_file: {}\n", token.display());
    fetch(&options, &format!("http://{address}/")).await.unwrap();
    assert!(requests.recv().await.unwrap().contains("authorization: bearer secret\r\n"));
}

#[tokio::test]
async fn redirects_are_followed_unless_forbidden() {
    let goal = answering(page("", b"a 1\n")).await;
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: http://{goal}/x\r\nContent-Length: 0\r\n\r\n");
    let address = answering(moved.into_bytes()).await;
    let url = format!("http://{address}/");
    assert_eq!(fetch("", &url).await.unwrap().body, b"a 1\n");
    assert_eq!(
        fetch("  follow_redirects: false\n", &url).await.unwrap_err(),
        "server returned HTTP status 302 Found"
    );
}

#[tokio::test]
async fn nobody_there() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = fetch("", &format!("http://{address}/metrics")).await.unwrap_err();
    assert_eq!(
        error,
        format!("Get \"http://{address}/metrics\": dial tcp {address}: connect: connection refused")
    );
}

#[tokio::test]
async fn an_error_status_is_said() {
    let address = answering(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    let error = fetch("", &format!("http://{address}/")).await.unwrap_err();
    assert_eq!(error, "server returned HTTP status 503 Service Unavailable");
}

#[tokio::test]
async fn a_target_that_hangs_times_out() {
    let silent = server(|stream, _| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let drip = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n").await;
        while stream.write_all(b"# drip\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    for address in [silent, drip] {
        let started = Instant::now();
        let url = format!("http://{address}/");
        let error = fetch("", &url).await.unwrap_err();
        assert_eq!(error, format!("Get {url:?}: context deadline exceeded"));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn garbage_is_an_error() {
    let noise = answering((0..=255).cycle().take(4096).collect()).await;
    assert!(fetch("", &format!("http://{noise}/")).await.unwrap_err().starts_with("Get "));
    let not_gzip = answering(page("Content-Encoding: gzip\r\n", b"plain text")).await;
    assert!(fetch("", &format!("http://{not_gzip}/")).await.unwrap_err().starts_with("gzip: "));
    let mut cut = page("Content-Encoding: gzip\r\n", &gzip(&vec![b'a'; 100_000]));
    cut.truncate(cut.len() - 20);
    let cut = answering(cut).await;
    assert_eq!(fetch("", &format!("http://{cut}/")).await.unwrap_err(), "unexpected EOF");
    let closes = server(|stream, _| async move { drop(stream) }).await;
    assert!(fetch("", &format!("http://{closes}/")).await.unwrap_err().ends_with(": EOF"));
}

#[tokio::test]
async fn endless_pages_stop_at_the_limit() {
    let endless = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n").await;
        let line = vec![b'x'; 1 << 16];
        while stream.write_all(&line).await.is_ok() {}
    })
    .await;
    let options = "  body_size_limit: 1MB\n";
    let error = fetch(options, &format!("http://{endless}/")).await.unwrap_err();
    assert_eq!(error, "body size limit exceeded");
    // Eight megabytes of zeros in a few kilobytes of gzip.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0u8; 1 << 20];
    for _ in 0..8 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = answering(page("Content-Encoding: gzip\r\n", &encoder.finish().unwrap())).await;
    assert_eq!(fetch(options, &format!("http://{bomb}/")).await.unwrap_err(), "body size limit exceeded");
}
