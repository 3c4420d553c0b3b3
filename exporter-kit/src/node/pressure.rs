//! Pressure stall information: time lost waiting for processor, memory, I/O and interrupts.

use super::error::Optional;
use super::proc_files::number;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("pressure", Default::On, update);

/// A counter read from a line (`some` or `full`) of a file below `/proc/pressure`.
struct Stall {
    file: &'static str,
    line: &'static str,
    name: &'static str,
    help: &'static str,
}

const STALLS: &[Stall] = &[
    Stall {
        file: "pressure/cpu",
        line: "some",
        name: "node_pressure_cpu_waiting_seconds_total",
        help: "Total time in seconds that processes have waited for CPU time",
    },
    Stall {
        file: "pressure/io",
        line: "some",
        name: "node_pressure_io_waiting_seconds_total",
        help: "Total time in seconds that processes have waited due to IO congestion",
    },
    Stall {
        file: "pressure/io",
        line: "full",
        name: "node_pressure_io_stalled_seconds_total",
        help: "Total time in seconds no process could make progress due to IO congestion",
    },
    Stall {
        file: "pressure/memory",
        line: "some",
        name: "node_pressure_memory_waiting_seconds_total",
        help: "Total time in seconds that processes have waited for memory",
    },
    Stall {
        file: "pressure/memory",
        line: "full",
        name: "node_pressure_memory_stalled_seconds_total",
        help: "Total time in seconds no process could make progress due to memory congestion",
    },
    Stall {
        file: "pressure/irq",
        line: "full",
        name: "node_pressure_irq_stalled_seconds_total",
        help: "Total time in seconds no process could make progress due to IRQ congestion",
    },
];

const ABSENT: NodeError = NodeError::NoData { reason: "pressure stall information is not available" };

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let mut found = false;
    for stall in STALLS {
        let Some(text) = read_available(roots, stall.file)? else { continue };
        let microseconds = total(&text, stall.line)?.ok_or(ABSENT)?;
        page.counter(stall.name, stall.help, &[], microseconds as f64 / 1000.0 / 1000.0);
        found = true;
    }
    if found { Ok(()) } else { Err(ABSENT) }
}

/// The file's text; none on kernels without it, an error on kernels where it is switched off.
fn read_available(roots: &Roots, file: &str) -> Result<Option<String>, NodeError> {
    match roots.read_proc(file).optional() {
        Err(NodeError::Read { source, .. })
            if source.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()) =>
        {
            Err(ABSENT)
        }
        result => result,
    }
}

/// The microseconds after `total=` in the line that begins with a word.
fn total(text: &str, line: &str) -> Result<Option<u64>, NodeError> {
    let mut words = text.lines().map(str::split_ascii_whitespace);
    let Some(mut words) = words.find_map(|mut words| (words.next() == Some(line)).then_some(words)) else {
        return Ok(None);
    };
    words.find_map(|word| word.strip_prefix("total=")).map(|n| number("pressure", n)).transpose()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn totals_by_line() {
        let text = "some avg10=0.10 avg60=2.00 avg300=3.85 total=15\nfull avg10=0.20 total=25\n";
        assert_eq!(total(text, "some").unwrap(), Some(15));
        assert_eq!(total(text, "full").unwrap(), Some(25));
        assert_eq!(total("full total=1\n", "some").unwrap(), None);
        assert!(total("some total=x\n", "some").is_err());
    }
}
