//! Remote write 1.0: the message `prometheus.WriteRequest`.

use metrics_core::{Exemplar, LabelSet, Metadata};

pub use super::Series;
use super::fields::{fields, metric_type, metric_type_number, read_sample, write_sample};
use super::{HistogramSample, LabelsError, Sample, histogram, label_set};
use crate::wire::{self, Field, Reader, WireError};

/// A message, read as it is iterated over.
///
/// ```
/// use expo_format::remote_write::v1::{Request, RequestBuilder, Series};
/// use metrics_core::LabelSet;
///
/// let mut builder = RequestBuilder::default();
/// let labels = LabelSet::from_pairs([("__name__", "up"), ("job", "node")]);
/// builder.series(&Series { samples: &[(1000, 1.0)], ..Series::new(&labels) });
/// let message = builder.finish();
///
/// for series in Request::new(&message).series() {
///     let series = series.unwrap();
///     assert_eq!(series.label_set().unwrap(), labels);
///     let sample = series.samples().next().unwrap().unwrap();
///     assert_eq!((sample.timestamp, sample.value), (1000, 1.0));
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    fields: Reader<'a>,
}

impl<'a> Request<'a> {
    /// A request in the unpacked bytes of a body.
    pub fn new(message: &'a [u8]) -> Self {
        Self { fields: Reader::new(message) }
    }

    /// The series, in order. After an error there is nothing more to be had.
    pub fn series(&self) -> impl Iterator<Item = Result<TimeSeries<'a>, WireError>> + use<'a> {
        fields(self.fields, 1, |field| Ok(TimeSeries { fields: field.message()? }))
    }

    /// What metric families mean, as `(family name, metadata)`.
    pub fn metadata(&self) -> impl Iterator<Item = Result<(&'a str, Metadata), WireError>> + use<'a> {
        fields(self.fields, 3, read_metadata)
    }

    /// Reads the whole message once and keeps nothing, so that a broken one is refused before its first series
    /// is taken.
    ///
    /// # Errors
    /// Where the message is broken.
    pub fn check(&self) -> Result<(), WireError> {
        for series in self.series() {
            let series = series?;
            let mut fields = series.fields;
            while let Some(field) = fields.field()? {
                match field.number {
                    1 => drop(read_label(&field)?),
                    2 => drop(read_sample(&field)?),
                    3 => drop(field.message()?),
                    4 => drop(histogram::read(field.message()?)?),
                    _ => {}
                }
            }
        }
        self.metadata().try_for_each(|m| m.map(drop))
    }
}

/// One series of a request, with its samples.
#[derive(Debug, Clone, Copy)]
pub struct TimeSeries<'a> {
    fields: Reader<'a>,
}

impl<'a> TimeSeries<'a> {
    /// A series that is a field of some message.
    #[cfg(feature = "remote-read")]
    pub(crate) fn of(field: &Field<'a>) -> Result<Self, WireError> {
        Ok(Self { fields: field.message()? })
    }

    /// The labels, sorted; labels with an empty value are left out.
    ///
    /// # Errors
    /// If the message is broken, or these labels are not what a series can have.
    pub fn label_set(&self) -> Result<LabelSet, LabelsError> {
        read_labels(self.fields, 1)
    }

    /// The labels as the sender put them, borrowed from the message. It is not checked that they are sorted and
    /// unique: [`TimeSeries::label_set`] does that.
    pub fn labels(&self) -> impl Iterator<Item = Result<(&'a str, &'a str), LabelsError>> + use<'a> {
        fields(self.fields, 1, read_label).map(|label| text_label(label?))
    }

    /// The float samples, in order.
    pub fn samples(&self) -> impl Iterator<Item = Result<Sample, WireError>> + use<'a> {
        fields(self.fields, 2, read_sample)
    }

    /// The exemplars, in order.
    pub fn exemplars(&self) -> impl Iterator<Item = Result<Exemplar, LabelsError>> + use<'a> {
        fields(self.fields, 3, Field::message).map(|message| read_exemplar(message?))
    }

    /// The native histograms, in order.
    pub fn histograms(&self) -> impl Iterator<Item = Result<HistogramSample, WireError>> + use<'a> {
        fields(self.fields, 4, |field| histogram::read(field.message()?))
    }
}

type RawLabel<'a> = (&'a [u8], &'a [u8]);

#[inline]
fn read_label<'a>(field: &Field<'a>) -> Result<RawLabel<'a>, WireError> {
    let mut label = (&b""[..], &b""[..]);
    let mut parts = field.message()?;
    if let Some(label) = parts.two_texts() {
        return Ok(label);
    }
    while let Some(part) = parts.field()? {
        match part.number {
            1 => label.0 = part.bytes()?,
            2 => label.1 = part.bytes()?,
            _ => {}
        }
    }
    Ok(label)
}

fn text_label((name, value): RawLabel<'_>) -> Result<(&str, &str), LabelsError> {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| LabelsError::NotUtf8);
    Ok((text(name)?, text(value)?))
}

pub(crate) fn read_labels(message: Reader<'_>, number: u8) -> Result<LabelSet, LabelsError> {
    let mut pairs = Vec::with_capacity(16);
    for label in fields(message, number, read_label) {
        pairs.push(text_label(label?)?);
    }
    label_set(pairs)
}

fn read_exemplar(message: Reader<'_>) -> Result<Exemplar, LabelsError> {
    let (mut value, mut timestamp) = (0.0, 0);
    let mut parts = message;
    while let Some(part) = parts.field()? {
        match part.number {
            2 => value = part.double()?,
            3 => timestamp = part.int64()?,
            _ => {}
        }
    }
    Ok(Exemplar { labels: read_labels(message, 1)?, value, timestamp: Some(timestamp) })
}

fn read_metadata<'a>(field: &Field<'a>) -> Result<(&'a str, Metadata), WireError> {
    let (mut name, mut metadata) = ("", Metadata::default());
    let mut parts = field.message()?;
    while let Some(part) = parts.field()? {
        match part.number {
            1 => metadata.metric_type = metric_type(part.uint64()?),
            2 => name = part.string()?,
            4 => metadata.help = part.string()?.to_owned(),
            5 => metadata.unit = part.string()?.to_owned(),
            _ => {}
        }
    }
    Ok((name, metadata))
}

/// Puts a request together.
#[derive(Debug, Clone, Default)]
pub struct RequestBuilder {
    message: Vec<u8>,
}

impl RequestBuilder {
    /// Adds a series.
    pub fn series(&mut self, series: &Series<'_>) -> &mut Self {
        wire::message(&mut self.message, 1, |out| write_series(out, series));
        self
    }

    /// Adds what a metric family means.
    pub fn metadata(&mut self, family: &str, metadata: &Metadata) -> &mut Self {
        wire::message(&mut self.message, 3, |out| {
            wire::int64(out, 1, metric_type_number(metadata.metric_type));
            wire::string(out, 2, family.as_bytes());
            wire::string(out, 4, metadata.help.as_bytes());
            wire::string(out, 5, metadata.unit.as_bytes());
        });
        self
    }

    /// Bytes gathered so far.
    pub fn size(&self) -> usize {
        self.message.len()
    }

    /// The message, ready to be compressed.
    pub fn finish(self) -> Vec<u8> {
        self.message
    }
}

/// Appends the fields of a series.
pub(crate) fn write_series(out: &mut Vec<u8>, series: &Series<'_>) {
    write_labels(out, series.labels);
    for (timestamp, value) in series.samples {
        wire::message(out, 2, |out| write_sample(out, *timestamp, *value));
    }
    for exemplar in series.exemplars {
        wire::message(out, 3, |out| {
            write_labels(out, &exemplar.labels);
            wire::double(out, 2, exemplar.value);
            wire::int64(out, 3, exemplar.timestamp.unwrap_or(0));
        });
    }
    for (timestamp, value) in series.histograms {
        wire::message(out, 4, |out| histogram::write(out, *timestamp, value));
    }
}

pub(crate) fn write_labels(out: &mut Vec<u8>, labels: &LabelSet) {
    for (name, value) in labels {
        wire::message(out, 1, |out| {
            wire::string(out, 1, name.as_bytes());
            wire::string(out, 2, value.as_bytes());
        });
    }
}

#[cfg(test)]
mod tests;
