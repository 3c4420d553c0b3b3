//! What is known about rules after their last evaluation: what the API shows.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_core::{LabelSet, Timestamp};

use crate::alert::{Alert, AlertState};

/// A group of rules.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStatus {
    /// The group's name, unique within its file.
    pub name: String,
    /// The file that the group comes from.
    pub file: String,
    /// Time between evaluations.
    pub interval: Duration,
    /// How many series or alerts a rule may yield; 0 for any number.
    pub limit: i64,
    /// The rules in the order of their evaluation.
    pub rules: Vec<RuleStatus>,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// When the group was evaluated last.
    pub last_evaluation: Option<Timestamp>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleStatus {
    /// The recorded metric, or the alert's name.
    pub name: String,
    /// The query in canonical form.
    pub query: String,
    /// Labels of the rule, its group's included; their templates not expanded.
    pub labels: LabelSet,
    /// How the last evaluation went.
    pub health: Health,
    /// Why the last evaluation failed.
    pub last_error: Option<String>,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// When the rule was evaluated last.
    pub last_evaluation: Option<Timestamp>,
    /// What only one kind of rule has.
    pub kind: RuleKind,
}

/// What only one kind of rule has.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// A recording rule.
    Recording,
    /// An alerting rule.
    Alerting {
        /// The state of its worst alert.
        state: AlertState,
        /// How long the condition must hold before an alert fires.
        hold: Duration,
        /// How long an alert fires on when the condition holds no more.
        keep_firing_for: Duration,
        /// What is said about its alerts; templates not expanded.
        annotations: BTreeMap<String, String>,
        /// Its alerts that have not ended.
        alerts: Vec<Alert>,
    },
}

/// How the last evaluation of a rule went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// There was none yet.
    #[default]
    Unknown,
    /// Well.
    Good,
    /// It failed.
    Bad,
}

impl Health {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad => "err",
        }
    }
}
