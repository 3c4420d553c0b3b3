//! What the operating system says about the host: the collectors of `node_exporter`, name for name.
//!
//! Each file is one subsystem: it reads files below the [`Roots`] (or asks the kernel), parses their text with pure
//! functions, and puts samples on a [`Page`]. A [`Spec`] beside the code gives its name, its options with their
//! defaults, and how it is built; [`SPECS`] lists them all. [`NodeCollectors`] runs the enabled ones and adds for each
//! `node_scrape_collector_success` and `node_scrape_collector_duration_seconds`.
//!
//! ```text
//! Settings ──► NodeCollectors ──► Collector::update ──► Page ──► Vec<MetricFamily>
//! (flags)      (enabled ones)     read, parse, put               sorted, merged
//! ```
//!
//! ```no_run
//! use exporter_kit::node::{NodeCollectors, Settings};
//! let mut settings = Settings::default();
//! settings.set("collector.diskstats.device-exclude", "^loop").expect("a known option");
//! let node = NodeCollectors::new(&settings).expect("valid patterns");
//! let families = node.families();
//! assert!(families.iter().any(|f| f.name == "node_load1"));
//! ```

// How a collector is configured, reads, and shows.
mod collectors;
mod error;
mod filter;
mod page;
mod proc_files;
mod settings;
mod spec;

// Sources that several collectors share.
mod human_bytes;
mod link_stats;
mod mounts;
mod neighbours;
mod netlink;
mod nfs_procedures;
mod text_page;

// One subsystem each.
mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod buddyinfo;
mod cgroups;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod drbd;
mod edac;
mod entropy;
mod fibrechannel;
mod filefd;
mod filesystem;
mod hwmon;
mod infiniband;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mountstats;
mod netclass;
mod netdev;
mod netstat;
mod nfs;
mod nfsd;
mod nvme;
mod os;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod processes;
mod rapl;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod swap;
mod sysctl;
mod tapestats;
mod textfile;
mod thermal_zone;
mod time;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

pub use collectors::{NodeCollectors, Outcome};
pub use error::NodeError;
pub use page::Page;
pub use proc_files::Roots;
pub use settings::Settings;
pub use spec::{Collector, OptionKind, OptionSpec, SPECS, Spec};
