//! An example event behind a measured value, usually a trace.

use crate::{LabelSet, Timestamp};

/// A value with labels of its own (typically `trace_id`) that is attached to a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Labels that name the event.
    pub labels: LabelSet,
    /// The value of the event.
    pub value: f64,
    /// When it happened, if the exposing program said so.
    pub timestamp: Option<Timestamp>,
}
