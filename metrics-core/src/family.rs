//! What an exposed page is made of: metric families, whatever the format that shows them.
//!
//! A registry yields these, collectors build them, every writer of `expo-format` prints them.

use std::cmp::Ordering;

use crate::{Exemplar, FloatHistogram, Histogram, LabelSet, MetricType, Timestamp};

/// All series of one metric name, with what the name means.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricFamily {
    /// The name as classic text shows it; a counter's includes `_total` if it has that suffix.
    pub name: String,
    /// What the metric means, for people.
    pub help: String,
    /// The kind of metric.
    pub metric_type: MetricType,
    /// The base unit, such as `seconds`; may be empty.
    pub unit: String,
    /// One entry per distinct set of labels.
    pub metrics: Vec<Metric>,
}

impl MetricFamily {
    /// A family without series.
    pub fn new(name: impl Into<String>, help: impl Into<String>, metric_type: MetricType) -> Self {
        Self { name: name.into(), help: help.into(), metric_type, unit: String::new(), metrics: Vec::new() }
    }

    /// Adds one series.
    pub fn push(&mut self, labels: LabelSet, value: MetricValue) -> &mut Self {
        self.metrics.push(Metric { labels, value, timestamp: None, created: None });
        self
    }

    /// Sorts the members as the field's pages show them: fewer labels first, then by the labels' values.
    pub fn sort(&mut self) {
        self.metrics.sort_by(|a, b| Metric::order_of_labels(&a.labels, &b.labels));
    }

    /// Whether the members are sorted, and none is there twice.
    pub(crate) fn is_in_order(&self) -> bool {
        self.metrics.windows(2).all(|pair| {
            let [a, b] = [&pair[0].labels, &pair[1].labels];
            Metric::order_of_labels(a, b).is_le() && a != b
        })
    }
}

/// One labelled member of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its labels, without `__name__`.
    pub labels: LabelSet,
    /// What it shows.
    pub value: MetricValue,
    /// When it was measured, where that is not the moment of the scrape.
    pub timestamp: Option<Timestamp>,
    /// When counting began, for counters, histograms and summaries that know it.
    pub created: Option<Timestamp>,
}

impl Metric {
    /// Fewer labels first, then by the labels' values.
    pub(crate) fn order_of_labels(a: &LabelSet, b: &LabelSet) -> Ordering {
        let by_count = a.len().cmp(&b.len());
        by_count.then_with(|| a.iter().map(|(_, v)| v).cmp(b.iter().map(|(_, v)| v)))
    }
}

/// The value of a [`Metric`], by kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// A number of unknown kind.
    Unknown(f64),
    /// A counter's total.
    Counter {
        /// The total.
        total: f64,
        /// An example event.
        exemplar: Option<Exemplar>,
    },
    /// A gauge.
    Gauge(f64),
    /// A histogram or gauge histogram: classic buckets, a native histogram, or both.
    Histogram(HistogramValue),
    /// A summary.
    Summary {
        /// `(quantile, value)`, quantiles rising.
        quantiles: Vec<(f64, f64)>,
        /// Sum of all observations.
        sum: f64,
        /// Number of observations.
        count: u64,
    },
    /// Describing labels, shown with the value 1.
    Info(LabelSet),
    /// States and whether each is on.
    StateSet(Vec<(String, bool)>),
}

/// What a histogram shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistogramValue {
    /// Classic buckets, upper bounds rising; the last one is +Inf. Empty if there is only a native histogram.
    pub buckets: Vec<Bucket>,
    /// Sum of all observations.
    pub sum: f64,
    /// Number of all observations (a float only for gauge histograms with float counts).
    pub count: f64,
    /// The native histogram, where the instrument has one.
    pub native: Option<NativeHistogram>,
    /// Exemplars of the native histogram.
    pub exemplars: Vec<Exemplar>,
}

/// A native histogram; boxed, because a metric of any kind takes as much room as the largest one.
#[derive(Debug, Clone, PartialEq)]
pub enum NativeHistogram {
    /// With integer counts, as instruments have them.
    Counts(Box<Histogram>),
    /// With float counts, as calculations make them.
    FloatCounts(Box<FloatHistogram>),
}

impl From<Histogram> for NativeHistogram {
    fn from(histogram: Histogram) -> Self {
        Self::Counts(Box::new(histogram))
    }
}

impl From<FloatHistogram> for NativeHistogram {
    fn from(histogram: FloatHistogram) -> Self {
        Self::FloatCounts(Box::new(histogram))
    }
}

/// A classic bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Upper bound, included.
    pub upper_bound: f64,
    /// Observations at or below the bound.
    pub cumulative_count: f64,
    /// An example event inside the bucket.
    pub exemplar: Option<Exemplar>,
}

impl Bucket {
    /// Cumulative buckets from upper bounds, without +Inf, and the counts of each bucket by itself.
    pub(crate) fn cumulate(bounds: &[f64], counts: &[u64]) -> Vec<Self> {
        let mut cumulative = 0;
        let bucket = |(upper_bound, n): (f64, &u64)| {
            cumulative += n;
            Self { upper_bound, cumulative_count: cumulative as f64, exemplar: None }
        };
        bounds.iter().copied().chain([f64::INFINITY]).zip(counts).map(bucket).collect()
    }

    /// Gives cumulative buckets the counts of each bucket by itself, and returns the total.
    pub(crate) fn set_counts(buckets: &mut [Self], counts: &[u64]) -> f64 {
        let mut cumulative = 0;
        for (bucket, n) in buckets.iter_mut().zip(counts) {
            cumulative += n;
            bucket.cumulative_count = cumulative as f64;
        }
        cumulative as f64
    }
}
