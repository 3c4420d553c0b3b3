//! One page on its way into a batch.

use std::sync::Arc;

use expo_format::{CustomBuckets, Event, NativeHistogram, PageParser, Series};
use metrics_core::histogram::ResetHint;
use metrics_core::{
    AppendError, Batch, Exemplar, FloatHistogram, Histogram, LabelSet, LateSamples, SeriesRef, Timestamp,
    Value,
};

use super::cache::{Known, SeriesCache};
use super::metadata::Writer;
use super::{ScrapeError, labels, limits};
use crate::config::ScrapeConfig;
use crate::stats::ScrapeStats;

/// Samples further ahead of the scrape than this are refused.
const MAX_AHEAD_MS: Timestamp = 10 * 60 * 1000;

/// What came of a page.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) scraped: u64,
    /// Samples left after relabeling.
    pub(super) kept: u64,
    /// Series that were not there before.
    pub(super) added: u64,
    /// Samples that the store took.
    pub(super) taken: u64,
}

/// Samples that the store refused, which is no failure of the scrape.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refused {
    pub(super) out_of_order: u64,
    pub(super) duplicate: u64,
    pub(super) out_of_bounds: u64,
}

/// A page's way into a batch.
pub(super) struct Pull<'a> {
    cache: &'a mut SeriesCache,
    target: &'a LabelSet,
    job: &'a ScrapeConfig,
    stats: &'a ScrapeStats,
    offer: Offer<'a>,
    pub(super) counts: Counts,
    pub(super) refused: Refused,
    /// The unit of the family that is being read.
    unit: FamilyUnit,
    /// The first limit that the page broke: the page is read to its end for the counts, and then fails.
    limit: Option<ScrapeError>,
}

/// A unit, and the family that it is of.
#[derive(Debug, Default)]
struct FamilyUnit {
    family: String,
    unit: String,
}

impl FamilyUnit {
    fn next_family(&mut self, name: &str) {
        if self.family != name {
            self.set(name, "");
        }
    }

    fn set(&mut self, family: &str, unit: &str) {
        family.clone_into(&mut self.family);
        unit.clone_into(&mut self.unit);
    }
}

/// When a sample was measured and when its counting began, as far as the page says so.
#[derive(Debug, Clone, Copy)]
struct Times {
    at: Option<Timestamp>,
    created: Option<Timestamp>,
}

/// A sample's value, borrowed from the page.
#[derive(Clone, Copy)]
enum Sampled<'a> {
    Float(f64),
    Histogram(&'a Value),
}

impl<'a> Pull<'a> {
    /// The way of a page that was fetched at a time.
    pub(super) fn new(
        cache: &'a mut SeriesCache,
        target: &'a LabelSet,
        job: &'a ScrapeConfig,
        stats: &'a ScrapeStats,
        (batch, time): (&'a mut dyn Batch, Timestamp),
    ) -> Self {
        let offer = Offer { batch, job, time, attempts: 0 };
        let (counts, refused, unit) = Default::default();
        Self { cache, target, job, stats, offer, counts, refused, unit, limit: None }
    }

    /// Takes all of a page, the classic histograms as native ones if there is a stage for that.
    pub(super) fn page(
        &mut self,
        parser: &mut PageParser<'_>,
        mut classic: Option<CustomBuckets>,
        metadata: &mut Writer<'_>,
    ) -> Result<(), ScrapeError> {
        while let Some(event) = parser.next_event()? {
            if let Some(stage) = &mut classic {
                let offered = stage.offer(&event);
                self.converted(offered.converted)?;
                if !offered.remains {
                    continue;
                }
            }
            match event {
                Event::Help { name, help } => metadata.help(&name, &help),
                Event::Type { name, metric_type } => {
                    self.unit.next_family(&name);
                    metadata.metric_type(&name, metric_type);
                }
                Event::Unit { name, unit } => {
                    self.unit.set(&name, unit);
                    metadata.unit(&name, unit);
                }
                Event::Sample(sample) => {
                    let exemplar = sample.exemplar.map(|e| e.to_exemplar());
                    let value = Sampled::Float(sample.value);
                    let times = Times { at: sample.timestamp, created: sample.created };
                    self.sample(&sample.series, times, value, exemplar.as_slice())?;
                }
                Event::Histogram(h) => {
                    let times = Times { at: h.timestamp, created: h.created };
                    self.sample(&h.series, times, Sampled::Histogram(&h.value), &h.exemplars)?;
                }
                _ => {}
            }
        }
        if let Some(stage) = &mut classic {
            self.converted(stage.finish())?;
        }
        match self.limit.take() {
            None => Ok(()),
            Some(limit) => {
                match limit {
                    ScrapeError::BucketLimit => self.stats.exceeded_bucket_limit.add(1),
                    _ => self.stats.exceeded_sample_limit.add(1),
                }
                Err(limit)
            }
        }
    }

    fn converted(&mut self, histogram: Option<NativeHistogram<'_>>) -> Result<(), ScrapeError> {
        match histogram {
            Some(h) => {
                let times = Times { at: h.timestamp, created: h.created };
                self.sample(&h.series, times, Sampled::Histogram(&h.value), &h.exemplars)
            }
            None => Ok(()),
        }
    }

    fn sample(
        &mut self,
        series: &Series<'_>,
        times: Times,
        value: Sampled<'_>,
        exemplars: &[Exemplar],
    ) -> Result<(), ScrapeError> {
        self.counts.scraped += 1;
        let timestamp = times.at.filter(|_| self.job.honor_timestamps);
        let created = times.created.filter(|_| self.job.created_zeros);
        let at = timestamp.unwrap_or(self.offer.time);
        let Some((id, again)) = self.cache.find(series.as_str()) else {
            return self.new_series(series, Times { at: timestamp, created }, value, exemplars);
        };
        let Some(Known::Series { reference, labels }) = self.cache.get(id) else {
            return Ok(()); // a rule drops it
        };
        let appended = match again && timestamp.is_none() {
            true => Err(AppendError::Duplicate),
            false => {
                let reference = self.offer.append_zero(*reference, labels, (created, at), value);
                self.offer.append(reference, labels, at, value)
            }
        };
        if !exemplars.is_empty() {
            let reference = *appended.as_ref().unwrap_or(reference);
            self.offer.append_exemplars((reference, labels), at, value, exemplars, self.stats);
        }
        match appended {
            Ok(new) => {
                self.counts.taken += 1;
                self.cache.set_reference(id, new);
                if timestamp.is_none() || self.job.track_timestamps_staleness {
                    self.cache.track(id);
                }
            }
            Err(error) => self.refuse(error)?,
        }
        self.counts.kept += 1;
        Ok(())
    }

    /// Puts the labels of a series together and remembers them, once the store has taken its first sample.
    fn new_series(
        &mut self,
        series: &Series<'_>,
        Times { at: timestamp, created }: Times,
        value: Sampled<'_>,
        exemplars: &[Exemplar],
    ) -> Result<(), ScrapeError> {
        let text = series.as_str();
        let Some(labels) = labels::sample_labels(series, &self.unit.unit, self.target, self.job)? else {
            self.cache.insert(text, Known::Dropped);
            return Ok(());
        };
        if let Err(error) = labels::check(&labels, self.job) {
            if matches!(error, ScrapeError::LabelLimit(_)) {
                self.stats.exceeded_label_limits.add(1);
            }
            return Err(error);
        }
        let at = timestamp.unwrap_or(self.offer.time);
        let reference = self.offer.append_zero(SeriesRef::UNKNOWN, &labels, (created, at), value);
        let appended = self.offer.append(reference, &labels, at, value);
        let reference = *appended.as_ref().unwrap_or(&SeriesRef::UNKNOWN);
        self.offer.append_exemplars((reference, &labels), at, value, exemplars, self.stats);
        match appended {
            Ok(reference) => {
                self.counts.taken += 1;
                self.counts.added += u64::from(self.limit.is_none());
                let id = self.cache.insert(text, Known::Series { reference, labels });
                if timestamp.is_none() || self.job.track_timestamps_staleness {
                    self.cache.track(id);
                }
            }
            Err(error) => self.refuse(error)?,
        }
        self.counts.kept += 1;
        Ok(())
    }

    /// Counts a refusal that the scrape survives.
    fn refuse(&mut self, error: AppendError) -> Result<(), ScrapeError> {
        match error {
            AppendError::Limit(what) if what == SAMPLE_LIMIT => {
                self.limit.get_or_insert(ScrapeError::SampleLimit);
            }
            AppendError::Limit(what) if what == BUCKET_LIMIT => {
                self.limit.get_or_insert(ScrapeError::BucketLimit);
            }
            AppendError::OutOfOrder => self.refused.out_of_order += 1,
            AppendError::Duplicate => self.refused.duplicate += 1,
            AppendError::OutOfBounds | AppendError::TooOld => self.refused.out_of_bounds += 1,
            error => return Err(ScrapeError::Append(error)),
        }
        Ok(())
    }
}

const SAMPLE_LIMIT: &str = "samples of a scrape";
const BUCKET_LIMIT: &str = "buckets of a native histogram";

/// The batch behind the limits of the job.
struct Offer<'a> {
    batch: &'a mut dyn Batch,
    job: &'a ScrapeConfig,
    /// When the page was fetched.
    time: Timestamp,
    /// Samples offered to the store, which is what the limit counts.
    attempts: u64,
}

impl Offer<'_> {
    fn append(
        &mut self,
        reference: SeriesRef,
        labels: &LabelSet,
        at: Timestamp,
        value: Sampled<'_>,
    ) -> Result<SeriesRef, AppendError> {
        self.attempts += 1;
        if self.job.sample_limit > 0 && self.attempts > self.job.sample_limit {
            return Err(AppendError::Limit(SAMPLE_LIMIT.to_owned()));
        }
        if at > self.time.saturating_add(MAX_AHEAD_MS) {
            return Err(AppendError::OutOfBounds);
        }
        match value {
            Sampled::Float(v) => self.batch.append_float(reference, labels, at, v),
            Sampled::Histogram(h) => match limits::fit(h, self.job) {
                Some(fitting) => self.batch.append(reference, labels, at, &fitting),
                None => Err(AppendError::Limit(BUCKET_LIMIT.to_owned())),
            },
        }
    }

    /// Appends what a series was when its counting began, before the sample at the second time. That nearly always is
    /// known already, and never a reason to refuse the sample. Answers with the series' newest reference.
    fn append_zero(
        &mut self,
        reference: SeriesRef,
        labels: &LabelSet,
        (created, at): (Option<Timestamp>, Timestamp),
        value: Sampled<'_>,
    ) -> SeriesRef {
        let Some(created) = created.filter(|created| *created < at) else { return reference };
        self.batch.late_samples(LateSamples::Refuse);
        let appended = match value {
            Sampled::Float(_) => self.batch.append_float(reference, labels, created, 0.0),
            Sampled::Histogram(h) => self.batch.append(reference, labels, created, &zero_like(h)),
        };
        self.batch.late_samples(LateSamples::Take);
        match appended {
            Ok(new) if new != SeriesRef::UNKNOWN => new,
            _ => reference,
        }
    }

    /// Exemplars of native histograms need a time of their own; the store's refusals harm nobody.
    fn append_exemplars(
        &mut self,
        (reference, labels): (SeriesRef, &LabelSet),
        at: Timestamp,
        value: Sampled<'_>,
        exemplars: &[Exemplar],
        stats: &ScrapeStats,
    ) {
        for exemplar in exemplars {
            let timestamp = exemplar.timestamp.or(matches!(value, Sampled::Float(_)).then_some(at));
            if timestamp.is_some() {
                let exemplar = Exemplar { timestamp, ..exemplar.clone() };
                if self.batch.append_exemplar(reference, labels, &exemplar).is_err() {
                    stats.exemplar_out_of_order.add(1);
                }
            }
        }
    }
}

/// A histogram without observations, of the same layout, so that both fit into one chunk.
fn zero_like(value: &Value) -> Value {
    let reset_hint = ResetHint::Reset;
    match value {
        Value::Histogram(h) => Value::Histogram(Arc::new(Histogram {
            reset_hint,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            custom_values: h.custom_values.clone(),
            ..Histogram::default()
        })),
        Value::FloatHistogram(h) => Value::FloatHistogram(Arc::new(FloatHistogram {
            reset_hint,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            custom_values: h.custom_values.clone(),
            ..FloatHistogram::default()
        })),
        _ => Value::Float(0.0),
    }
}
