//! Putting together what sources and collectors show at one moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::collect::CollectError;
use crate::family::{Metric, MetricFamily, MetricValue};
use crate::{LabelSet, MetricType};

/// A registry's families at one moment.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Gathered {
    /// All that could be read, sorted by name; members with fewer labels first, then by the values of the labels.
    pub families: Vec<MetricFamily>,
    /// What could not be read or had to be left out.
    pub errors: Vec<GatherError>,
    /// One for each family; none at all where families may be changed by whoever has them.
    pub(super) outlines: Vec<Option<Outline>>,
}

impl Gathered {
    /// The families, each with its outline, if it may come again.
    ///
    /// ```
    /// use metrics_core::instrument::{Gatherer, Registry};
    /// let registry = Registry::new();
    /// let orders = registry.counter("orders", "Orders taken.")?;
    /// let mut gatherer = Gatherer::new(&registry);
    /// let before = gatherer.gather().outlined().next().and_then(|(_, outline)| outline);
    /// orders.inc();
    /// let (family, outline) = gatherer.gather().outlined().next().expect("one is registered");
    /// assert_eq!(family.name, "orders_total");
    /// assert!(outline.is_some() && outline == before);
    /// # Ok::<(), metrics_core::instrument::RegisterError>(())
    /// ```
    pub fn outlined(&self) -> impl Iterator<Item = (&MetricFamily, Option<Outline>)> {
        let outlines = self.outlines.iter().copied().chain(std::iter::repeat(None));
        self.families.iter().zip(outlines)
    }
}

/// Stands for all of a family but what its metrics show: name, help, unit, type, and the labels and times of creation of
/// its metrics in their order. Families of the same outline are the same in all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline(u64);

impl Outline {
    /// One that no family has had.
    pub(super) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Why something is missing among the gathered families.
#[derive(Debug)]
#[non_exhaustive]
pub enum GatherError {
    /// A collector failed; what it appended before is there.
    Collector {
        /// The collector's name.
        collector: String,
        /// The cause.
        error: CollectError,
    },
    /// Two sources show the same family with different type, help or unit; the second one is left out.
    Inconsistent {
        /// The family.
        family: String,
        /// Who shows it for the second time.
        collector: String,
    },
    /// A family shows the same labels twice; the second one is left out.
    Duplicate {
        /// The family.
        family: String,
        /// The labels.
        labels: LabelSet,
    },
}

impl fmt::Display for GatherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collector { collector, error } => write!(f, "collector {collector:?} failed: {error}"),
            Self::Inconsistent { family, collector } => {
                write!(
                    f,
                    "collector {collector:?} shows {family:?} with another type, help or unit than before"
                )
            }
            Self::Duplicate { family, labels } => {
                write!(f, "metric {family:?} was collected twice with labels {labels}")
            }
        }
    }
}

impl std::error::Error for GatherError {}

pub(super) fn add_labels(metrics: &mut [Metric], labels: &LabelSet) {
    if labels.is_empty() {
        return;
    }
    for metric in metrics {
        // A member's own label wins, though only a collector can have one of the same name. Empty values are kept,
        // for a collector may have put them there on purpose.
        let own = &metric.labels;
        let added = labels.iter().filter(|(name, _)| own.iter().all(|(n, _)| n != *name));
        metric.labels = LabelSet::shown(added.chain(own.iter()));
    }
}

/// Where families that are full are shown.
const REFUSED: &str = "metrics_family_refused_total";

/// Families made up at the moment of the scrape, being put together.
#[derive(Default)]
pub(super) struct Page {
    pub(super) families: BTreeMap<String, MetricFamily>,
    pub(super) errors: Vec<GatherError>,
}

impl Page {
    pub(super) fn merge(&mut self, family: MetricFamily, collector: &str) {
        match self.families.get_mut(&family.name) {
            None => {
                self.families.insert(family.name.clone(), family);
            }
            Some(known)
                if (known.metric_type, &known.help, &known.unit)
                    == (family.metric_type, &family.help, &family.unit) =>
            {
                known.metrics.extend(family.metrics);
            }
            Some(_) => {
                let collector = collector.to_owned();
                self.errors.push(GatherError::Inconsistent { family: family.name, collector });
            }
        }
    }

    /// Notes that a family had no place for some uses.
    pub(super) fn refused(&mut self, family: &str, times: u64) {
        if times > 0 {
            let help = "Uses that found no place in a family with as many members as it may have.";
            let full = self.families.entry(REFUSED.to_owned());
            let full = full.or_insert_with(|| MetricFamily::new(REFUSED, help, MetricType::Counter));
            let labels = LabelSet::from_pairs([("metric", family)]);
            full.push(labels, MetricValue::Counter { total: times as f64, exemplar: None });
        }
    }

    /// The families in order, each with its metrics in order, and what was wrong with all of them.
    pub(super) fn finish(self) -> (impl Iterator<Item = MetricFamily>, Vec<GatherError>) {
        let Self { mut families, mut errors } = self;
        for family in families.values_mut() {
            sort_and_dedup(family, &mut errors);
        }
        (families.into_values(), errors)
    }
}

/// Brings a family's metrics into the order of pages; of two with the same labels the first one stays.
pub(super) fn sort_and_dedup(family: &mut MetricFamily, errors: &mut Vec<GatherError>) {
    family.sort();
    let name = &family.name;
    family.metrics.dedup_by(|second, first| {
        let twice = second.labels == first.labels;
        if twice {
            let (family, labels) = (name.clone(), second.labels.clone());
            errors.push(GatherError::Duplicate { family, labels });
        }
        twice
    });
}
