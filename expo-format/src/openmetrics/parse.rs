//! Reads an OpenMetrics page in one pass, as leniently as Prometheus does.

use metrics_core::MetricType;

use super::created::{CreatedLines, is_created};
use crate::error::{ParseError, Problem};
use crate::escape::unescape_quoted;
use crate::event::{Event, ExemplarRef, Sample, Tail};
use crate::limits::Limits;
use crate::number;
use crate::page::{LastSeries, Page, is_name_start};
use crate::series::Series;

/// Events of an OpenMetrics page.
///
/// It accepts what Prometheus accepts: the grammar of each line is checked, the order of lines and the
/// meaning of names are not. `_created` lines are samples like all others. After an error it yields nothing
/// more.
///
/// ```
/// use expo_format::{Event, openmetrics};
/// let page = b"# TYPE hits counter\nhits_total 5 1700000000.5 # {trace_id=\"x\"} 1.0\n# EOF\n";
/// let events: Vec<_> = openmetrics::Parser::new(page).collect::<Result<_, _>>().unwrap();
/// let Event::Sample(sample) = &events[1] else { panic!() };
/// assert_eq!(sample.timestamp, Some(1_700_000_000_500));
/// assert_eq!(sample.exemplar.unwrap().to_exemplar().labels.get("trace_id"), Some("x"));
/// ```
#[derive(Debug, Clone)]
pub struct Parser<'a> {
    pub(super) page: Page<'a>,
    pub(crate) at: usize,
    ended: bool,
    pub(crate) metric_type: MetricType,
    last: LastSeries,
    /// Kept only if samples are to tell when counting began.
    created: Option<Box<CreatedLines<'a>>>,
    limits: Limits,
}

impl<'a> Parser<'a> {
    /// A parser at the beginning of a page, with the default limits.
    pub fn new(page: &'a [u8]) -> Self {
        Self::with_limits(page, Limits::default())
    }

    /// A parser that takes no more of a page than the limits allow.
    pub fn with_limits(page: &'a [u8], limits: Limits) -> Self {
        Self {
            page: Page::new(page),
            at: 0,
            ended: false,
            metric_type: MetricType::Unknown,
            last: LastSeries::default(),
            created: None,
            limits,
        }
    }

    /// Takes `_created` lines for what they say: [`Sample::created`] of the samples in front of them. They are no
    /// samples then.
    ///
    /// ```
    /// use expo_format::{Event, openmetrics};
    /// let page = b"# TYPE hits counter\nhits_total 5\nhits_created 1700000000.5\n# EOF\n";
    /// let events: Vec<_> = openmetrics::Parser::new(page).read_created().collect::<Result<_, _>>().unwrap();
    /// let [_, Event::Sample(sample)] = &events[..] else { panic!() };
    /// assert_eq!(sample.created, Some(1_700_000_000_500));
    /// ```
    #[must_use]
    pub fn read_created(mut self) -> Self {
        self.created = Some(Box::default());
        self
    }

    /// The next event, or `None` behind `# EOF`.
    ///
    /// # Errors
    /// Where and why the page breaks the format.
    // Built where it is used, an event is never moved as a whole.
    #[inline(always)]
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        match self.plain_sample() {
            Some(sample) => Ok(Some(Event::Sample(sample))),
            None => self.careful_event(),
        }
    }

    /// The sample in a line of the usual form; any other line is left to [`Parser::careful_event`].
    #[inline(always)]
    fn plain_sample(&mut self) -> Option<Sample<'a>> {
        let start = self.at;
        if start == 0 || self.ended || self.created.is_some() || !is_name_start(self.page.byte(start)?) {
            return None;
        }
        let (sample, end) =
            self.page.plain_sample::<false>(start, self.metric_type, &self.limits, &mut self.last)?;
        self.at = end + 1;
        Some(sample)
    }

    #[inline(never)]
    fn careful_event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        loop {
            let event = self.line();
            self.ended |= event.is_err();
            match (event, &self.created) {
                (Ok(Some(Event::Sample(sample))), Some(_)) => {
                    if let Some(sample) = self.with_created(sample) {
                        return Ok(Some(Event::Sample(sample)));
                    }
                }
                (event, _) => return event,
            }
        }
    }

    /// The sample with the time of its `_created` line; `None` for such a line.
    fn with_created(&mut self, sample: Sample<'a>) -> Option<Sample<'a>> {
        let Some(mut lines) = self.created.take() else { return Some(sample) };
        let created = lines.of(&sample.series, self);
        self.created = Some(lines);
        (!is_created(&sample.series)).then_some(Sample { created, ..sample })
    }

    fn line(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        if self.ended {
            return Ok(None);
        }
        let start = self.at;
        if start == 0 {
            self.within(0, self.limits.check_body(self.page.len()))?;
        }
        match self.page.byte(start) {
            None => Err(self.page.error(start, Problem::NoEof)),
            Some(b'#') => self.metadata(start),
            Some(b) if b == b'{' || is_name_start(b) => self.sample(start).map(Some),
            Some(_) => Err(self.page.expected(start, "a metric name or metadata")),
        }
    }

    fn check_sample(&self, start: usize, series: &Series<'_>) -> Result<(), ParseError> {
        self.within(start, self.limits.check_line(self.at - start))?;
        self.within(start, self.limits.check_series(series))
    }

    /// Gives a limit that was exceeded its place.
    fn within(&self, at: usize, checked: Result<(), Problem>) -> Result<(), ParseError> {
        checked.map_err(|problem| self.page.error(at, problem))
    }

    /// Yields nothing more.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    fn metadata(&mut self, start: usize) -> Result<Option<Event<'a>>, ParseError> {
        let line = self.page.bytes(start, self.page.line_end(start));
        if let Some(rest) = line.strip_prefix(b"# EOF") {
            let behind = start + 5 + usize::from(rest.is_empty() && self.page.byte(start + 5).is_some());
            if self.page.byte(behind).is_some() {
                return Err(self.page.error(behind, Problem::DataAfterEof));
            }
            self.ended = true;
            return Ok(None);
        }
        let keyword = line.get(..7).unwrap_or_default();
        if !matches!(keyword, b"# HELP " | b"# TYPE " | b"# UNIT ") {
            return Err(self.page.expected(start, "HELP, TYPE, UNIT or EOF"));
        }
        let (name, behind) = self.page.metadata_name(start + 7)?;
        let end = self.page.line_end(behind);
        if self.page.byte(behind) != Some(b' ') || end == self.page.len() {
            return Err(self.page.expected(behind, "text behind the metric name"));
        }
        self.within(start, self.limits.check_line(end - start))?;
        let from = behind + 1;
        self.at = end + 1;
        match keyword[2] {
            b'T' => self.metric_type(name, from, end),
            b'U' => self.unit(name, from, end),
            _ => {
                let help = self.page.text(from, end).ok_or_else(|| self.page.not_utf8(from, "help text"))?;
                Ok(Event::Help { name: unescape_quoted(name), help: unescape_quoted(help) })
            }
        }
        .map(Some)
    }

    fn metric_type(&mut self, name: &'a str, from: usize, end: usize) -> Result<Event<'a>, ParseError> {
        let word = String::from_utf8_lossy(self.page.bytes(from, end));
        self.metric_type = match MetricType::from_word(&word) {
            Some(metric_type) if word != "untyped" => metric_type,
            _ => return Err(self.page.error(from, Problem::MetricType(word.into_owned()))),
        };
        Ok(Event::Type { name: unescape_quoted(name), metric_type: self.metric_type })
    }

    fn unit(&self, name: &'a str, from: usize, end: usize) -> Result<Event<'a>, ParseError> {
        let unit = self.page.text(from, end).ok_or_else(|| self.page.not_utf8(from, "unit"))?;
        let is_suffix = name.strip_suffix(unit).is_some_and(|base| base.ends_with('_'));
        if !unit.is_empty() && !is_suffix {
            let (unit, metric) = (unit.to_owned(), name.to_owned());
            return Err(self.page.error(from, Problem::Unit { unit, metric }));
        }
        Ok(Event::Unit { name: unescape_quoted(name), unit })
    }

    fn sample(&mut self, start: usize) -> Result<Event<'a>, ParseError> {
        let name_end = self.page.name_end(start);
        let (series, behind) = if self.page.byte(name_end) == Some(b'{') {
            let name = (name_end > start).then_some((start, name_end));
            self.page.braced_series::<false>(start, name, name_end, self.metric_type)?
        } else {
            let name =
                self.page.text(start, name_end).ok_or_else(|| self.page.not_utf8(start, "metric name"))?;
            (Series::bare(name, self.metric_type), name_end)
        };
        let tail = self.tail(behind)?;
        self.check_sample(start, &series)?;
        Ok(Event::Sample(tail.into_sample(series)))
    }

    /// What stands behind a series, up to the end of its line.
    #[inline]
    pub(crate) fn tail(&mut self, behind: usize) -> Result<Tail<'a>, ParseError> {
        if let Some((value, end)) = self.page.usual_value(behind) {
            self.at = end + 1;
            return Ok(Tail { value, timestamp: None, exemplar: None });
        }
        let (value, mut at) = self.value(behind, "value after metric")?;
        let mut timestamp = None;
        if !self.at_exemplar(at) && self.page.byte(at) == Some(b' ') {
            (timestamp, at) = self.timestamp(at)?;
        }
        let mut exemplar = None;
        if self.at_exemplar(at) {
            (exemplar, at) = self.exemplar(at + 4)?;
        }
        match self.page.byte(at) {
            Some(b'\n') => self.at = at + 1,
            Some(_) => return Err(self.page.expected(at, "timestamp, exemplar or new record")),
            None => return Err(self.page.error(at, Problem::NoEof)),
        }
        Ok(Tail { value, timestamp, exemplar })
    }

    fn at_exemplar(&self, at: usize) -> bool {
        self.page.bytes(at, at + 4) == b" # {"
    }

    fn exemplar(&self, inside: usize) -> Result<(Option<ExemplarRef<'a>>, usize), ParseError> {
        let (labels, behind) = self.page.exemplar_labels(inside)?;
        let (value, mut at) = self.value(behind, "value after exemplar labels")?;
        let mut timestamp = None;
        if self.page.byte(at) == Some(b' ') {
            (timestamp, at) = self.timestamp(at)?;
        }
        Ok((Some(ExemplarRef { labels, value, timestamp }), at))
    }

    /// A space and a word that is a float.
    #[inline]
    fn value(&self, space: usize, wanted: &'static str) -> Result<(f64, usize), ParseError> {
        let (from, to) = self.word(space, wanted)?;
        Ok((self.page.float(from, to)?, to))
    }

    /// A space and a word that is a time in seconds.
    fn timestamp(&self, space: usize) -> Result<(Option<i64>, usize), ParseError> {
        let (from, to) = self.word(space, "timestamp")?;
        let text = self.page.bytes(from, to);
        match number::parse_seconds(text) {
            Some(ms) => Ok((Some(ms), to)),
            None => {
                let text = String::from_utf8_lossy(text).into_owned();
                Err(self.page.error(from, Problem::Timestamp(text)))
            }
        }
    }

    /// The span of the word behind exactly one space.
    #[inline]
    fn word(&self, space: usize, wanted: &'static str) -> Result<(usize, usize), ParseError> {
        let from = space + 1;
        let to = self.page.word_end::<false>(from);
        if self.page.byte(space) != Some(b' ') || to == from {
            return Err(self.page.expected(space, wanted));
        }
        Ok((from, to))
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Event<'a>, ParseError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        match self.plain_sample() {
            Some(sample) => Some(Ok(Event::Sample(sample))),
            None => self.careful_event().transpose(),
        }
    }
}
