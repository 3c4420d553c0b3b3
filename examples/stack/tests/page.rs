//! What a browser shows: the live page of this host, and a graph of a query. Skipped where there is no Chromium.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failure shall panic, a skip shall be seen")]

mod http;

use std::process::Command;

use http::wait_for;
use stack::{Options, Stack};

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=10000",
];

/// The document as it stands after the page's scripts have run.
fn document(url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", url])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_this_host() {
    if Command::new("chromium").arg("--version").output().is_err() {
        eprintln!("skipped: no chromium here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config_file = dir.path().join("prometheus.yml");
    let node = "127.0.0.1:0".to_owned();
    // The exporter's port is known only after the start, so the target is in a file that is written then.
    let targets = dir.path().join("node.json");
    std::fs::write(&targets, "[]").unwrap();
    std::fs::write(
        &config_file,
        "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: node\n  file_sd_configs: [{files: [node.json], \
         refresh_interval: 1s}]\n",
    )
    .unwrap();
    let stack = Stack::start(Options {
        data_dir: dir.path().join("data"),
        config_file: Some(config_file),
        alertmanager_config_file: None,
        server_address: "127.0.0.1:0".to_owned(),
        node_address: node.clone(),
        alertmanager_address: node,
    })
    .await
    .unwrap();
    std::fs::write(&targets, format!("[{{\"targets\": [\"{}\"]}}]", stack.node_address())).unwrap();
    let base = format!("http://{}", stack.server_addresses()[0]);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(stack.run(async { drop(stopped.await) }));
    let load = wait_for(&base, "count_over_time(node_load1[1m]) > 3", |r| r[0].is_object()).await;
    assert!(load[0].is_object(), "the host is scraped");

    let (dashboard, graph, wrong) = {
        let base = base.clone();
        tokio::task::spawn_blocking(move || {
            let graph = format!("{base}/query?g0.expr=node_load1&g0.tab=graph&g0.range_input=15m");
            let wrong = format!("{base}/query?g0.expr=sum(up");
            (document(&format!("{base}/")), document(&graph), document(&wrong))
        })
        .await
        .unwrap()
    };
    for shown in ["CPU by mode", "Load average", "1 minute", "Memory"] {
        assert!(dashboard.contains(shown), "{shown} is missing");
    }
    assert!(graph.contains("node_load1{"), "the graph's legend names the series: {graph}");
    assert!(!graph.contains("class=\"wrong\""), "the graph is drawn without an error");

    assert!(wrong.contains("unclosed left parenthesis") && wrong.contains("\nsum(up\n      ^"), "{wrong}");

    stop.send(()).unwrap();
    running.await.unwrap();
}
