//! Named instruments, and the moment at which all of them are read.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use super::collect::Collect;
use super::declare::{Declare, Shape};
use super::error::{Problem, RegisterError};
use super::family::Family;
use super::gather::Gathered;
use super::gatherer::Gatherer;
use super::source::{AnySource, Clock, Desc, Source, sample_names};
use super::{Buckets, Counter, Gauge, Histogram};
use crate::family::MetricFamily;
use crate::{LabelSet, MetricType, Timestamp};

/// Names instruments and shows them.
///
/// A clone is another door to the same registry; [`Registry::with_prefix`] and [`Registry::const_label`] make doors
/// that add to what is registered through them. Asking twice for the same metric gives the same instrument, so
/// parts of a program need not know of each other; asking for something contradictory is an error that names both sides.
///
/// Families that are full are shown in `metrics_family_refused_total` by the label `metric`.
///
/// Counters are shown with the suffix `_total`, metrics with a unit with the unit as suffix; either is added where
/// the name lacks it.
///
/// ```
/// use metrics_core::instrument::Registry;
/// let registry = Registry::new().const_label("zone", "eu");
/// let boots = registry.counter("shop_boots", "Starts.")?;
/// boots.inc();
/// assert_eq!(registry.counter("shop_boots", "Starts.")?.value(), 1.0);
///
/// let refused = registry.gauge("shop_boots_total", "Starts.").unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     r#"cannot register metric "shop_boots_total": it is registered as a counter, not as a gauge"#
/// );
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    shelves: Arc<RwLock<Shelves>>,
    prefix: String,
    const_labels: BTreeMap<String, String>,
    clock: Option<Clock>,
}

#[derive(Default)]
struct Shelves {
    /// By full name; several entries where constant labels differ.
    metrics: BTreeMap<String, Shelf>,
    /// Which metric shows samples of this name.
    samples: HashMap<String, String>,
    collectors: Vec<Collector>,
    /// Goes up with everything that is registered or taken off.
    changes: u64,
}

struct Shelf {
    help: String,
    unit: String,
    metric_type: MetricType,
    label_names: Vec<String>,
    entries: Vec<Entry>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) const_labels: LabelSet,
    /// The instrument, for those who ask for it again.
    handle: Arc<dyn Any + Send + Sync>,
    pub(super) source: Arc<dyn AnySource>,
    pub(super) created: Option<Timestamp>,
}

#[derive(Clone)]
pub(super) struct Collector {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) const_labels: LabelSet,
    pub(super) collect: Arc<dyn Collect>,
}

impl Registry {
    /// A registry without metrics.
    pub fn new() -> Self {
        Self::default()
    }

    /// A door whose metrics' names start with `prefix` and an underscore, after the prefix of this door.
    pub fn with_prefix(&self, prefix: &str) -> Self {
        Self { prefix: format!("{}{prefix}_", self.prefix), ..self.clone() }
    }

    /// This door, whose metrics have one label more.
    #[must_use]
    pub fn const_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.const_labels.insert(name.into(), value.into());
        self
    }

    /// This door, which notes when what is registered through it, and members of families, begin to count. Pages can
    /// show that, so that a restart is told from a rise.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The counter of this name, registered if it is not yet.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is not valid or stands for something else.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, RegisterError> {
        self.obtain((name, help), Counter::new())
    }

    /// The gauge of this name, registered if it is not yet.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is not valid or stands for something else.
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, RegisterError> {
        self.obtain((name, help), Gauge::new())
    }

    /// The histogram of this name, registered if it is not yet.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is not valid, stands for something else, or has other buckets.
    pub fn histogram(&self, name: &str, help: &str, buckets: Buckets) -> Result<Histogram, RegisterError> {
        let histogram: Histogram = self.obtain((name, help), Histogram::new(buckets.clone()))?;
        if histogram.buckets() == Some(&buckets) {
            return Ok(histogram);
        }
        let registered = histogram.buckets().map_or(&[][..], Buckets::bounds).to_vec();
        let problem = Problem::OtherBuckets { registered, new: buckets.bounds().to_vec() };
        Err(RegisterError { name: format!("{}{name}", self.prefix), problem })
    }

    /// The family of counters of this name and these labels, registered if it is not yet.
    ///
    /// # Errors
    /// [`RegisterError`] if a name is not valid or the metric's stands for something else.
    pub fn counter_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Result<Family<[&'static str; N], Counter>, RegisterError> {
        self.obtain((name, help), Family::new(labels, Counter::new))
    }

    /// The family of gauges of this name and these labels, registered if it is not yet.
    ///
    /// # Errors
    /// [`RegisterError`] if a name is not valid or the metric's stands for something else.
    pub fn gauge_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Result<Family<[&'static str; N], Gauge>, RegisterError> {
        self.obtain((name, help), Family::new(labels, Gauge::new))
    }

    /// The family of histograms of this name and these labels, registered if it is not yet. If it is, it keeps the
    /// buckets it has.
    ///
    /// # Errors
    /// [`RegisterError`] if a name is not valid or the metric's stands for something else.
    pub fn histogram_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
        buckets: Buckets,
    ) -> Result<Family<[&'static str; N], Histogram>, RegisterError> {
        self.obtain((name, help), Family::new(labels, move || Histogram::new(buckets.clone())))
    }

    /// Registers an instrument or family of your own making; it must be the first of its name and constant labels.
    ///
    /// # Errors
    /// [`RegisterError`] if a name is not valid or the metric's is taken.
    pub fn register<S: Source>(&self, desc: impl Into<Desc>, source: S) -> Result<(), RegisterError> {
        match self.place(desc.into(), source)? {
            Placed::New(_) => Ok(()),
            Placed::Known { name, .. } => Err(RegisterError { name, problem: Problem::Taken }),
        }
    }

    /// The instrument or family registered under this description, or `source` newly registered.
    ///
    /// # Errors
    /// [`RegisterError`] if a name is not valid or the metric's stands for something else.
    pub fn obtain<S: Source>(&self, desc: impl Into<Desc>, source: S) -> Result<S, RegisterError> {
        match self.place(desc.into(), source)? {
            Placed::New(source) => Ok(source),
            // Same kind and labels, yet another type of handle.
            Placed::Known { name, handle } => {
                handle.downcast_ref::<S>().cloned().ok_or(RegisterError { name, problem: Problem::Taken })
            }
        }
    }

    /// As [`Registry::obtain`], of an instrument or family made from a declaration.
    ///
    /// # Errors
    /// [`RegisterError`] if a name or a bucket bound is not valid or the metric's name stands for something else.
    pub fn declare<S: Declare>(&self, desc: impl Into<Desc>, shape: Shape) -> Result<S, RegisterError> {
        let desc = desc.into();
        let source = S::declare(&shape).map_err(|error| RegisterError {
            name: desc.full_name(&self.prefix, S::TYPE),
            problem: Problem::Buckets(error),
        })?;
        self.obtain(desc, source)
    }

    /// Registers a collector; the name is for error messages and must be the first of its kind.
    ///
    /// # Errors
    /// [`RegisterError`] if there is a collector of that name.
    pub fn register_collector(
        &self,
        name: impl Into<String>,
        collector: impl Collect + 'static,
    ) -> Result<(), RegisterError> {
        let name = name.into();
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        if shelves.collectors.iter().any(|c| c.name == name) {
            return Err(RegisterError { name, problem: Problem::Taken });
        }
        shelves.collectors.push(Collector {
            name,
            prefix: self.prefix.clone(),
            const_labels: LabelSet::from_pairs(&self.const_labels),
            collect: Arc::new(collector),
        });
        shelves.changes += 1;
        Ok(())
    }

    /// Takes the metric of this full name, or else the collector of this name, off the registry; says whether there
    /// was one. Handles live on, unseen.
    pub fn unregister(&self, name: &str) -> bool {
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        shelves.changes += 1;
        if shelves.metrics.remove(name).is_some() {
            shelves.samples.retain(|_, metric| metric != name);
            return true;
        }
        let before = shelves.collectors.len();
        shelves.collectors.retain(|c| c.name != name);
        shelves.collectors.len() < before
    }

    fn place<S: Source>(&self, desc: Desc, source: S) -> Result<Placed<S>, RegisterError> {
        let name = desc.full_name(&self.prefix, S::TYPE);
        let refuse = |problem| Err(RegisterError { name: name.clone(), problem });
        if desc.name.is_empty() {
            return refuse(Problem::EmptyName);
        }
        let label_names = match self.checked_labels(S::TYPE, source.label_names()) {
            Ok(names) => names,
            Err(problem) => return refuse(problem),
        };
        let const_labels = LabelSet::from_pairs(&self.const_labels);
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = shelves.metrics.get(&name) {
            if let Some(problem) = shelf.contradicts(S::TYPE, &desc, &label_names) {
                return refuse(problem);
            }
            if let Some(entry) = shelf.entries.iter().find(|e| e.const_labels == const_labels) {
                return Ok(Placed::Known { handle: Arc::clone(&entry.handle), name });
            }
        } else {
            let samples = sample_names(&name, S::TYPE);
            for sample in &samples {
                if let Some(registered) = shelves.samples.get(sample) {
                    let (sample, registered) = (sample.clone(), registered.clone());
                    return refuse(Problem::SampleClash { sample, registered });
                }
            }
            shelves.samples.extend(samples.into_iter().map(|s| (s, name.clone())));
        }
        let shelf = shelves.metrics.entry(name).or_insert_with(|| Shelf {
            help: desc.help,
            unit: desc.unit,
            metric_type: S::TYPE,
            label_names,
            entries: Vec::new(),
        });
        if let Some(clock) = self.clock {
            source.use_clock(clock);
        }
        shelf.entries.push(Entry {
            const_labels,
            handle: Arc::new(source.clone()),
            source: Arc::new(source.clone()),
            // A family's members begin one by one.
            created: self
                .clock
                .filter(|_| source.label_names().is_empty() && counts(S::TYPE))
                .map(|now| now()),
        });
        shelves.changes += 1;
        Ok(Placed::New(source))
    }

    /// All label names of a metric, constant ones included, sorted.
    fn checked_labels(&self, metric_type: MetricType, own: &[&str]) -> Result<Vec<String>, Problem> {
        let const_names = self.const_labels.keys().map(String::as_str);
        let mut names: Vec<String> = own.iter().copied().chain(const_names).map(str::to_owned).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
            return Err(Problem::RepeatedLabel { label: twice[0].clone() });
        }
        let reserved = match metric_type {
            MetricType::Histogram | MetricType::GaugeHistogram => "le",
            MetricType::Summary => "quantile",
            _ => "__name__",
        };
        for name in &names {
            if name.is_empty() {
                return Err(Problem::EmptyLabel);
            }
            if name == reserved || name.starts_with("__") {
                return Err(Problem::ReservedLabel { label: name.clone() });
            }
        }
        Ok(names)
    }

    /// Reads everything registered, through whichever door. No lock is held while instruments and collectors are
    /// read. Who does this again and again keeps a [`Gatherer`].
    pub fn gather(&self) -> Gathered {
        self.gather_until(None)
    }

    /// As [`Registry::gather`], for a scraper that waits until `deadline`: collectors are told.
    pub fn gather_until(&self, deadline: Option<Instant>) -> Gathered {
        Gatherer::new(self).into_gathered(deadline)
    }

    /// What there is to read, unless nothing was registered or taken off since this state.
    pub(super) fn shown(&self, known: Option<u64>) -> Option<Shown> {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        if known == Some(shelves.changes) {
            return None;
        }
        let metrics = shelves.metrics.iter().map(|(name, s)| (s.family(name), s.entries.clone())).collect();
        Some(Shown { changes: shelves.changes, metrics, collectors: shelves.collectors.clone() })
    }
}

/// What a registry has to show.
pub(super) struct Shown {
    /// Which state of the registry this is.
    pub(super) changes: u64,
    /// By name: families without metrics, and who has the metrics.
    pub(super) metrics: Vec<(MetricFamily, Vec<Entry>)>,
    pub(super) collectors: Vec<Collector>,
}

/// Whether metrics of the type begin at some time to count.
pub(super) fn counts(metric_type: MetricType) -> bool {
    matches!(metric_type, MetricType::Counter | MetricType::Histogram | MetricType::Summary)
}

enum Placed<S> {
    New(S),
    Known { name: String, handle: Arc<dyn Any + Send + Sync> },
}

impl Shelf {
    fn contradicts(&self, metric_type: MetricType, desc: &Desc, label_names: &[String]) -> Option<Problem> {
        if self.metric_type != metric_type {
            return Some(Problem::OtherType { registered: self.metric_type, new: metric_type });
        }
        if self.help != desc.help {
            return Some(Problem::OtherHelp { registered: self.help.clone(), new: desc.help.clone() });
        }
        if self.unit != desc.unit {
            return Some(Problem::OtherUnit { registered: self.unit.clone(), new: desc.unit.clone() });
        }
        if self.label_names != label_names {
            let registered = self.label_names.clone();
            return Some(Problem::OtherLabels { registered, new: label_names.to_vec() });
        }
        None
    }

    fn family(&self, name: &str) -> MetricFamily {
        let mut family = MetricFamily::new(name, self.help.as_str(), self.metric_type);
        family.unit.clone_from(&self.unit);
        family
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Registry")
            .field("prefix", &self.prefix)
            .field("const_labels", &self.const_labels)
            .field("metrics", &shelves.metrics.keys().collect::<Vec<_>>())
            .field("collectors", &shelves.collectors.iter().map(|c| &c.name).collect::<Vec<_>>())
            .finish()
    }
}
