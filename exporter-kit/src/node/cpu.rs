//! Processor time from `/proc/stat`, and what `/proc/cpuinfo` and `/sys/devices/system/cpu` say of each processor.

use std::collections::BTreeMap;
use std::path::Path;

use parking_lot::Mutex;
use regex::Regex;

use super::error::Optional;
use super::filter::pattern;
use super::proc_files::{decimal, number_list, numbered, read, read_trimmed, read_u64};
use super::spec::Default;
use super::stat::{CpuTime, Stat};
use super::{Collector, NodeError, OptionSpec, Page, Roots, Settings, Spec};

const GUEST: OptionSpec =
    OptionSpec::on("collector.cpu.guest", "Enables metric node_cpu_guest_seconds_total");
const INFO: OptionSpec = OptionSpec::off("collector.cpu.info", "Enables metric cpu_info");
const FLAGS: OptionSpec = OptionSpec::text(
    "collector.cpu.info.flags-include",
    "",
    "Regexp of flags of cpuinfo to show; switches collector.cpu.info on",
);
const BUGS: OptionSpec = OptionSpec::text(
    "collector.cpu.info.bugs-include",
    "",
    "Regexp of bugs of cpuinfo to show; switches collector.cpu.info on",
);

pub(super) const SPEC: Spec =
    Spec::new("cpu", Default::On, &[GUEST, INFO, FLAGS, BUGS], |settings| Ok(Box::new(Cpu::new(settings)?)));

/// The modes shown of a [`CpuTime`], in its order; two guest modes follow them.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;

/// Seconds by which the idle time of a processor may fall without being taken for a restart of that processor.
const JUMP_BACK: f64 = 3.0;

#[derive(Debug)]
struct Cpu {
    roots: Roots,
    guest: bool,
    info: bool,
    // The frequency of cpuinfo belongs to the collector cpufreq, but is read here.
    frequency: bool,
    flags: Option<Regex>,
    bugs: Option<Regex>,
    isolated: Vec<u32>,
    highest: Mutex<BTreeMap<u32, CpuTime>>,
}

impl Cpu {
    fn new(settings: &Settings) -> Result<Self, NodeError> {
        let roots = settings.roots.clone();
        let (flags, bugs) = (pattern(settings, &FLAGS)?, pattern(settings, &BUGS)?);
        let isolated = read(&roots.sys("devices/system/cpu/isolated")).optional()?.unwrap_or_default();
        Ok(Self {
            guest: settings.switch(&GUEST),
            info: settings.switch(&INFO) || flags.is_some() || bugs.is_some(),
            frequency: settings.is_enabled("cpufreq"),
            flags,
            bugs,
            isolated: number_list("isolated", &isolated)?,
            highest: Mutex::default(),
            roots,
        })
    }

    fn update_info(&self, page: &mut Page) -> Result<(), NodeError> {
        let text = self.roots.read_proc("cpuinfo")?;
        let processors = parse_cpuinfo(&text);
        for p in &processors {
            let labels = [
                ("package", p.value("physical id")),
                ("core", p.value("core id")),
                ("cpu", p.value("processor")),
                ("vendor", p.value("vendor_id")),
                ("family", p.value("cpu family")),
                ("model", p.value("model")),
                ("model_name", p.value("model name")),
                ("microcode", p.value("microcode")),
                ("stepping", p.value("stepping")),
                ("cachesize", p.value("cache size")),
            ];
            page.gauge("node_cpu_info", "CPU information from /proc/cpuinfo.", &labels, 1.0);
            if self.frequency {
                let mhz = p.value("cpu MHz");
                let mhz = if mhz.is_empty() { 0.0 } else { decimal("cpuinfo", mhz)? };
                page.gauge(
                    "node_cpu_frequency_hertz",
                    "CPU frequency in hertz from /proc/cpuinfo.",
                    &labels[..3],
                    mhz * 1e6,
                );
            }
        }
        let Some(first) = processors.first() else { return Ok(()) };
        for flag in matching(first.value("flags"), self.flags.as_ref()) {
            page.gauge(
                "node_cpu_flag_info",
                "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.",
                &[("flag", flag)],
                1.0,
            );
        }
        for bug in matching(first.value("bugs"), self.bugs.as_ref()) {
            page.gauge(
                "node_cpu_bug_info",
                "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.",
                &[("bug", bug)],
                1.0,
            );
        }
        Ok(())
    }

    fn update_time(&self, page: &mut Page) -> Result<(), NodeError> {
        let stat = Stat::parse(&self.roots.read_proc("stat")?)?;
        let mut highest = self.highest.lock();
        keep_rising(&mut highest, &stat.cpus);
        for (id, time) in highest.iter() {
            let cpu = id.to_string();
            for (mode, seconds) in MODES.iter().zip(time) {
                page.counter(
                    "node_cpu_seconds_total",
                    "Seconds the CPUs spent in each mode.",
                    &[("cpu", &cpu), ("mode", mode)],
                    *seconds,
                );
            }
        }
        for (id, [.., user, nice]) in highest.iter().filter(|_| self.guest) {
            let cpu = id.to_string();
            for (mode, seconds) in [("user", *user), ("nice", *nice)] {
                page.counter(
                    "node_cpu_guest_seconds_total",
                    "Seconds the CPUs spent in guests (VMs) for each mode.",
                    &[("cpu", &cpu), ("mode", mode)],
                    seconds,
                );
            }
        }
        Ok(())
    }

    fn update_isolated(&self, page: &mut Page) {
        for id in &self.isolated {
            page.gauge(
                "node_cpu_isolated",
                "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
                &[("cpu", &id.to_string())],
                1.0,
            );
        }
    }

    fn update_throttling(&self, page: &mut Page, cpus: &[String]) {
        // The first processor of a core or package that has the count speaks for it.
        let (mut cores, mut packages) = (BTreeMap::new(), BTreeMap::new());
        for cpu in cpus {
            let read = |file: &str| read_u64(&self.directory().join(cpu).join(file)).ok();
            let (Some(package), Some(core)) =
                (read("topology/physical_package_id"), read("topology/core_id"))
            else {
                continue;
            };
            if !cores.contains_key(&(package, core)) {
                cores.extend(read("thermal_throttle/core_throttle_count").map(|n| ((package, core), n)));
            }
            if !packages.contains_key(&package) {
                packages.extend(read("thermal_throttle/package_throttle_count").map(|n| (package, n)));
            }
        }
        for (package, count) in packages {
            page.counter(
                "node_cpu_package_throttles_total",
                "Number of times this CPU package has been throttled.",
                &[("package", &package.to_string())],
                count as f64,
            );
        }
        for ((package, core), count) in cores {
            page.counter(
                "node_cpu_core_throttles_total",
                "Number of times this CPU core has been throttled.",
                &[("package", &package.to_string()), ("core", &core.to_string())],
                count as f64,
            );
        }
    }

    fn update_online(&self, page: &mut Page, cpus: &[String]) -> Result<(), NodeError> {
        let online = |cpu: &String| read_trimmed(&self.directory().join(cpu).join("online"));
        // Where the first processor has no such file, as on most machines it cannot be taken offline, none is shown.
        let Some(first) = cpus.first() else { return Ok(()) };
        if online(first).optional()?.is_none() {
            return Ok(());
        }
        for cpu in cpus {
            let is_online = online(cpu).is_ok_and(|text| text == "1");
            page.gauge(
                "node_cpu_online",
                "CPUs that are online and being scheduled.",
                &[("cpu", cpu.trim_start_matches("cpu"))],
                f64::from(u8::from(is_online)),
            );
        }
        Ok(())
    }

    fn directory(&self) -> std::path::PathBuf {
        self.roots.sys("devices/system/cpu")
    }
}

impl Collector for Cpu {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        if self.info {
            self.update_info(page)?;
        }
        self.update_time(page)?;
        self.update_isolated(page);
        let cpus = numbered(Path::new(&self.directory()), "cpu")?;
        self.update_throttling(page, &cpus);
        self.update_online(page, &cpus)
    }
}

/// Brings the highest times seen up to date: some kernels let idle and iowait fall a little, which a counter must
/// not. A larger fall of the idle time means that the processor was away, and its counts start again.
fn keep_rising(highest: &mut BTreeMap<u32, CpuTime>, now: &[(u32, CpuTime)]) {
    highest.retain(|id, _| now.iter().any(|(n, _)| n == id));
    for (id, time) in now {
        let seen = highest.entry(*id).or_default();
        if seen[IDLE] - time[IDLE] >= JUMP_BACK {
            *seen = CpuTime::default();
        }
        for (seen, now) in seen.iter_mut().zip(time) {
            *seen = seen.max(*now);
        }
    }
}

/// The keys and values that `/proc/cpuinfo` has for one processor.
#[derive(Debug, Default)]
struct Processor<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Processor<'a> {
    fn value(&self, key: &str) -> &'a str {
        self.0.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v)
    }
}

/// The processors of a cpuinfo in the form of x86; other architectures print other keys, whose labels stay empty.
fn parse_cpuinfo(text: &str) -> Vec<Processor<'_>> {
    let mut processors: Vec<Processor<'_>> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if key == "processor" {
            processors.push(Processor::default());
        }
        if let Some(processor) = processors.last_mut() {
            processor.0.push((key, value));
        }
    }
    processors
}

/// The words of a list that a pattern matches; none without a pattern.
fn matching<'a>(words: &'a str, pattern: Option<&Regex>) -> impl Iterator<Item = &'a str> {
    words.split_ascii_whitespace().filter(move |word| pattern.is_some_and(|p| p.is_match(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(user: f64, idle: f64) -> CpuTime {
        let mut time = CpuTime::default();
        (time[0], time[IDLE]) = (user, idle);
        time
    }

    #[test]
    fn counters_do_not_fall_a_little_but_restart_after_a_jump() {
        let mut highest = BTreeMap::new();
        keep_rising(&mut highest, &[(0, time(5.0, 100.0)), (1, time(1.0, 1.0))]);
        keep_rising(&mut highest, &[(0, time(4.0, 99.0)), (1, time(2.0, 2.0))]);
        assert_eq!(highest[&0], time(5.0, 100.0));
        keep_rising(&mut highest, &[(0, time(1.0, 97.0))]);
        assert_eq!(highest.into_iter().collect::<Vec<_>>(), [(0, time(1.0, 97.0))]);
    }

    #[test]
    fn cpuinfo_without_processors_is_empty() {
        assert!(parse_cpuinfo("Hardware : BCM2835\n").is_empty());
        let text = "processor\t: 0\nflags\t\t: aes avx\n\nprocessor\t: 1\nmodel name\t: X: Y\n";
        let processors = parse_cpuinfo(text);
        assert_eq!(processors[1].value("model name"), "X: Y");
        let pattern = Regex::new("^av").unwrap();
        assert_eq!(matching(processors[0].value("flags"), Some(&pattern)).collect::<Vec<_>>(), ["avx"]);
    }
}
