//! What others make of a page with every instrument: the real Prometheus, its checker, and the Python client's parsers. Each
//! is skipped with a word where it is not installed (`.ci/peers` does that).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test")]

mod everything;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use everything::{everything, page};
use expo_format::{Event, Format, PageParser};
use exporter_kit::serve::{ServeOptions, bind, serve};
use exporter_kit::{BuildInfo, Endpoint, ProcessCollector};
use metrics_core::Value as Sampled;
use serde_json::Value;

const TEXT: &str = "text/plain;version=0.0.4";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// A program of the field: where the variable says, or where they are installed.
fn peer(variable: &str, default: &str) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from);
    if !program.exists() {
        println!("skipped: no {}", program.display());
        return None;
    }
    Some(program)
}

/// Runs a checker on a page; says what it said.
fn check(program: &Path, arguments: &[&str], page: &[u8]) -> (bool, String) {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), page).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

#[test]
fn promtool_finds_nothing_wrong() {
    let Some(promtool) = peer("PROMTOOL", "/opt/peers/usr/bin/promtool") else { return };
    let registry = everything();
    registry.register_collector("process", ProcessCollector::new()).unwrap();
    BuildInfo::new("shop", "1.0").register(&registry).unwrap();
    #[cfg(feature = "tower")]
    exporter_kit::HttpMetrics::new(&registry).unwrap();
    #[cfg(feature = "tokio-metrics")]
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    #[cfg(feature = "tokio-metrics")]
    registry.register_collector("tokio", exporter_kit::RuntimeCollector::new(runtime.handle())).unwrap();
    let endpoint = Endpoint::new(&registry).instrumented().unwrap();
    let request = http::Request::get("/metrics").body(()).unwrap();
    let page = everything::body(endpoint.respond(&request));
    let (fine, said) = check(&promtool, &["check", "metrics"], &page);
    assert!(fine && said.is_empty(), "{said}\n{}", String::from_utf8_lossy(&page));
}

/// Prints every sample as `name labels value`, numbers as Python has them, bounds of buckets too.
const PARSE: &str = "
import sys
try:
    from prometheus_client.MODULE import text_string_to_metric_families as parse
except ImportError:
    print('absent'); sys.exit()
for family in parse(sys.stdin.read()):
    for s in family.samples:
        bound = lambda k, v: repr(float(v)) if k in ('le', 'quantile') and v != '+Inf' else v
        labels = sorted((k, bound(k, v)) for k, v in s.labels.items())
        print(s.name, labels, float(s.value))
";

#[test]
fn the_parsers_of_the_python_client_read_the_same() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/bin/python3");
    let python = if ours.exists() { ours } else { PathBuf::from("/usr/bin/python3") };
    let Some(python) = peer("PYTHON", &python.to_string_lossy()) else { return };
    for (module, accept, format) in
        [("parser", TEXT, Format::Text), ("openmetrics.parser", OPEN_METRICS, Format::OpenMetrics)]
    {
        let page = page(accept).1;
        let (_, said) = check(&python, &["-c", &PARSE.replace("MODULE", module)], &page);
        if said == "absent\n" {
            println!("skipped: no Python client library");
            return;
        }
        let mut read: Vec<&str> = said.lines().collect();
        let mut expected: Vec<String> = samples(format, &page).into_iter().map(python_line).collect();
        read.sort();
        expected.sort();
        assert_eq!(read, expected, "{module}");
    }
}

fn python_line((series, value): (Series, f64)) -> String {
    let labels: Vec<String> = series
        .iter()
        .filter(|(name, _)| *name != "__name__")
        .map(|(name, value)| format!("('{name}', '{value}')"))
        .collect();
    let value = match value {
        f64::INFINITY => "inf".to_owned(),
        value => format!("{value:?}"),
    };
    format!("{} [{}] {value}", series["__name__"], labels.join(", "))
}

/// The labels of a series, the name among them.
type Series = BTreeMap<String, String>;

/// Every float sample of a page.
fn samples(format: Format, page: &[u8]) -> BTreeMap<Series, f64> {
    let mut parser = PageParser::new(format, page).keep_classic();
    let mut all = BTreeMap::new();
    while let Some(event) = parser.next_event().unwrap() {
        if let Event::Sample(sample) = event {
            let labels = sample.series.label_set().unwrap();
            all.insert(labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(), sample.value);
        }
    }
    all
}

/// Count and sum of every native histogram of a page.
fn natives(page: &[u8]) -> Vec<(f64, f64)> {
    let mut parser = PageParser::new(Format::Protobuf, page);
    let mut all = Vec::new();
    while let Some(event) = parser.next_event().unwrap() {
        if let Event::Histogram(native) = event {
            match native.value {
                Sampled::Histogram(h) => all.push((h.count as f64, h.sum)),
                Sampled::FloatHistogram(h) => all.push((h.count, h.sum)),
                _ => {}
            }
        }
    }
    all
}

/// Ends with the test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// One job per format, all of one target.
const CONFIG: &str = "
global: {scrape_interval: 1s}
scrape_configs:
- {job_name: text, scrape_protocols: [PrometheusText0.0.4], static_configs: [targets: [TARGET]]}
- {job_name: openmetrics, scrape_protocols: [OpenMetricsText1.0.0], static_configs: [targets: [TARGET]]}
- {job_name: protobuf, scrape_protocols: [PrometheusProto], always_scrape_classic_histograms: true, static_configs: [targets: [TARGET]]}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_prometheus_scrapes_equal_values_in_every_format() {
    let Some(program) = peer("PROMETHEUS", "/opt/peers/usr/bin/prometheus") else { return };
    let listener = bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(
        listener,
        Endpoint::new(&everything()),
        ServeOptions::default(),
        std::future::pending(),
    ));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, CONFIG.replace("TARGET", &format!("'{target}'"))).unwrap();
    let free = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let prometheus = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={free}"))
        .arg("--enable-feature=native-histograms,exemplar-storage")
        .stderr(Stdio::null())
        .spawn();
    let _prometheus = Killed(prometheus.unwrap());
    let mut up = 0;
    for _ in 0..300 {
        up = result(free, "query?query=up==1").await.len();
        if up == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(up, 3, "not all jobs could be scraped");
    for (job, accept, format) in [
        ("text", TEXT, Format::Text),
        ("openmetrics", OPEN_METRICS, Format::OpenMetrics),
        ("protobuf", PROTOBUF, Format::Protobuf),
    ] {
        let page = page(accept).1;
        let found = result(free, &format!("query?query=%7Bjob=%22{job}%22,zone=%22eu%22%7D")).await;
        let floats: BTreeMap<Series, f64> = found
            .iter()
            .filter(|s| s["value"].is_array())
            .map(|s| (series(&s["metric"]), number(&s["value"][1])))
            .collect();
        let expected =
            samples(format, &page).into_iter().map(|(labels, value)| (normal(labels), value)).collect();
        assert_eq!(floats, expected, "{job}");
        let histograms: Vec<(f64, f64)> = found
            .iter()
            .filter_map(|s| s["histogram"][1].as_object())
            .map(|h| (number(&h["count"]), number(&h["sum"])))
            .collect();
        let expected = if format == Format::Protobuf { natives(&page) } else { Vec::new() };
        assert_eq!(histograms, expected, "{job}");
        println!("{job}: {} samples, {} native histograms", floats.len(), histograms.len());
    }
    let exemplars = "query_exemplars?query=t_sent_bytes_total&start=1600000000&end=1900000000";
    let exemplars = result(free, exemplars).await;
    assert_eq!(exemplars.len(), 2, "text has none: {exemplars:?}");
    assert!(exemplars.iter().all(|e| e["exemplars"][0]["labels"]["trace_id"] == "4bf92f35"), "{exemplars:?}");
}

/// The labels of an answer, without those of the target.
fn series(metric: &Value) -> Series {
    let labels = metric.as_object().unwrap().iter().map(|(n, v)| (n.clone(), v.as_str().unwrap().to_owned()));
    labels.filter(|(name, _)| name != "job" && name != "instance").collect()
}

/// Bounds and quantiles as Prometheus stores them, whatever the format's way to write them.
fn normal(mut labels: Series) -> Series {
    for name in ["le", "quantile"] {
        if let Some(Ok(bound)) = labels.get(name).map(|bound| bound.parse::<f64>())
            && bound.is_finite()
        {
            labels.insert(name.to_owned(), format!("{bound:?}"));
        }
    }
    labels
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// What the API answers; nothing while it does not.
async fn result(address: SocketAddr, path: &str) -> Vec<Value> {
    let answer = get(address, &format!("/api/v1/{path}")).await;
    let json: Value =
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap_or_default().1).unwrap_or_default();
    let data = &json["data"];
    data["result"].as_array().or(data.as_array()).cloned().unwrap_or_default()
}

async fn get(address: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return String::new() };
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}
