//! A whole page as metric families: for tools that convert, compare or change pages.
//!
//! Scraping does not need this: it takes events as they come.

mod metric;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use metrics_core::family::MetricFamily;
use metrics_core::{LabelSet, MetricType, Timestamp, Value};

use crate::series::DuplicateLabel;
use crate::{Event, Format, Limits, NativeHistogram, PageParser, ParseError, Sample};
use metric::{Draft, Part};

/// Reads a page into families, in the page's order. Together with [`crate::write`] it turns any format into any
/// other.
///
/// Samples that belong to no announced family become families of unknown type. Comments are left out.
///
/// ```
/// use expo_format::{Format, Limits, WriteOptions, read_families, write};
/// let page = b"# TYPE hits_total counter\nhits_total{path=\"/\"} 3\n";
/// let families = read_families(Format::Text, page, Limits::default()).unwrap();
/// let mut converted = Vec::new();
/// write(&mut converted, Format::OpenMetrics, &families, WriteOptions::default());
/// assert_eq!(converted, b"# TYPE hits counter\nhits_total{path=\"/\"} 3.0\n# EOF\n");
/// ```
///
/// # Errors
/// If the page breaks its format, or a series has a label twice.
pub fn read_families(
    format: Format,
    page: &[u8],
    limits: Limits,
) -> Result<Vec<MetricFamily>, FamiliesError> {
    let mut parser = PageParser::with_limits(format, page, limits).keep_classic();
    let mut assembly = Assembly::default();
    while let Some(event) = parser.next_event()? {
        match event {
            Event::Help { name, help } => assembly.described(&name).help = help.into_owned(),
            Event::Unit { name, unit } => assembly.described(&name).unit = unit.to_owned(),
            Event::Type { name, metric_type } => assembly.set_type(&name, metric_type),
            Event::Sample(sample) => assembly.sample(&sample)?,
            Event::Histogram(histogram) => assembly.histogram(histogram)?,
            Event::Comment(_) => {}
        }
    }
    assembly.finish_family();
    Ok(assembly.done)
}

/// Why a page could not be read into families.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FamiliesError {
    /// The page breaks its format.
    #[error("broken page")]
    Parse(#[from] ParseError),
    /// A series has a label twice.
    #[error("impossible series")]
    Series(#[from] DuplicateLabel),
}

/// Families done, and the one that lines are added to.
#[derive(Default)]
struct Assembly {
    done: Vec<MetricFamily>,
    family: Option<MetricFamily>,
    /// Whether the present family's type was announced.
    is_typed: bool,
    drafts: Vec<Draft>,
    /// Where each metric's draft is.
    places: HashMap<(LabelSet, Option<Timestamp>), usize>,
}

impl Assembly {
    /// The family of that name: the present one, or a new one.
    fn family(&mut self, name: &str) -> &mut MetricFamily {
        if self.family.as_ref().is_none_or(|family| family.name != name) {
            self.finish_family();
        }
        self.family.get_or_insert_with(|| MetricFamily::new(name, "", MetricType::Unknown))
    }

    /// The family that metadata belongs to: behind samples it begins a new one.
    fn described(&mut self, name: &str) -> &mut MetricFamily {
        if !self.drafts.is_empty() {
            self.finish_family();
        }
        self.family(name)
    }

    fn set_type(&mut self, name: &str, metric_type: MetricType) {
        if self.is_typed {
            self.finish_family();
        }
        self.described(name).metric_type = metric_type;
        self.is_typed = true;
    }

    fn sample(&mut self, sample: &Sample<'_>) -> Result<(), FamiliesError> {
        let name = sample.series.name();
        let part = self.family.as_ref().and_then(|family| {
            let part = Part::of(family.metric_type, &family.name, &name)?;
            // A total with the label of buckets is none: its metric could not have that label beside their own.
            let mut labels = sample.series.labels();
            let is_impossible =
                |label: &str| part.tells_by() != Some(label) && labels.any(|(n, _)| n == label);
            (!telling_label(family.metric_type).is_some_and(is_impossible)).then_some(part)
        });
        let part = match part {
            Some(part) => part,
            None => {
                self.finish_family();
                self.family = Some(MetricFamily::new(name.clone(), "", MetricType::Unknown));
                Part::Value
            }
        };
        let telling: Option<Cow<'_, str>> = match (&part, &self.family) {
            (Part::State, Some(family)) => Some(family.name.as_str().into()),
            _ => part.tells_by().map(Cow::Borrowed),
        };
        // Refuses what no series can have; the labels themselves are kept as the page shows them.
        sample.series.label_set()?;
        let mut pairs: Vec<_> = sample.series.labels().collect();
        let told = telling.map(|label| match pairs.iter().position(|(name, _)| *name == label) {
            Some(at) => pairs.remove(at).1.into_owned(),
            None => String::new(),
        });
        let mut labels = LabelSet::shown(pairs.iter().map(|(name, value)| (&**name, &**value)));
        let info = (part == Part::Info).then(|| std::mem::take(&mut labels));
        let draft = self.draft(labels, sample.timestamp);
        draft.set(part, told.as_deref(), info, sample);
        Ok(())
    }

    fn histogram(&mut self, histogram: NativeHistogram<'_>) -> Result<(), FamiliesError> {
        histogram.series.label_set()?;
        if histogram.series.labels().any(|(name, _)| name == "le") {
            return Err(DuplicateLabel { name: "le".to_owned() }.into());
        }
        let pairs: Vec<_> = histogram.series.labels().collect();
        let labels = LabelSet::shown(pairs.iter().map(|(name, value)| (&**name, &**value)));
        let draft = self.draft(labels, histogram.timestamp);
        draft.created = histogram.created;
        draft.exemplars = histogram.exemplars;
        draft.native = match histogram.value {
            Value::Histogram(native) => Some(Arc::unwrap_or_clone(native).into()),
            Value::FloatHistogram(native) => Some(Arc::unwrap_or_clone(native).into()),
            _ => None,
        };
        Ok(())
    }

    fn draft(&mut self, labels: LabelSet, timestamp: Option<Timestamp>) -> &mut Draft {
        let fresh = self.drafts.len();
        let place = *self.places.entry((labels.clone(), timestamp)).or_insert(fresh);
        if place == fresh {
            self.drafts.push(Draft::new(labels, timestamp));
        }
        &mut self.drafts[place]
    }

    fn finish_family(&mut self) {
        self.places.clear();
        self.is_typed = false;
        let drafts = std::mem::take(&mut self.drafts);
        let Some(mut family) = self.family.take() else { return };
        let suffix = match family.metric_type {
            // Families are named as classic text shows them.
            MetricType::Counter if drafts.iter().any(|d| d.has_total) => "_total",
            MetricType::Info if !family.name.ends_with("_info") => "_info",
            _ => "",
        };
        family.name.push_str(suffix);
        family.metrics = drafts.into_iter().map(|d| d.finish(family.metric_type)).collect();
        self.done.push(family);
    }
}

/// The label that tells the parts of a metric apart.
fn telling_label(metric_type: MetricType) -> Option<&'static str> {
    match metric_type {
        MetricType::Histogram | MetricType::GaugeHistogram => Some("le"),
        MetricType::Summary => Some("quantile"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
