//! The real Prometheus opens what we wrote, and we open what it wrote. Skipped, with a word, where it is not installed.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call
#![allow(clippy::print_stderr)]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics_core::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint};
use metrics_core::{
    Append, Columns, Exemplar, Histogram, LabelSet, Matcher, Metadata, MetricType, Select, SelectRequest,
    SeriesRef, Span, TimeRange, Value, is_stale,
};
use tempfile::TempDir;
use tsdb::fs::OsFs;
use tsdb::wal::{self, RecordKind};
use tsdb::wal::{LogStyle, WalOptions};
use tsdb::{Db, Options};

/// A multiple of two hours, long ago.
const START: i64 = 1_700_006_400_000;

fn program(name: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("PEERS").map_or_else(|| PathBuf::from("/opt/peers"), PathBuf::from);
    let path = peers.join("usr/bin").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not installed", path.display());
    None
}

fn options() -> Options {
    let wal = WalOptions { style: LogStyle::Field, ..WalOptions::default() };
    Options { retention: None, wal, ..Options::default() }
}

/// Three series, five hours, four samples a minute; part in blocks, part in the log.
fn fill(dir: &Path) -> u64 {
    let db = Db::open(dir, options()).unwrap();
    let mut samples = 0;
    for i in 0..1200 {
        let mut batch = db.batch();
        for (n, zone) in ["eu", "us", "ü\"\\\n"].into_iter().enumerate() {
            let labels = LabelSet::from_pairs([("__name__", "demo_total"), ("zone", zone)]);
            batch
                .append_float(SeriesRef::UNKNOWN, &labels, START + i * 15_000, (i * n as i64) as f64)
                .unwrap();
            samples += 1;
        }
        batch.commit().unwrap();
    }
    db.tick(START + 1200 * 15_000).unwrap();
    assert_eq!(db.blocks().len(), 1);
    db.close().unwrap();
    samples
}

/// The real server on a directory, stopped when dropped.
struct Server {
    child: Child,
    port: u16,
    _config: TempDir,
}

impl Server {
    fn start(program: &Path, dir: &Path) -> Self {
        Self::start_with(program, dir, |_| "global: {scrape_interval: 1h}\n".to_owned())
    }

    /// Starts with the configuration for a port.
    fn start_with(program: &Path, dir: &Path, text: impl FnOnce(u16) -> String) -> Self {
        Self::start_as(program, dir, text, &[])
    }

    fn start_as(program: &Path, dir: &Path, text: impl FnOnce(u16) -> String, flags: &[&str]) -> Self {
        let config = TempDir::new().unwrap();
        let file = config.path().join("prometheus.yml");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::write(&file, text(port)).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg("--enable-feature=native-histograms,exemplar-storage,metadata-wal-records")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, _config: config };
        let start = Instant::now();
        while !server.get("/-/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            assert!(start.elapsed() < Duration::from_secs(60), "the server did not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The answer to a query that has one number, at a time in seconds.
    fn number(&self, query: &str, time: i64) -> String {
        let path = format!("/api/v1/query?query={query}&time={time}");
        let answer = self.get(&path).unwrap();
        let value = answer.split(r#""value":["#).nth(1).unwrap_or_else(|| panic!("{answer}"));
        value.split('"').nth(1).unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Politely, so that it writes what it has.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn total_samples(db: &Db, matchers: &[Matcher]) -> u64 {
    let request = SelectRequest { matchers, range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    (0..found.len())
        .map(|i| {
            found.read(i, &mut columns).unwrap();
            columns.len() as u64
        })
        .sum()
}

#[test]
fn prometheus_reads_our_directory_and_we_read_it_back() {
    let Some(prometheus) = program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    let samples = fill(dir.path());
    {
        let server = Server::start(&prometheus, dir.path());
        let end = (START + 1199 * 15_000) / 1000;
        let query = "sum(count_over_time(demo_total%5B6h%5D))";
        assert_eq!(server.number(query, end), samples.to_string());
        let sum = server.number("sum(sum_over_time(demo_total%5B6h%5D))", end);
        assert_eq!(sum, (3 * (0..1200).sum::<i64>()).to_string());
    }
    // It has replayed our log, written a log and perhaps blocks of its own, and left.
    let db = Db::open(dir.path(), options()).unwrap();
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    assert_eq!(total_samples(&db, &[Matcher::metric_name("demo_total")]), samples);
    let zones = db.label_values("zone", &[], TimeRange::ALL).unwrap();
    assert_eq!(zones, ["eu", "us", "ü\"\\\n"]);
}

fn histogram(i: i64, is_custom: bool) -> Histogram {
    Histogram {
        reset_hint: ResetHint::Unknown,
        schema: if is_custom { CUSTOM_BUCKETS_SCHEMA } else { 2 },
        zero_threshold: if is_custom { 0.0 } else { 1e-6 },
        zero_count: 0,
        count: 3 * i as u64,
        sum: i as f64 / 2.0,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        negative_spans: vec![],
        positive_buckets: vec![i, i],
        negative_buckets: vec![],
        custom_values: if is_custom { vec![0.5, 1.0] } else { vec![] },
    }
}

/// Every kind of record that is written here is in the log, and read by the original; our snapshot beside it harms nobody.
#[test]
fn prometheus_reads_every_kind_of_record() {
    let Some(prometheus) = program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    const SAMPLES: i64 = 100;
    {
        let db = Db::open(dir.path(), options()).unwrap();
        for i in 1..=SAMPLES {
            let mut batch = db.batch();
            let time = START + i * 15_000;
            let mut append = |name: &str, value: Value| {
                let labels = LabelSet::from_pairs([("__name__", name)]);
                let series = batch.append(SeriesRef::UNKNOWN, &labels, time, &value).unwrap();
                let trace = LabelSet::from_pairs([("trace_id", format!("t{i}"))]);
                let exemplar = Exemplar { labels: trace, value: 1.0, timestamp: Some(time) };
                batch.append_exemplar(series, &labels, &exemplar).unwrap();
                let help = "What it is.".to_owned();
                let metadata = Metadata { metric_type: MetricType::Gauge, help, unit: String::new() };
                batch.append_metadata(series, &labels, &metadata).unwrap();
            };
            append("float", Value::Float(i as f64));
            append("integer", Value::Histogram(Arc::new(histogram(i, false))));
            append("integer_custom", Value::Histogram(Arc::new(histogram(i, true))));
            append("real", Value::FloatHistogram(Arc::new(histogram(i, false).to_float())));
            append("real_custom", Value::FloatHistogram(Arc::new(histogram(i, true).to_float())));
            batch.commit().unwrap();
        }
        let gone = TimeRange::new(START + 11 * 15_000, START + 20 * 15_000);
        db.delete(&[Matcher::metric_name("float")], gone).unwrap();
        db.close().unwrap();
    }
    let end = (START + SAMPLES * 15_000) / 1000;
    {
        let server = Server::start(&prometheus, dir.path());
        assert_eq!(server.number("count_over_time(float%5B1h%5D)", end), (SAMPLES - 10).to_string());
        for name in ["integer", "integer_custom", "real", "real_custom"] {
            assert_eq!(server.number(&format!("count_over_time({name}%5B1h%5D)"), end), SAMPLES.to_string());
            assert_eq!(server.number(&format!("histogram_count({name})"), end), (3 * SAMPLES).to_string());
            assert_eq!(server.number(&format!("histogram_sum({name})"), end), (SAMPLES / 2).to_string());
            let fraction = server.number(&format!("histogram_fraction(0,1,{name})"), end);
            assert!(fraction.parse::<f64>().unwrap() > 0.3, "{name}: {fraction}");
        }
        let range = format!("start={}&end={end}", START / 1000);
        let exemplars = server.get(&format!("/api/v1/query_exemplars?query=real_custom&{range}")).unwrap();
        assert_eq!(exemplars.matches("trace_id").count(), SAMPLES as usize, "{exemplars}");
    }
    // The snapshot is ours still, and the log behind it is the original's.
    let db = Db::open(dir.path(), options()).unwrap();
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    assert_eq!(total_samples(&db, &[Matcher::metric_name("float")]), SAMPLES as u64 - 10);
    assert_eq!(total_samples(&db, &[]), 5 * SAMPLES as u64 - 10);
}

/// The original writes a log about itself, with histograms and metadata; we find the same in it.
#[test]
fn we_read_the_log_that_prometheus_writes() {
    let Some(prometheus) = program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    // The second has native histograms.
    const NAMES: [&str; 3] = ["up", "prometheus_http_request_duration_seconds", "go_goroutines"];
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let config = |port| {
        format!(
            "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\n\
             scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        )
    };
    let (time, expected) = {
        let server = Server::start_with(&prometheus, dir.path(), config);
        // Its targets are found after some seconds.
        let start = Instant::now();
        let up = "/api/v1/query?query=count_over_time(up%5B1h%5D)%3E15";
        while !server.get(up).unwrap().contains("\"value\"") {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is scraped");
            std::thread::sleep(Duration::from_millis(100));
        }
        // A second that is over, so that no scrape is missing.
        let time = now() / 1000 + 1;
        std::thread::sleep(Duration::from_secs(3));
        let count = |name: &&str| server.number(&format!("sum(count_over_time({name}%5B1h%5D))"), time);
        (time, NAMES.iter().map(count).collect::<Vec<_>>())
    };
    let mut kinds = HashSet::new();
    for segment in wal::segments(&OsFs, &dir.path().join("wal")).unwrap() {
        let mut reader = wal::SegmentReader::open(&OsFs, &segment.path).unwrap();
        while let Some(record) = reader.next().unwrap() {
            kinds.extend(RecordKind::of(record));
        }
    }
    for kind in [RecordKind::Series, RecordKind::Samples, RecordKind::Histograms, RecordKind::Metadata] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let db = Db::open(dir.path(), options()).unwrap();
    assert!(db.warnings().is_empty(), "{:?}", db.warnings());
    let range = TimeRange::new(0, time * 1000);
    let count = |name: &&str| {
        let matchers = [Matcher::metric_name(*name)];
        let request = SelectRequest { matchers: &matchers, range, hints: Default::default() };
        let found = db.select(&request).unwrap();
        let mut columns = Columns::default();
        let samples = (0..found.len()).map(|i| {
            found.read(i, &mut columns).unwrap();
            // The original's ranges leave staleness markers out.
            columns.len() - columns.floats.values.iter().filter(|v| is_stale(**v)).count()
        });
        samples.sum::<usize>().to_string()
    };
    assert_eq!(NAMES.iter().map(count).collect::<Vec<_>>(), expected);
}

#[test]
fn prometheus_reads_late_samples_that_we_put_into_blocks_and_files() {
    let Some(prometheus) = program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    let options = Options {
        out_of_order_window: 6 * 3_600_000,
        max_block_range: 2 * 3_600_000,
        merged_chunks: tsdb::compact::Style::Field,
        ..options()
    };
    let mut samples = fill(dir.path());
    let db = Db::open(dir.path(), options).unwrap();
    let labels = LabelSet::from_pairs([("__name__", "demo_total"), ("zone", "eu")]);
    let append = |time| {
        let mut batch = db.batch();
        batch.append_float(SeriesRef::UNKNOWN, &labels, time, 0.0).unwrap();
        batch.commit().unwrap();
    };
    // Into blocks when the next is cut from the head, some of them far ahead of what is in order there.
    for i in (0..1100).rev() {
        append(START + i * 15_000 + 7_000);
        samples += 1;
    }
    append(START + 1600 * 15_000);
    db.tick(START + 1600 * 15_000).unwrap();
    let late = |db: &Db| db.blocks().iter().filter(|b| b.is_from_out_of_order()).count();
    assert!(late(&db) > 0);
    // And some that stay in log and chunk files.
    for i in 0..50 {
        append(START + (1100 + i) * 15_000 + 9_000);
        samples += 1;
    }
    assert_eq!(total_samples(&db, &[]), samples + 1);
    drop(db);
    let server = Server::start(&prometheus, dir.path());
    let end = (START + 1600 * 15_000) / 1000;
    assert_eq!(server.number("sum(count_over_time(demo_total%5B8h%5D))", end), (samples + 1).to_string());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// The original leaves full chunks in `chunks_head` and, if told to, a snapshot; both repeat what its log has. Where the log
/// is damaged the chunks reach further, and we find in them what the original finds.
#[test]
fn we_read_the_chunks_that_prometheus_leaves_in_its_head() {
    let Some(prometheus) = program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    let whole = dir.path().join("whole");
    let samples = fill(&whole);
    let text = |_| "global: {scrape_interval: 1h}\n".to_owned();
    let feature = "--enable-feature=memory-snapshot-on-shutdown";
    drop(Server::start_as(&prometheus, &whole, text, &[feature]));
    let names = |dir: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    };
    let snapshot = names(&whole).into_iter().find(|n| n.starts_with("chunk_snapshot.")).unwrap();
    assert!(!names(&whole.join("chunks_head")).is_empty());
    let damaged = dir.path().join("damaged");
    copy(&whole, &damaged);
    {
        let db = Db::open(&whole, options()).unwrap();
        assert!(db.warnings().is_empty(), "{:?}", db.warnings());
        assert_eq!(total_samples(&db, &[Matcher::metric_name("demo_total")]), samples);
    }
    // Back to where it came from, with our part of the log behind the snapshot.
    let end = (START + 1199 * 15_000) / 1000;
    let query = "sum(count_over_time(demo_total%5B6h%5D))";
    {
        let server = Server::start_as(&prometheus, &whole, text, &[feature]);
        assert_eq!(server.number(query, end), samples.to_string());
    }

    std::fs::remove_dir_all(damaged.join(snapshot)).unwrap();
    // Our own, of before.
    let _ = std::fs::remove_file(damaged.join("head_snapshot"));
    let segments = wal::segments(&OsFs, &damaged.join("wal")).unwrap();
    let largest = segments.iter().max_by_key(|s| std::fs::metadata(&s.path).unwrap().len()).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&largest.path).unwrap();
    file.set_len(file.metadata().unwrap().len() * 2 / 3).unwrap();
    let theirs = dir.path().join("theirs");
    copy(&damaged, &theirs);
    let expected = Server::start(&prometheus, &theirs).number(query, end).parse::<u64>().unwrap();
    let found = |dir: &Path| {
        let db = Db::open(dir, options()).unwrap();
        (total_samples(&db, &[Matcher::metric_name("demo_total")]), !db.warnings().is_empty())
    };
    assert_eq!(found(&damaged), (expected, true));
    assert_eq!(found(&damaged), (expected, false), "it was mended");
    std::fs::remove_dir_all(damaged.join("chunks_head")).unwrap();
    assert_eq!(found(&damaged), (expected, false), "the log has it now");
    assert!((samples / 2..samples).contains(&expected), "{expected} of {samples}");
}

#[test]
fn promtool_lists_and_analyzes_our_blocks() {
    let Some(promtool) = program("promtool") else { return };
    let dir = TempDir::new().unwrap();
    fill(dir.path());
    let run = |args: &[&str]| {
        let output = Command::new(&promtool).args(args).arg(dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let list = run(&["tsdb", "list"]);
    let db = Db::open(dir.path(), options()).unwrap();
    let block = &db.blocks()[0];
    let line = list.lines().find(|l| l.starts_with(&block.ulid.to_string())).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1..3], [block.min_time.to_string(), block.max_time.to_string()]);
    assert_eq!(words[4], block.stats.num_samples.to_string());
    drop(db);
    let analysis = run(&["tsdb", "analyze"]);
    assert!(analysis.contains("Total Series: 3"), "{analysis}");
}
