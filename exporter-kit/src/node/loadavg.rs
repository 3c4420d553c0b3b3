//! The load averages of `/proc/loadavg`.

use super::proc_files::decimal;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("loadavg", Default::On, update);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let [one, five, fifteen] = parse(&roots.read_proc("loadavg")?)?;
    page.gauge("node_load1", "1m load average.", &[], one);
    page.gauge("node_load5", "5m load average.", &[], five);
    page.gauge("node_load15", "15m load average.", &[], fifteen);
    Ok(())
}

fn parse(text: &str) -> Result<[f64; 3], NodeError> {
    let mut fields = text.split_ascii_whitespace();
    let mut next = || decimal("loadavg", fields.next().unwrap_or_default());
    Ok([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn takes_the_first_three_numbers() {
        assert_eq!(parse("0.21 0.37 0.39 1/719 19737\n").unwrap(), [0.21, 0.37, 0.39]);
        assert_eq!(parse("0.21 0.37\n").unwrap_err().to_string(), "loadavg: expected a number, found \"\"");
    }
}
