//! Watchdog timers.

use super::page::Desc;
use super::proc_files::{names, read_trimmed, read_u64};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("watchdog", Default::On, update);

const NUMBERS: [(&str, Desc); 7] = [
    (
        "bootstatus",
        Desc::gauge("node_watchdog_bootstatus", "Value of /sys/class/watchdog/<watchdog>/bootstatus"),
    ),
    (
        "fw_version",
        Desc::gauge("node_watchdog_fw_version", "Value of /sys/class/watchdog/<watchdog>/fw_version"),
    ),
    ("nowayout", Desc::gauge("node_watchdog_nowayout", "Value of /sys/class/watchdog/<watchdog>/nowayout")),
    (
        "timeleft",
        Desc::gauge("node_watchdog_timeleft_seconds", "Value of /sys/class/watchdog/<watchdog>/timeleft"),
    ),
    (
        "timeout",
        Desc::gauge("node_watchdog_timeout_seconds", "Value of /sys/class/watchdog/<watchdog>/timeout"),
    ),
    (
        "pretimeout",
        Desc::gauge("node_watchdog_pretimeout_seconds", "Value of /sys/class/watchdog/<watchdog>/pretimeout"),
    ),
    (
        "access_cs0",
        Desc::gauge("node_watchdog_access_cs0", "Value of /sys/class/watchdog/<watchdog>/access_cs0"),
    ),
];
const INFO: Desc = Desc::gauge("node_watchdog_info", "Info of /sys/class/watchdog/<watchdog>");
const WORDS: [&str; 5] = ["options", "identity", "state", "status", "pretimeout_governor"];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("class/watchdog");
    if !directory.is_dir() {
        return Err(NodeError::NoData { reason: "there is no watchdog" });
    }
    for name in names(&directory)? {
        let files = directory.join(&name);
        // Which files there are depends on the driver.
        for (file, desc) in &NUMBERS {
            if let Ok(value) = read_u64(&files.join(file)) {
                page.put(desc, &[("name", &name)], value as f64);
            }
        }
        let words = WORDS.map(|file| (file, read_trimmed(&files.join(file)).unwrap_or_default()));
        let labels: Vec<_> = words.iter().map(|(file, text)| (*file, text.as_str())).collect();
        page.put(&INFO, &[&[("name", name.as_str())], labels.as_slice()].concat(), 1.0);
    }
    Ok(())
}
