//! Remote write 2.0: every sample is taken or refused by itself.

use expo_format::remote_write::v2::{Request, TimeSeries};
use expo_format::remote_write::{HistogramSample, LabelsError, Written};
use metrics_core::{
    AppendError, Batch, Exemplar, LabelSet, METRIC_NAME, Metadata, MetricType, Quoted, SeriesRef, Timestamp,
    Value, is_legacy_label_name,
};

use super::receiver::{Refusal, TOO_FAR_AHEAD, broken, refusal_of};

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
    type_and_unit_labels: bool,
) -> Result<Outcome, Refusal> {
    let mut outcome = Outcome::default();
    for series in message.series() {
        let series = series.map_err(broken)?;
        let labels = series.label_set();
        let labels = if type_and_unit_labels { labels.map(|l| typed(&l, &series)) } else { labels };
        match labels {
            Ok(labels) if labels.metric_name().is_some() => {
                outcome.append_series(batch, &series, &labels, latest)?;
            }
            Ok(labels) => outcome.refuse_series(&series, nameless(&braced(labels.iter()))),
            Err(LabelsError::Wire(error)) => return Err(broken(error)),
            Err(LabelsError::Duplicate(name)) => outcome.refuse_series(&series, duplicated(&series, &name)),
            Err(error) => outcome.refuse_series(&series, format!("parsing labels for series: {error}")),
        }
    }
    Ok(outcome)
}

/// The labels with type and unit of the metric, if the message tells either.
fn typed(labels: &LabelSet, series: &TimeSeries<'_>) -> LabelSet {
    let Ok(Metadata { metric_type, unit, .. }) = series.metadata() else { return labels.clone() };
    if metric_type == MetricType::Unknown && unit.is_empty() {
        return labels.clone();
    }
    let known_type = if metric_type == MetricType::Unknown { "" } else { metric_type.as_str() };
    let mut typed = labels.to_builder();
    typed.set("__type__", known_type);
    typed.set("__unit__", &unit);
    typed.build()
}

/// Labels as the original's answers show them, the metric's name among the others.
fn braced<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let shown = labels.map(|(name, value)| match is_legacy_label_name(name) {
        true => format!("{name}={}", Quoted(value)),
        false => format!("{}={}", Quoted(name), Quoted(value)),
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

fn nameless(labels: &str) -> String {
    format!("invalid metric name or labels, got {labels}")
}

/// What is said of a series with a label that it has twice.
fn duplicated(series: &TimeSeries<'_>, name: &str) -> String {
    let mut labels: Vec<_> = series.labels().flatten().collect();
    labels.sort_by_key(|(name, _)| *name);
    let has_name = labels.iter().any(|(name, _)| *name == METRIC_NAME);
    let shown = braced(labels.into_iter());
    match has_name {
        true => format!("invalid labels for series, labels {shown}, duplicated label {name}"),
        false => nameless(&shown),
    }
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
        let metadata = match series.metadata() {
            Ok(metadata) => metadata,
            Err(error) => {
                self.errors.push(format!("parsing metadata for series: {error}"));
                return Ok(());
            }
        };
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
            let labels = braced(labels.iter());
            let error =
                format!("TimeSeries must contain at least one sample or histogram for series {labels}");
            self.errors.push(error);
            return Ok(());
        }
        for exemplar in series.exemplars() {
            match exemplar {
                Ok(exemplar) => self.append_exemplar(batch, reference, labels, &exemplar, latest),
                Err(error) => {
                    let labels = braced(labels.iter());
                    self.errors.push(format!("parsing exemplar for series {labels}: {error}"));
                }
            }
        }
        // Metadata is a service; a store that does not want it loses nothing.
        let _ = batch.append_metadata(reference, labels, &metadata);
        Ok(())
    }

    /// Appends an exemplar. Only one that is out of order is the sender's business; the store may refuse others
    /// as it likes.
    fn append_exemplar(
        &mut self,
        batch: &mut dyn Batch,
        reference: SeriesRef,
        labels: &LabelSet,
        exemplar: &Exemplar,
        latest: Timestamp,
    ) {
        let appended = match exemplar.timestamp.is_some_and(|time| time > latest) {
            true => Err(AppendError::OutOfBounds),
            false => batch.append_exemplar(reference, labels, exemplar),
        };
        match appended {
            Ok(()) => self.written.exemplars += 1,
            Err(AppendError::OutOfOrder) => {
                self.errors.push(format!("out of order exemplar for series {}", braced(labels.iter())));
            }
            Err(error) => {
                tracing::error!(component = "web", series = %labels, err = %error, "failed to ingest exemplar");
            }
        }
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
        if timestamp > latest {
            self.errors.push(format!("{TOO_FAR_AHEAD} for series {}", braced(labels.iter())));
            return Ok(false);
        }
        match batch.append(*reference, labels, timestamp, value) {
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
                self.errors.push(format!("{error} for series {}", braced(labels.iter())));
                Ok(false)
            }
            Err(error) => Err(refusal_of(error)),
        }
    }
}
