//! Remote write: how one server hands samples to another.
//!
//! Sources: the Prometheus remote write specifications 1.0 and 2.0. A body is one protocol buffers message,
//! compressed as one snappy block. Reading borrows from the decompressed message and yields series by series.

pub(crate) mod fields;
mod histogram;
mod snappy;
pub mod v1;
pub mod v2;
mod written;

use metrics_core::{Exemplar, LabelSet, Timestamp, Value};

use crate::wire::WireError;
pub use snappy::{DEFAULT_MAX_DECOMPRESSED, SnappyError, compress, decompress};
pub use written::Written;

/// Which message a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// `prometheus.WriteRequest` of remote write 1.0.
    V1,
    /// `io.prometheus.write.v2.Request` of remote write 2.0.
    V2,
}

impl Message {
    /// The `Content-Type` header of a body with this message.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The `X-Prometheus-Remote-Write-Version` header that goes with this message.
    pub fn version_header(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }

    /// The message that a `Content-Type` header announces; without a `proto` parameter it is the old one.
    ///
    /// ```
    /// use expo_format::remote_write::Message;
    /// assert_eq!(Message::of_body("application/x-protobuf"), Some(Message::V1));
    /// assert_eq!(Message::of_body(Message::V2.content_type()), Some(Message::V2));
    /// assert_eq!(Message::of_body("application/json"), None);
    /// ```
    pub fn of_body(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        for part in parts {
            match part.split_once('=').filter(|(name, _)| *name == "proto") {
                Some((_, "prometheus.WriteRequest")) => return Some(Self::V1),
                Some((_, "io.prometheus.write.v2.Request")) => return Some(Self::V2),
                Some(_) => return None,
                None => {}
            }
        }
        Some(Self::V1)
    }
}

/// A float sample of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was measured.
    pub timestamp: Timestamp,
    /// What was measured, the bits of a NaN kept: the staleness marker travels this way.
    pub value: f64,
    /// When counting began, if the sender says so (2.0 only).
    pub created: Option<Timestamp>,
}

/// A native histogram of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// When it was measured.
    pub timestamp: Timestamp,
    /// [`Value::Histogram`] or [`Value::FloatHistogram`].
    pub value: Value,
    /// When counting began, if the sender says so (2.0 only).
    pub created: Option<Timestamp>,
}

/// What a request says of one series.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Its labels.
    pub labels: &'a LabelSet,
    /// Its float samples.
    pub samples: &'a [(Timestamp, f64)],
    /// Its exemplars.
    pub exemplars: &'a [Exemplar],
    /// Its native histograms.
    pub histograms: &'a [(Timestamp, Value)],
}

impl<'a> Series<'a> {
    /// A series without samples yet.
    pub fn new(labels: &'a LabelSet) -> Self {
        Self { labels, samples: &[], exemplars: &[], histograms: &[] }
    }
}

/// Why a series' labels could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// The message is broken; the rest of it cannot be trusted either.
    #[error("broken message")]
    Wire(#[from] WireError),
    /// A label name appears twice; other series are unharmed.
    #[error("label name {0:?} is not unique")]
    Duplicate(String),
    /// A name or value is not UTF-8; other series are unharmed.
    #[error("label name or value is not UTF-8")]
    NotUtf8,
    /// A reference to a symbol that the message does not have (2.0 only).
    #[error("reference {0} to a symbol that is not there")]
    Symbol(u32),
    /// A name without a value (2.0 only).
    #[error("odd number of label references")]
    OddReferences,
}

/// Sorts labels into a set; senders must send them sorted, but not all do.
fn label_set(mut pairs: Vec<(&str, &str)>) -> Result<LabelSet, LabelsError> {
    if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
        pairs.sort_by_key(|(name, _)| *name);
        if let Some(twice) = pairs.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(LabelsError::Duplicate(twice[0].0.to_owned()));
        }
    }
    Ok(LabelSet::from_sorted(pairs))
}
