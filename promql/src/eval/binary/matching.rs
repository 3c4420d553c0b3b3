//! Which series of two vectors belong together: found once per series, not per step.

use std::collections::HashMap;

use metrics_core::{LabelSet, METRIC_NAME};

use crate::eval::matrix::Matrix;
use crate::parser::Matching;

/// Series of both sides that share the labels matched on, as positions in their matrices.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) left: Vec<usize>,
    pub(super) right: Vec<usize>,
}

/// The groups, in the order in which the left side and then the right side show them.
pub(super) fn groups(matching: &Matching, left: &Matrix<'_>, right: &Matrix<'_>) -> Vec<Group> {
    let mut known: HashMap<LabelSet, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let names = names(matching);
    let mut find = |labels: &LabelSet, groups: &mut Vec<Group>| {
        let key = if matching.on { labels.only(&names) } else { labels.without(&names) };
        *known.entry(key).or_insert_with(|| {
            groups.push(Group::default());
            groups.len() - 1
        })
    };
    for (i, meta) in left.metas().iter().enumerate() {
        let group = find(&meta.labels, &mut groups);
        groups[group].left.push(i);
    }
    for (i, meta) in right.metas().iter().enumerate() {
        let group = find(&meta.labels, &mut groups);
        groups[group].right.push(i);
    }
    groups
}

/// The labels that a series is matched by.
pub(super) fn matched_labels(matching: &Matching, labels: &LabelSet) -> LabelSet {
    let names = names(matching);
    if matching.on { labels.only(&names) } else { labels.without(&names) }
}

/// Names matched on, or left out together with the metric's name.
fn names(matching: &Matching) -> Vec<&str> {
    let mut names: Vec<&str> = matching.labels.iter().map(String::as_str).collect();
    if !matching.on {
        names.push(METRIC_NAME);
    }
    names
}
