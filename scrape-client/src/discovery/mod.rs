//! Which targets there are: sources that report groups of addresses and report again when these change.

mod file;
mod fixed;
#[cfg(feature = "http")]
mod http;

use std::future::Future;
use std::pin::Pin;

use metrics_core::LabelSet;

pub use file::FileSource;
pub use fixed::FixedSource;
#[cfg(feature = "http")]
pub use http::HttpSource;

use crate::config::{DiscoveryConfig, TargetGroupConfig};
use crate::target::ADDRESS;

/// Addresses with labels in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetGroup {
    /// Where the group comes from; a newer group of the same source replaces it.
    pub source: String,
    /// One set of labels per target, `__address__` among them.
    pub targets: Vec<LabelSet>,
    /// Labels of all targets of the group.
    pub labels: LabelSet,
}

impl TargetGroup {
    /// A group of plain addresses.
    pub fn new(source: impl Into<String>, config: &TargetGroupConfig) -> Self {
        let target = |address: &String| LabelSet::from_pairs([(ADDRESS, address.as_str())]);
        Self {
            source: source.into(),
            targets: config.targets.iter().map(target).collect(),
            labels: config.labels.clone(),
        }
    }
}

/// The future that [`Discover::next`] answers with.
pub type NextGroups<'a> = Pin<Box<dyn Future<Output = Vec<TargetGroup>> + Send + 'a>>;

/// A source of targets.
pub trait Discover: Send {
    /// Waits for news and answers with the groups that changed; one that vanished comes without targets. The
    /// first answer holds all groups and comes as soon as it can. May be dropped and called again at any time.
    fn next(&mut self) -> NextGroups<'_>;
}

/// The sources of a job.
pub fn sources(configs: &[DiscoveryConfig]) -> Vec<Box<dyn Discover>> {
    let mut out: Vec<Box<dyn Discover>> = Vec::new();
    for config in configs {
        match config {
            DiscoveryConfig::Static(groups) => out.push(Box::new(FixedSource::new(groups))),
            DiscoveryConfig::File(file) => out.push(Box::new(FileSource::new(file.clone()))),
            #[cfg(feature = "http")]
            DiscoveryConfig::Http(http) => match HttpSource::new((**http).clone()) {
                Ok(source) => out.push(Box::new(source)),
                Err(error) => {
                    tracing::error!(component = "http_sd", url = %http.url, err = %error, "Cannot create service discovery")
                }
            },
            _ => {}
        }
    }
    out
}
