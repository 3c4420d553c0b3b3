//! One pull: a fetched page → parsed → relabeled → appended, with staleness markers for what is gone and the
//! report series. No clock, no socket: the page and the times come in.
//!
//! Source: "Jobs and instances" and "Staleness" of the Prometheus documentation.

mod cache;
mod error;
mod labels;
mod limits;
mod metadata;
mod report;

use std::sync::Arc;
use std::time::Duration;

use expo_format::{Event, Format, PageParser, Series};
use metrics_core::{Append, AppendError, Batch, Exemplar, STALE_NAN, SeriesRef, Timestamp, Value};

pub use cache::SeriesCache;
pub use error::ScrapeError;
pub use metadata::{FamilyMetadata, MetadataStore};
pub use report::Report;

use cache::Known;
use report::ReportSeries;

use crate::config::{ScrapeConfig, ScrapeProtocol};
use crate::http::{FetchError, Page};
use crate::stats::ScrapeStats;
use crate::target::Target;

/// Samples further ahead of the scrape than this are refused.
const MAX_AHEAD_MS: Timestamp = 10 * 60 * 1000;

/// Appends the pages of one target, scrape after scrape.
#[derive(Debug)]
pub struct Scraper {
    job: Arc<ScrapeConfig>,
    target: Arc<Target>,
    cache: SeriesCache,
    metadata: Arc<MetadataStore>,
    report: ReportSeries,
    stats: Arc<ScrapeStats>,
}

/// What came of a page.
#[derive(Debug, Default)]
struct Counts {
    scraped: u64,
    kept: u64,
    added: u64,
    /// Samples that the store took.
    taken: u64,
}

/// Samples that the store refused, which is no failure of the scrape.
#[derive(Debug, Default)]
struct Refused {
    out_of_order: u64,
    duplicate: u64,
    out_of_bounds: u64,
}

impl Scraper {
    /// A scraper of a target that remembers what `cache` does.
    pub fn new(
        job: Arc<ScrapeConfig>,
        target: Arc<Target>,
        cache: SeriesCache,
        metadata: Arc<MetadataStore>,
        stats: Arc<ScrapeStats>,
    ) -> Self {
        let report = ReportSeries::new(&target.labels, job.extra_scrape_metrics);
        Self { job, target, cache, metadata, report, stats }
    }

    /// The memory of the page, for a scraper that takes over.
    pub fn into_cache(self) -> SeriesCache {
        self.cache
    }

    /// Appends the outcome of a fetch: the page's samples or, if there is none or it makes no sense, staleness
    /// markers for everything; then the report. `elapsed` is asked how long the scrape took when the report is
    /// written. Answers with the report and why the scrape failed, if it did.
    pub fn append(
        &mut self,
        store: &dyn Append,
        time: Timestamp,
        fetched: Result<&Page, ScrapeError>,
        elapsed: &dyn Fn() -> Duration,
    ) -> (Report, Option<ScrapeError>) {
        let mut batch = store.batch();
        let body_size = match &fetched {
            Ok(page) => page.body.len() as i64,
            Err(ScrapeError::Fetch(FetchError::BodySizeLimit)) => {
                self.stats.exceeded_body_size_limit.add(1);
                -1
            }
            Err(_) => 0,
        };
        let (mut counts, mut error) = (Counts::default(), None);
        match fetched {
            Ok(page) if !page.body.is_empty() => {
                if let Err(e) = self.append_page(&mut *batch, time, page, &mut counts) {
                    error = Some(e);
                    batch.rollback();
                    batch = store.batch();
                    batch = self.append_nothing(store, batch, time);
                }
            }
            other => {
                error = other.err();
                batch = self.append_nothing(store, batch, time);
            }
        }
        let report = Report {
            up: error.is_none(),
            duration: elapsed().as_secs_f64(),
            scraped: counts.scraped,
            kept: counts.kept,
            added: counts.added,
            timeout: self.target.timeout.as_secs_f64(),
            sample_limit: self.job.sample_limit,
            body_size,
        };
        match self.report.write(&mut *batch, time, &report) {
            Ok(()) => {
                self.stats.samples_appended.add(counts.taken);
                if let Err(error) = batch.commit() {
                    tracing::error!(component = "scrape manager", target = %self.target.url, err = %error, "Scrape commit failed");
                }
            }
            Err(error) => {
                tracing::warn!(component = "scrape manager", target = %self.target.url, err = %error, "Appending scrape report failed");
                batch.rollback();
            }
        }
        (report, error)
    }

    /// Marks everything as gone: the target is.
    pub fn append_end(&mut self, store: &dyn Append, time: Timestamp) {
        let mut batch = self.append_nothing(store, store.batch(), time);
        let result = match self.report.write_stale(&mut *batch, time) {
            Ok(()) => batch.commit(),
            Err(error) => {
                batch.rollback();
                Err(error)
            }
        };
        if let Err(error) = result {
            tracing::warn!(component = "scrape manager", target = %self.target.url, err = %error, "Stale append failed");
        }
    }

    /// Appends a page without samples.
    fn append_nothing<'s>(
        &mut self,
        store: &'s dyn Append,
        mut batch: Box<dyn Batch + 's>,
        time: Timestamp,
    ) -> Box<dyn Batch + 's> {
        let result = self.mark_vanished(&mut *batch, time);
        if self.cache.end_iteration(false) {
            self.stats.cache_flush_forced.add(1);
        }
        match result {
            Ok(()) => batch,
            Err(error) => {
                tracing::warn!(component = "scrape manager", target = %self.target.url, err = %error, "Append failed");
                batch.rollback();
                store.batch()
            }
        }
    }

    fn append_page(
        &mut self,
        batch: &mut dyn Batch,
        time: Timestamp,
        page: &Page,
        counts: &mut Counts,
    ) -> Result<(), ScrapeError> {
        let format = self.format(&page.content_type)?;
        let mut parser = PageParser::new(format, &page.body);
        if !self.target.native_histograms {
            parser = parser.ignore_native();
        } else if self.target.always_classic_histograms {
            parser = parser.keep_classic();
        }
        let mut pull = Pull {
            scraper: self,
            batch,
            time,
            counts,
            refused: Refused::default(),
            attempts: 0,
            limit: None,
        };
        let mut metadata = pull.scraper.metadata.clone().writer();
        while let Some(event) = parser.next_event()? {
            match event {
                Event::Help { name, help } => metadata.help(&name, &help),
                Event::Type { name, metric_type } => metadata.metric_type(&name, metric_type),
                Event::Unit { name, unit } => metadata.unit(&name, unit),
                Event::Sample(sample) => {
                    let exemplar = sample.exemplar.map(|e| e.to_exemplar());
                    let value = Sampled::Float(sample.value);
                    pull.sample(&sample.series, sample.timestamp, value, exemplar.as_slice())?;
                }
                Event::Histogram(h) => {
                    pull.sample(&h.series, h.timestamp, Sampled::Histogram(&h.value), &h.exemplars)?;
                }
                _ => {}
            }
        }
        metadata.finish();
        let (refused, limit) = (pull.refused, pull.limit);
        self.tell_refused(&refused);
        if let Some(limit) = limit {
            match limit {
                ScrapeError::BucketLimit => self.stats.exceeded_bucket_limit.add(1),
                _ => self.stats.exceeded_sample_limit.add(1),
            }
            return Err(limit);
        }
        self.mark_vanished(batch, time)?;
        self.cache.end_iteration(true);
        Ok(())
    }

    fn format(&self, content_type: &str) -> Result<Format, ScrapeError> {
        Format::of_page(content_type).or_else(|error| match self.job.fallback_protocol {
            Some(protocol) => Ok(match protocol {
                ScrapeProtocol::PrometheusProto => Format::Protobuf,
                ScrapeProtocol::PrometheusText004 => Format::Text,
                ScrapeProtocol::PrometheusText100 => Format::TextUtf8,
                ScrapeProtocol::OpenMetricsText001 => Format::OpenMetrics001,
                ScrapeProtocol::OpenMetricsText100 => Format::OpenMetrics,
            }),
            None => Err(ScrapeError::ContentType(error)),
        })
    }

    fn mark_vanished(&self, batch: &mut dyn Batch, time: Timestamp) -> Result<(), AppendError> {
        for (reference, labels) in self.cache.vanished() {
            match batch.append_float(reference, &labels, time, STALE_NAN) {
                Ok(_) | Err(AppendError::OutOfOrder | AppendError::Duplicate) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn tell_refused(&self, refused: &Refused) {
        for (count, counter, what) in [
            (refused.out_of_order, &self.stats.sample_out_of_order, "out-of-order samples"),
            (
                refused.duplicate,
                &self.stats.sample_duplicate,
                "samples with different value but same timestamp",
            ),
            (
                refused.out_of_bounds,
                &self.stats.sample_out_of_bounds,
                "samples that are too old or are too far into the future",
            ),
        ] {
            if count > 0 {
                counter.add(count);
                tracing::warn!(
                    component = "scrape manager",
                    scrape_pool = %self.job.job_name,
                    target = %self.target.url,
                    num_dropped = count,
                    "Error on ingesting {what}"
                );
            }
        }
    }
}

/// A sample's value, borrowed from the page.
#[derive(Clone, Copy)]
enum Sampled<'a> {
    Float(f64),
    Histogram(&'a Value),
}

/// One page on its way into a batch.
struct Pull<'a> {
    scraper: &'a mut Scraper,
    batch: &'a mut dyn Batch,
    time: Timestamp,
    counts: &'a mut Counts,
    refused: Refused,
    /// Samples offered to the store, which is what the limit counts.
    attempts: u64,
    /// The first limit that the page broke: the page is read to its end for the counts, and then fails.
    limit: Option<ScrapeError>,
}

impl Pull<'_> {
    fn sample(
        &mut self,
        series: &Series<'_>,
        timestamp: Option<Timestamp>,
        value: Sampled<'_>,
        exemplars: &[Exemplar],
    ) -> Result<(), ScrapeError> {
        self.counts.scraped += 1;
        let timestamp = timestamp.filter(|_| self.scraper.job.honor_timestamps);
        let tracked = timestamp.is_none() || self.scraper.job.track_timestamps_staleness;
        let text = series.as_str();
        let found = self.scraper.cache.find(text);
        let (id, again, reference, labels) = match found
            .and_then(|(id, again)| Some((id, again, self.scraper.cache.get(id)?)))
        {
            Some((_, _, Known::Dropped)) => return Ok(()),
            Some((id, again, Known::Series { reference, labels })) => {
                (Some(id), again, *reference, labels.clone())
            }
            None => {
                let job = &self.scraper.job;
                let Some(labels) = labels::sample_labels(series, &self.scraper.target.labels, job)? else {
                    self.scraper.cache.insert(text, Known::Dropped);
                    return Ok(());
                };
                if let Err(error) = labels::check(&labels, job) {
                    if matches!(error, ScrapeError::LabelLimit(_)) {
                        self.scraper.stats.exceeded_label_limits.add(1);
                    }
                    return Err(error);
                }
                (None, false, SeriesRef::UNKNOWN, labels)
            }
        };
        let time = timestamp.unwrap_or(self.time);
        let appended = match again && timestamp.is_none() {
            true => Err(AppendError::Duplicate),
            false => self.append(reference, &labels, time, value),
        };
        let reference = match appended {
            Ok(reference) => {
                self.counts.taken += 1;
                self.note(text, id, reference, &labels, tracked);
                reference
            }
            Err(error) => {
                self.refuse(error)?;
                reference
            }
        };
        self.counts.kept += 1;
        for exemplar in exemplars {
            let timestamp = exemplar.timestamp.or(matches!(value, Sampled::Float(_)).then_some(time));
            if timestamp.is_some() {
                let exemplar = Exemplar { timestamp, ..exemplar.clone() };
                if self.batch.append_exemplar(reference, &labels, &exemplar).is_err() {
                    self.scraper.stats.exemplar_out_of_order.add(1);
                }
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        reference: SeriesRef,
        labels: &metrics_core::LabelSet,
        time: Timestamp,
        value: Sampled<'_>,
    ) -> Result<SeriesRef, AppendError> {
        let limit = self.scraper.job.sample_limit;
        self.attempts += 1;
        if limit > 0 && self.attempts > limit {
            return Err(AppendError::Limit(SAMPLE_LIMIT.to_owned()));
        }
        if time > self.time.saturating_add(MAX_AHEAD_MS) {
            return Err(AppendError::OutOfBounds);
        }
        match value {
            Sampled::Float(v) => self.batch.append_float(reference, labels, time, v),
            Sampled::Histogram(h) => match limits::fit(h, &self.scraper.job) {
                Some(fitting) => self.batch.append(reference, labels, time, &fitting),
                None => Err(AppendError::Limit(BUCKET_LIMIT.to_owned())),
            },
        }
    }

    /// Remembers a series that the store took.
    fn note(
        &mut self,
        text: &str,
        id: Option<cache::Id>,
        reference: SeriesRef,
        labels: &metrics_core::LabelSet,
        tracked: bool,
    ) {
        let cache = &mut self.scraper.cache;
        let id = match id {
            Some(id) => {
                cache.set_reference(id, reference);
                id
            }
            None => {
                self.counts.added += u64::from(self.limit.is_none());
                cache.insert(text, Known::Series { reference, labels: labels.clone() })
            }
        };
        if tracked {
            cache.track(id);
        }
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

#[cfg(test)]
mod tests;
