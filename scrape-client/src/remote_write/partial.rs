//! Remote write 2.0: every sample is taken or refused by itself.

use expo_format::remote_write::v2::{Request, TimeSeries};
use expo_format::remote_write::{HistogramSample, LabelsError, Written};
use metrics_core::{AppendError, Batch, LabelSet, SeriesRef, Timestamp, Value};

use super::receiver::{Refusal, broken, refusal_of};

/// What came of a request.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) written: Written,
    /// Why samples were refused that the sender must not send again.
    pub(super) errors: Vec<String>,
    pub(super) invalid_labels: u64,
}

/// Appends what can be; fails as a whole only if the store does.
pub(super) fn append(
    batch: &mut dyn Batch,
    message: &Request<'_>,
    latest: Timestamp,
) -> Result<Outcome, Refusal> {
    let mut outcome = Outcome::default();
    for series in message.series() {
        let series = series.map_err(broken)?;
        match series.label_set() {
            Ok(labels) if labels.metric_name().is_some() => {
                outcome.append_series(batch, &series, &labels, latest)?;
            }
            Ok(labels) => {
                outcome.refuse_series(&series, format!("invalid metric name or labels, got {labels}"))
            }
            Err(LabelsError::Wire(error)) => return Err(broken(error)),
            Err(error) => outcome.refuse_series(&series, format!("parsing labels for series: {error}")),
        }
    }
    Ok(outcome)
}

impl Outcome {
    fn refuse_series(&mut self, series: &TimeSeries<'_>, error: String) {
        self.errors.push(error);
        self.invalid_labels += (series.samples().count() + series.histograms().count()) as u64;
    }

    fn append_series(
        &mut self,
        batch: &mut dyn Batch,
        series: &TimeSeries<'_>,
        labels: &LabelSet,
        latest: Timestamp,
    ) -> Result<(), Refusal> {
        let before = (self.written.samples, self.written.histograms, self.errors.len());
        let mut reference = SeriesRef::UNKNOWN;
        for sample in series.samples() {
            let sample = sample.map_err(broken)?;
            let value = Value::Float(sample.value);
            if self.append_one(batch, &mut reference, labels, (sample.timestamp, &value), latest)? {
                self.written.samples += 1;
            }
        }
        for histogram in series.histograms() {
            let HistogramSample { timestamp, value, .. } = histogram.map_err(broken)?;
            if self.append_one(batch, &mut reference, labels, (timestamp, &value), latest)? {
                self.written.histograms += 1;
            }
        }
        if before == (self.written.samples, self.written.histograms, self.errors.len()) {
            let error =
                format!("TimeSeries must contain at least one sample or histogram for series {labels}");
            self.errors.push(error);
            return Ok(());
        }
        for exemplar in series.exemplars().flatten() {
            if batch.append_exemplar(reference, labels, &exemplar).is_ok() {
                self.written.exemplars += 1;
            }
        }
        if let Ok(metadata) = series.metadata() {
            // Metadata is a service; a store that does not want it loses nothing.
            let _ = batch.append_metadata(reference, labels, &metadata);
        }
        Ok(())
    }

    /// Appends a sample; answers whether it was taken.
    fn append_one(
        &mut self,
        batch: &mut dyn Batch,
        reference: &mut SeriesRef,
        labels: &LabelSet,
        (timestamp, value): (Timestamp, &Value),
        latest: Timestamp,
    ) -> Result<bool, Refusal> {
        let appended = match timestamp > latest {
            true => Err(AppendError::OutOfBounds),
            false => batch.append(*reference, labels, timestamp, value),
        };
        match appended {
            Ok(new) => {
                *reference = new;
                Ok(true)
            }
            Err(
                error @ (AppendError::OutOfOrder
                | AppendError::OutOfBounds
                | AppendError::TooOld
                | AppendError::Duplicate
                | AppendError::InvalidHistogram(_)),
            ) => {
                self.errors.push(format!("{error} for series {labels}"));
                Ok(false)
            }
            Err(error) => Err(refusal_of(error)),
        }
    }
}
