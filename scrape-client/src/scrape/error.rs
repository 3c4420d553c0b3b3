//! Why a scrape failed.

use expo_format::{ContentTypeError, ParseError};
use metrics_core::AppendError;

use crate::http::FetchError;

/// Why a scrape failed, as the targets page shows it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The page did not come.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The answer's type is none of a page, and the job names no type to fall back to.
    #[error("{0} and no fallback_scrape_protocol specified for target")]
    ContentType(ContentTypeError),
    /// The page breaks its format.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A series of the page has a label twice.
    #[error("label name {0:?} is not unique: invalid sample")]
    DuplicateLabel(String),
    /// Relabeling took a series' name away.
    #[error("missing metric name (__name__ label)")]
    NoName,
    /// A name that the job's scheme does not let through.
    #[error("invalid metric name or label names: {0}")]
    InvalidNames(String),
    /// A series has too many or too long labels.
    #[error("{0}")]
    LabelLimit(String),
    /// The page has more samples than allowed.
    #[error("sample limit exceeded")]
    SampleLimit,
    /// A native histogram has more buckets than allowed, however coarse.
    #[error("histogram bucket limit exceeded")]
    BucketLimit,
    /// The job has more targets than allowed.
    #[error("target_limit exceeded (number of targets: {targets}, limit: {limit})")]
    TargetLimit {
        /// Targets there are.
        targets: usize,
        /// Targets allowed.
        limit: u64,
    },
    /// The store refused a sample in a way that is no fault of the target.
    #[error(transparent)]
    Append(#[from] AppendError),
}
