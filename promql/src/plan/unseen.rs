//! Finds calls of whose results only some labels are looked at, so that the others need not be taken away.

use super::node::{Aggregation, Node};
use crate::parser::AggregateOp;

/// Labels that describe the metric as such: they go when a function changes what the values mean.
pub(crate) const METADATA: [&str; 3] = [metrics_core::METRIC_NAME, "__type__", "__unit__"];

/// Marks the argument of an aggregation that keeps other labels only.
pub(super) fn mark_metadata_unseen(aggregation: &mut Aggregation) {
    let keeps_series = matches!(
        aggregation.op,
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio
    );
    let seen = aggregation.without
        || keeps_series
        || aggregation.grouping.iter().any(|name| METADATA.contains(&name.as_str()));
    if let Node::Call(call) = &mut aggregation.arg.node {
        call.metadata_unseen = !seen;
    }
}
