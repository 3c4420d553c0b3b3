//! What a metric family says about itself: type, help, unit.

use std::fmt;

/// The kind of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MetricType {
    /// Nothing is known.
    #[default]
    Unknown,
    /// Only rises, except for restarts from zero.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Observations counted in buckets.
    Histogram,
    /// A histogram whose buckets may fall.
    GaugeHistogram,
    /// Quantiles computed by the exposing program.
    Summary,
    /// Text that describes, with value 1.
    Info,
    /// A set of states of which some are on.
    StateSet,
}

impl MetricType {
    /// The word of OpenMetrics and of the metadata API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// The type of that word, `untyped` of the classic text format included.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "unknown" | "untyped" => Self::Unknown,
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            _ => return None,
        })
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Type, help and unit of a metric family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The kind.
    pub metric_type: MetricType,
    /// What it means, for people; may be empty.
    pub help: String,
    /// The base unit, such as `seconds`; may be empty.
    pub unit: String,
}
