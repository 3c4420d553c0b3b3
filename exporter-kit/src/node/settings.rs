//! Which collectors run, where they read, and their options: the flags of the original as data.

use std::collections::BTreeMap;

use super::{NodeError, OptionKind, OptionSpec, Roots, SPECS, Spec};

/// Everything that [`super::NodeCollectors`] is built from.
///
/// ```
/// use exporter_kit::node::Settings;
/// let mut settings = Settings::default();
/// settings.set("collector.cpu.guest", "false").expect("cpu has this option");
/// settings.enable("loadavg", false).expect("loadavg is a collector");
/// assert!(!settings.is_enabled("loadavg"));
/// assert!(settings.set("collector.cpu.nonsense", "1").is_err());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where the host's pseudo file systems are found.
    pub roots: Roots,
    /// Leaves every collector off that was not switched on by name.
    pub disable_defaults: bool,
    switched: BTreeMap<&'static str, bool>,
    values: BTreeMap<&'static str, Vec<String>>,
}

impl Settings {
    /// Switches a collector on or off.
    ///
    /// # Errors
    /// No collector has that name.
    pub fn enable(&mut self, collector: &str, on: bool) -> Result<(), NodeError> {
        let spec = spec(collector)?;
        self.switched.insert(spec.name, on);
        Ok(())
    }

    /// Whether a collector of this name exists and is on.
    pub fn is_enabled(&self, collector: &str) -> bool {
        spec(collector).is_ok_and(|spec| {
            self.switched.get(spec.name).copied().unwrap_or(spec.default_enabled && !self.disable_defaults)
        })
    }

    /// Gives an option, named in full such as `collector.cpu.info`, a value. An option that takes a list keeps each
    /// value given, another one the last.
    ///
    /// # Errors
    /// No collector has that option, or the value of a switch is neither `true` nor `false`.
    pub fn set(&mut self, option: &str, value: &str) -> Result<(), NodeError> {
        let option = SPECS
            .iter()
            .flat_map(|spec| spec.options)
            .find(|o| o.name == option)
            .ok_or_else(|| NodeError::UnknownOption(option.to_owned()))?;
        if option.kind == OptionKind::Switch && !matches!(value, "true" | "false") {
            let reason = format!("expected true or false, found {value:?}");
            return Err(NodeError::BadOption { option: option.name.to_owned(), reason });
        }
        let values = self.values.entry(option.name).or_default();
        if option.kind != OptionKind::List {
            values.clear();
        }
        values.push(value.to_owned());
        Ok(())
    }

    /// The values given to an option, without its default.
    pub(super) fn given(&self, option: &OptionSpec) -> &[String] {
        self.values.get(option.name).map_or(&[], Vec::as_slice)
    }

    /// An option's text, its default included.
    pub(super) fn text<'a>(&'a self, option: &'a OptionSpec) -> &'a str {
        self.given(option).last().map_or(option.default, String::as_str)
    }

    /// Whether a switch is on, its default included.
    pub(super) fn switch(&self, option: &OptionSpec) -> bool {
        self.text(option) == "true"
    }
}

fn spec(collector: &str) -> Result<&'static Spec, NodeError> {
    SPECS
        .iter()
        .find(|spec| spec.name == collector)
        .ok_or_else(|| NodeError::UnknownCollector(collector.to_owned()))
}
