//! Why a query has no answer.

use metrics_core::SelectError;

use crate::parser::{LengthError, ParseError, ValueType};

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is not a query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A duration expression has no value.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The expression's type has no value per step.
    #[error("invalid expression type {:?} for range query, must be Scalar or instant Vector", .0.documented())]
    RangeType(ValueType),
    /// The steps of a range query do not lead from its start to its end.
    #[error("invalid step of {0} ms")]
    Step(i64),
    /// The query took longer than it may.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// The caller lost interest.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// More samples would be held in memory than the engine's limit.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The store failed.
    #[error("expanding series")]
    Storage(#[from] SelectError),
    /// The query nests so deeply that it needs a thread of its own, and the system has none.
    #[error("no thread for a query that nests this deeply")]
    Thread(#[source] std::io::Error),
    /// The query cannot be computed on the data found.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Data, or values of parameters, on which a query has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Two series of a result would be one.
    #[error("vector cannot contain metrics with the same labelset")]
    SameLabels,
    /// Two series stand on the side that may have one.
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{first}, \
         {second}];many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany {
        /// The labels that were matched on.
        group: String,
        /// `left` or `right`.
        side: &'static str,
        /// One of the two, as text.
        first: String,
        /// The other.
        second: String,
    },
    /// Several series on the left match one on the right without `group_left`.
    #[error("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")]
    ImplicitManyToOne,
    /// Matches of `group_left` or `group_right` give several results the same labels.
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    AmbiguousGrouping,
    /// `k` is not a number.
    #[error("Parameter value is NaN")]
    ParameterNan,
    /// The ratio is not a number.
    #[error("Ratio value is NaN")]
    RatioNan,
    /// `k` does not fit into 64 bits.
    #[error("Scalar value {0} {1} int64")]
    ParameterRange(String, &'static str),
    /// `count_values` was given an empty label name.
    #[error("invalid label name {0:?}")]
    LabelName(String),
    /// A function was given a text that is not a regular expression.
    #[error("invalid regular expression in {function}(): {pattern}")]
    Regex {
        /// The function.
        function: &'static str,
        /// The text.
        pattern: String,
    },
    /// A function was given a text that cannot name a label.
    #[error("invalid {role} label name in {function}(): {name}")]
    FunctionLabel {
        /// The function.
        function: &'static str,
        /// `source` or `destination`.
        role: &'static str,
        /// The text.
        name: String,
    },
    /// A factor of `double_exponential_smoothing` lies outside 0 … 1.
    #[error("invalid {name} factor. Expected: 0 < {symbol} < 1, got: {value:.6}")]
    Factor {
        /// `smoothing` or `trend`.
        name: &'static str,
        /// How the documentation abbreviates it.
        symbol: &'static str,
        /// What was given.
        value: f64,
    },
    /// A function does not take `anchored` or `smoothed` ranges.
    #[error("{modifier} modifier can only be used with: {allowed} - not with {function}")]
    Edges {
        /// The modifier.
        modifier: &'static str,
        /// The functions that take it.
        allowed: &'static str,
        /// The function.
        function: &'static str,
    },
    /// A range of histograms cannot be shown anchored or smoothed.
    #[error("{0} modifier is not supported with histograms")]
    EdgesOfHistograms(&'static str),
    /// An info metric holds histograms.
    #[error("this should be an info metric, with float samples: {0}")]
    InfoHistogram(String),
    /// Two info series describe the same series at the same time.
    #[error(
        "found duplicate series for info metric: existing {first} @ {timestamp}, new {second} @ {timestamp}"
    )]
    DuplicateInfo {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// When both were measured, in milliseconds.
        timestamp: i64,
    },
    /// Two info metrics disagree about a label.
    #[error("conflicting label: {0}")]
    ConflictingInfo(String),
}
