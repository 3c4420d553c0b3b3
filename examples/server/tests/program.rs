//! The program as a user meets it: started, asked, told to reload, stopped, killed.
#![allow(clippy::unwrap_used)] // a test target; the lint sees only #[test] functions as tests

mod running;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use expo_format::remote_write::v1::{RequestBuilder, Series};
use expo_format::remote_write::{Message, compress};
use metrics_core::LabelSet;
use running::{Program, command, free_port, server};
use serde_json::Value;

const SELF: &str = "global: {scrape_interval: 200ms, evaluation_interval: 200ms, external_labels: {site: eu}}
rule_files: [rules.yml]
scrape_configs: [{job_name: self, static_configs: [{targets: ['127.0.0.1:PORT']}]}]
";

const RULES: &str = "groups:
- name: g
  rules:
  - {record: 'job:up:sum', expr: sum by (job) (up)}
  - {alert: Up, expr: up == 1, annotations: {summary: '{{ $labels.job }} is up'}}
";

#[test]
fn scrapes_itself_evaluates_rules_and_reloads() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rules.yml"), RULES).unwrap();
    let mut program = Program::start(dir.path(), SELF);
    program.until("up", |p| p.query("up")[0]["value"][1] == "1");
    program.until("the recording rule", |p| p.query("job:up:sum")[0]["value"][1] == "1");
    let alerts = program.get("/api/v1/alerts").1;
    assert!(alerts.contains("self is up"), "{alerts}");
    let targets = program.get("/api/v1/targets").1;
    assert!(targets.contains(r#""health":"up""#), "{targets}");
    let page = program.get("/federate?match[]=up").1;
    assert!(page.starts_with("# TYPE up untyped\nup{") && page.contains("site=\"eu\""), "{page}");
    assert!(program.get("/metrics").1.contains("prometheus_tsdb_head_series "));
    assert_eq!(program.get("/nothing"), (404, "404 page not found\n".to_owned()));
    assert_eq!(program.get("/-/reload").0, 405);

    let config = dir.path().join("prometheus.yml");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "globl: {}\n").unwrap();
    assert_eq!(program.post("/-/reload", b""), Some(500));
    assert!(program.get("/metrics").1.contains("prometheus_config_last_reload_successful 0"));
    assert!(program.get("/api/v1/status/config").1.contains("job_name: self"), "the old one stays in force");
    std::fs::write(&config, good.replace("job_name: self", "job_name: other")).unwrap();
    program.signal("-HUP");
    program.until("the new job", |p| p.get("/api/v1/targets").1.contains(r#""job":"other""#));

    program.signal("-TERM");
    assert!(program.wait().success());
}

/// Runs the program to its end, which must come by itself.
fn fails(dir: &Path, port: u16) -> String {
    let Output { status, stderr, .. } = command(&server(), dir, port).output().unwrap();
    assert!(!status.success());
    let stderr = String::from_utf8(stderr).unwrap();
    stderr.lines().last().unwrap().to_owned()
}

#[test]
fn one_line_explains_why_it_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    assert_eq!(
        fails(dir.path(), port),
        "pull-server: error loading config: cannot read prometheus.yml: No such file or directory (os error 2)"
    );
    std::fs::write(dir.path().join("prometheus.yml"), "scrape_configs:\n- job_nam: a\n").unwrap();
    assert_eq!(
        fails(dir.path(), port),
        "pull-server: error loading config: parsing YAML file prometheus.yml: field job_nam not found in type \
         config.ScrapeConfig (prometheus.yml:2:3)"
    );
    let unsupported = "scrape_configs:\n- job_name: a\n  consul_sd_configs: [{server: h}]\n";
    std::fs::write(dir.path().join("prometheus.yml"), unsupported).unwrap();
    assert_eq!(
        fails(dir.path(), port),
        "pull-server: prometheus.yml:3:3: consul_sd_configs is not supported yet"
    );

    let program = Program::start(dir.path(), "{}");
    assert_eq!(
        fails(dir.path(), program.port),
        format!(
            "pull-server: cannot listen on 127.0.0.1:{}: the port is in use by another program",
            program.port
        )
    );
    let pid = program.child.as_ref().unwrap().id();
    assert_eq!(
        fails(dir.path(), free_port()),
        format!("pull-server: opening storage failed: data is in use by process {pid}")
    );
}

/// A request with one new sample for each of a hundred series.
fn request(at: i64) -> Vec<u8> {
    let mut builder = RequestBuilder::default();
    for i in 0..100 {
        let labels = LabelSet::from_pairs([("__name__", "pushed"), ("i", &i.to_string())]);
        builder.series(&Series { samples: &[(at, at as f64)], ..Series::new(&labels) });
    }
    compress(&builder.finish())
}

#[test]
fn a_kill_loses_no_acknowledged_sample() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path(), "{}");
    let start =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut acknowledged = 0u64;
    for round in 0..3 {
        let pid = program.child.as_ref().unwrap().id().to_string();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300 + round * 170));
            Command::new("kill").args(["-9", &pid]).status().unwrap();
        });
        // Every request is a moment of its own; the one in flight when the kill comes may or may not be kept.
        for n in 0.. {
            let at = start - 1_000_000 + (round as i64) * 100_000 + n;
            match program.post("/api/v1/write", &request(at)) {
                Some(204) => acknowledged += 100,
                Some(status) => panic!("refused with {status}"),
                None => break,
            }
        }
        killer.join().unwrap();
        program.wait();
        program.launch();
        let kept =
            program.query("sum(count_over_time(pushed[1h]))")[0]["value"][1].as_str().unwrap().to_owned();
        let kept: u64 = kept.parse().unwrap();
        assert!(kept >= acknowledged, "{kept} of {acknowledged} acknowledged samples are there");
        assert!(kept <= acknowledged + 100 * (round + 1), "{kept} samples, {acknowledged} acknowledged");
    }
    assert!(acknowledged > 0);
    program.signal("-TERM");
    assert!(program.wait().success());
}

/// As the original's feature: the memory goes to disk when the program stops, and comes from there when it starts.
#[test]
fn a_snapshot_is_left_where_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir.path().join("data/head_snapshot");
    let mut program = Program::start(dir.path(), "{}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(program.post("/api/v1/write", &request(now.as_millis() as i64)), Some(204));
    let mut restart = |flags: &[&'static str]| {
        program.signal("-TERM");
        assert!(program.wait().success());
        let is_left = snapshot.exists();
        program.flags = flags.to_vec();
        program.launch();
        assert_eq!(program.query("count(pushed)")[0]["value"][1], "100");
        is_left
    };
    assert!(!restart(&["--enable-feature=memory-snapshot-on-shutdown"]));
    assert!(restart(&["--enable-feature=memory-snapshot-on-shutdown"]));
    assert!(restart(&[]));
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(!log.contains("Trouble"), "{log}");
}

/// What a program pushes that nobody can scrape: counters, classic buckets and a native histogram, in both versions of
/// the protocol.
#[test]
fn a_registry_is_pushed_by_remote_write() {
    use exporter_kit::RemoteWrite;
    use exporter_kit::instrument::{Buckets, Histogram, Native, Registry};

    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path(), "global: {}\n");
    let registry = Registry::new();
    registry.counter("orders", "Orders.").unwrap().add(3);
    let latency = Histogram::with_native(Buckets::new([1.0]).unwrap(), Native::new(1.1));
    latency.observe(0.5);
    registry.register(("latency", "Latency."), latency).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for (job, message) in [("one", Message::V1), ("two", Message::V2)] {
        let remote = RemoteWrite::new(&format!("http://127.0.0.1:{}/api/v1/write", program.port)).unwrap();
        let remote = remote.label("job", job).message(message);
        runtime.block_on(remote.push(&registry, now.as_millis() as i64)).unwrap();
    }
    for (query, value) in
        [("orders_total", "3"), ("latency_bucket{le=\"1.0\"}", "1"), ("histogram_sum(latency)", "0.5")]
    {
        let query = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        let result = program.query(&query);
        let found: Vec<_> =
            result.as_array().unwrap().iter().map(|s| (&s["metric"]["job"], &s["value"][1])).collect();
        assert_eq!(
            found,
            [(&Value::from("one"), &Value::from(value)), (&Value::from("two"), &Value::from(value))]
        );
    }
}
