//! Classic histograms as native ones with custom buckets, for stores that keep those at a fraction of the cost.
//!
//! Source: what Prometheus does for `convert_classic_histograms_to_nhcb`. The lines of one histogram follow each
//! other; when the first line of something else comes, they are put together. A histogram that has a native form
//! on the page is left alone.

mod collected;

use std::borrow::Cow;

use metrics_core::{Exemplar, LabelSet, MetricType, Timestamp, Value};

use crate::line::write_series;
use crate::number::parse_float;
use crate::series::{Layout, Series};
use crate::{Event, NativeHistogram, Sample, WriteOptions};
use collected::Collected;

/// A stage behind a parser: every event of a page is offered to it.
///
/// ```
/// use expo_format::{CustomBuckets, Event, Format, PageParser};
/// let page = b"# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 7\nh_count 3\nup 1\n";
/// let mut parser = PageParser::new(Format::Text, page);
/// let mut stage = CustomBuckets::new(false);
/// let mut seen = Vec::new();
/// while let Some(event) = parser.next_event().unwrap() {
///     let offered = stage.offer(&event);
///     if let Some(histogram) = offered.converted {
///         seen.push(histogram.series.to_string());
///     }
///     if let (true, Event::Sample(sample)) = (offered.remains, &event) {
///         seen.push(sample.series.to_string());
///     }
/// }
/// assert!(stage.finish().is_none());
/// assert_eq!(seen, ["h", "up"]);
/// ```
#[derive(Debug, Default)]
pub struct CustomBuckets {
    keeps_classic: bool,
    family: String,
    metric_type: MetricType,
    state: State,
    /// The histogram that lines are collected of, or whose native form the page has.
    metric: Metric,
    collected: Collected,
    exemplars: Vec<Exemplar>,
    timestamp: Option<Timestamp>,
    created: Option<Timestamp>,
    /// The text of the series that was converted last.
    text: String,
}

/// What comes of an event.
#[derive(Debug)]
pub struct Offered<'s> {
    /// A histogram that has become whole; it comes before the event.
    pub converted: Option<NativeHistogram<'s>>,
    /// Whether the event itself is still to be used; if not, it is a part of a histogram.
    pub remains: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Idle,
    Collecting,
    /// The page has the histogram in native form, so that its classic lines are left alone.
    HasNative,
}

/// A histogram that has become whole, but for its series.
#[derive(Debug)]
struct Ended {
    value: Value,
    timestamp: Option<Timestamp>,
    created: Option<Timestamp>,
    exemplars: Vec<Exemplar>,
}

/// A metric by the name of its family and its sorted labels.
#[derive(Debug, Default, PartialEq)]
struct Metric {
    name: String,
    labels: Vec<(String, String)>,
}

/// What a line is to a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

impl CustomBuckets {
    /// A stage at the beginning of a page, which lets the classic lines pass as well or not.
    pub fn new(keeps_classic: bool) -> Self {
        Self { keeps_classic, ..Self::default() }
    }

    /// Takes the next event of the page.
    pub fn offer(&mut self, event: &Event<'_>) -> Offered<'_> {
        match event {
            Event::Sample(sample) => self.sample(sample),
            other => {
                let ended = self.close();
                match other {
                    Event::Type { name, metric_type } => {
                        self.family.clear();
                        self.family.push_str(name);
                        self.metric_type = *metric_type;
                    }
                    Event::Histogram(histogram) => {
                        let (name, labels) = (histogram.series.name(), labels(&histogram.series));
                        self.metric.set(&name, &labels);
                        self.state = State::HasNative;
                    }
                    _ => {}
                }
                Offered { converted: ended.map(|ended| self.show(ended)), remains: true }
            }
        }
    }

    /// The histogram at the end of the page, if the page ends with one.
    pub fn finish(&mut self) -> Option<NativeHistogram<'_>> {
        self.close().map(|ended| self.show(ended))
    }

    fn sample(&mut self, sample: &Sample<'_>) -> Offered<'_> {
        if self.state == State::Idle && self.metric_type != MetricType::Histogram {
            return Offered { converted: None, remains: true };
        }
        let name = sample.series.name();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let labels = labels(&sample.series);
        let is_same =
            self.metric_type == MetricType::Histogram && self.metric.is(base.unwrap_or(&name), &labels);
        let part = part(sample, &name, &self.family).filter(|_| self.metric_type == MetricType::Histogram);
        let mut ended = None;
        if !is_same {
            ended = self.close();
            self.state = State::Idle;
        }
        let part = part.filter(|_| self.state != State::HasNative);
        if let Some(part) = part {
            self.collect(part, sample, &labels);
        }
        let converted = ended.map(|ended| self.show(ended));
        Offered { converted, remains: part.is_none() || self.keeps_classic }
    }

    fn collect(&mut self, part: Part, sample: &Sample<'_>, labels: &[(Cow<'_, str>, Cow<'_, str>)]) {
        if self.state == State::Idle {
            self.state = State::Collecting;
            self.metric.set(&self.family, labels);
            self.collected.clear();
            self.exemplars.clear();
            self.created = sample.created;
        }
        self.timestamp = sample.timestamp;
        self.exemplars.extend(sample.exemplar.as_ref().map(crate::ExemplarRef::to_exemplar));
        match part {
            Part::Bucket(bound) => self.collected.bucket(bound, sample.value),
            Part::Count => self.collected.count(sample.value),
            Part::Sum => self.collected.sum(sample.value),
        }
    }

    /// Ends the histogram that is being collected; the text of its series stays for [`CustomBuckets::series`].
    fn close(&mut self) -> Option<Ended> {
        if self.state != State::Collecting {
            return None;
        }
        self.state = State::Idle;
        let value = self.collected.convert()?;
        self.metric.write(&mut self.text);
        let exemplars = std::mem::take(&mut self.exemplars);
        Some(Ended { value, timestamp: self.timestamp, created: self.created, exemplars })
    }

    fn show(&self, ended: Ended) -> NativeHistogram<'_> {
        let Ended { value, timestamp, created, exemplars } = ended;
        NativeHistogram { series: self.series(), value, timestamp, created, exemplars }
    }

    fn series(&self) -> Series<'_> {
        let text = self.text.as_str();
        // The text was written here, so that what stands where is known.
        let (name, labels) = match text.strip_prefix("{\"") {
            Some(rest) => {
                let (end, _) = crate::scan::closing_quote::<false>(rest.as_bytes(), 0).unwrap_or_default();
                ((2, 2 + end), text.len().min(3 + end))
            }
            None => {
                let end = text.find('{').unwrap_or(text.len());
                ((0, end), text.len().min(end + 1))
            }
        };
        let layout = Layout { name, labels, has_escapes: text.contains('\\') };
        Series::new(text, layout, MetricType::Histogram)
    }
}

impl Metric {
    fn is(&self, name: &str, labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> bool {
        self.name == name
            && self.labels.len() == labels.len()
            && self.labels.iter().zip(labels).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
    }

    fn set(&mut self, name: &str, labels: &[(Cow<'_, str>, Cow<'_, str>)]) {
        name.clone_into(&mut self.name);
        self.labels.clear();
        self.labels.extend(labels.iter().map(|(n, v)| (n.to_string(), v.to_string())));
    }

    fn write(&self, out: &mut String) {
        let mut bytes = std::mem::take(out).into_bytes();
        bytes.clear();
        let labels = LabelSet::shown(self.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        write_series(&mut bytes, &self.name, "", &[&labels], None, WriteOptions::default());
        *out = String::from_utf8(bytes).unwrap_or_default();
    }
}

/// The labels that tell a histogram from others of its family, sorted.
fn labels<'a>(series: &Series<'a>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut labels: Vec<_> = series.labels().filter(|(name, _)| name != "le").collect();
    labels.sort();
    labels
}

/// What a line is to the histogram of that name.
fn part(sample: &Sample<'_>, name: &str, family: &str) -> Option<Part> {
    match name.strip_prefix(family)? {
        "_count" => Some(Part::Count),
        "_sum" => Some(Part::Sum),
        "_bucket" => {
            let (_, bound) = sample.series.labels().find(|(label, _)| label == "le")?;
            parse_float(bound.as_bytes()).filter(|bound| !bound.is_nan()).map(Part::Bucket)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
