//! One pull: a fetched page → parsed → relabeled → appended, with staleness markers for what is gone and the
//! report series. No clock, no socket: the page and the times come in.
//!
//! Source: "Jobs and instances" and "Staleness" of the Prometheus documentation.

mod cache;
mod error;
mod labels;
mod limits;
mod metadata;
mod pull;
mod report;

use std::sync::Arc;
use std::time::Duration;

use expo_format::{CustomBuckets, Format, PageParser};
use metrics_core::{Append, AppendError, Batch, LateSamples, STALE_NAN, Timestamp};

pub use cache::SeriesCache;
pub use error::ScrapeError;
pub use metadata::{FamilyMetadata, MetadataStore};
pub use report::Report;

use pull::{Counts, Pull, Refused};
use report::ReportSeries;

use crate::config::{ScrapeConfig, ScrapeProtocol};
use crate::http::{FetchError, Page};
use crate::stats::ScrapeStats;
use crate::target::Target;

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
        if self.job.created_zeros {
            parser = parser.read_created();
        }
        let classic = self
            .target
            .convert_classic_histograms
            .then(|| CustomBuckets::new(self.target.always_classic_histograms));
        let mut metadata = self.metadata.writer();
        let mut pull = Pull::new(&mut self.cache, &self.target.labels, &self.job, &self.stats, (batch, time));
        let outcome = pull.page(&mut parser, classic, &mut metadata);
        *counts = pull.counts;
        let refused = pull.refused;
        outcome?;
        metadata.finish();
        self.tell_refused(&refused);
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
        // Somebody else may go on writing a series that is gone from this page.
        batch.late_samples(LateSamples::Refuse);
        let result = self.mark_all(batch, time);
        batch.late_samples(LateSamples::Take);
        result
    }

    fn mark_all(&self, batch: &mut dyn Batch, time: Timestamp) -> Result<(), AppendError> {
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

#[cfg(test)]
mod tests;
