//! Remote write 2.0: the message `io.prometheus.write.v2.Request`.
//!
//! All text is in one table of symbols, to which labels, help and unit refer by number.

use std::collections::HashMap;

use metrics_core::{Exemplar, LabelSet, Metadata, Timestamp};

use super::fields::{fields, metric_type, metric_type_number, read_sample, write_sample};
use super::{HistogramSample, LabelsError, Sample, Series, histogram, label_set};
use crate::wire::{self, Field, Reader, WireError};

/// Symbols up to which a message is taken: more than any sender puts into one request.
pub const DEFAULT_MAX_SYMBOLS: usize = 4 << 20;

/// A message: its symbols are read at once, its series as they are iterated over.
///
/// ```
/// use expo_format::remote_write::{Series, v2::{Request, RequestBuilder}};
/// use metrics_core::{LabelSet, Metadata, MetricType};
///
/// let labels = LabelSet::from_pairs([("__name__", "up"), ("job", "node")]);
/// let metadata = Metadata { metric_type: MetricType::Gauge, help: "Up.".to_owned(), ..Metadata::default() };
/// let mut builder = RequestBuilder::default();
/// builder.series(&Series { samples: &[(1000, 1.0)], ..Series::new(&labels) }, &metadata, None);
/// let message = builder.finish();
///
/// let request = Request::new(&message).unwrap();
/// for series in request.series() {
///     let series = series.unwrap();
///     assert_eq!(series.label_set().unwrap(), labels);
///     assert_eq!(series.metadata().unwrap(), metadata);
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Request<'a> {
    fields: Reader<'a>,
    symbols: Vec<Symbol<'a>>,
}

/// A text of the table; `None` if it is not UTF-8, which harms only series that refer to it.
type Symbol<'a> = Option<&'a str>;

/// Why a message could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The message is broken.
    #[error("broken message")]
    Wire(#[from] WireError),
    /// There are more symbols than allowed.
    #[error("more than {limit} symbols")]
    TooManySymbols {
        /// What is allowed.
        limit: usize,
    },
}

impl<'a> Request<'a> {
    /// A request in the unpacked bytes of a body, with at most [`DEFAULT_MAX_SYMBOLS`] symbols.
    ///
    /// # Errors
    /// If the message is broken or has too many symbols.
    pub fn new(message: &'a [u8]) -> Result<Self, RequestError> {
        Self::with_max_symbols(message, DEFAULT_MAX_SYMBOLS)
    }

    /// As [`Request::new`] with another limit.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn with_max_symbols(message: &'a [u8], limit: usize) -> Result<Self, RequestError> {
        let all = Reader::new(message);
        let mut symbols = Vec::new();
        for symbol in fields(all, 4, Field::bytes) {
            if symbols.len() == limit {
                return Err(RequestError::TooManySymbols { limit });
            }
            symbols.push(std::str::from_utf8(symbol?).ok());
        }
        Ok(Self { fields: all, symbols })
    }

    /// The series, in order. After an error there is nothing more to be had.
    pub fn series(&self) -> impl Iterator<Item = Result<TimeSeries<'_>, WireError>> {
        fields(self.fields, 5, |field| Ok(TimeSeries { fields: field.message()?, symbols: &self.symbols }))
    }

    /// Reads the whole message once and keeps nothing, so that a broken one is refused before its first series
    /// is taken.
    ///
    /// # Errors
    /// Where the message is broken.
    pub fn check(&self) -> Result<(), WireError> {
        for series in self.series() {
            let mut rest = series?.fields;
            while let Some(field) = rest.field()? {
                match field.number {
                    1 => field.varints(|_| {})?,
                    2 => drop(read_sample(&field)?),
                    3 => drop(histogram::read(field.message()?)?),
                    4 | 5 => drop(field.message()?),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// One series of a request, with its samples.
#[derive(Debug, Clone, Copy)]
pub struct TimeSeries<'a> {
    fields: Reader<'a>,
    symbols: &'a [Symbol<'a>],
}

impl<'a> TimeSeries<'a> {
    /// The labels, sorted; labels with an empty value are left out.
    ///
    /// # Errors
    /// If the message is broken, or these labels are not what a series can have.
    pub fn label_set(&self) -> Result<LabelSet, LabelsError> {
        read_labels(self.fields, self.symbols)
    }

    /// The labels as the sender put them, borrowed from the message. It is not checked that they are sorted and
    /// unique: [`TimeSeries::label_set`] does that.
    pub fn labels(&self) -> impl Iterator<Item = Result<(&'a str, &'a str), LabelsError>> + use<'a> {
        Labels { references: References::new(self.fields), symbols: self.symbols }
    }

    /// The float samples, in order.
    pub fn samples(&self) -> impl Iterator<Item = Result<Sample, WireError>> + use<'a> {
        fields(self.fields, 2, read_sample)
    }

    /// The native histograms, in order.
    pub fn histograms(&self) -> impl Iterator<Item = Result<HistogramSample, WireError>> + use<'a> {
        fields(self.fields, 3, |field| histogram::read(field.message()?))
    }

    /// The exemplars, in order.
    pub fn exemplars(&self) -> impl Iterator<Item = Result<Exemplar, LabelsError>> + use<'a> {
        let symbols = self.symbols;
        fields(self.fields, 4, Field::message).map(move |message| read_exemplar(message?, symbols))
    }

    /// What the series' metric means; of an unknown type and empty if the sender does not say.
    ///
    /// # Errors
    /// If the message is broken, refers to symbols that are not there, or has a text that is not UTF-8.
    pub fn metadata(&self) -> Result<Metadata, LabelsError> {
        let mut metadata = Metadata::default();
        for message in fields(self.fields, 5, Field::message) {
            let mut parts = message?;
            while let Some(part) = parts.field()? {
                match part.number {
                    1 => metadata.metric_type = metric_type(part.uint64()?),
                    3 => metadata.help = symbol(self.symbols, part.uint32()?)?.to_owned(),
                    4 => metadata.unit = symbol(self.symbols, part.uint32()?)?.to_owned(),
                    _ => {}
                }
            }
        }
        Ok(metadata)
    }
}

/// The numbers in field 1 of a message, packed or one by one; ends after an error.
#[derive(Debug, Clone, Copy)]
struct References<'a> {
    packed: Reader<'a>,
    rest: Reader<'a>,
}

impl<'a> References<'a> {
    fn new(message: Reader<'a>) -> Self {
        Self { packed: Reader::new(b""), rest: message }
    }

    #[inline]
    fn read(&mut self) -> Result<Option<u32>, WireError> {
        while self.packed.remaining() == 0 {
            self.rest.skip_short(|other| other != 1);
            let Some(field) = self.rest.field()? else { return Ok(None) };
            match field.number {
                1 if field.is_number() => return field.uint32().map(Some),
                1 => self.packed = field.message()?,
                _ => {}
            }
        }
        self.packed.varint().map(|number| Some(number as u32))
    }
}

/// The labels of one series, by name and value.
#[derive(Debug, Clone, Copy)]
struct Labels<'a> {
    references: References<'a>,
    symbols: &'a [Symbol<'a>],
}

impl<'a> Labels<'a> {
    #[inline]
    fn read(&mut self) -> Result<Option<(&'a str, &'a str)>, LabelsError> {
        if let Some((name, value)) = self.references.packed.two_small_varints() {
            return Ok(Some((symbol(self.symbols, name)?, symbol(self.symbols, value)?)));
        }
        let Some(name) = self.references.read()? else { return Ok(None) };
        let value = self.references.read()?.ok_or(LabelsError::OddReferences)?;
        Ok(Some((symbol(self.symbols, name)?, symbol(self.symbols, value)?)))
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = Result<(&'a str, &'a str), LabelsError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let label = self.read();
        if label.is_err() {
            self.references = References::new(Reader::new(b""));
        }
        label.transpose()
    }
}

#[inline]
fn symbol<'a>(symbols: &[Symbol<'a>], number: u32) -> Result<&'a str, LabelsError> {
    symbols.get(number as usize).ok_or(LabelsError::Symbol(number))?.ok_or(LabelsError::NotUtf8)
}

fn read_labels(message: Reader<'_>, symbols: &[Symbol<'_>]) -> Result<LabelSet, LabelsError> {
    let mut pairs = Vec::with_capacity(16);
    for label in (Labels { references: References::new(message), symbols }) {
        pairs.push(label?);
    }
    label_set(pairs)
}

fn read_exemplar(message: Reader<'_>, symbols: &[Symbol<'_>]) -> Result<Exemplar, LabelsError> {
    let (mut value, mut timestamp) = (0.0, 0);
    let mut parts = message;
    while let Some(part) = parts.field()? {
        match part.number {
            2 => value = part.double()?,
            3 => timestamp = part.int64()?,
            _ => {}
        }
    }
    Ok(Exemplar { labels: read_labels(message, symbols)?, value, timestamp: Some(timestamp) })
}

/// Puts a request together.
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    symbols: HashMap<String, u32>,
    /// The symbols as fields of the message, in the order of their numbers.
    table: Vec<u8>,
    series: Vec<u8>,
    references: Vec<u32>,
}

impl Default for RequestBuilder {
    fn default() -> Self {
        let mut builder =
            Self { symbols: HashMap::new(), table: Vec::new(), series: Vec::new(), references: Vec::new() };
        // Number zero is the empty text, always.
        builder.symbol("");
        builder
    }
}

impl RequestBuilder {
    /// Adds a series with what its metric means and when its counting began, if that is known.
    pub fn series(
        &mut self,
        series: &Series<'_>,
        metadata: &Metadata,
        created: Option<Timestamp>,
    ) -> &mut Self {
        let mut out = std::mem::take(&mut self.series);
        wire::message(&mut out, 5, |out| {
            self.labels(out, series.labels);
            for (timestamp, value) in series.samples {
                wire::message(out, 2, |out| {
                    write_sample(out, *timestamp, *value);
                    wire::int64(out, 3, created.unwrap_or(0));
                });
            }
            for (timestamp, value) in series.histograms {
                wire::message(out, 3, |out| {
                    histogram::write(out, *timestamp, value);
                    wire::int64(out, 17, created.unwrap_or(0));
                });
            }
            for exemplar in series.exemplars {
                wire::message(out, 4, |out| {
                    self.labels(out, &exemplar.labels);
                    wire::double(out, 2, exemplar.value);
                    wire::int64(out, 3, exemplar.timestamp.unwrap_or(0));
                });
            }
            if *metadata != Metadata::default() {
                let (help, unit) = (self.symbol(&metadata.help), self.symbol(&metadata.unit));
                wire::message(out, 5, |out| {
                    wire::int64(out, 1, metric_type_number(metadata.metric_type));
                    wire::int64(out, 3, i64::from(help));
                    wire::int64(out, 4, i64::from(unit));
                });
            }
        });
        self.series = out;
        self
    }

    fn labels(&mut self, out: &mut Vec<u8>, labels: &LabelSet) {
        let mut references = std::mem::take(&mut self.references);
        references.clear();
        for (name, value) in labels {
            references.push(self.symbol(name));
            references.push(self.symbol(value));
        }
        wire::packed(out, 1, references.iter(), |out, n| wire::varint(out, u64::from(*n)));
        self.references = references;
    }

    /// The number of a text, new or known.
    fn symbol(&mut self, text: &str) -> u32 {
        if let Some(number) = self.symbols.get(text) {
            return *number;
        }
        // Four thousand million symbols do not fit into memory.
        let number = u32::try_from(self.symbols.len()).unwrap_or(u32::MAX);
        self.symbols.insert(text.to_owned(), number);
        wire::message(&mut self.table, 4, |out| out.extend_from_slice(text.as_bytes()));
        number
    }

    /// Bytes gathered so far.
    pub fn size(&self) -> usize {
        self.table.len() + self.series.len()
    }

    /// The message, ready to be compressed.
    pub fn finish(self) -> Vec<u8> {
        let mut message = self.table;
        message.extend_from_slice(&self.series);
        message
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use metrics_core::{Histogram, MetricType, Value};

    use super::*;

    #[test]
    fn everything_survives_the_round_trip() {
        let labels = LabelSet::from_pairs([("__name__", "h"), ("job", "h")]);
        let exemplar =
            Exemplar { labels: LabelSet::from_pairs([("trace_id", "job")]), value: 2.0, timestamp: Some(9) };
        let histogram = (7, Value::Histogram(Arc::new(Histogram { count: 3, ..Histogram::default() })));
        let metadata =
            Metadata { metric_type: MetricType::Histogram, help: "H.".to_owned(), unit: "s".to_owned() };
        let series = Series {
            samples: &[(5, 1.5)],
            exemplars: std::slice::from_ref(&exemplar),
            histograms: std::slice::from_ref(&histogram),
            ..Series::new(&labels)
        };
        let mut builder = RequestBuilder::default();
        builder.series(&series, &metadata, Some(-4)).series(
            &Series::new(&labels),
            &Metadata::default(),
            None,
        );
        let message = builder.finish();

        let request = Request::new(&message).unwrap();
        request.check().unwrap();
        let read: Vec<_> = request.series().collect::<Result<_, _>>().unwrap();
        let [first, second] = read[..] else { panic!("{read:?}") };
        assert_eq!(first.label_set().unwrap(), labels);
        assert_eq!(first.metadata().unwrap(), metadata);
        let samples: Vec<_> = first.samples().collect::<Result<_, _>>().unwrap();
        assert_eq!(samples, [Sample { timestamp: 5, value: 1.5, created: Some(-4) }]);
        assert_eq!(first.exemplars().next(), Some(Ok(exemplar)));
        let found = first.histograms().next().unwrap().unwrap();
        assert_eq!((found.timestamp, found.value, found.created), (histogram.0, histogram.1, Some(-4)));
        assert_eq!(second.metadata().unwrap(), Metadata::default());
        assert_eq!(second.samples().count(), 0);
    }

    #[test]
    fn references_must_exist_and_come_in_pairs() {
        let request = |references: &[u8]| {
            let mut message = Vec::new();
            for text in ["", "a", "b"] {
                wire::message(&mut message, 4, |out| out.extend_from_slice(text.as_bytes()));
            }
            wire::message(&mut message, 5, |out| {
                wire::message(out, 1, |out| out.extend_from_slice(references));
            });
            message
        };
        let labels = |references: &[u8]| {
            let message = request(references);
            let request = Request::new(&message).unwrap();
            request.series().next().unwrap().unwrap().label_set()
        };
        assert_eq!(labels(&[1, 2]).unwrap().to_string(), "{a=\"b\"}");
        assert_eq!(labels(&[1, 3]), Err(LabelsError::Symbol(3)));
        assert_eq!(labels(&[1, 2, 1]), Err(LabelsError::OddReferences));
        assert_eq!(labels(&[1, 2, 1, 1]), Err(LabelsError::Duplicate("a".to_owned())));
    }

    #[test]
    fn symbols_are_limited() {
        let labels = LabelSet::from_pairs([("a", "b")]);
        let mut builder = RequestBuilder::default();
        builder.series(&Series::new(&labels), &Metadata::default(), None);
        let message = builder.finish();
        assert!(Request::with_max_symbols(&message, 3).is_ok());
        let error = Request::with_max_symbols(&message, 2).unwrap_err();
        assert_eq!(error, RequestError::TooManySymbols { limit: 2 });
    }

    #[test]
    fn the_other_version_is_an_empty_request() {
        let labels = LabelSet::from_pairs([("a", "b")]);
        let mut old = super::super::v1::RequestBuilder::default();
        old.series(&Series { samples: &[(1, 1.0)], ..Series::new(&labels) });
        let old = old.finish();
        assert_eq!(Request::new(&old).unwrap().series().count(), 0);
        let mut new = RequestBuilder::default();
        new.series(&Series::new(&labels), &Metadata::default(), None);
        let new = new.finish();
        let as_old = super::super::v1::Request::new(&new);
        assert_eq!((as_old.series().count(), as_old.metadata().count()), (0, 0));
    }
}
