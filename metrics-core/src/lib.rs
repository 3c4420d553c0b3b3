//! The vocabulary of the pull-monitoring field, and the seams between its parts.
//!
//! Labels, samples, native histograms, matchers, relabeling, metric families and the two storage
//! traits [`Append`] and [`Select`]. What it is not: it does no I/O, has no async code and reads no
//! clock; bytes live in `expo-format`, disks in `tsdb`, the query language in `promql`.
//!
//! ```text
//! target → scrape → parse → relabel → append → chunk → block → select → evaluate → render / alert
//!                            ^^^^^^^   ^^^^^^                   ^^^^^^      words and seams: here
//! ```
//!
//! # Features
//! - `derive`: `derive(Labels)` and `derive(Metrics)` for instruments (brings in `syn` at build time)
//! - `matcher`: label [`Matcher`]s with regular expressions (brings in `regex`)
//! - `test-util`: `MemStore`, the smallest honest [`Append`] + [`Select`]
#![forbid(unsafe_code)]

// Words.
mod exemplar;
mod kahan;
mod labels;
mod metadata;
mod name;
pub mod number;
mod sample;
pub mod time;

pub mod histogram;
#[cfg(feature = "matcher")]
mod matcher;
#[cfg(feature = "matcher")]
pub mod regexp;
#[cfg(feature = "matcher")]
pub mod relabel;

// What an exposed page is made of.
pub mod family;
pub mod instrument;

// Seams.
#[cfg(feature = "test-util")]
mod mem_store;
pub mod storage;

pub use exemplar::Exemplar;
pub use histogram::{FloatHistogram, Histogram, Span};
pub use kahan::kahan_add;
pub use labels::{LabelSet, LabelSetBuilder, METRIC_NAME, Quoted};
#[cfg(feature = "matcher")]
pub use matcher::{MatchOp, Matcher, MatcherError};
#[cfg(feature = "test-util")]
pub use mem_store::MemStore;
pub use metadata::{Metadata, MetricType};
pub use name::{
    Escaping, NameScheme, is_legacy_label_name, is_legacy_metric_name, is_valid_label_name,
    is_valid_metric_name,
};
pub use sample::{STALE_NAN, STALE_NAN_BITS, Sample, Value, is_stale};
pub use storage::{
    Append, AppendError, Batch, Column, Columns, LateSamples, SelectError, SeriesRef, SeriesSet,
};
#[cfg(feature = "matcher")]
pub use storage::{Select, SelectHints, SelectRequest};
pub use time::{TimeRange, Timestamp};
