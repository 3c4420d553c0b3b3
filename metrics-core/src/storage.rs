//! The seams between those who produce samples, those who keep them and those who ask for them.
//!
//! [`Append`] is how scraping, rules and remote write hand samples over; [`Select`] is how queries get them
//! back. Both are synchronous and work as trait objects, so that a scraper or an engine never knows its store.
//!
//! `Select` answers in **columns**: the labels of all matching series first, then per series whole slices of
//! timestamps and values, decoded when asked and into buffers that the caller keeps. Reading is possible
//! from several threads at once.

use std::fmt;
use std::sync::Arc;

use crate::{Exemplar, FloatHistogram, LabelSet, Metadata, Timestamp, Value};
#[cfg(feature = "matcher")]
use crate::{Matcher, TimeRange};

/// A store's own short name for a series, so that a caller who appends to the same series again need not
/// have it looked up. Zero means "not known"; a reference that has gone out of date is looked up by labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeriesRef(pub u64);

impl SeriesRef {
    /// No reference known yet.
    pub const UNKNOWN: Self = Self(0);
}

/// Something that takes samples.
pub trait Append: Send + Sync {
    /// Starts a batch. Nothing of it is visible until it is committed; dropping it rolls it back.
    fn batch(&self) -> Box<dyn Batch + '_>;
}

/// Samples that become visible together.
pub trait Batch {
    /// Adds a sample to the series with these labels and returns the reference to use next time.
    ///
    /// # Errors
    /// Why this one sample was refused; the batch stays usable and its other samples unharmed.
    fn append(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        timestamp: Timestamp,
        value: &Value,
    ) -> Result<SeriesRef, AppendError>;

    /// Adds a float sample: the path that must be fast. The default goes through [`Batch::append`].
    ///
    /// # Errors
    /// As [`Batch::append`].
    fn append_float(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        timestamp: Timestamp,
        value: f64,
    ) -> Result<SeriesRef, AppendError> {
        self.append(series, labels, timestamp, &Value::Float(value))
    }

    /// Says what to do with the samples that follow if they are older than the newest of their series, until it is
    /// said anew. Batches begin with [`LateSamples::Take`]. Stores that never take late samples ignore it.
    fn late_samples(&mut self, policy: LateSamples) {
        let _ = policy;
    }

    /// Attaches an exemplar to a series of this or an earlier batch. Stores without exemplars ignore it.
    ///
    /// # Errors
    /// Why the exemplar was refused.
    fn append_exemplar(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        exemplar: &Exemplar,
    ) -> Result<(), AppendError> {
        let _ = (series, labels, exemplar);
        Ok(())
    }

    /// Records what a series' metric means. Stores without metadata ignore it.
    ///
    /// # Errors
    /// Why the metadata was refused.
    fn append_metadata(
        &mut self,
        series: SeriesRef,
        labels: &LabelSet,
        metadata: &Metadata,
    ) -> Result<(), AppendError> {
        let _ = (series, labels, metadata);
        Ok(())
    }

    /// Makes all samples of the batch visible and durable as the store promises.
    ///
    /// # Errors
    /// If the store could not keep the batch; then none of it is visible.
    fn commit(self: Box<Self>) -> Result<(), AppendError>;

    /// Forgets the batch.
    fn rollback(self: Box<Self>);
}

/// What a batch does with samples that are older than the newest of their series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum LateSamples {
    /// Takes them where the store has a window for them.
    #[default]
    Take,
    /// Refuses them with [`AppendError::OutOfOrder`] even where the store would take them. For staleness markers:
    /// somebody else has gone on writing the series, so it has not ended.
    Refuse,
}

/// Why a sample was not taken.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AppendError {
    /// Older than the series' newest sample, and outside the window for late samples.
    OutOfOrder,
    /// Older than anything that the store still takes.
    OutOfBounds,
    /// Outside the out-of-order window.
    TooOld,
    /// The series has another value at this very time.
    Duplicate,
    /// Labels that no series can have: empty, or a name twice.
    InvalidLabels(String),
    /// A native histogram whose parts contradict each other.
    InvalidHistogram(String),
    /// A limit of the store (series, labels, memory) is reached.
    Limit(String),
    /// The store itself failed: a full disk, a failed sync.
    Store(Arc<dyn std::error::Error + Send + Sync>),
}

impl AppendError {
    /// Wraps a failure of the store itself.
    pub fn store(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfOrder => f.write_str("out of order sample"),
            Self::OutOfBounds => f.write_str("out of bounds"),
            Self::TooOld => f.write_str("too old sample"),
            Self::Duplicate => f.write_str("duplicate sample for timestamp"),
            Self::InvalidLabels(why) => write!(f, "invalid labels: {why}"),
            Self::InvalidHistogram(why) => write!(f, "invalid histogram: {why}"),
            Self::Limit(what) => write!(f, "limit reached: {what}"),
            Self::Store(_) => f.write_str("the store could not keep the samples"),
        }
    }
}

impl std::error::Error for AppendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(e) => Some(&**e),
            _ => None,
        }
    }
}

/// Why a selection failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SelectError {
    /// The store failed: an unreadable or damaged file, named by the source.
    Store(Arc<dyn std::error::Error + Send + Sync>),
    /// A limit on what one selection may touch is reached.
    Limit(String),
}

impl SelectError {
    /// Wraps a failure of the store itself.
    pub fn store(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => f.write_str("the store could not be read"),
            Self::Limit(what) => write!(f, "limit reached: {what}"),
        }
    }
}

impl std::error::Error for SelectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(e) => Some(&**e),
            Self::Limit(_) => None,
        }
    }
}

/// What is asked of a store.
#[cfg(feature = "matcher")]
#[derive(Debug, Clone)]
pub struct SelectRequest<'a> {
    /// All must match.
    pub matchers: &'a [Matcher],
    /// Samples wanted; a store may answer with more at chunk edges only if it trims in
    /// [`SeriesSet::read`] (it must: readers rely on the range).
    pub range: TimeRange,
    /// What will be done with the samples; a store may use it or not.
    pub hints: SelectHints,
}

/// What the reader will do with a selection. Advice: ignoring it is always right.
#[cfg(feature = "matcher")]
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SelectHints {
    /// At most this many series are wanted; 0 means all.
    pub limit: usize,
    /// Only labels are wanted, [`SeriesSet::read`] will not be called.
    pub labels_only: bool,
}

/// Something that finds samples.
#[cfg(feature = "matcher")]
pub trait Select: Send + Sync {
    /// Finds the series that match and have data in the range, in an order of the store's own.
    ///
    /// # Errors
    /// If the store cannot be read or a limit is reached.
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError>;

    /// Names of labels of matching series with data in the range, sorted; no matchers means all series.
    ///
    /// # Errors
    /// As [`Select::select`].
    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SelectError> {
        let request = SelectRequest { matchers, range, hints: SelectHints { labels_only: true, limit: 0 } };
        let set = self.select(&request)?;
        let mut names = std::collections::BTreeSet::new();
        for i in 0..set.len() {
            for (name, _) in set.labels(i) {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Values of one label among matching series with data in the range, sorted; no matchers means all series.
    ///
    /// # Errors
    /// As [`Select::select`].
    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let request = SelectRequest { matchers, range, hints: SelectHints { labels_only: true, limit: 0 } };
        let set = self.select(&request)?;
        let mut values = std::collections::BTreeSet::new();
        for i in 0..set.len() {
            if let Some(value) = set.labels(i).get(name)
                && !values.contains(value)
            {
                values.insert(value.to_owned());
            }
        }
        Ok(values.into_iter().collect())
    }

    /// At most so many of what [`Select::label_values`] finds, sorted. Which ones is the store's choice: those that it
    /// comes upon first.
    ///
    /// # Errors
    /// As [`Select::select`].
    fn label_values_up_to(
        &self,
        most: usize,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let mut values = self.label_values(name, matchers, range)?;
        values.truncate(most);
        Ok(values)
    }

    /// Exemplars of series that match any of the matcher lists, oldest first within a series.
    ///
    /// Stores without exemplars answer with none.
    ///
    /// # Errors
    /// As [`Select::select`].
    fn exemplars(
        &self,
        matchers: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<(LabelSet, Vec<Exemplar>)>, SelectError> {
        let _ = (matchers, range);
        Ok(Vec::new())
    }
}

/// The series that a selection found. The order of their positions `0 .. len()` is the store's own, and the same
/// whenever the same is asked of the same data: which of equal values a query keeps depends on it.
pub trait SeriesSet: Send + Sync {
    /// How many series were found.
    fn len(&self) -> usize;

    /// Whether none was found.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of one series.
    fn labels(&self, series: usize) -> &LabelSet;

    /// Reads all samples of one series inside the requested range into `into`, which is cleared first.
    ///
    /// Times rise strictly within each column, and no time is in both columns. Staleness markers are included.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError>;
}

/// Samples of one series, by kind. Keep one and read series after series into it: its memory is reused.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Columns {
    /// Float samples.
    pub floats: Column<f64>,
    /// Native histograms, with float counts whatever they were stored as.
    pub histograms: Column<Arc<FloatHistogram>>,
    /// When counting began, for each of the float samples (0 where unknown); empty if the store keeps no
    /// start times.
    pub float_starts: Vec<Timestamp>,
    /// When counting began, for each of the histograms (0 where unknown); empty if the store keeps no start
    /// times.
    pub histogram_starts: Vec<Timestamp>,
}

impl Columns {
    /// Empties both columns and keeps their memory.
    pub fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
        self.float_starts.clear();
        self.histogram_starts.clear();
    }

    /// Number of samples of both kinds.
    pub fn len(&self) -> usize {
        self.floats.timestamps.len() + self.histograms.timestamps.len()
    }

    /// Whether there is no sample of either kind.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Times and values side by side: two slices of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Column<T> {
    /// When, rising strictly.
    pub timestamps: Vec<Timestamp>,
    /// What, at the same positions.
    pub values: Vec<T>,
}

impl<T> Column<T> {
    /// Adds a sample at the end.
    pub fn push(&mut self, timestamp: Timestamp, value: T) {
        self.timestamps.push(timestamp);
        self.values.push(value);
    }

    /// Empties the column and keeps its memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { timestamps: Vec::new(), values: Vec::new() }
    }
}
