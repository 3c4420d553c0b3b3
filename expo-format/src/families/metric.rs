//! One metric, put together from its lines.

use metrics_core::family::{Bucket, HistogramValue, Metric, MetricValue, NativeHistogram};
use metrics_core::{Exemplar, LabelSet, MetricType, Timestamp};

use crate::number::parse_float;
use crate::{ExemplarRef, Sample};

/// What a sample is to its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Value,
    Total,
    Bucket,
    Quantile,
    Sum,
    Count,
    Created,
    State,
    Info,
}

impl Part {
    /// The part that a sample of this name plays in a family; `None` if it does not belong there.
    pub(super) fn of(metric_type: MetricType, family: &str, sample: &str) -> Option<Self> {
        let suffix = sample.strip_prefix(family)?;
        match (metric_type, suffix) {
            (MetricType::Unknown | MetricType::Gauge | MetricType::Counter, "") => Some(Self::Value),
            (MetricType::Counter, "_total") => Some(Self::Total),
            (MetricType::Counter | MetricType::Histogram | MetricType::Summary, "_created") => {
                Some(Self::Created)
            }
            (MetricType::Histogram | MetricType::GaugeHistogram, "_bucket") => Some(Self::Bucket),
            (MetricType::Histogram | MetricType::GaugeHistogram | MetricType::Summary, "_sum") => {
                Some(Self::Sum)
            }
            (MetricType::Histogram | MetricType::GaugeHistogram | MetricType::Summary, "_count") => {
                Some(Self::Count)
            }
            (MetricType::GaugeHistogram, "_gsum") => Some(Self::Sum),
            (MetricType::GaugeHistogram, "_gcount") => Some(Self::Count),
            (MetricType::Summary, "") => Some(Self::Quantile),
            (MetricType::StateSet, "") => Some(Self::State),
            (MetricType::Info, "_info") => Some(Self::Info),
            (MetricType::Info, "") if family.ends_with("_info") => Some(Self::Info),
            _ => None,
        }
    }

    /// The label by which it is told from others of its kind.
    pub(super) fn tells_by(&self) -> Option<&'static str> {
        match self {
            Self::Bucket => Some("le"),
            Self::Quantile => Some("quantile"),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Draft {
    labels: LabelSet,
    timestamp: Option<Timestamp>,
    pub(super) created: Option<Timestamp>,
    value: f64,
    /// Whether the value stood in a line with the suffix `_total`.
    pub(super) has_total: bool,
    exemplar: Option<Exemplar>,
    buckets: Vec<Bucket>,
    quantiles: Vec<(f64, f64)>,
    states: Vec<(String, bool)>,
    sum: f64,
    count: Option<f64>,
    info: LabelSet,
    pub(super) native: Option<NativeHistogram>,
    pub(super) exemplars: Vec<Exemplar>,
}

impl Draft {
    pub(super) fn new(labels: LabelSet, timestamp: Option<Timestamp>) -> Self {
        Self {
            labels,
            timestamp,
            created: None,
            value: 0.0,
            has_total: false,
            exemplar: None,
            buckets: Vec::new(),
            quantiles: Vec::new(),
            states: Vec::new(),
            sum: 0.0,
            count: None,
            info: LabelSet::empty(),
            native: None,
            exemplars: Vec::new(),
        }
    }

    /// Adds a sample. `told` is the value of the label that tells buckets, quantiles or states apart.
    pub(super) fn set(
        &mut self,
        part: Part,
        told: Option<&str>,
        info: Option<LabelSet>,
        sample: &Sample<'_>,
    ) {
        let value = sample.value;
        let number = told.and_then(|text| parse_float(text.as_bytes())).unwrap_or(f64::NAN);
        let exemplar = sample.exemplar.as_ref().map(ExemplarRef::to_exemplar);
        self.created = self.created.or(sample.created);
        match part {
            Part::Value | Part::Total => {
                (self.value, self.exemplar) = (value, exemplar);
                self.has_total = part == Part::Total;
            }
            // A bound that is no number bounds nothing.
            Part::Bucket if number.is_nan() => {}
            Part::Bucket => {
                self.buckets.push(Bucket { upper_bound: number, cumulative_count: value, exemplar });
            }
            Part::Quantile => self.quantiles.push((number, value)),
            Part::Sum => self.sum = value,
            Part::Count => self.count = Some(value),
            Part::Created => self.created = Some((value * 1000.0) as i64),
            Part::State => self.states.push((told.unwrap_or_default().to_owned(), value != 0.0)),
            Part::Info => self.info = info.unwrap_or_default(),
        }
    }

    pub(super) fn finish(mut self, metric_type: MetricType) -> Metric {
        let value = match metric_type {
            MetricType::Unknown => MetricValue::Unknown(self.value),
            MetricType::Gauge => MetricValue::Gauge(self.value),
            MetricType::Counter => MetricValue::Counter { total: self.value, exemplar: self.exemplar },
            MetricType::Info => MetricValue::Info(self.info),
            MetricType::StateSet => MetricValue::StateSet(self.states),
            MetricType::Summary => MetricValue::Summary {
                quantiles: self.quantiles,
                sum: self.sum,
                count: self.count.unwrap_or(0.0) as u64,
            },
            MetricType::Histogram | MetricType::GaugeHistogram => {
                self.buckets.sort_by(|a, b| a.upper_bound.total_cmp(&b.upper_bound));
                keep_last_of_equal(&mut self.buckets);
                let of_buckets = self.buckets.last().map_or(0.0, |b| b.cumulative_count);
                let of_native = self.native.as_ref().map(totals);
                let (count, sum) = match (self.count, of_native) {
                    (None, Some(native)) => native,
                    (count, _) => (count.unwrap_or(of_buckets), self.sum),
                };
                MetricValue::Histogram(HistogramValue {
                    buckets: self.buckets,
                    sum,
                    count,
                    native: self.native,
                    exemplars: self.exemplars,
                })
            }
        };
        Metric { labels: self.labels, value, timestamp: self.timestamp, created: self.created }
    }
}

/// A page may have a bucket twice, a histogram may not: the later line counts.
fn keep_last_of_equal(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|later, earlier| {
        let is_same = later.upper_bound == earlier.upper_bound;
        if is_same {
            std::mem::swap(later, earlier);
        }
        is_same
    });
}

/// Count and sum of a native histogram.
fn totals(native: &NativeHistogram) -> (f64, f64) {
    match native {
        NativeHistogram::Counts(h) => (h.count as f64, h.sum),
        NativeHistogram::FloatCounts(h) => (h.count, h.sum),
    }
}
