//! Chosen settings of the kernel.

use super::proc_files::{decimal, read_trimmed};
use super::rapl::sanitized;
use super::spec::Default;
use super::{Collector, NodeError, OptionKind, OptionSpec, Page, Roots, Settings, Spec};

const INCLUDE: OptionSpec = OptionSpec {
    name: "collector.sysctl.include",
    kind: OptionKind::List,
    default: "",
    help: "Select sysctl metrics to include",
};
const INCLUDE_INFO: OptionSpec = OptionSpec {
    name: "collector.sysctl.include-info",
    kind: OptionKind::List,
    default: "",
    help: "Select sysctl metrics to include as info metrics",
};

pub(super) const SPEC: Spec = Spec::new("sysctl", Default::Off, &[INCLUDE, INCLUDE_INFO], |settings| {
    Ok(Box::new(Sysctl::new(settings)))
});

#[derive(Debug)]
struct Sysctl {
    roots: Roots,
    numbers: Vec<Choice>,
    words: Vec<Choice>,
}

/// A setting such as `fs.file-nr`, maybe with names for its values as in `fs.file-nr:total,current,max`.
#[derive(Debug, PartialEq)]
struct Choice {
    name: String,
    keys: Vec<String>,
}

impl Choice {
    fn parse(text: &str) -> Self {
        let (name, keys) = text.split_once(':').map_or((text, None), |(name, keys)| (name, Some(keys)));
        let keys = keys.map(|keys| keys.split(',').map(str::to_owned).collect());
        Self { name: name.to_owned(), keys: keys.unwrap_or_default() }
    }

    fn read(&self, roots: &Roots) -> Result<Vec<String>, NodeError> {
        let path = roots.proc("sys").join(self.name.replace('.', "/"));
        let values: Vec<_> = read_trimmed(&path)?.split_ascii_whitespace().map(str::to_owned).collect();
        if values.is_empty() || !(self.keys.is_empty() || self.keys.len() == values.len()) {
            return Err(NodeError::malformed("sysctl", "as many values as names were given", &self.name));
        }
        Ok(values)
    }
}

impl Sysctl {
    fn new(settings: &Settings) -> Self {
        let choices = |option| settings.given(option).iter().map(|text| Choice::parse(text)).collect();
        Self { roots: settings.roots.clone(), numbers: choices(&INCLUDE), words: choices(&INCLUDE_INFO) }
    }
}

impl Collector for Sysctl {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        for choice in &self.numbers {
            put_numbers(page, choice, &choice.read(&self.roots)?)?;
        }
        for choice in &self.words {
            for (index, value) in choice.read(&self.roots)?.iter().enumerate() {
                let index = index.to_string();
                let labels = [("name", choice.name.as_str()), ("value", value), ("index", &index)];
                page.gauge("node_sysctl_info", "sysctl info", &labels, 1.0);
            }
        }
        Ok(())
    }
}

fn put_numbers(page: &mut Page, choice: &Choice, values: &[String]) -> Result<(), NodeError> {
    let name = format!("node_sysctl_{}", sanitized(&choice.name));
    let help = format!("sysctl {}", choice.name);
    for (index, value) in values.iter().enumerate() {
        let value = decimal("sysctl", value)?;
        match choice.keys.get(index) {
            Some(key) => {
                page.untyped(&format!("{name}_{key}"), &format!("{help}, field {index}"), &[], value);
            }
            None if values.len() == 1 => page.untyped(&name, &help, &[], value),
            None => page.untyped(&name, &help, &[("index", &index.to_string())], value),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Choice;

    #[test]
    fn values_may_have_names() {
        let choice = Choice::parse("fs.file-nr:total,max");
        assert_eq!((choice.name.as_str(), choice.keys.len()), ("fs.file-nr", 2));
        assert!(Choice::parse("kernel.threads-max").keys.is_empty());
    }
}
