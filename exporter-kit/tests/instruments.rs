//! Every instrument on one page, in every format, read back by others.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::time::Duration;

use exporter_kit::Endpoint;
use exporter_kit::instrument::{
    Buckets, Counter, CounterFn, Desc, GaugeFn, GaugeHistogram, Histogram, Info, Native, Registry, StateSet,
    Summary,
};
use http::Request;
use http_body_util::BodyExt;
use metrics_core::{Exemplar, LabelSet};

fn everything() -> Registry {
    let registry = Registry::new().const_label("zone", "eu");
    let trace = |value| Exemplar {
        labels: LabelSet::from_pairs([("trace_id", "4bf92f35")]),
        value,
        timestamp: Some(1_700_000_000_500),
    };
    let counter = Counter::new();
    counter.add_exemplar(trace(2.0));
    registry.register(Desc::new("t_sent", "Sent.").unit("bytes"), counter).unwrap();
    registry.gauge("t_load", "Load.").unwrap().set(-0.25);
    let histogram = Histogram::with_native(Buckets::new([0.1, 1.0]).unwrap(), Native::new(2.0));
    histogram.observe_exemplar(trace(0.5));
    histogram.observe(3.0);
    registry.register(Desc::new("t_latency", "Latency.").unit("seconds"), histogram).unwrap();
    let summary = Summary::with_quantiles([0.5], Duration::from_secs(60), || 0);
    summary.observe(0.0);
    registry.register(("t_size", "Sizes."), summary).unwrap();
    registry.register(("t_build", "Build."), Info::new([("version", "1.2")])).unwrap();
    let states = StateSet::new(["ready", "draining"]);
    states.only("ready");
    registry.register(("t_state", "State."), states).unwrap();
    let ages = GaugeHistogram::new(Buckets::new([1.0]).unwrap());
    ages.replace([0.5, 2.0]);
    registry.register(("t_ages", "Ages."), ages).unwrap();
    registry.register(("t_hits", "Hits."), CounterFn::new(|| 7.0)).unwrap();
    registry.register(("t_free", "Free."), GaugeFn::new(|| f64::INFINITY)).unwrap();
    registry
}

fn page(accept: &str) -> (String, Vec<u8>) {
    let request = Request::get("/metrics").header("accept", accept).body(()).unwrap();
    let response = Endpoint::new(&everything()).respond(&request);
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
    (content_type, body.to_vec())
}

const OPEN_METRICS: &str = r#"# HELP t_ages Ages.
# TYPE t_ages gaugehistogram
t_ages_bucket{zone="eu",le="1.0"} 1
t_ages_bucket{zone="eu",le="+Inf"} 2
t_ages_gsum{zone="eu"} 2.5
t_ages_gcount{zone="eu"} 2
# HELP t_build Build.
# TYPE t_build info
t_build_info{zone="eu",version="1.2"} 1
# HELP t_free Free.
# TYPE t_free gauge
t_free{zone="eu"} +Inf
# HELP t_hits Hits.
# TYPE t_hits counter
t_hits_total{zone="eu"} 7.0
# HELP t_latency_seconds Latency.
# TYPE t_latency_seconds histogram
# UNIT t_latency_seconds seconds
t_latency_seconds_bucket{zone="eu",le="0.1"} 0
t_latency_seconds_bucket{zone="eu",le="1.0"} 1 # {trace_id="4bf92f35"} 0.5 1.7000000005e+09
t_latency_seconds_bucket{zone="eu",le="+Inf"} 2
t_latency_seconds_sum{zone="eu"} 3.5
t_latency_seconds_count{zone="eu"} 2
# HELP t_load Load.
# TYPE t_load gauge
t_load{zone="eu"} -0.25
# HELP t_sent_bytes Sent.
# TYPE t_sent_bytes counter
# UNIT t_sent_bytes bytes
t_sent_bytes_total{zone="eu"} 2.0 # {trace_id="4bf92f35"} 2.0 1.7000000005e+09
# HELP t_size Sizes.
# TYPE t_size summary
t_size{zone="eu",quantile="0.5"} 0.0
t_size_sum{zone="eu"} 0.0
t_size_count{zone="eu"} 1
# HELP t_state State.
# TYPE t_state stateset
t_state{zone="eu",t_state="ready"} 1
t_state{zone="eu",t_state="draining"} 0
# EOF
"#;

#[test]
fn open_metrics_shows_all() {
    let (_, page) = page("application/openmetrics-text;version=1.0.0");
    assert_eq!(String::from_utf8(page).unwrap(), OPEN_METRICS);
}

#[test]
fn protobuf_shows_native_buckets() {
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,*/*;q=0.1";
    let (content_type, page) = page(accept);
    assert!(content_type.starts_with("application/vnd.google.protobuf; proto="), "{content_type}");
    let mut parser = expo_format::PageParser::new(expo_format::Format::Protobuf, &page);
    let mut native = None;
    while let Some(event) = parser.next_event().unwrap() {
        if let expo_format::Event::Histogram(h) = event {
            native = Some(format!("{h:?}"));
        }
    }
    assert!(native.unwrap().contains("schema: 0"));
}

/// Runs a checker on a page; says what it said.
fn check(program: &str, arguments: &[&str], page: &[u8]) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.ok()?;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), page).unwrap();
    let output = child.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn the_python_client_reads_the_same() {
    let script = "
import sys
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
except ImportError:
    print('absent'); sys.exit()
for family in parse(sys.stdin.read()):
    for s in family.samples:
        print(family.name, family.type, s.name, sorted(s.labels.items()), s.value)
";
    let page = page("application/openmetrics-text;version=1.0.0").1;
    let said = check("python3", &["-c", script], &page).unwrap_or_else(|| "absent\n".to_owned());
    if said == "absent\n" {
        println!("skipped: no Python client library");
        return;
    }
    for line in [
        "t_latency_seconds histogram t_latency_seconds_bucket [('le', '1.0'), ('zone', 'eu')] 1",
        "t_sent_bytes counter t_sent_bytes_total [('zone', 'eu')] 2.0",
        "t_state stateset t_state [('t_state', 'ready'), ('zone', 'eu')] 1",
        "t_build info t_build_info [('version', '1.2'), ('zone', 'eu')] 1",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert_eq!(said.lines().count(), OPEN_METRICS.lines().filter(|l| !l.starts_with('#')).count(), "{said}");
}
