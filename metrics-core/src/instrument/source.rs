//! What can be registered, and under which description.

use super::Instrument;
use super::family::Family;
use super::labels::Labels;
use crate::family::Metric;
use crate::{LabelSet, MetricType, Timestamp};

/// What a metric is called and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desc {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) unit: String,
}

impl Desc {
    /// A metric of this name and meaning, without unit.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Self {
        Self { name: name.into(), help: help.into(), unit: String::new() }
    }

    /// Measured in this base unit, such as `seconds` or `bytes`.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// The name under which it is shown: with prefix, unit and, for counters, `_total`.
    ///
    /// ```
    /// use metrics_core::MetricType;
    /// use metrics_core::instrument::Desc;
    /// let sent = Desc::new("sent", "Sent.").unit("bytes");
    /// assert_eq!(sent.full_name("shop_", MetricType::Counter), "shop_sent_bytes_total");
    /// ```
    pub fn full_name(&self, prefix: &str, metric_type: MetricType) -> String {
        let counter = metric_type == MetricType::Counter;
        let base = if counter { self.name.strip_suffix("_total").unwrap_or(&self.name) } else { &self.name };
        let mut name = format!("{prefix}{base}");
        if !self.unit.is_empty() && !name.ends_with(&format!("_{}", self.unit)) {
            name.push('_');
            name.push_str(&self.unit);
        }
        if counter {
            name.push_str("_total");
        }
        name
    }
}

impl<N: Into<String>, H: Into<String>> From<(N, H)> for Desc {
    fn from((name, help): (N, H)) -> Self {
        Self::new(name, help)
    }
}

/// What can be registered: an [`Instrument`] or a [`Family`] of them.
pub trait Source: Clone + Send + Sync + 'static {
    /// The kind of metric.
    const TYPE: MetricType;

    /// The names of the labels that tell its members apart; none for a single instrument.
    fn label_names(&self) -> &[&'static str];

    /// Appends what it shows at this moment.
    fn read_into(&self, metrics: &mut Vec<Metric>);

    /// A number that is another one once members have come or gone.
    fn version(&self) -> u64 {
        0
    }

    /// Brings up to date what [`Source::read_into`] appended when [`Source::version`] was this. Returns `false` if it
    /// has to be read anew, because members have come or gone since, or because the source cannot do better.
    fn refresh(&self, _metrics: &mut [Metric], _version: u64) -> bool {
        false
    }

    /// Is told the time from now on, for what it makes later.
    fn use_clock(&self, _clock: Clock) {}

    /// How many uses found no place, because of a limit.
    fn refused(&self) -> u64 {
        0
    }
}

/// Tells the time in milliseconds since 1970.
pub type Clock = fn() -> Timestamp;

impl<M: Instrument> Source for M {
    const TYPE: MetricType = M::TYPE;

    fn label_names(&self) -> &[&'static str] {
        &[]
    }

    fn read_into(&self, metrics: &mut Vec<Metric>) {
        metrics.push(Metric {
            labels: LabelSet::empty(),
            value: self.read(),
            timestamp: None,
            created: None,
        });
    }

    fn refresh(&self, metrics: &mut [Metric], _version: u64) -> bool {
        let [metric] = metrics else { return false };
        Instrument::refresh(self, &mut metric.value);
        true
    }
}

impl<L: Labels, M: Instrument> Source for Family<L, M> {
    const TYPE: MetricType = M::TYPE;

    fn label_names(&self) -> &[&'static str] {
        Family::label_names(self)
    }

    fn read_into(&self, metrics: &mut Vec<Metric>) {
        metrics.append(&mut self.read());
    }

    fn version(&self) -> u64 {
        Family::version(self)
    }

    fn refresh(&self, metrics: &mut [Metric], version: u64) -> bool {
        Family::refresh(self, metrics, version)
    }

    fn use_clock(&self, clock: Clock) {
        Family::use_clock(self, clock);
    }

    fn refused(&self) -> u64 {
        Family::refused(self)
    }
}

/// A [`Source`] of any type.
pub(super) trait AnySource: Send + Sync {
    fn read_into(&self, metrics: &mut Vec<Metric>);
    fn version(&self) -> u64;
    fn refresh(&self, metrics: &mut [Metric], version: u64) -> bool;
    fn refused(&self) -> u64;
}

impl<S: Source> AnySource for S {
    fn read_into(&self, metrics: &mut Vec<Metric>) {
        Source::read_into(self, metrics);
    }

    fn version(&self) -> u64 {
        Source::version(self)
    }

    fn refresh(&self, metrics: &mut [Metric], version: u64) -> bool {
        Source::refresh(self, metrics, version)
    }

    fn refused(&self) -> u64 {
        Source::refused(self)
    }
}

/// The names of a metric's samples in any of the formats.
pub(super) fn sample_names(name: &str, metric_type: MetricType) -> Vec<String> {
    let base = name.strip_suffix("_total").filter(|_| metric_type == MetricType::Counter).unwrap_or(name);
    let suffixes: &[&str] = match metric_type {
        MetricType::Counter => &["", "_total", "_created"],
        MetricType::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        MetricType::GaugeHistogram => &["", "_bucket", "_gsum", "_gcount"],
        MetricType::Summary => &["", "_sum", "_count", "_created"],
        MetricType::Info => &["", "_info"],
        _ => &[""],
    };
    suffixes.iter().map(|s| format!("{base}{s}")).collect()
}
