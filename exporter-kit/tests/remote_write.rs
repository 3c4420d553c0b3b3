//! Remote write over a real socket, to a receiver of the test and to the real Prometheus.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use expo_format::remote_write::{DEFAULT_MAX_DECOMPRESSED, Message, decompress, v1, v2};
use exporter_kit::RemoteWrite;
use exporter_kit::instrument::{Buckets, Counter, Desc, Histogram, Info, Native, Registry};
use exporter_kit::serve::{ServeOptions, bind, handler_fn, serve};
use http::{Request, Response};
use http_body_util::Full;
use metrics_core::{Exemplar, LabelSet};

/// The bodies that a receiver was sent.
type Seen = Arc<Mutex<Vec<Bytes>>>;

/// A receiver that answers the first requests with these statuses.
async fn receiver(statuses: &'static [u16]) -> (String, Seen) {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/api/v1/write", listener.local_addr().unwrap());
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let service = handler_fn(move |request: Request<Bytes>| {
        assert_eq!(request.uri().path(), "/api/v1/write");
        assert_eq!(request.headers()["content-encoding"], "snappy");
        let mut log = log.lock().unwrap();
        log.push(request.body().clone());
        let status = statuses.get(log.len() - 1).copied().unwrap_or(204);
        let response = Response::builder().status(status).header("retry-after", "0");
        response.body(Full::new(Bytes::from("out of order\n"))).unwrap()
    });
    tokio::spawn(serve(listener, service, ServeOptions::default(), std::future::pending()));
    (address, seen)
}

fn shop() -> Registry {
    let registry = Registry::new();
    let counter = Counter::new();
    let labels = LabelSet::from_pairs([("trace_id", "4bf92f35")]);
    counter.add_exemplar(Exemplar { labels, value: 3.0, timestamp: Some(999) });
    registry.register(("orders", "Orders."), counter).unwrap();
    let latency = Histogram::with_native(Buckets::new([0.1, 1.0]).unwrap(), Native::new(1.1));
    latency.observe(0.5);
    latency.observe(7.0);
    registry.register(Desc::new("latency", "Latency.").unit("seconds"), latency).unwrap();
    registry.register(("build", "Build."), Info::new([("version", "1.2")])).unwrap();
    registry.gauge_family("load", "Load.", ["job"]).unwrap().set(["own"], 0.5);
    registry
}

/// Every float sample of a message, by its labels.
fn floats_v1(body: &[u8]) -> BTreeMap<String, (i64, f64)> {
    let message = decompress(body, DEFAULT_MAX_DECOMPRESSED).unwrap();
    let mut all = BTreeMap::new();
    for series in v1::Request::new(&message).series() {
        let series = series.unwrap();
        for sample in series.samples() {
            let sample = sample.unwrap();
            all.insert(series.label_set().unwrap().to_string(), (sample.timestamp, sample.value));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_what_a_scrape_would_read() {
    let (address, seen) = receiver(&[]).await;
    let remote = RemoteWrite::new(&address).unwrap().label("job", "backup").label("zone", "eu");
    remote.push(&shop(), 1000).await.unwrap();
    remote.clone().message(Message::V2).push(&shop(), 2000).await.unwrap();
    let bodies = seen.lock().unwrap().clone();
    let floats = floats_v1(&bodies[0]);
    let expected = [
        (r#"build_info{job="backup", version="1.2", zone="eu"}"#, 1.0),
        (r#"latency_seconds_bucket{job="backup", le="+Inf", zone="eu"}"#, 2.0),
        (r#"latency_seconds_bucket{job="backup", le="0.1", zone="eu"}"#, 0.0),
        (r#"latency_seconds_bucket{job="backup", le="1.0", zone="eu"}"#, 1.0),
        (r#"latency_seconds_count{job="backup", zone="eu"}"#, 2.0),
        (r#"latency_seconds_sum{job="backup", zone="eu"}"#, 7.5),
        (r#"load{job="own", zone="eu"}"#, 0.5),
        (r#"orders_total{job="backup", zone="eu"}"#, 3.0),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(labels, value)| (labels.to_owned(), (1000, value))).into();
    assert_eq!(floats, expected);

    let message = decompress(&bodies[1], DEFAULT_MAX_DECOMPRESSED).unwrap();
    let request = v2::Request::new(&message).unwrap();
    let (mut natives, mut exemplars, mut helps) = (0, Vec::new(), Vec::new());
    for series in request.series().map(Result::unwrap) {
        natives += series.histograms().map(|h| h.unwrap().timestamp).filter(|t| *t == 2000).count();
        exemplars.extend(series.exemplars().map(|e| e.unwrap().value));
        helps.push(series.metadata().unwrap().help);
    }
    assert_eq!((natives, exemplars), (1, vec![3.0]));
    assert!(helps.iter().all(|help| !help.is_empty()), "{helps:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_registries_are_sent_in_parts() {
    let (address, seen) = receiver(&[]).await;
    let registry = Registry::new();
    let family = registry.counter_family("n", "N.", ["n"]).unwrap();
    (0..30_000).for_each(|n| family.inc([&format!("{n:0>60}")]));
    RemoteWrite::new(&address).unwrap().push(&registry, 1).await.unwrap();
    let bodies = seen.lock().unwrap().clone();
    assert!(bodies.len() > 1, "{} parts", bodies.len());
    assert_eq!(bodies.iter().map(|body| floats_v1(body).len()).sum::<usize>(), 30_000);
}

/// Milliseconds of the test's clock: each look is a second later.
static NOW: AtomicI64 = AtomicI64::new(0);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_waits_and_shutdown_sends_the_rest() {
    // Busy twice, then it refuses a request for good, then it takes all.
    let (address, seen) = receiver(&[503, 429, 400]).await;
    let remote = RemoteWrite::new(&address).unwrap();
    let registry = Registry::new();
    registry.gauge("up", "Up.").unwrap().set(1.0);
    let reported = Mutex::new(Vec::new());
    let outcome = remote
        .run(
            &registry,
            Duration::from_millis(100),
            || NOW.fetch_add(1000, Ordering::Relaxed),
            async {
                while seen.lock().unwrap().len() < 6 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            },
            |error| reported.lock().unwrap().push((error.is_temporary(), error.to_string())),
        )
        .await;
    outcome.unwrap();
    let times: Vec<i64> =
        seen.lock().unwrap().iter().map(|body| floats_v1(body).values().next().unwrap().0).collect();
    // The first body three times, then all others once and in order.
    assert_eq!(times[..3], [0, 0, 0]);
    let last = NOW.load(Ordering::Relaxed) - 1000;
    assert_eq!(times[3..], (1..=last / 1000).map(|n| n * 1000).collect::<Vec<_>>());
    assert!(times.len() > 5, "{times:?}");
    let reported = reported.lock().unwrap();
    assert_eq!(reported.iter().map(|(temporary, _)| *temporary).collect::<Vec<_>>(), [true, true, false]);
    let host = address.trim_start_matches("http://").trim_end_matches("/api/v1/write");
    let words = format!("remote-write receiver {host} answered 400 Bad Request: out of order");
    assert_eq!(reported[2].1, words);
}

/// The real program, where it is installed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_prometheus_takes_it() {
    let program = std::env::var("PROMETHEUS").unwrap_or_else(|_| "/opt/peers/usr/bin/prometheus".to_owned());
    if !std::path::Path::new(&program).exists() {
        println!("skipped: no Prometheus at {program}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, "global: {}\n").unwrap();
    let free = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut prometheus = std::process::Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={free}"))
        .args(["--web.enable-remote-write-receiver", "--enable-feature=native-histograms,exemplar-storage"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut answers = Vec::new();
    let mut outcomes = Vec::new();
    for message in [Message::V1, Message::V2] {
        let remote = RemoteWrite::new(&format!("http://{free}/api/v1/write")).unwrap();
        let job = if message == Message::V1 { "one" } else { "two" };
        let remote = remote.label("job", job).message(message);
        let mut outcome = remote.push(&shop(), now).await;
        for _ in 0..100 {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            outcome = remote.push(&shop(), now).await;
        }
        outcomes.push(outcome);
        for query in
            ["orders_total", "latency_seconds_bucket{le=\"1.0\"}", "histogram_count(latency_seconds)"]
        {
            let query: String = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
            let path = format!(
                "/api/v1/query?query=sum({query}%20and%20on(job)label_replace(vector(1),%22job%22,%22{job}%22,%22%22,%22%22))&time={}",
                now / 1000 + 1
            );
            answers.push(get(free, &path).await);
        }
    }
    prometheus.kill().unwrap();
    prometheus.wait().unwrap();
    for outcome in outcomes {
        outcome.unwrap();
    }
    for (answer, value) in answers.iter().zip(["3", "1", "2", "3", "1", "2"]) {
        assert!(answer.contains(&format!(",\"{value}\"]")), "{value} in {answer}");
    }
}

async fn get(address: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return String::new() };
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}
