//! Why a registration was refused.

use std::fmt;

use super::BucketError;
use crate::MetricType;

/// Why an instrument was not registered. The registry is as it was before.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RegisterError {
    /// The full name of the metric.
    pub name: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a registration; where two registrations clash, both sides are named.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// The metric's name is empty.
    EmptyName,
    /// A label's name is empty.
    EmptyLabel,
    /// A label's name belongs to the system: it starts with `__`, or is `le` of a histogram or `quantile` of a
    /// summary.
    ReservedLabel {
        /// The label.
        label: String,
    },
    /// A label is named twice, perhaps once as a constant label of the registry.
    RepeatedLabel {
        /// The label.
        label: String,
    },
    /// The name is taken by an instrument that was registered before.
    Taken,
    /// The name is taken by another kind of metric.
    OtherType {
        /// The type registered before.
        registered: MetricType,
        /// The type refused.
        new: MetricType,
    },
    /// The name is taken with another explanation.
    OtherHelp {
        /// The help registered before.
        registered: String,
        /// The help refused.
        new: String,
    },
    /// The name is taken with another unit.
    OtherUnit {
        /// The unit registered before.
        registered: String,
        /// The unit refused.
        new: String,
    },
    /// The name is taken with other labels.
    OtherLabels {
        /// The label names registered before.
        registered: Vec<String>,
        /// The label names refused.
        new: Vec<String>,
    },
    /// The name is taken by a histogram with other buckets.
    OtherBuckets {
        /// The upper bounds registered before.
        registered: Vec<f64>,
        /// The upper bounds refused.
        new: Vec<f64>,
    },
    /// The buckets of a histogram are not what buckets must be.
    Buckets(BucketError),
    /// A sample of the metric would have the same name as a sample of another, as `a_count` of a histogram `a` and a
    /// gauge `a_count`.
    SampleClash {
        /// The name of the sample.
        sample: String,
        /// The metric registered before that has it.
        registered: String,
    },
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot register metric {:?}: ", self.name)?;
        match &self.problem {
            Problem::EmptyName => write!(f, "the name is empty"),
            Problem::EmptyLabel => write!(f, "a label name is empty"),
            Problem::ReservedLabel { label } => write!(f, "label {label:?} is reserved"),
            Problem::RepeatedLabel { label } => write!(f, "label {label:?} appears twice"),
            Problem::Taken => write!(f, "the name is registered already"),
            Problem::OtherType { registered, new } => {
                write!(f, "it is registered as a {registered}, not as a {new}")
            }
            Problem::OtherHelp { registered, new } => {
                write!(f, "it is registered with the help {registered:?}, not {new:?}")
            }
            Problem::OtherUnit { registered, new } => {
                write!(f, "it is registered with the unit {registered:?}, not {new:?}")
            }
            Problem::OtherLabels { registered, new } => {
                write!(f, "it is registered with the labels {registered:?}, not {new:?}")
            }
            Problem::OtherBuckets { registered, new } => {
                write!(f, "it is registered with the buckets {registered:?}, not {new:?}")
            }
            Problem::Buckets(error) => write!(f, "{error}"),
            Problem::SampleClash { sample, registered } => {
                write!(f, "its sample {sample:?} is also one of {registered:?}")
            }
        }
    }
}

impl std::error::Error for RegisterError {}
