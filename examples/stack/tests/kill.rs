//! The program is killed while it takes samples, again and again: every sample that it acknowledged is there
//! after the next start.
#![allow(clippy::unwrap_used, reason = "a failure shall panic")]

mod http;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::http::Method;
use expo_format::remote_write::compress;
use expo_format::remote_write::v1::{RequestBuilder, Series};
use http::{send, wait_for};
use metrics_core::LabelSet;

const SERIES: usize = 20;
const ROUNDS: i64 = 4;

/// The program on ports of its own, and the server's base URL.
fn start(data: &Path, config: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pullstack"))
        .arg(format!("--data.dir={}", data.display()))
        .arg(format!("--config.file={}", config.display()))
        .args(["--web.listen-address=127.0.0.1:0", "--node.listen-address=127.0.0.1:0"])
        .arg("--alertmanager.listen-address=127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    // Whatever else the program says is read, so that it never meets a full pipe.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let base = line.split_whitespace().last().expect("the program says where it listens");
    (child, base.trim_end_matches('/').to_owned())
}

fn request(timestamp: i64) -> Vec<u8> {
    let mut builder = RequestBuilder::default();
    for i in 0..SERIES {
        let labels = LabelSet::from_pairs([("__name__", "sent"), ("i", &i.to_string())]);
        builder.series(&Series { samples: &[(timestamp, timestamp as f64)], ..Series::new(&labels) });
    }
    compress(&builder.finish())
}

const HEADERS: [(&str, &str); 3] = [
    ("content-encoding", "snappy"),
    ("content-type", "application/x-protobuf"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("prometheus.yml");
    std::fs::write(&config, "global: {scrape_interval: 1h}\n").unwrap();
    let data = dir.path().join("data");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let begin = i64::try_from(now.as_millis()).unwrap() - 600_000;

    let mut acknowledged = 0;
    for round in 0..=ROUNDS {
        let (mut child, base) = start(&data, &config);
        let found =
            wait_for(&base, "min(count_over_time(sent[1h]))", |r| r[0].is_object() || round == 0).await;
        if round > 0 {
            let kept: i64 = found[0]["value"][1].as_str().unwrap().parse().unwrap();
            assert!(kept >= acknowledged, "round {round}: {kept} kept, {acknowledged} acknowledged");
            // A request that was on its way when the program died may be there or not, but only whole.
            assert!(kept <= acknowledged + 1, "round {round}: {kept} kept, {acknowledged} acknowledged");
            let most = wait_for(&base, "max(count_over_time(sent[1h]))", |r| r[0].is_object()).await;
            assert_eq!(most[0]["value"][1], found[0]["value"][1], "a commit is whole");
            acknowledged = kept;
        }
        if round == ROUNDS {
            child.kill().unwrap();
            child.wait().unwrap();
            break;
        }
        let kill_after = Duration::from_millis(150 + 130 * round.unsigned_abs());
        let killer = tokio::spawn(async move {
            tokio::time::sleep(kill_after).await;
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let url = format!("{base}/api/v1/write");
        loop {
            let timestamp = begin + acknowledged * 10;
            let (status, body) = send(Method::POST, &url, &HEADERS, request(timestamp)).await;
            match status {
                204 => acknowledged += 1,
                0 => break,
                other => panic!("status {other}: {}", String::from_utf8_lossy(&body)),
            }
        }
        killer.await.unwrap();
    }
    assert!(acknowledged > ROUNDS, "the test took samples at all");
}
