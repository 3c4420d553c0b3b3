//! Selected fields of `/proc/vmstat`.

use regex::Regex;

use super::filter::pattern;
use super::proc_files::decimal;
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const FIELDS: OptionSpec = OptionSpec::text(
    "collector.vmstat.fields",
    "^(oom_kill|pgpg|pswp|pg.*fault).*",
    "Regexp of fields to return for vmstat collector.",
);

pub(super) const SPEC: Spec = Spec::new("vmstat", Default::On, &[FIELDS], |settings| {
    Ok(Box::new(VmStat { roots: settings.roots.clone(), fields: pattern(settings, &FIELDS)? }))
});

#[derive(Debug)]
struct VmStat {
    roots: Roots,
    // None shows all fields.
    fields: Option<Regex>,
}

impl Collector for VmStat {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        for line in self.roots.read_proc("vmstat")?.lines() {
            let (field, value) = parse_line(line)?;
            if self.fields.as_ref().is_some_and(|fields| !fields.is_match(field)) {
                continue;
            }
            let name = format!("node_vmstat_{field}");
            let help = format!("/proc/vmstat information field {field}.");
            page.untyped(&name, &help, &[], decimal("vmstat", value)?);
        }
        Ok(())
    }
}

fn parse_line(line: &str) -> Result<(&str, &str), NodeError> {
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(field), Some(value)) => Ok((field, value)),
        _ => Err(NodeError::malformed("vmstat", "a name and a number", line)),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_line;

    #[test]
    fn a_line_is_a_name_and_a_number() {
        assert_eq!(parse_line("pgfault 2320168809").unwrap(), ("pgfault", "2320168809"));
        assert!(parse_line("pgfault").is_err());
    }
}
