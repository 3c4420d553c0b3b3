//! What describes a collector before it is built: its name, its options, its constructor.

use std::fmt::Debug;

use super::{NodeError, Page, Roots, Settings};

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
    pub(super) build: Build,
}

/// How a collector comes to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Build {
    /// From options, or with a memory of its own.
    With(fn(&Settings) -> Result<Box<dyn Collector>, NodeError>),
    /// From nothing: it reads files and puts them on the page.
    Files(fn(&Roots, &mut Page) -> Result<(), NodeError>),
}

impl Spec {
    /// A collector that has options or keeps something between scrapes.
    pub(super) const fn new(
        name: &'static str,
        state: Default,
        options: &'static [OptionSpec],
        build: fn(&Settings) -> Result<Box<dyn Collector>, NodeError>,
    ) -> Self {
        Self { name, default_enabled: state.is_on(), options, build: Build::With(build) }
    }

    /// A collector that only reads files.
    pub(super) const fn files(
        name: &'static str,
        state: Default,
        update: fn(&Roots, &mut Page) -> Result<(), NodeError>,
    ) -> Self {
        Self { name, default_enabled: state.is_on(), options: &[], build: Build::Files(update) }
    }

    pub(super) fn build(&self, settings: &Settings) -> Result<Box<dyn Collector>, NodeError> {
        match self.build {
            Build::With(build) => build(settings),
            Build::Files(update) => Ok(Box::new(FileReader { roots: settings.roots.clone(), update })),
        }
    }
}

/// Whether a collector runs unless told otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) enum Default {
    On,
    Off,
}

impl Default {
    const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

#[derive(Debug)]
struct FileReader {
    roots: Roots,
    update: fn(&Roots, &mut Page) -> Result<(), NodeError>,
}

impl Collector for FileReader {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        (self.update)(&self.roots, page)
    }
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
    super::arp::SPEC,
    super::bcache::SPEC,
    super::bcachefs::SPEC,
    super::bonding::SPEC,
    super::btrfs::SPEC,
    super::buddyinfo::SPEC,
    super::cgroups::SPEC,
    super::conntrack::SPEC,
    super::cpu::SPEC,
    super::cpu_vulnerabilities::SPEC,
    super::cpufreq::SPEC,
    super::diskstats::SPEC,
    super::dmi::SPEC,
    super::drbd::SPEC,
    super::edac::SPEC,
    super::entropy::SPEC,
    super::fibrechannel::SPEC,
    super::filefd::SPEC,
    super::filesystem::SPEC,
    super::hwmon::SPEC,
    super::infiniband::SPEC,
    super::interrupts::SPEC,
    super::ipvs::SPEC,
    super::kernel_hung::SPEC,
    super::ksmd::SPEC,
    super::lnstat::SPEC,
    super::loadavg::SPEC,
    super::mdadm::SPEC,
    super::meminfo::SPEC,
    super::meminfo_numa::SPEC,
    super::mountstats::SPEC,
    super::netclass::SPEC,
    super::netdev::SPEC,
    super::netstat::SPEC,
    super::nfs::SPEC,
    super::nfsd::SPEC,
    super::nvme::SPEC,
    super::os::SPEC,
    super::pcidevice::SPEC,
    super::powersupplyclass::SPEC,
    super::pressure::SPEC,
    super::processes::SPEC,
    super::rapl::SPEC,
    super::schedstat::SPEC,
    super::selinux::SPEC,
    super::slabinfo::SPEC,
    super::sockstat::SPEC,
    super::softirqs::SPEC,
    super::softnet::SPEC,
    super::stat::SPEC,
    super::swap::SPEC,
    super::sysctl::SPEC,
    super::tapestats::SPEC,
    super::textfile::SPEC,
    super::thermal_zone::SPEC,
    super::time::SPEC,
    super::udp_queues::SPEC,
    super::uname::SPEC,
    super::vmstat::SPEC,
    super::watchdog::SPEC,
    super::xfrm::SPEC,
    super::xfs::SPEC,
    super::zfs::SPEC,
    super::zoneinfo::SPEC,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_options_belong_to_their_collector() {
        assert!(SPECS.windows(2).all(|w| w[0].name < w[1].name));
        for spec in SPECS {
            // The original cuts this one's name short in its options.
            let prefix = format!("collector.{}.", spec.name).replace("powersupplyclass", "powersupply");
            assert!(spec.options.iter().all(|o| o.name.starts_with(&prefix)), "{}", spec.name);
        }
    }
}
