//! Energy that processors and memory have used.

use std::collections::HashMap;

use super::proc_files::{names, read_trimmed, read_u64};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const ZONE_LABEL: OptionSpec =
    OptionSpec::off("collector.rapl.enable-zone-label", "Shows zones as a label instead of in metric names");

pub(super) const SPEC: Spec = Spec::new("rapl", Default::On, &[ZONE_LABEL], |settings| {
    Ok(Box::new(Rapl { roots: settings.roots.clone(), zone_label: settings.switch(&ZONE_LABEL) }))
});

#[derive(Debug)]
struct Rapl {
    roots: Roots,
    zone_label: bool,
}

impl Collector for Rapl {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("class/powercap");
        if !directory.is_dir() {
            return Err(NodeError::NoData { reason: "the platform has no power capping" });
        }
        let mut seen = HashMap::new();
        for entry in names(&directory)?.iter().filter(|entry| entry.contains("rapl:")) {
            let files = directory.join(entry);
            let (zone, index) = zone_and_index(&read_trimmed(&files.join("name"))?, &mut seen);
            let joules = match read_u64(&files.join("energy_uj")) {
                Ok(microjoules) => microjoules as f64 / 1_000_000.0,
                // Since a side-channel attack became known, only the root user may read it.
                Err(error) if error.is_denied() => {
                    return Err(NodeError::NoData { reason: "reading energy counters is not permitted" });
                }
                Err(error) => return Err(error),
            };
            let path = files.to_string_lossy();
            let labels = [("index", index.as_str()), ("path", &path), ("rapl_zone", &zone)];
            if self.zone_label {
                page.counter("node_rapl_joules_total", "Current RAPL value in joules", &labels, joules);
            } else {
                let name = format!("node_rapl_{}_joules_total", sanitized(&zone));
                let help = format!("Current RAPL {zone} value in joules");
                page.counter(&name, &help, &labels[..2], joules);
            }
        }
        Ok(())
    }
}

/// A zone's name without its number and that number; zones of one name without numbers are counted.
fn zone_and_index(name: &str, seen: &mut HashMap<String, u32>) -> (String, String) {
    if let Some((zone, index)) = name.rsplit_once('-').filter(|(_, index)| index.parse::<u32>().is_ok()) {
        return (zone.to_owned(), index.to_owned());
    }
    let count = seen.entry(name.to_owned()).or_default();
    let index = count.to_string();
    *count += 1;
    (name.to_owned(), index)
}

/// The text with every stretch outside the alphabet of metric names, and underscores around it, as one underscore.
pub(super) fn sanitized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    while let Some(at) = rest.find(|c| !is_plain(c)) {
        out.push_str(rest[..at].trim_end_matches('_'));
        out.push('_');
        rest = rest[at..].trim_start_matches(|c| !is_plain(c)).trim_start_matches('_');
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_a_number_or_are_counted() {
        let mut seen = HashMap::new();
        let mut next = |name| zone_and_index(name, &mut seen);
        assert_eq!(next("package-1"), ("package".to_owned(), "1".to_owned()));
        assert_eq!(next("dram"), ("dram".to_owned(), "0".to_owned()));
        assert_eq!(next("dram"), ("dram".to_owned(), "1".to_owned()));
    }

    #[test]
    fn names_become_metric_names() {
        assert_eq!(sanitized("Disk_ -_x"), "Disk_x");
        assert_eq!(sanitized("psys"), "psys");
        assert_eq!(sanitized("a(b)"), "a_b_");
    }
}
