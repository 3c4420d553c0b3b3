//! The page that node_exporter's own end-to-end test expects, line by line.
//!
//! Fixtures and expected page: `CONFORMANCE_NODE_EXPORTER`, or the folder of that name beside the workspace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use http_body_util::BodyExt;
use node_exporter::{Flags, command, handler};

/// What the original's test switches on, off and sets, on Linux on x86-64.
const ON: &str = "arp bcache bcachefs bonding btrfs buddyinfo cgroups conntrack cpu cpufreq cpu_vulnerabilities \
    diskstats dmi drbd edac entropy fibrechannel filefd hwmon infiniband interrupts ipvs kernel_hung ksmd lnstat \
    loadavg mdadm meminfo meminfo_numa mountstats netdev netstat nfs nfsd pcidevice pressure processes qdisc rapl \
    schedstat slabinfo sockstat softirqs stat sysctl textfile thermal_zone udp_queues vmstat watchdog wifi xfrm xfs \
    zfs zoneinfo";
const OFF: &str = "selinux filesystem timex uname";
const SETTINGS: &[&str] = &[
    "--collector.cpu.info",
    "--collector.arp.device-exclude=nope",
    "--no-collector.arp.netlink",
    "--collector.bcache.priorityStats",
    "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
    "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
    "--collector.hwmon.chip-include=(applesmc|coretemp|hwmon4|nct6779)",
    "--collector.netclass.ignore-invalid-speed",
    "--collector.netclass.ignored-devices=(dmz|int)",
    "--collector.netdev.device-include=lo",
    "--collector.qdisc.device-include=(wlan0|eth0)",
    "--collector.qdisc.fixtures=collector/fixtures/qdisc/",
    "--collector.stat.softirq",
    "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
    "--collector.sysctl.include=fs.file-nr",
    "--collector.sysctl.include=fs.file-nr:total,current,max",
    "--collector.sysctl.include=kernel.threads-max",
    "--collector.textfile.directory=collector/fixtures/textfile/two_metric_files/",
    "--collector.wifi.fixtures=collector/fixtures/wifi",
];

/// What is not shown, by the beginning of its lines.
const MISSING: &[&str] = &[
    // These two collectors, off by default, speak to the kernel by netlink; the fixtures are recordings of it.
    "node_qdisc_",
    "node_wifi_",
    "node_scrape_collector_success{collector=\"qdisc\"}",
    "node_scrape_collector_success{collector=\"wifi\"}",
];

#[test]
fn conformance_node_exporter() {
    let Some(fixtures) = unpack() else {
        println!("CONFORMANCE_NODE_EXPORTER: skipped, no fixtures or no tar");
        return;
    };
    // The expected page names files as seen from this folder. No other test shares this process.
    std::env::set_current_dir(fixtures.path()).unwrap();
    let page = scrape();
    let expected = std::fs::read_to_string("collector/fixtures/e2e-output.txt").unwrap();
    let (shown, expected) = (comparable(&page), comparable(&expected));

    let mut disagreeing: Vec<String> = Vec::new();
    disagreeing.extend(expected.difference(&shown).map(|line| format!("- {line}")));
    disagreeing.extend(shown.difference(&expected).map(|line| format!("+ {line}")));
    let agreeing = expected.intersection(&shown).count();
    for line in &disagreeing {
        println!("{line}");
    }
    println!("CONFORMANCE_NODE_EXPORTER: {agreeing} of {} cases agree", expected.len());
    let known = |line: &String| {
        let line = &line[2..];
        let line = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
        MISSING.iter().any(|missing| line.starts_with(missing))
    };
    assert!(disagreeing.iter().all(known), "lines disagree");
}

fn unpack() -> Option<tempfile::TempDir> {
    let beside =
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/node-exporter-e2e");
    let folder = std::env::var_os("CONFORMANCE_NODE_EXPORTER").map_or_else(beside, PathBuf::from);
    let archive = folder.join("fixtures.tar.zst");
    let directory = archive.is_file().then(tempfile::tempdir)?.ok()?;
    let tar =
        Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(directory.path()).status();
    tar.ok().filter(std::process::ExitStatus::success).map(|_| directory)
}

fn scrape() -> String {
    let grammar = command();
    let roots = [("rootfs", ""), ("procfs", "/proc"), ("sysfs", "/sys"), ("udev.data", "/udev/data")];
    let mut words: Vec<String> =
        roots.map(|(name, folder)| format!("--path.{name}=collector/fixtures{folder}")).into();
    words.extend(ON.split_whitespace().map(|name| format!("--collector.{name}")));
    words.extend(OFF.split_whitespace().map(|name| format!("--no-collector.{name}")));
    words.extend(SETTINGS.iter().map(|setting| (*setting).to_owned()));
    // What has no flag yet has no family either, and is told by the comparison.
    let known: BTreeSet<&str> = grammar.get_arguments().filter_map(|arg| arg.get_long()).collect();
    words.retain(|word| known.contains(word.trim_start_matches("--").split('=').next().unwrap_or_default()));
    words.insert(0, "node-exporter".to_owned());
    let flags = Flags::from_matches(&grammar.try_get_matches_from(words).unwrap()).unwrap();
    let response =
        handler(flags.options).unwrap().respond(&http::Request::get("/metrics").body(Bytes::new()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// The lines of a page that do not change from run to run or machine to machine, as in the original's test: neither
/// the exporter's own process and toolchain, nor times, nor the traffic of this machine.
fn comparable(page: &str) -> BTreeSet<String> {
    const SKIPPED: [&str; 5] = [
        "process_",
        "go_",
        "node_exporter_build_info",
        "node_scrape_collector_duration_seconds",
        "node_textfile_mtime_seconds",
    ];
    let is_kept = |line: &&str| {
        let name = family(line);
        let is_time = name.starts_with("node_time_") && !name.contains("clocksource");
        let is_traffic = name.starts_with("node_network_")
            && (name.contains("_bytes_total") || name.contains("_packets_total"))
            && !line.starts_with('#');
        !(SKIPPED.iter().any(|skipped| name.starts_with(skipped)) || is_time || is_traffic)
    };
    page.lines().filter(is_kept).map(str::to_owned).collect()
}

/// The name of the family that a line belongs to.
fn family(line: &str) -> &str {
    let line = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
    line.split([' ', '{']).next().unwrap_or_default()
}
