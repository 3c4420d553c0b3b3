//! `alerting`: which Alertmanagers to tell, and how.

use std::time::Duration;

use metrics_core::NameScheme;
use metrics_core::relabel::Rule;

use super::discovery::{DiscoveryConfig, discoveries};
use super::http::HttpClientConfig;
use super::sections::relabel::rules;
use super::table::Table;
use super::yaml::YamlError;

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alerting {
    /// Rules for alerts before they leave.
    pub alert_relabel_rules: Vec<Rule>,
    /// Groups of Alertmanagers.
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

/// A group of Alertmanagers that are talked to alike.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertmanagerConfig {
    /// `http` or `https`.
    pub scheme: String,
    /// What stands before `/api/v2/alerts`.
    pub path_prefix: String,
    /// How long a delivery may take.
    pub timeout: Duration,
    /// How to talk to them.
    pub http: HttpClientConfig,
    /// Where they come from.
    pub discoveries: Vec<DiscoveryConfig>,
    /// Rules for discovered Alertmanagers.
    pub relabel_rules: Vec<Rule>,
    /// Rules for alerts to this group.
    pub alert_relabel_rules: Vec<Rule>,
}

impl Alerting {
    pub(super) fn read(t: Option<&Table>, names: NameScheme) -> Result<Self, YamlError> {
        let Some(t) = t else { return Ok(Self::default()) };
        Ok(Self {
            alert_relabel_rules: rules(t, "alert_relabel_configs", names)?,
            alertmanagers: t
                .sections("alertmanagers")
                .map(|a| AlertmanagerConfig::read(a, names))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl AlertmanagerConfig {
    fn read(t: &Table, names: NameScheme) -> Result<Self, YamlError> {
        Ok(Self {
            scheme: t.text("scheme").to_owned(),
            path_prefix: t.text("path_prefix").to_owned(),
            timeout: t.duration("timeout"),
            http: HttpClientConfig::read(t),
            discoveries: discoveries(t),
            alert_relabel_rules: rules(t, "alert_relabel_configs", names)?,
            relabel_rules: rules(t, "relabel_configs", names)?,
        })
    }
}
