//! Work of the network stack's soft interrupts, by processor.

use super::page::Desc;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("softnet", Default::On, update);

/// Column, and how it is shown.
const COLUMNS: [(usize, Desc); 7] = [
    (0, Desc::counter("node_softnet_processed_total", "Number of processed packets")),
    (1, Desc::counter("node_softnet_dropped_total", "Number of dropped packets")),
    (
        2,
        Desc::counter(
            "node_softnet_times_squeezed_total",
            "Number of times processing packets ran out of quota",
        ),
    ),
    (
        8,
        Desc::counter(
            "node_softnet_cpu_collision_total",
            "Number of collision occur while obtaining device lock while transmitting",
        ),
    ),
    (9, Desc::counter("node_softnet_received_rps_total", "Number of times cpu woken up received_rps")),
    (10, Desc::counter("node_softnet_flow_limit_count_total", "Number of times flow limit has been reached")),
    (11, Desc::gauge("node_softnet_backlog_len", "Softnet backlog status")),
];
/// The column that names the processor, on kernels that have it.
const PROCESSOR: usize = 12;

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for (line_number, line) in roots.read_proc("net/softnet_stat")?.lines().enumerate() {
        let mut columns = parse_line(line)?;
        if columns.len() <= PROCESSOR {
            // Kernels without the processor have no backlog either.
            columns.truncate(11);
        }
        let column = |n: usize| columns.get(n).copied().unwrap_or_default();
        let cpu = columns.get(PROCESSOR).map_or(line_number, |n| *n as usize).to_string();
        for (n, desc) in &COLUMNS {
            page.put(desc, &[("cpu", &cpu)], f64::from(column(*n)));
        }
    }
    Ok(())
}

fn parse_line(line: &str) -> Result<Vec<u32>, NodeError> {
    let numbers = line.split_ascii_whitespace().map(|word| u32::from_str_radix(word, 16));
    let numbers = numbers.collect::<Result<Vec<_>, _>>().ok().filter(|numbers| numbers.len() >= 9);
    numbers.ok_or_else(|| NodeError::malformed("net/softnet_stat", "nine hexadecimal numbers or more", line))
}

#[cfg(test)]
mod tests {
    use super::parse_line;

    #[test]
    fn nine_columns_at_least() {
        assert_eq!(parse_line("0000000a 1 2 3 4 5 6 7 8").unwrap()[0], 10);
        assert!(parse_line("1 2 3 4 5 6 7 8").is_err());
        assert!(parse_line("x 1 2 3 4 5 6 7 8").is_err());
    }
}
