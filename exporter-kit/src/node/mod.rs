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

// One subsystem each.
mod cpu;
mod diskstats;
mod filesystem;
mod link_stats;
mod loadavg;
mod meminfo;
mod mounts;
mod netdev;
mod pressure;
mod stat;
mod time;
mod uname;
mod vmstat;

pub use collectors::{NodeCollectors, Outcome};
pub use error::NodeError;
pub use page::Page;
pub use proc_files::Roots;
pub use settings::Settings;
pub use spec::{Collector, OptionKind, OptionSpec, SPECS, Spec};
