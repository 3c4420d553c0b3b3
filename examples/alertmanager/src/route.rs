//! The route tree: which receivers hear of an alert, and how its group is paced.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics_core::{LabelSet, Matcher};

/// What a route says about the alerts that reach it.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteOptions {
    /// Who is notified.
    pub receiver: String,
    /// Labels whose values keep groups apart.
    pub group_by: GroupBy,
    /// How long a new group waits for company.
    pub group_wait: Duration,
    /// How long a notified group waits before it tells of changes.
    pub group_interval: Duration,
    /// How long an unchanged group waits before it repeats itself.
    pub repeat_interval: Duration,
}

/// Which labels keep groups apart.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupBy {
    /// `...`: every label, so each alert is a group of its own.
    All,
    /// These.
    Labels(BTreeSet<String>),
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self {
            receiver: String::new(),
            group_by: GroupBy::Labels(BTreeSet::new()),
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(5 * 60),
            repeat_interval: Duration::from_secs(4 * 3600),
        }
    }
}

/// A node of the tree with options as inherited from its parents.
#[derive(Debug, Clone)]
pub struct Route {
    /// All must hold for an alert to enter.
    pub matchers: Vec<Matcher>,
    /// Whether later siblings are asked as well after this one matched.
    pub proceed: bool,
    /// What applies here.
    pub options: RouteOptions,
    /// Children, asked in order.
    pub routes: Vec<Route>,
    /// The matchers on the way from the root, which names the route's groups.
    pub key: String,
}

impl Route {
    /// The nodes that take an alert: depth first, the deepest that match; a node of which no child matches
    /// takes it itself.
    pub fn matching(&self, labels: &LabelSet) -> Vec<&Route> {
        if !self.matchers.iter().all(|m| m.matches_labels(labels)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for child in &self.routes {
            let below = child.matching(labels);
            let stop = !below.is_empty() && !child.proceed;
            found.extend(below);
            if stop {
                break;
            }
        }
        if found.is_empty() {
            found.push(self);
        }
        found
    }

    /// The labels that name the group of an alert on this route.
    pub fn group_labels(&self, labels: &LabelSet) -> LabelSet {
        match &self.options.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => {
                LabelSet::from_sorted(labels.iter().filter(|(n, _)| names.contains(*n)))
            }
        }
    }
}

/// The name of a route: its parent's, then its own matchers in order.
pub fn route_key(parent: Option<&str>, matchers: &[Matcher]) -> String {
    let mut own: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    own.sort();
    let own = format!("{{{}}}", own.join(","));
    match parent {
        Some(parent) => format!("{parent}/{own}"),
        None => own,
    }
}
