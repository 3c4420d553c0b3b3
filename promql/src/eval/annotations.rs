//! What a query's author should know about the answer: warnings and infos with their place.

use std::collections::BTreeMap;

use metrics_core::Timestamp;
use metrics_core::number::{format_general, format_significant};

use crate::parser::Span;

/// Warnings and infos of one query. Equal ones are kept once.
///
/// ```
/// use metrics_core::MemStore;
/// use promql::{Engine, Options};
/// let engine = Engine::new(Options::default());
/// let answer = engine.instant(&MemStore::default(), "quantile(7, vector(1))", 0).unwrap();
/// let (warnings, infos) = answer.annotations.texts("quantile(7, vector(1))");
/// assert_eq!(warnings, ["PromQL warning: quantile value should be between 0 and 1, got 7 (1:10)"]);
/// assert!(infos.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    // By text, so that the order does not depend on how many threads found them.
    found: BTreeMap<String, Annotation>,
}

impl Annotations {
    /// Whether there is neither a warning nor an info.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Warnings and infos as texts with the place in the query, each in alphabetical order.
    pub fn texts(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (Vec::new(), Vec::new());
        for (text, annotation) in &self.found {
            let (line, column) = annotation.span.line_column(query);
            let full = format!("{text}{} ({line}:{column})", annotation.detail.text());
            if text.starts_with(WARNING) { warnings.push(full) } else { infos.push(full) }
        }
        (warnings, infos)
    }

    pub(crate) fn add(&mut self, note: &Note<'_>, span: Span) {
        self.insert(note.text(), Annotation { span, detail: note.detail() });
    }

    /// Of equal texts the later one's place counts.
    fn insert(&mut self, text: String, annotation: Annotation) {
        match self.found.get_mut(&text) {
            Some(known) => known.join(annotation),
            None => {
                self.found.insert(text, annotation);
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Annotation {
    span: Span,
    detail: Detail,
}

impl Annotation {
    fn join(&mut self, later: Self) {
        match (&mut self.detail, later.detail) {
            (Detail::None, _) => self.span = later.span,
            (Detail::Monotonicity(a), Detail::Monotonicity(b)) => a.join(&b),
            (Detail::Occurrences(a), Detail::Occurrences(b)) => *a += b,
            _ => {}
        }
    }
}

/// What is summed up over equal annotations.
#[derive(Debug, Clone, PartialEq)]
enum Detail {
    None,
    Monotonicity(Monotonicity),
    Occurrences(usize),
}

impl Detail {
    fn text(&self) -> String {
        match self {
            Self::None | Self::Occurrences(0 | 1) => String::new(),
            Self::Occurrences(count) => format!(" ({count} occurrences)"),
            Self::Monotonicity(m) => format!(
                ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                format_general(m.lowest),
                format_general(m.highest),
                format_significant(m.difference, 2),
                m.count,
                rfc3339(m.first),
                rfc3339(m.last),
            ),
        }
    }
}

/// Classic buckets whose counts fell and had to be straightened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Monotonicity {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    pub(crate) difference: f64,
    pub(crate) count: usize,
}

impl Monotonicity {
    fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
        self.difference = self.difference.max(other.difference);
        self.count += other.count;
    }
}

/// Whole seconds, as the original cuts them.
fn rfc3339(timestamp: Timestamp) -> String {
    jiff::Timestamp::from_second(timestamp / 1000).map_or_else(|_| timestamp.to_string(), |t| t.to_string())
}

const WARNING: &str = "PromQL warning: ";
const INFO: &str = "PromQL info: ";

/// What histograms went through when something about them was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Addition,
    Subtraction,
    Aggregation,
}

impl Operation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// Everything that the engine annotates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Note<'a> {
    InvalidRatio { given: f64, capped: f64 },
    InvalidQuantile(f64),
    BadBucketLabel { metric: &'a str, label: &'a str },
    MixedFloatsHistograms { metric: &'a str },
    MixedFloatsHistogramsAggregation,
    MixedClassicNative { metric: &'a str },
    NotCounter { metric: &'a str },
    NotGauge { metric: &'a str },
    MixedExponentialCustom { metric: &'a str },
    IncompatibleLayout { operator: &'a str },
    SortInRangeQuery,
    ResetCollision(Operation),
    StartTimeOverlap { metric: &'a str },
    PossibleNonCounter { metric: &'a str },
    PossibleNonCounterType { metric: &'a str, found: &'a str },
    ForcedMonotonicity { metric: &'a str, detail: Monotonicity },
    IncompatibleTypes { left: &'a str, operator: &'a str, right: &'a str },
    HistogramIgnoredInAggregation { aggregation: &'a str },
    HistogramIgnoredInRange { metric: &'a str },
    QuantileNan { metric: &'a str },
    QuantileNanSkew { metric: &'a str },
    FractionNan { metric: &'a str },
    CustomBoundsReconciled(Operation),
}

impl Note<'_> {
    fn text(&self) -> String {
        let named = |metric: &str| match metric {
            "" => String::new(),
            _ => format!(" for metric name {metric:?}"),
        };
        match *self {
            Self::InvalidRatio { given, capped } => format!(
                "{WARNING}ratio value should be between -1 and 1, got {}, capping to {}",
                format_general(given),
                format_general(capped)
            ),
            Self::InvalidQuantile(q) => {
                format!("{WARNING}quantile value should be between 0 and 1, got {}", format_general(q))
            }
            Self::BadBucketLabel { metric, label } => format!(
                "{WARNING}bucket label \"le\" is missing or has a malformed value of {label:?}{}",
                named(metric)
            ),
            Self::MixedFloatsHistograms { metric } => {
                format!("{WARNING}encountered a mix of histograms and floats for metric name {metric:?}")
            }
            Self::MixedFloatsHistogramsAggregation => {
                format!("{WARNING}encountered a mix of histograms and floats for aggregation")
            }
            Self::MixedClassicNative { metric } => {
                format!("{WARNING}vector contains a mix of classic and native histograms{}", named(metric))
            }
            Self::NotCounter { metric } => {
                format!("{WARNING}this native histogram metric is not a counter: {metric:?}")
            }
            Self::NotGauge { metric } => {
                format!("{WARNING}this native histogram metric is not a gauge: {metric:?}")
            }
            Self::MixedExponentialCustom { metric } => format!(
                "{WARNING}vector contains a mix of histograms with exponential and custom buckets schemas for \
                 metric name {metric:?}"
            ),
            Self::IncompatibleLayout { operator } => {
                format!("{WARNING}incompatible bucket layout encountered for binary operator {operator}")
            }
            Self::SortInRangeQuery => format!(
                "{WARNING}sort is ineffective for range queries since results are always ordered by labels"
            ),
            Self::ResetCollision(operation) => {
                format!("{WARNING}conflicting counter resets during histogram {}", operation.as_str())
            }
            Self::StartTimeOverlap { metric } => format!(
                "{WARNING}sample has start time that overlaps with previous sample timestamp for metric {metric:?}"
            ),
            Self::PossibleNonCounter { metric } => format!(
                "{INFO}metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {metric:?}"
            ),
            Self::PossibleNonCounterType { metric, found } => format!(
                "{INFO}metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", \
                 got {found:?}: {metric:?}"
            ),
            Self::ForcedMonotonicity { metric, .. } => format!(
                "{INFO}input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
                named(metric)
            ),
            Self::IncompatibleTypes { left, operator, right } => format!(
                "{INFO}incompatible sample types encountered for binary operator {operator:?}: {left} {operator} \
                 {right}"
            ),
            Self::HistogramIgnoredInAggregation { aggregation } => {
                format!("{INFO}ignored histogram in {aggregation} aggregation")
            }
            Self::HistogramIgnoredInRange { metric } => format!(
                "{INFO}ignored histograms in a range containing both floats and histograms for metric name \
                 {metric:?}"
            ),
            Self::QuantileNan { metric } => format!(
                "{INFO}input to histogram_quantile has NaN observations, result is NaN{}",
                named(metric)
            ),
            Self::QuantileNanSkew { metric } => format!(
                "{INFO}input to histogram_quantile has NaN observations, result is skewed higher{}",
                named(metric)
            ),
            Self::FractionNan { metric } => format!(
                "{INFO}input to histogram_fraction has NaN observations, which are excluded from all fractions{}",
                named(metric)
            ),
            Self::CustomBoundsReconciled(operation) => {
                format!("{INFO}mismatched custom buckets were reconciled during {}", operation.as_str())
            }
        }
    }

    fn detail(&self) -> Detail {
        match *self {
            Self::ForcedMonotonicity { detail, .. } => Detail::Monotonicity(detail),
            Self::StartTimeOverlap { .. } => Detail::Occurrences(1),
            _ => Detail::None,
        }
    }
}
