//! `/proc/stat`: processor time, and counts since boot.

use super::proc_files::{decimal, number};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const SOFTIRQ: OptionSpec = OptionSpec::off("collector.stat.softirq", "Export softirq calls per vector");

pub(super) const SPEC: Spec = Spec::new("stat", Default::On, &[SOFTIRQ], |settings| {
    Ok(Box::new(StatCollector { roots: settings.roots.clone(), softirq: settings.switch(&SOFTIRQ) }))
});

/// The vectors of soft interrupts, in the file's order.
const SOFTIRQ_VECTORS: [&str; 10] =
    ["hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu"];

#[derive(Debug)]
struct StatCollector {
    roots: Roots,
    softirq: bool,
}

impl Collector for StatCollector {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let stat = Stat::parse(&self.roots.read_proc("stat")?)?;
        page.counter("node_intr_total", "Total number of interrupts serviced.", &[], stat.interrupts as f64);
        let switches = stat.context_switches as f64;
        page.counter("node_context_switches_total", "Total number of context switches.", &[], switches);
        page.counter("node_forks_total", "Total number of forks.", &[], stat.forks as f64);
        page.gauge("node_boot_time_seconds", "Node boot time, in unixtime.", &[], stat.boot_time as f64);
        let running = stat.running as f64;
        page.gauge("node_procs_running", "Number of processes in runnable state.", &[], running);
        page.gauge(
            "node_procs_blocked",
            "Number of processes blocked waiting for I/O to complete.",
            &[],
            stat.blocked as f64,
        );
        if self.softirq {
            for (vector, count) in SOFTIRQ_VECTORS.iter().zip(stat.softirqs) {
                let labels = [("vector", *vector)];
                page.counter("node_softirqs_total", "Number of softirq calls.", &labels, count as f64);
            }
        }
        Ok(())
    }
}

/// What `/proc/stat` says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stat {
    /// Per processor, in the file's order: its number, and its time by mode.
    pub(super) cpus: Vec<(u32, CpuTime)>,
    interrupts: u64,
    context_switches: u64,
    boot_time: u64,
    forks: u64,
    running: u64,
    blocked: u64,
    softirqs: [u64; 10],
}

/// Seconds that a processor spent as: user, nice, system, idle, iowait, irq, softirq, steal; the last two are the
/// shares of user and nice that went to guests.
pub(super) type CpuTime = [f64; 10];

/// Ticks of the clock in which the kernel counts processor time, per second.
const USER_HZ: f64 = 100.0;

impl Stat {
    pub(super) fn parse(text: &str) -> Result<Self, NodeError> {
        let mut stat = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(key), Some(first)) = (words.next(), words.next()) else { continue };
            match key {
                "cpu" => {}
                "intr" => stat.interrupts = number("stat", first)?,
                "ctxt" => stat.context_switches = number("stat", first)?,
                "btime" => stat.boot_time = number("stat", first)?,
                "processes" => stat.forks = number("stat", first)?,
                "procs_running" => stat.running = number("stat", first)?,
                "procs_blocked" => stat.blocked = number("stat", first)?,
                "softirq" => {
                    for (count, word) in stat.softirqs.iter_mut().zip(words) {
                        *count = number("stat", word)?;
                    }
                }
                _ => {
                    let Some(id) = key.strip_prefix("cpu") else { continue };
                    let id = id.parse().map_err(|_| NodeError::malformed("stat", "a processor", key))?;
                    let mut time = CpuTime::default();
                    for (seconds, word) in time.iter_mut().zip(std::iter::once(first).chain(words)) {
                        *seconds = decimal("stat", word)? / USER_HZ;
                    }
                    stat.cpus.push((id, time));
                }
            }
        }
        Ok(stat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_have_fewer_columns() {
        let stat = Stat::parse("cpu  9 9\ncpu3 100 50 7\nctxt 5\nsoftirq 9 1 2\nnew 1\n").unwrap();
        assert_eq!(stat.cpus, [(3, [1.0, 0.5, 0.07, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])]);
        assert_eq!((stat.context_switches, &stat.softirqs[..3]), (5, &[1, 2, 0][..]));
        assert!(Stat::parse("cpux 1\n").is_err());
        assert!(Stat::parse("btime -1\n").is_err());
    }
}
