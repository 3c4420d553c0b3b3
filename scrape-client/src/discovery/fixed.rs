//! Targets that the configuration lists.

use super::{Discover, NextGroups, TargetGroup};
use crate::config::TargetGroupConfig;

/// `static_configs`: reported once, never changing.
#[derive(Debug)]
pub struct FixedSource {
    groups: Option<Vec<TargetGroup>>,
}

impl FixedSource {
    /// A source of these groups.
    pub fn new(groups: &[TargetGroupConfig]) -> Self {
        let group = |(i, config)| TargetGroup::new(i, config);
        let groups = groups.iter().enumerate().map(|(i, c)| (i.to_string(), c)).map(group).collect();
        Self { groups: Some(groups) }
    }
}

impl Discover for FixedSource {
    fn next(&mut self) -> NextGroups<'_> {
        Box::pin(async {
            match self.groups.take() {
                Some(groups) => groups,
                None => std::future::pending().await,
            }
        })
    }
}
