//! What the scheduler did with each processor's time.

use super::error::Optional;
use super::page::Desc;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("schedstat", Default::On, update);

const RUNNING: Desc =
    Desc::counter("node_schedstat_running_seconds_total", "Number of seconds CPU spent running a process.");
const WAITING: Desc = Desc::counter(
    "node_schedstat_waiting_seconds_total",
    "Number of seconds spent by processing waiting for this CPU.",
);
const TIMESLICES: Desc =
    Desc::counter("node_schedstat_timeslices_total", "Number of timeslices executed by CPU.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = roots.read_proc("schedstat").optional()?;
    let text = text.ok_or(NodeError::NoData { reason: "the kernel keeps no scheduler statistics" })?;
    for (cpu, [running, waiting, timeslices]) in text.lines().filter_map(parse_line) {
        let labels = [("cpu", cpu)];
        page.put(&RUNNING, &labels, running as f64 / 1e9);
        page.put(&WAITING, &labels, waiting as f64 / 1e9);
        page.put(&TIMESLICES, &labels, timeslices as f64);
    }
    Ok(())
}

/// The last three of a processor's nine numbers; other lines tell about scheduling domains.
fn parse_line(line: &str) -> Option<(&str, [u64; 3])> {
    let (cpu, numbers) = line.strip_prefix("cpu")?.split_once(' ')?;
    let numbers: Vec<u64> = numbers.split(' ').map_while(|n| n.parse().ok()).collect();
    let [_, _, _, _, _, _, running, waiting, timeslices, ..] = numbers[..] else { return None };
    Some((cpu, [running, waiting, timeslices]))
}

#[cfg(test)]
mod tests {
    use super::parse_line;

    #[test]
    fn processors_only() {
        assert_eq!(parse_line("cpu3 1 2 3 4 5 6 7 8 9"), Some(("3", [7, 8, 9])));
        assert_eq!(parse_line("domain0 00000003 1 2 3 4 5 6 7 8 9"), None);
        assert_eq!(parse_line("cpu3 1 2 3"), None);
    }
}
