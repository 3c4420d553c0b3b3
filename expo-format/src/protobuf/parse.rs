//! Reads a page of delimited messages.

use std::borrow::Cow;

use metrics_core::{Exemplar, MetricType};

use super::TYPES;
use super::metric::{Metric, Point, owned_exemplar, read_exemplar};
use super::series_text::{LastLabel, SeriesText, Suffix};
use crate::error::{ParseError, Problem};
use crate::event::{Event, ExemplarRef, NativeHistogram, Sample};
use crate::limits::{LimitExceeded, Limits};
use crate::series::{Labels, Series};
use crate::wire::{Reader, WireError, WireProblem};

/// Events of a protocol buffers page. They borrow from the parser, because the text of a series is put together
/// there.
///
/// A histogram with a native part yields that alone, as in Prometheus; see [`Parser::keep_classic`] and
/// [`Parser::ignore_native`].
#[derive(Debug)]
pub struct Parser<'a> {
    page: Reader<'a>,
    family: Family<'a>,
    metric: Metric<'a>,
    step: Step,
    text: SeriesText,
    exemplar_labels: Vec<(&'a str, &'a str)>,
    keep_classic: bool,
    ignore_native: bool,
    limits: Limits,
}

/// A family's head, and its metrics not yet read.
#[derive(Debug)]
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    unit: &'a str,
    metric_type: MetricType,
    rest: Reader<'a>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Family,
    Unit,
    Type,
    Metric,
    Native,
    Value,
    Count,
    Sum,
    /// A quantile or bucket; the place behind the last stands for a bucket without bound that is missing.
    Point(usize),
}

impl<'a> Parser<'a> {
    /// A parser at the beginning of a page, with the default limits.
    pub fn new(page: &'a [u8]) -> Self {
        Self::with_limits(page, Limits::default())
    }

    /// A parser that takes no more of a page than the limits allow.
    pub fn with_limits(page: &'a [u8], limits: Limits) -> Self {
        let nothing = Reader::new(b"");
        Self {
            page: Reader::with_nesting(page, limits.nesting),
            family: Family { name: "", help: "", unit: "", metric_type: MetricType::Unknown, rest: nothing },
            metric: Metric::default(),
            step: Step::Family,
            text: SeriesText::default(),
            exemplar_labels: Vec::new(),
            keep_classic: false,
            ignore_native: false,
            limits,
        }
    }

    /// Yields the classic buckets of a histogram behind its native form, where it has both.
    #[must_use]
    pub fn keep_classic(mut self) -> Self {
        self.keep_classic = true;
        self
    }

    /// Takes every histogram for a classic one.
    #[must_use]
    pub fn ignore_native(mut self) -> Self {
        self.ignore_native = true;
        self
    }

    /// The next event, or `None` at the end of the page.
    ///
    /// # Errors
    /// Where and why the page breaks the format; then there is nothing more to be had.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        let advanced = self.advance();
        if advanced.is_err() {
            (self.page, self.step) = (Reader::new(b""), Step::Family);
            self.family.rest = Reader::new(b"");
        }
        match advanced? {
            Some(now) => self.event(now),
            None => Ok(None),
        }
    }

    /// Moves to the next step and returns the one to show now.
    fn advance(&mut self) -> Result<Option<Step>, ParseError> {
        if self.page.offset() == 0 {
            exceeded(0, self.limits.check_body(self.page.remaining()))?;
        }
        loop {
            let now = match self.step {
                Step::Family => {
                    if !self.next_family()? {
                        return Ok(None);
                    }
                    Step::Family
                }
                Step::Metric => match self.next_metric()? {
                    Some(first) => first,
                    None => {
                        self.step = Step::Family;
                        continue;
                    }
                },
                now => now,
            };
            self.step = self.following(now);
            return Ok(Some(now));
        }
    }

    fn following(&self, now: Step) -> Step {
        let points = self.metric.points.len();
        let is_summary = self.family.metric_type == MetricType::Summary;
        match now {
            Step::Family if self.family.unit.is_empty() => Step::Type,
            Step::Family => Step::Unit,
            Step::Unit => Step::Type,
            Step::Type | Step::Metric | Step::Value => Step::Metric,
            Step::Native if self.keep_classic && points > 0 => Step::Count,
            Step::Native => Step::Metric,
            Step::Count => Step::Sum,
            Step::Sum if is_summary && points == 0 => Step::Metric,
            Step::Sum => Step::Point(0),
            Step::Point(place) if is_summary && place + 1 >= points => Step::Metric,
            Step::Point(place) => match self.metric.points.get(place) {
                Some(point) if is_summary || point.at != f64::INFINITY => Step::Point(place + 1),
                // The last bucket, or the one that was added because it was missing.
                _ => Step::Metric,
            },
        }
    }

    /// Reads the head of the next family that has metrics.
    fn next_family(&mut self) -> Result<bool, ParseError> {
        loop {
            let Some(message) = self.page.delimited().map_err(broken)? else { return Ok(false) };
            let mut type_number = 0;
            let mut family =
                Family { name: "", help: "", unit: "", metric_type: MetricType::Unknown, rest: message };
            let (mut fields, mut has_metrics) = (message, false);
            while let Some(field) = fields.field().map_err(broken)? {
                match field.number {
                    1 => family.name = field.string().map_err(broken)?,
                    2 => family.help = field.string().map_err(broken)?,
                    3 => type_number = field.uint64().map_err(broken)?,
                    4 => has_metrics = true,
                    5 => family.unit = field.string().map_err(broken)?,
                    _ => {}
                }
            }
            if !has_metrics {
                continue;
            }
            let offset = message.offset();
            if family.name.is_empty() {
                return Err(ParseError::binary(offset, Problem::NoMetricName));
            }
            let known = usize::try_from(type_number).ok().and_then(|n| TYPES.get(n));
            let unknown = || ParseError::binary(offset, Problem::TypeNumber(type_number));
            family.metric_type = *known.ok_or_else(unknown)?;
            self.family = family;
            self.text.next_family();
            return Ok(true);
        }
    }

    /// Reads the family's next metric and returns its first step.
    fn next_metric(&mut self) -> Result<Option<Step>, ParseError> {
        while let Some(field) = self.family.rest.field().map_err(broken)? {
            if field.number != 4 {
                continue;
            }
            let message = field.message().map_err(broken)?;
            exceeded(message.offset(), self.limits.check_line(message.remaining()))?;
            self.metric.read(message).map_err(broken)?;
            self.text.next_metric();
            return Ok(Some(match self.family.metric_type {
                MetricType::Summary => Step::Count,
                MetricType::Histogram | MetricType::GaugeHistogram => {
                    let is_native = !self.ignore_native && self.metric.native.is_native();
                    if is_native { Step::Native } else { Step::Count }
                }
                _ => Step::Value,
            }));
        }
        Ok(None)
    }

    fn event(&mut self, now: Step) -> Result<Option<Event<'_>>, ParseError> {
        let name = Cow::Borrowed(self.family.name);
        Ok(Some(match now {
            Step::Family => Event::Help { name, help: Cow::Borrowed(self.family.help) },
            Step::Unit => Event::Unit { name, unit: self.family.unit },
            Step::Type => Event::Type { name, metric_type: self.family.metric_type },
            Step::Native => return self.native(),
            Step::Value | Step::Metric => {
                self.set_text(Suffix::None, None);
                return self.sample(self.metric.value, self.metric.exemplar);
            }
            Step::Count => return self.total(Suffix::Count, self.metric.count),
            Step::Sum => return self.total(Suffix::Sum, self.metric.sum),
            Step::Point(place) => {
                let infinity = Point { at: f64::INFINITY, value: self.metric.count, exemplar: None };
                let point = self.metric.points.get(place).copied().unwrap_or(infinity);
                return self.point(place, point);
            }
        }))
    }

    fn set_text(&mut self, suffix: Suffix, last: Option<LastLabel>) {
        self.text.set(self.family.name, suffix, &self.metric.labels, last);
    }

    fn total(&mut self, suffix: Suffix, value: f64) -> Result<Option<Event<'_>>, ParseError> {
        self.set_text(suffix, None);
        self.sample(value, None)
    }

    fn point(&mut self, place: usize, point: Point<'a>) -> Result<Option<Event<'_>>, ParseError> {
        let (suffix, name) = match self.family.metric_type {
            MetricType::Summary => (Suffix::None, "quantile"),
            _ => (Suffix::Bucket, "le"),
        };
        self.set_text(suffix, Some(LastLabel { name, place, value: point.at }));
        self.sample(point.value, point.exemplar)
    }

    fn series(&self) -> Series<'_> {
        self.text.series(&self.metric.labels, self.family.metric_type)
    }

    fn check_series(&self) -> Result<(), ParseError> {
        exceeded(self.family.rest.offset(), self.limits.check_series(&self.series()))
    }

    fn sample(&mut self, value: f64, exemplar: Option<Reader<'a>>) -> Result<Option<Event<'_>>, ParseError> {
        self.check_series()?;
        let exemplar = match exemplar {
            None => None,
            Some(fields) => {
                let (value, timestamp) = read_exemplar(fields, &mut self.exemplar_labels).map_err(broken)?;
                Some(ExemplarRef { labels: Labels::of_pairs(&self.exemplar_labels), value, timestamp })
            }
        };
        Ok(Some(Event::Sample(Sample {
            series: self.series(),
            value,
            timestamp: self.metric.timestamp,
            created: self.metric.created,
            exemplar,
        })))
    }

    fn native(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        let is_gauge = self.family.metric_type == MetricType::GaugeHistogram;
        let value = self.metric.native.value(self.metric.sum, is_gauge);
        let value = value.map_err(|problem| ParseError::binary(self.family.rest.offset(), problem))?;
        let exemplars = self.native_exemplars().map_err(broken)?;
        self.set_text(Suffix::None, None);
        self.check_series()?;
        Ok(Some(Event::Histogram(NativeHistogram {
            series: self.series(),
            value,
            timestamp: self.metric.timestamp,
            created: self.metric.created,
            exemplars,
        })))
    }

    /// The histogram's own exemplars or, if it has none, those of its classic buckets; only those with a time.
    fn native_exemplars(&self) -> Result<Vec<Exemplar>, WireError> {
        let own = &self.metric.native.exemplars;
        let of_buckets = self.metric.points.iter().filter_map(|p| p.exemplar);
        let all: Vec<Reader<'a>> = if own.is_empty() { of_buckets.collect() } else { own.clone() };
        let read = all.into_iter().map(owned_exemplar);
        read.filter(|e| e.as_ref().map_or(true, |e| e.timestamp.is_some())).collect()
    }
}

fn broken(error: WireError) -> ParseError {
    let problem = match error.problem {
        WireProblem::Nesting(limit) => LimitExceeded::Nesting(limit).into(),
        problem => Problem::Message(problem),
    };
    ParseError::binary(error.offset, problem)
}

/// Gives a limit that was exceeded its place.
fn exceeded(offset: usize, checked: Result<(), Problem>) -> Result<(), ParseError> {
    checked.map_err(|problem| ParseError::binary(offset, problem))
}
