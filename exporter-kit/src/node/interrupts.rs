//! Interrupts by processor and source.

use super::filter::NameFilter;
use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const INCLUDE: OptionSpec = OptionSpec::text(
    "collector.interrupts.name-include",
    "",
    "Regexp of interrupts name to include (mutually exclusive to --collector.interrupts.name-exclude).",
);
const EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.interrupts.name-exclude",
    "",
    "Regexp of interrupts name to exclude (mutually exclusive to --collector.interrupts.name-include).",
);
const ZEROS: OptionSpec =
    OptionSpec::on("collector.interrupts.include-zeros", "Include interrupts that have a zero value");

pub(super) const SPEC: Spec = Spec::new("interrupts", Default::Off, &[INCLUDE, EXCLUDE, ZEROS], |settings| {
    Ok(Box::new(Interrupts {
        roots: settings.roots.clone(),
        filter: NameFilter::new(settings, &EXCLUDE, &INCLUDE)?,
        zeros: settings.switch(&ZEROS),
    }))
});

const INTERRUPTS: Desc = Desc::counter("node_interrupts_total", "Interrupt details.");

#[derive(Debug)]
struct Interrupts {
    roots: Roots,
    filter: NameFilter,
    zeros: bool,
}

impl Collector for Interrupts {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let text = self.roots.read_proc("interrupts")?;
        let mut lines = text.lines();
        let cpus = lines.next().unwrap_or_default().split_ascii_whitespace().count();
        if cpus == 0 {
            return Err(NodeError::malformed("interrupts", "a line that names the processors", &text));
        }
        for source in lines.filter_map(|line| Source::parse(line, cpus)) {
            if self.filter.ignores(&format!("{};{};{}", source.name, source.info, source.devices)) {
                continue;
            }
            for (cpu, count) in source.counts.iter().enumerate() {
                let count = decimal("interrupts", count)?;
                if count != 0.0 || self.zeros {
                    let cpu = cpu.to_string();
                    let labels = [
                        ("cpu", cpu.as_str()),
                        ("type", source.name),
                        ("info", &source.info),
                        ("devices", &source.devices),
                    ];
                    page.put(&INTERRUPTS, &labels, count);
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
struct Source<'a> {
    name: &'a str,
    counts: Vec<&'a str>,
    info: String,
    devices: String,
}

impl<'a> Source<'a> {
    /// A source with a count per processor and some words; lines without words are sums of other kinds.
    fn parse(line: &'a str, cpus: usize) -> Option<Self> {
        let (name, rest) = line.split_once(':')?;
        let name = name.trim_start();
        let counts: Vec<&str> = rest.split_ascii_whitespace().collect();
        if counts.len() <= cpus {
            return None;
        }
        let (counts, words) = counts.split_at(cpus);
        let is_numbered = name.parse::<i64>().is_ok();
        let (info, devices) = if is_numbered { words.split_at(1) } else { (words, &[][..]) };
        Some(Self { name, counts: counts.to_vec(), info: info.join(" "), devices: devices.join(" ") })
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn numbered_sources_have_devices_and_named_ones_a_description() {
        let source = Source::parse("  8: 1 0  IR-IO-APIC-edge      rtc0, x", 2).unwrap();
        assert_eq!((source.info.as_str(), source.devices.as_str()), ("IR-IO-APIC-edge", "rtc0, x"));
        let source = Source::parse("NMI:47 5031   Non-maskable interrupts", 2).unwrap();
        assert_eq!((source.name, source.info.as_str()), ("NMI", "Non-maskable interrupts"));
        assert_eq!(Source::parse("ERR:          0", 2), None);
    }
}
