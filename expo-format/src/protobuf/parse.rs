//! Reads a page of delimited messages.

use std::borrow::Cow;

use metrics_core::{Exemplar, MetricType, Timestamp, Value};

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
    /// The exemplar of the sample that is shown now, and its labels.
    exemplar: Option<(f64, Option<Timestamp>)>,
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
    /// A quantile or bucket, by its place.
    Point(usize),
}

/// What is to be shown.
#[derive(Debug, Clone, Copy)]
enum Shown {
    /// A sample of this value, whose series has been put together.
    Sample(f64),
    Native,
    Help,
    Unit,
    Type,
    End,
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
            exemplar: None,
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
    // Built where it is used, the event of a sample is never moved as a whole.
    #[inline(always)]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        match self.advance()? {
            Shown::Sample(value) => Ok(Some(Event::Sample(self.sample(value)))),
            Shown::End => Ok(None),
            other => self.other_event(other),
        }
    }

    /// Moves on to what is shown next: nearly always the next quantile or bucket of a metric.
    #[inline(always)]
    fn advance(&mut self) -> Result<Shown, ParseError> {
        if let Step::Point(place) = self.step
            && let Some(point) = self.metric.points.get(place)
            && self.metric.point_exemplars.is_empty()
        {
            let point = *point;
            self.step = Step::Point(place + 1);
            self.set_point(place, point);
            if self.limits.surely_allow(&self.series()) {
                return Ok(Shown::Sample(point.value));
            }
        }
        self.step_with_care()
    }

    #[inline(never)]
    fn step_with_care(&mut self) -> Result<Shown, ParseError> {
        let shown = self.step();
        if shown.is_err() {
            self.end();
        }
        shown
    }

    /// Yields nothing more.
    fn end(&mut self) {
        (self.page, self.step) = (Reader::new(b""), Step::Family);
        self.family.rest = Reader::new(b"");
    }

    fn step(&mut self) -> Result<Shown, ParseError> {
        if self.page.offset() == 0 {
            exceeded(0, self.limits.check_body(self.page.remaining()))?;
        }
        loop {
            match self.step {
                Step::Family => {
                    if !self.next_family()? {
                        return Ok(Shown::End);
                    }
                    self.step = if self.family.unit.is_empty() { Step::Type } else { Step::Unit };
                    return Ok(Shown::Help);
                }
                Step::Unit => {
                    self.step = Step::Type;
                    return Ok(Shown::Unit);
                }
                Step::Type => {
                    self.step = Step::Metric;
                    return Ok(Shown::Type);
                }
                Step::Metric => {
                    self.step = self.next_metric()?.unwrap_or(Step::Family);
                }
                Step::Native => {
                    self.step =
                        if self.keep_classic && self.metric.has_buckets { Step::Count } else { Step::Metric };
                    return Ok(Shown::Native);
                }
                Step::Value => {
                    self.step = Step::Metric;
                    return self.plain(Suffix::None, self.metric.value, self.metric.exemplar);
                }
                Step::Count => {
                    self.step = Step::Sum;
                    return self.plain(Suffix::Count, self.metric.count, None);
                }
                Step::Sum => {
                    self.step = Step::Point(0);
                    return self.plain(Suffix::Sum, self.metric.sum, None);
                }
                Step::Point(place) => {
                    let Some(point) = self.metric.points.get(place).copied() else {
                        self.step = Step::Metric;
                        continue;
                    };
                    self.step = Step::Point(place + 1);
                    self.set_point(place, point);
                    return self.checked(point.value, self.metric.point_exemplar(place));
                }
            }
        }
    }

    /// A sample without a label of its own.
    fn plain(
        &mut self,
        suffix: Suffix,
        value: f64,
        exemplar: Option<Reader<'a>>,
    ) -> Result<Shown, ParseError> {
        self.text.set(suffix);
        self.checked(value, exemplar)
    }

    /// The sample of the series that has been put together.
    fn checked(&mut self, value: f64, exemplar: Option<Reader<'a>>) -> Result<Shown, ParseError> {
        self.check_series()?;
        let read = exemplar.map(|fields| read_exemplar(fields, &mut self.exemplar_labels));
        self.exemplar = read.transpose().map_err(broken)?;
        Ok(Shown::Sample(value))
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
                    4 => {
                        has_metrics = true;
                        fields.skip_short(|number| number == 4);
                    }
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
            self.text.next_family(self.family.name);
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
            self.text.next_metric(&self.metric.labels);
            self.exemplar = None;
            return Ok(Some(match self.family.metric_type {
                MetricType::Summary => Step::Count,
                MetricType::Histogram | MetricType::GaugeHistogram => {
                    self.metric.end_buckets();
                    let is_native = !self.ignore_native && self.metric.native.is_native();
                    if is_native { Step::Native } else { Step::Count }
                }
                _ => Step::Value,
            }));
        }
        Ok(None)
    }

    #[inline(never)]
    fn other_event(&mut self, shown: Shown) -> Result<Option<Event<'_>>, ParseError> {
        let name = Cow::Borrowed(self.family.name);
        Ok(Some(match shown {
            Shown::Help => Event::Help { name, help: Cow::Borrowed(self.family.help) },
            Shown::Unit => Event::Unit { name, unit: self.family.unit },
            Shown::Type => Event::Type { name, metric_type: self.family.metric_type },
            Shown::Native => return self.native(),
            Shown::Sample(value) => Event::Sample(self.sample(value)),
            Shown::End => return Ok(None),
        }))
    }

    #[inline(always)]
    fn set_point(&mut self, place: usize, point: Point) {
        let (suffix, name) = match self.family.metric_type {
            MetricType::Summary => (Suffix::None, "quantile"),
            _ => (Suffix::Bucket, "le"),
        };
        self.text.set_with(suffix, LastLabel { name, place, value: point.at });
    }

    #[inline(always)]
    fn series(&self) -> Series<'_> {
        self.text.series(&self.metric.labels, self.family.metric_type)
    }

    fn check_series(&self) -> Result<(), ParseError> {
        exceeded(self.family.rest.offset(), self.limits.check_series(&self.series()))
    }

    /// The sample of the series that has been put together.
    #[inline(always)]
    fn sample(&self, value: f64) -> Sample<'_> {
        let labels = Labels::of_pairs(&self.exemplar_labels);
        Sample {
            series: self.series(),
            value,
            timestamp: self.metric.timestamp,
            created: self.metric.created,
            exemplar: self.exemplar.map(|(value, timestamp)| ExemplarRef { labels, value, timestamp }),
        }
    }

    fn native(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        self.text.set(Suffix::None);
        let (value, exemplars) = self.native_parts().inspect_err(|_| self.end())?;
        let Metric { timestamp, created, .. } = self.metric;
        let series = self.series();
        Ok(Some(Event::Histogram(NativeHistogram { series, value, timestamp, created, exemplars })))
    }

    fn native_parts(&self) -> Result<(Value, Vec<Exemplar>), ParseError> {
        let is_gauge = self.family.metric_type == MetricType::GaugeHistogram;
        let value = self.metric.native.value(self.metric.sum, is_gauge);
        let value = value.map_err(|problem| ParseError::binary(self.family.rest.offset(), problem))?;
        let exemplars = self.native_exemplars().map_err(broken)?;
        self.check_series()?;
        Ok((value, exemplars))
    }

    /// The histogram's own exemplars or, if it has none, those of its classic buckets; only those with a time.
    fn native_exemplars(&self) -> Result<Vec<Exemplar>, WireError> {
        let own = &self.metric.native.exemplars;
        let of_buckets = self.metric.point_exemplars.iter().map(|(_, exemplar)| *exemplar);
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
