//! What real programs expose is read in every format that they offer. Each program is started on a loopback port
//! of its own, if it is installed below `$PEERS` (default `/opt/peers/usr/bin`), and skipped with a printed word
//! if not.
#![cfg(feature = "protobuf")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers outside test functions")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expo_format::{
    Escaping, Event, Format, Limits, PageParser, Rescraper, WriteOptions, accept_header, read_families, write,
};

/// Kills the program when the test is over, however it ends.
struct Running(Child, u16);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(program: &str, arguments: impl Fn(u16, &str) -> Vec<String>) -> Option<Running> {
    let folder = std::env::var_os("PEERS").map_or_else(|| "/opt/peers/usr/bin".into(), PathBuf::from);
    let path = folder.join(program);
    if !path.is_file() {
        println!("{program}: skipped, not in {}", folder.display());
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let data = std::env::temp_dir().join(format!("expo-format-{program}-{port}"));
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("prometheus.yml"), "global: {}\n").unwrap();
    let child = Command::new(path)
        .args(arguments(port, data.to_str().unwrap()))
        .current_dir(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child, port);
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "{program} does not answer");
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(running)
}

/// The content type and body of `/metrics`.
fn page(port: u16, accept: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: x\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    assert!(head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"), "{head}");
    let find = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
    };
    (head.lines().find_map(find).unwrap(), answer.split_off(end + 4))
}

fn samples(format: Format, page: &[u8]) -> usize {
    let mut parser = PageParser::new(format, page);
    let mut count = 0;
    while let Some(event) = parser.next_event().unwrap() {
        if let Event::Sample(sample) = event {
            sample.series.label_set().unwrap();
            count += 1;
        }
    }
    count
}

fn read_everything(program: &str, arguments: impl Fn(u16, &str) -> Vec<String>) {
    let Some(running) = start(program, arguments) else { return };
    for wanted in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let (content_type, page) = page(running.1, &accept_header(&[wanted], Escaping::AllowUtf8));
        let format = Format::of_page(&content_type).unwrap();
        let count = samples(format, &page);
        assert!(count > 10, "{program}: {count} samples in {content_type}");
        println!("{program}: {count} samples in {} bytes of {content_type}", page.len());
        // What is read can be written again, with the same samples.
        let families = read_families(format, &page, Limits::default()).unwrap();
        let mut again = Vec::new();
        write(&mut again, format, &families, WriteOptions::default().created_lines(true));
        assert_eq!(samples(format, &again), count, "{program} {format:?}");
        if program.starts_with("prometheus") && format == Format::Text {
            assert_eq!(String::from_utf8(again), String::from_utf8(page.clone()), "{program}");
        }
        if let Some(mut rescraper) = Rescraper::<usize>::new(format) {
            let mut pass = rescraper.begin(&page);
            while pass.next_update().unwrap().is_some() {}
            drop(pass.finish());
        }
    }
}

#[test]
fn node_exporter() {
    read_everything("prometheus-node-exporter", |port, _| {
        vec![format!("--web.listen-address=127.0.0.1:{port}")]
    });
}

#[test]
fn prometheus() {
    read_everything("prometheus", |port, data| {
        vec![
            format!("--config.file={data}/prometheus.yml"),
            format!("--storage.tsdb.path={data}/data"),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
    });
}

#[test]
fn pushgateway() {
    read_everything("prometheus-pushgateway", |port, _| {
        vec![format!("--web.listen-address=127.0.0.1:{port}")]
    });
}

#[test]
fn victoria_metrics() {
    read_everything("victoria-metrics", |port, data| {
        vec![format!("-httpListenAddr=127.0.0.1:{port}"), format!("-storageDataPath={data}/data")]
    });
}
