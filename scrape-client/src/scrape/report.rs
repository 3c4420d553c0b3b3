//! The series that every scrape writes about itself: `up` and its like.

use metrics_core::{AppendError, Batch, LabelSet, LateSamples, METRIC_NAME, STALE_NAN, SeriesRef, Timestamp};

/// What a scrape was like.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Whether it worked.
    pub up: bool,
    /// How long it took, in seconds.
    pub duration: f64,
    /// Samples on the page.
    pub scraped: u64,
    /// Samples left after relabeling.
    pub kept: u64,
    /// Series that were not there before.
    pub added: u64,
    /// The target's timeout, in seconds.
    pub timeout: f64,
    /// The job's limit of samples.
    pub sample_limit: u64,
    /// Size of the page in bytes; -1 if it was too large, 0 if the scrape failed otherwise.
    pub body_size: i64,
}

/// Names in the order in which they are written; the last three only if the job asks for them.
const NAMES: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];
const ALWAYS: usize = 5;

/// The report series of a target.
#[derive(Debug)]
pub(super) struct ReportSeries(Vec<(LabelSet, SeriesRef)>);

impl ReportSeries {
    pub(super) fn new(target: &LabelSet, extra: bool) -> Self {
        let names = if extra { &NAMES[..] } else { &NAMES[..ALWAYS] };
        let labels = |name: &&str| {
            let mut labels = target.to_builder();
            (labels.set(METRIC_NAME, *name).build(), SeriesRef::UNKNOWN)
        };
        Self(names.iter().map(labels).collect())
    }

    /// Writes a report.
    pub(super) fn write(
        &mut self,
        batch: &mut dyn Batch,
        time: Timestamp,
        report: &Report,
    ) -> Result<(), AppendError> {
        let values = [
            f64::from(u8::from(report.up)),
            report.duration,
            report.scraped as f64,
            report.kept as f64,
            report.added as f64,
            report.timeout,
            report.sample_limit as f64,
            report.body_size as f64,
        ];
        self.append(batch, time, &values)
    }

    /// Marks the report series as gone.
    pub(super) fn write_stale(&mut self, batch: &mut dyn Batch, time: Timestamp) -> Result<(), AppendError> {
        batch.late_samples(LateSamples::Refuse);
        let result = self.append(batch, time, &[STALE_NAN; NAMES.len()]);
        batch.late_samples(LateSamples::Take);
        result
    }

    fn append(&mut self, batch: &mut dyn Batch, time: Timestamp, values: &[f64]) -> Result<(), AppendError> {
        for ((labels, reference), value) in self.0.iter_mut().zip(values) {
            match batch.append_float(*reference, labels, time, *value) {
                Ok(new) => *reference = new,
                // A target that went and came back has written newer samples by another loop.
                Err(AppendError::OutOfOrder | AppendError::Duplicate) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
