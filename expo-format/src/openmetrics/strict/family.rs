//! One metric family of a strict page.

use std::borrow::Cow;
use std::collections::HashSet;

use metrics_core::{MetricType, Timestamp};

use super::Rule;
use super::histogram::HistogramCheck;
use crate::event::Sample;
use crate::number::parse_float;

/// Characters that the names and values of an exemplar's labels may have together.
const MAX_EXEMPLAR_CHARACTERS: usize = 128;

#[derive(Debug)]
pub(super) struct Family<'a> {
    pub(super) name: Cow<'a, str>,
    metric_type: Option<MetricType>,
    has_help: bool,
    has_unit: bool,
    is_unit_empty: bool,
    group: Option<Group>,
    /// Groups that came before, the present one included.
    seen_groups: HashSet<Labels>,
    histogram: HistogramCheck,
}

/// Samples of one metric: those that share their labels, apart from the one that tells them apart.
#[derive(Debug)]
struct Group {
    labels: Labels,
    timestamp: Option<Timestamp>,
}

/// Names and values, sorted.
type Labels = Vec<(String, String)>;

impl<'a> Family<'a> {
    pub(super) fn new(name: Cow<'a, str>) -> Self {
        Self {
            name,
            metric_type: None,
            has_help: false,
            has_unit: false,
            is_unit_empty: true,
            group: None,
            seen_groups: HashSet::new(),
            histogram: HistogramCheck::default(),
        }
    }

    pub(super) fn has_samples(&self) -> bool {
        self.group.is_some()
    }

    pub(super) fn set_help(&mut self) -> Result<(), Rule> {
        if std::mem::replace(&mut self.has_help, true) {
            Err("more than one HELP for a metric")
        } else {
            Ok(())
        }
    }

    pub(super) fn set_type(&mut self, metric_type: MetricType) -> Result<(), Rule> {
        if self.metric_type.replace(metric_type).is_some() {
            Err("more than one TYPE for a metric")
        } else {
            Ok(())
        }
    }

    pub(super) fn set_unit(&mut self, unit: &str) -> Result<(), Rule> {
        self.is_unit_empty = unit.is_empty();
        if std::mem::replace(&mut self.has_unit, true) {
            Err("more than one UNIT for a metric")
        } else {
            Ok(())
        }
    }

    fn suffixes(&self) -> &'static [&'static str] {
        match self.metric_type {
            Some(MetricType::Counter) => &["_total", "_created"],
            Some(MetricType::Summary) => &["", "_count", "_sum", "_created"],
            Some(MetricType::Histogram) => &["_count", "_sum", "_bucket", "_created"],
            Some(MetricType::GaugeHistogram) => &["_gcount", "_gsum", "_bucket"],
            Some(MetricType::Info) => &["_info"],
            _ => &[""],
        }
    }

    /// Whether a sample of this name belongs here.
    pub(super) fn owns(&self, sample: &str) -> bool {
        sample.strip_prefix(&*self.name).is_some_and(|suffix| self.suffixes().contains(&suffix))
    }

    /// Names that no other family may have.
    pub(super) fn reserved_names(&self) -> impl Iterator<Item = String> {
        let own = std::iter::once("").chain(self.suffixes().iter().copied().filter(|s| !s.is_empty()));
        own.map(|suffix| format!("{}{suffix}", self.name))
    }

    pub(super) fn sample(&mut self, name: &str, sample: &Sample<'_>) -> Result<(), Rule> {
        // The grammar has commas between labels only; lenient readers let one stand at the end.
        let exemplar_text = sample.exemplar.as_ref().map_or("", |e| e.labels.as_str());
        if sample.series.as_str().ends_with(",}") || exemplar_text.ends_with(",}") {
            return Err("comma behind the last label");
        }
        let suffix = name.strip_prefix(&*self.name).unwrap_or_default().to_owned();
        let mut labels: Labels =
            sample.series.labels().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        labels.sort();
        if labels.windows(2).any(|w| w[0].0 == w[1].0) {
            return Err("label name is not unique");
        }
        let telling = self.telling_label(&suffix);
        let told = telling.and_then(|label| {
            let at = labels.iter().position(|(n, _)| *n == label)?;
            Some(labels.remove(at).1)
        });
        self.check_labels(&suffix, told.as_deref())?;
        self.check_value(&suffix, sample.value)?;
        self.check_exemplar(&suffix, sample)?;
        if matches!(self.metric_type, Some(MetricType::Histogram | MetricType::GaugeHistogram)) {
            let bound = told.as_deref().and_then(|le| parse_float(le.as_bytes()));
            self.histogram.sample(&labels, sample.timestamp, &suffix, bound, sample.value)?;
        }
        self.check_group(labels, sample.timestamp)
    }

    /// The label that tells samples of one metric apart.
    fn telling_label(&self, suffix: &str) -> Option<String> {
        match self.metric_type {
            Some(MetricType::StateSet) => Some(self.name.clone().into_owned()),
            Some(MetricType::Summary) if suffix.is_empty() => Some("quantile".to_owned()),
            Some(MetricType::Histogram | MetricType::GaugeHistogram) if suffix == "_bucket" => {
                Some("le".to_owned())
            }
            _ => None,
        }
    }

    fn check_labels(&self, suffix: &str, told: Option<&str>) -> Result<(), Rule> {
        let number = told.and_then(|text| parse_float(text.as_bytes())).filter(|n| !n.is_nan());
        match self.metric_type {
            Some(MetricType::StateSet) if told.is_none() => Err("state set without its label"),
            Some(MetricType::Summary) if suffix.is_empty() => match number {
                Some(quantile) if (0.0..=1.0).contains(&quantile) => Ok(()),
                _ => Err("invalid quantile label"),
            },
            Some(MetricType::Histogram | MetricType::GaugeHistogram) if suffix == "_bucket" => match number {
                Some(bound) if bound.is_finite() || told == Some("+Inf") => Ok(()),
                _ => Err("invalid le label"),
            },
            _ => Ok(()),
        }
    }

    fn check_value(&self, suffix: &str, value: f64) -> Result<(), Rule> {
        let is_count = matches!(suffix, "_bucket" | "_count" | "_gcount");
        match self.metric_type {
            Some(MetricType::StateSet) if value != 0.0 && value != 1.0 => {
                Err("state sets have the values 0 and 1")
            }
            Some(MetricType::Info) if value != 1.0 => Err("info metrics have the value 1"),
            Some(MetricType::Summary) if suffix.is_empty() && value < 0.0 => {
                Err("quantile values cannot be negative")
            }
            _ if suffix.is_empty() || suffix == "_created" || suffix == "_info" => Ok(()),
            _ if value.is_nan() => Err("counter-like samples cannot be NaN"),
            _ if suffix != "_gsum" && value < 0.0 => Err("counter-like samples cannot be negative"),
            _ if is_count && value.fract() != 0.0 => Err("counts must be whole numbers"),
            _ => Ok(()),
        }
    }

    fn check_exemplar(&self, suffix: &str, sample: &Sample<'_>) -> Result<(), Rule> {
        let Some(exemplar) = &sample.exemplar else { return Ok(()) };
        let is_allowed = match self.metric_type {
            Some(MetricType::Histogram | MetricType::GaugeHistogram) => suffix == "_bucket",
            Some(MetricType::Counter) => suffix == "_total",
            _ => false,
        };
        if !is_allowed {
            return Err("exemplars belong to buckets and counters");
        }
        let characters: usize = exemplar.labels.map(|(n, v)| n.chars().count() + v.chars().count()).sum();
        if characters > MAX_EXEMPLAR_CHARACTERS { Err("exemplar labels are too long") } else { Ok(()) }
    }

    fn check_group(&mut self, labels: Labels, timestamp: Option<Timestamp>) -> Result<(), Rule> {
        // All labels of an info metric describe, so that its groups cannot be told apart.
        let is_info = self.metric_type == Some(MetricType::Info);
        let labels = if is_info { Labels::new() } else { labels };
        match &mut self.group {
            Some(group) if group.labels == labels => {
                match (group.timestamp, timestamp) {
                    (Some(_), None) | (None, Some(_)) => {
                        return Err("only some samples of a metric have a timestamp");
                    }
                    (Some(last), Some(now)) if now < last && !is_info => {
                        return Err("timestamps of a metric went backwards");
                    }
                    _ => {}
                }
                group.timestamp = timestamp;
            }
            _ => {
                if !self.seen_groups.insert(labels.clone()) {
                    return Err("samples of a metric are not together");
                }
                self.group = Some(Group { labels, timestamp });
            }
        }
        Ok(())
    }

    /// Checks what only the whole family shows.
    pub(super) fn finish(&mut self) -> Result<(), Rule> {
        let has_no_unit = matches!(self.metric_type, Some(MetricType::Info | MetricType::StateSet));
        if has_no_unit && !self.is_unit_empty {
            return Err("metrics of this type have no unit");
        }
        self.histogram.finish()
    }
}
