//! The node collectors over a small host of files: the whole page is compared with `fixtures/page.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p exporter-kit --features node --test node_page` writes the page anew; review the diff.
#![cfg(feature = "node")]
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::path::{Path, PathBuf};

use expo_format::{Format, WriteOptions};
use exporter_kit::node::{NodeCollectors, Settings};

/// Collectors whose files are among the fixtures.
const SMALL: [&str; 8] = ["cpu", "diskstats", "loadavg", "meminfo", "netdev", "pressure", "stat", "vmstat"];

/// Collectors whose samples are this machine's, or this moment's.
const LIVE: [&str; 3] = ["filesystem", "time", "uname"];

#[test]
fn the_page_of_a_small_host() {
    let folder = fixtures();
    let page = page(&settings());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(folder.join("page.txt"), &page).unwrap();
    }
    let expected = std::fs::read_to_string(folder.join("page.txt")).unwrap();
    for (n, (shown, expected)) in page.lines().zip(expected.lines()).enumerate() {
        assert_eq!(shown, expected, "line {}", n + 1);
    }
    assert_eq!(page.lines().count(), expected.lines().count());
}

#[test]
fn live_collectors_succeed_here() {
    let mut settings = Settings::default();
    settings.disable_defaults = true;
    for name in LIVE {
        settings.enable(name, true).unwrap();
    }
    let page = page(&settings);
    for name in LIVE {
        let line = format!("node_scrape_collector_success{{collector=\"{name}\"}} 1\n");
        assert!(page.contains(&line), "{name} fails:\n{page}");
    }
    assert!(page.contains("\nnode_uname_info{") && page.contains("\nnode_time_seconds "));
}

#[test]
fn a_host_without_files_fails_each_collector_by_itself() {
    let nowhere = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.roots.procfs = nowhere.path().to_owned();
    settings.roots.sysfs = nowhere.path().to_owned();
    settings.enable("loadavg", true).unwrap();
    let (families, outcomes) = NodeCollectors::new(&settings).unwrap().scrape(|name| name == "loadavg");
    assert_eq!(families.len(), 2, "success and duration");
    assert!(outcomes[0].error.as_ref().is_some_and(|e| e.is_not_found()));
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.roots.procfs = fixtures().join("proc");
    settings.roots.sysfs = fixtures().join("sys");
    settings.roots.udev_data = fixtures().join("udev");
    settings.disable_defaults = true;
    for name in SMALL {
        settings.enable(name, true).unwrap();
    }
    let chosen = [
        ("collector.netdev.netlink", "false"),
        ("collector.stat.softirq", "true"),
        ("collector.cpu.info.flags-include", "^avx"),
        ("collector.cpu.info.bugs-include", "^spectre_"),
    ];
    for (option, value) in chosen {
        settings.set(option, value).unwrap();
    }
    settings
}

fn page(settings: &Settings) -> String {
    let mut families = NodeCollectors::new(settings).unwrap().families();
    families.retain(|f| f.name != "node_scrape_collector_duration_seconds");
    let mut page = Vec::new();
    expo_format::write(&mut page, Format::Text, &families, WriteOptions::default());
    String::from_utf8(page).unwrap()
}
