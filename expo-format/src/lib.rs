//! Bytes ⇄ samples: every format that the pull-monitoring field speaks.
//!
//! What it is not: it opens no socket and keeps no samples. Input is a slice, output is a buffer; fetching is
//! `scrape-client`'s work, serving `exporter-kit`'s.
//!
//! ```text
//! page: &[u8] → Parser → Event (borrowed) → your samples
//! families: &[MetricFamily] → write → page: Vec<u8>
//! ```
#![forbid(unsafe_code)]

// What a page says.
mod error;
mod event;
mod series;

// Ground that the text formats share.
mod escape;
mod number;
mod page;

// One format per folder.
pub mod openmetrics;
pub mod text;

pub use error::{Found, ParseError, Problem};
pub use event::{Event, ExemplarRef, NativeHistogram, Sample};
pub use series::{DuplicateLabel, Labels, Series};
