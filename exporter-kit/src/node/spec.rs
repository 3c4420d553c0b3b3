//! What describes a collector before it is built: its name, its options, its constructor.

use std::fmt::Debug;

use super::{NodeError, Page, Settings};

/// One subsystem that can be asked for its samples.
pub trait Collector: Send + Sync + Debug {
    /// Reads the subsystem now and puts what it says on the page.
    ///
    /// # Errors
    /// What was put on the page before a failure stays there.
    fn update(&self, page: &mut Page) -> Result<(), NodeError>;
}

/// A collector's entry in [`SPECS`].
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name, as in `--collector.NAME`.
    pub name: &'static str,
    /// Whether it runs unless told otherwise.
    pub default_enabled: bool,
    /// Its options.
    pub options: &'static [OptionSpec],
    /// Builds it; fails on unusable options.
    pub build: fn(&Settings) -> Result<Box<dyn Collector>, NodeError>,
}

/// An option of a collector.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Its full name, as in `--collector.NAME.OPTION`.
    pub name: &'static str,
    /// What value it takes.
    pub kind: OptionKind,
    /// Its value unless set.
    pub default: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

/// What value an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionKind {
    /// Any text; the last one given counts.
    Text,
    /// On or off: given without a value it is on, with the prefix `no-` it is off.
    Switch,
    /// Any text, each one given counts.
    List,
}

impl OptionSpec {
    pub(super) const fn text(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { name, kind: OptionKind::Text, default, help }
    }

    pub(super) const fn on(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: OptionKind::Switch, default: "true", help }
    }

    pub(super) const fn off(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: OptionKind::Switch, default: "false", help }
    }
}

/// All collectors, in order of their names.
pub const SPECS: &[Spec] = &[
    super::cpu::SPEC,
    super::diskstats::SPEC,
    super::filesystem::SPEC,
    super::loadavg::SPEC,
    super::meminfo::SPEC,
    super::netdev::SPEC,
    super::pressure::SPEC,
    super::stat::SPEC,
    super::time::SPEC,
    super::uname::SPEC,
    super::vmstat::SPEC,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_options_belong_to_their_collector() {
        assert!(SPECS.windows(2).all(|w| w[0].name < w[1].name));
        for spec in SPECS {
            let prefix = format!("collector.{}.", spec.name);
            assert!(spec.options.iter().all(|o| o.name.starts_with(&prefix)), "{}", spec.name);
        }
    }
}
