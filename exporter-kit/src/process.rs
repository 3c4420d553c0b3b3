//! `process_*`: what the operating system says about this program, named as the field's Go library names it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::instrument::{Collect, CollectError};
use metrics_core::{LabelSet, MetricType};

/// Kernel ticks per second in `/proc`, the same on every architecture that Linux still runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Collects CPU time, memory, open files, start time and network bytes of the running program, from Linux' `/proc`.
///
/// On other systems every collection fails with a clear error and shows nothing.
///
/// ```
/// use exporter_kit::ProcessCollector;
/// use exporter_kit::instrument::Registry;
/// let registry = Registry::new();
/// registry.register_collector("process", ProcessCollector::new())?;
/// # #[cfg(target_os = "linux")]
/// assert!(registry.gather().families.iter().any(|f| f.name == "process_resident_memory_bytes"));
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProcessCollector {
    proc_root: PathBuf,
    process: String,
}

impl ProcessCollector {
    /// Observes the program that this is called in.
    pub fn new() -> Self {
        Self { proc_root: PathBuf::from("/proc"), process: "self".to_owned() }
    }

    /// Observes another process.
    pub fn of(pid: u32) -> Self {
        Self { process: pid.to_string(), ..Self::new() }
    }

    fn read(&self, file: &str) -> Result<String, CollectError> {
        read(&self.proc_root.join(&self.process).join(file))
    }
}

impl Default for ProcessCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collect for ProcessCollector {
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        if !self.proc_root.join(&self.process).exists() {
            return Err(CollectError::new("process metrics need Linux' /proc"));
        }
        // What one file cannot tell does not keep the others from telling.
        let outcomes =
            [self.stat(families), self.open_files(families), self.limits(families), self.network(families)];
        outcomes.into_iter().collect()
    }
}

impl ProcessCollector {
    fn stat(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let stat = Stat::parse(&self.read("stat")?).ok_or_else(|| self.malformed("stat"))?;
        families.push(counter(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            stat.cpu_ticks as f64 / TICKS_PER_SECOND,
        ));
        families.push(gauge(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            stat.virtual_bytes as f64,
        ));
        families.push(gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            stat.resident_pages as f64 * self.page_size()?,
        ));
        families.push(gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            self.boot_time()? + stat.start_ticks as f64 / TICKS_PER_SECOND,
        ));
        Ok(())
    }

    fn open_files(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let folder = self.proc_root.join(&self.process).join("fd");
        // Newer kernels tell the number as the folder's size; it spares reading the folder.
        let told = fs::metadata(&folder).map_err(|e| named(&folder, e))?.len();
        let open = match told {
            0 => fs::read_dir(&folder).map_err(|e| named(&folder, e))?.count() as u64,
            told => told,
        };
        families.push(gauge("process_open_fds", "Number of open file descriptors.", open as f64));
        Ok(())
    }

    fn limits(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let text = self.read("limits")?;
        let limit = |name: &str| soft_limit(&text, name).ok_or_else(|| self.malformed("limits"));
        families.push(gauge(
            "process_max_fds",
            "Maximum number of open file descriptors.",
            limit("Max open files")?,
        ));
        families.push(gauge(
            "process_virtual_memory_max_bytes",
            "Maximum amount of virtual memory available in bytes.",
            limit("Max address space")?,
        ));
        Ok(())
    }

    fn network(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let text = self.read("net/netstat")?;
        let octets = |name: &str| ip_ext(&text, name).unwrap_or(0.0);
        families.push(counter(
            "process_network_receive_bytes_total",
            "Number of bytes received by the process over the network.",
            octets("InOctets"),
        ));
        families.push(counter(
            "process_network_transmit_bytes_total",
            "Number of bytes sent by the process over the network.",
            octets("OutOctets"),
        ));
        Ok(())
    }

    /// Seconds since 1970 at which the kernel started.
    fn boot_time(&self) -> Result<f64, CollectError> {
        let path = self.proc_root.join("stat");
        let text = read(&path)?;
        let seconds = text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        seconds.ok_or_else(|| CollectError::new(format!("{} has no boot time", path.display())))
    }

    /// Bytes per page of memory, which the kernel hands every program in its auxiliary vector.
    fn page_size(&self) -> Result<f64, CollectError> {
        const PAGE_SIZE: usize = 6;
        let path = self.proc_root.join(&self.process).join("auxv");
        let vector = fs::read(&path).map_err(|e| named(&path, e))?;
        let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).ok();
        let entries = vector.chunks_exact(2 * size_of::<usize>());
        let size = entries
            .map(|entry| entry.split_at(size_of::<usize>()))
            .find_map(|(key, value)| if word(key)? == PAGE_SIZE { word(value) } else { None });
        size.map(|bytes| bytes as f64).ok_or_else(|| self.malformed("auxv"))
    }

    fn malformed(&self, file: &str) -> CollectError {
        let path = self.proc_root.join(&self.process).join(file);
        CollectError::new(format!("{} does not look as expected", path.display()))
    }
}

fn read(path: &Path) -> Result<String, CollectError> {
    fs::read_to_string(path).map_err(|e| named(path, e))
}

fn named(path: &Path, error: io::Error) -> CollectError {
    CollectError::new(format!("cannot read {}: {error}", path.display()))
}

fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut family = MetricFamily::new(name, help, MetricType::Gauge);
    family.push(LabelSet::empty(), MetricValue::Gauge(value));
    family
}

fn counter(name: &str, help: &str, total: f64) -> MetricFamily {
    let mut family = MetricFamily::new(name, help, MetricType::Counter);
    family.push(LabelSet::empty(), MetricValue::Counter { total, exemplar: None });
    family
}

/// What `/proc/PID/stat` tells.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// Source: proc_pid_stat(5); fields are counted from 1 there, and the second one may contain anything.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)?.checked_add(field(15)?)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// The soft limit in a line of `/proc/PID/limits`; no limit is the largest number.
fn soft_limit(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX as f64),
        number => number.parse::<u64>().ok().map(|n| n as f64),
    }
}

/// A number of the `IpExt:` pair of lines in `/proc/PID/net/netstat`: names in one line, values in the next.
fn ip_ext(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split_whitespace().position(|n| n == name)?;
    values.split_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_of_a_program_with_a_devious_name() {
        let text = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 11 22 5 6 20 0 9 0 3311 1048576 512 18446744073709551615\n";
        let expected =
            Stat { cpu_ticks: 33, start_ticks: 3311, virtual_bytes: 1_048_576, resident_pages: 512 };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("7 (a"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn limits_and_network() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 1048576              files     \n\
                      Max address space         unlimited            unlimited            bytes     \n";
        assert_eq!(soft_limit(limits, "Max open files"), Some(1024.0));
        assert_eq!(soft_limit(limits, "Max address space"), Some(18_446_744_073_709_551_615.0));
        assert_eq!(soft_limit(limits, "Max locks"), None);
        let netstat = "TcpExt: A B\nTcpExt: 1 2\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 77 88\n";
        assert_eq!((ip_ext(netstat, "InOctets"), ip_ext(netstat, "OutOctets")), (Some(77.0), Some(88.0)));
        assert_eq!(ip_ext(netstat, "B"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_program_has_them_all() {
        let mut families = Vec::new();
        ProcessCollector::new().collect(&mut families).map_err(|e| e.to_string()).unwrap();
        let values: Vec<(String, f64)> = families
            .iter()
            .map(|f| match f.metrics[0].value {
                MetricValue::Gauge(v) | MetricValue::Counter { total: v, .. } => (f.name.clone(), v),
                ref other => panic!("{other:?}"),
            })
            .collect();
        let value = |name: &str| values.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!(values.len(), 9);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((0.0..3600.0).contains(&(now - value("process_start_time_seconds"))));
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_open_fds") >= 3.0 && value("process_open_fds") <= value("process_max_fds"));
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let error = ProcessCollector::of(u32::MAX).collect(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("/proc"), "{error}");
    }
}
