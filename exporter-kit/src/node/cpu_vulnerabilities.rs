//! What the kernel says of each known weakness of processors.

use super::page::Desc;
use super::proc_files::{names, read_trimmed};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("cpu_vulnerabilities", Default::Off, update);

const INFO: Desc = Desc::gauge(
    "node_cpu_vulnerabilities_info",
    "Details of each CPU vulnerability reported by sysfs. The value of the series is an int encoded state of the \
     vulnerability. The same state is stored as a string in the label",
);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("devices/system/cpu/vulnerabilities");
    for codename in names(&directory)? {
        let text = read_trimmed(&directory.join(&codename))?;
        let (state, mitigation) = parse(&text);
        let labels = [("codename", codename.as_str()), ("state", state), ("mitigation", &mitigation)];
        page.put(&INFO, &labels, 1.0);
    }
    Ok(())
}

/// The state, and what follows the text's first word.
fn parse(text: &str) -> (&'static str, String) {
    let lower = text.to_lowercase();
    let states = ["not affected", "vulnerable", "mitigation", "unknown"];
    match states.into_iter().find(|state| lower.starts_with(state)) {
        Some("not affected") => ("not affected", String::new()),
        Some(state) => (state, text.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")),
        None => ("unknown", text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn states_with_and_without_words_of_explanation() {
        assert_eq!(parse("Not affected"), ("not affected", String::new()));
        assert_eq!(parse("Mitigation: PTI; x"), ("mitigation", "PTI; x".to_owned()));
        assert_eq!(parse("Vulnerable"), ("vulnerable", String::new()));
        assert_eq!(parse("KVM: something"), ("unknown", "KVM: something".to_owned()));
    }
}
