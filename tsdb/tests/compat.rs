//! The real Prometheus opens what we wrote, and we open what it wrote. Skipped, with a word, where it is not installed.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call
#![allow(clippy::print_stderr)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use metrics_core::{Append, Columns, LabelSet, Matcher, Select, SelectRequest, SeriesRef, TimeRange};
use tempfile::TempDir;
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
    Options { retention: None, ..Options::default() }
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
        let config = TempDir::new().unwrap();
        let file = config.path().join("prometheus.yml");
        std::fs::write(&file, "global: {scrape_interval: 1h}\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
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
