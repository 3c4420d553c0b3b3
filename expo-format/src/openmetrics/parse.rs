//! Reads an OpenMetrics page in one pass, as leniently as Prometheus does.

use std::borrow::Cow;

use metrics_core::MetricType;

use super::created::{CreatedLines, is_created};
use crate::cursor::{Cursor, LineParser};
use crate::error::{ParseError, Problem};
use crate::escape::unescape_quoted;
use crate::event::{Event, ExemplarRef, Sample, Tail};
use crate::limits::Limits;
use crate::number;
use crate::page::is_name_start;
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
    pub(crate) cursor: Cursor<'a>,
    ended: bool,
    /// Kept only if samples are to tell when counting began.
    created: Option<Box<CreatedLines<'a>>>,
}

impl<'a> Parser<'a> {
    /// A parser at the beginning of a page, with the default limits.
    pub fn new(page: &'a [u8]) -> Self {
        Self::with_limits(page, Limits::default())
    }

    /// A parser that takes no more of a page than the limits allow.
    pub fn with_limits(page: &'a [u8], limits: Limits) -> Self {
        Self { cursor: Cursor::new(page, limits), ended: false, created: None }
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
    #[inline(always)]
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        self.event()
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
        let start = self.cursor.at;
        if start == 0 {
            self.cursor.check_body()?;
        }
        match self.cursor.page.byte(start) {
            None => Err(self.cursor.page.error(start, Problem::NoEof)),
            Some(b'#') => self.metadata(start),
            Some(b) if b == b'{' || is_name_start(b) => self.sample(start),
            Some(_) => Err(self.cursor.page.expected(start, "a metric name or metadata")),
        }
    }

    fn metadata(&mut self, start: usize) -> Result<Option<Event<'a>>, ParseError> {
        let line = self.cursor.page.bytes(start, self.cursor.page.line_end(start));
        if let Some(rest) = line.strip_prefix(b"# EOF") {
            let behind =
                start + 5 + usize::from(rest.is_empty() && self.cursor.page.byte(start + 5).is_some());
            if self.cursor.page.byte(behind).is_some() {
                return Err(self.cursor.page.error(behind, Problem::DataAfterEof));
            }
            self.ended = true;
            return Ok(None);
        }
        let keyword = line.get(..7).unwrap_or_default();
        if !matches!(keyword, b"# HELP " | b"# TYPE " | b"# UNIT ") {
            return Err(self.cursor.page.expected(start, "HELP, TYPE, UNIT or EOF"));
        }
        let (name, behind) = self.cursor.page.metadata_name(start + 7)?;
        let end = self.cursor.page.line_end(behind);
        if self.cursor.page.byte(behind) != Some(b' ') || end == self.cursor.page.len() {
            return Err(self.cursor.page.expected(behind, "text behind the metric name"));
        }
        self.cursor.check_line(start, end)?;
        let from = behind + 1;
        self.cursor.at = end + 1;
        match keyword[2] {
            b'T' => self.metric_type(name, from, end),
            b'U' => self.unit(name, from, end),
            _ => {
                let help = self
                    .cursor
                    .page
                    .text(from, end)
                    .ok_or_else(|| self.cursor.page.not_utf8(from, "help text"))?;
                Ok(Some(Event::Help { name, help: unescape_quoted(help) }))
            }
        }
    }

    fn metric_type(
        &mut self,
        name: Cow<'a, str>,
        from: usize,
        end: usize,
    ) -> Result<Option<Event<'a>>, ParseError> {
        let word = String::from_utf8_lossy(self.cursor.page.bytes(from, end));
        self.cursor.metric_type = match MetricType::from_word(&word) {
            Some(metric_type) if word != "untyped" => metric_type,
            _ => return Err(self.cursor.page.error(from, Problem::MetricType(word.into_owned()))),
        };
        Ok(Some(Event::Type { name, metric_type: self.cursor.metric_type }))
    }

    fn unit(&self, name: Cow<'a, str>, from: usize, end: usize) -> Result<Option<Event<'a>>, ParseError> {
        let unit = self.cursor.page.text(from, end).ok_or_else(|| self.cursor.page.not_utf8(from, "unit"))?;
        let is_suffix = name.strip_suffix(unit).is_some_and(|base| base.ends_with('_'));
        if !unit.is_empty() && !is_suffix {
            let (unit, metric) = (unit.to_owned(), name.into_owned());
            return Err(self.cursor.page.error(from, Problem::Unit { unit, metric }));
        }
        Ok(Some(Event::Unit { name, unit }))
    }

    fn sample(&mut self, start: usize) -> Result<Option<Event<'a>>, ParseError> {
        let name_end = self.cursor.page.name_end(start);
        let (series, behind) = if self.cursor.page.byte(name_end) == Some(b'{') {
            let name = (name_end > start).then_some((start, name_end));
            self.cursor.page.braced_series::<false>(start, name, name_end, self.cursor.metric_type)?
        } else {
            let name = self
                .cursor
                .page
                .text(start, name_end)
                .ok_or_else(|| self.cursor.page.not_utf8(start, "metric name"))?;
            (Series::bare(name, self.cursor.metric_type), name_end)
        };
        let tail = self.tail(behind)?;
        self.cursor.check_sample(start, &series)?;
        Ok(Some(Event::Sample(tail.into_sample(series))))
    }

    fn at_exemplar(&self, at: usize) -> bool {
        self.cursor.page.bytes(at, at + 4) == b" # {"
    }

    fn exemplar(&self, inside: usize) -> Result<(Option<ExemplarRef<'a>>, usize), ParseError> {
        let (labels, behind) = self.cursor.page.exemplar_labels(inside)?;
        let (value, mut at) = self.value(behind, "value after exemplar labels")?;
        let mut timestamp = None;
        if self.cursor.page.byte(at) == Some(b' ') {
            (timestamp, at) = self.timestamp(at)?;
        }
        Ok((Some(ExemplarRef { labels, value, timestamp }), at))
    }

    /// A space and a word that is a float.
    #[inline]
    fn value(&self, space: usize, wanted: &'static str) -> Result<(f64, usize), ParseError> {
        let (from, to) = self.word(space, wanted)?;
        Ok((self.cursor.page.float(from, to)?, to))
    }

    /// A space and a word that is a time in seconds.
    fn timestamp(&self, space: usize) -> Result<(Option<i64>, usize), ParseError> {
        let (from, to) = self.word(space, "timestamp")?;
        let text = self.cursor.page.bytes(from, to);
        match number::parse_seconds(text) {
            Some(ms) => Ok((Some(ms), to)),
            None => {
                let text = String::from_utf8_lossy(text).into_owned();
                Err(self.cursor.page.error(from, Problem::Timestamp(text)))
            }
        }
    }

    /// The span of the word behind exactly one space.
    #[inline]
    fn word(&self, space: usize, wanted: &'static str) -> Result<(usize, usize), ParseError> {
        let from = space + 1;
        let to = self.cursor.page.word_end::<false>(from);
        if self.cursor.page.byte(space) != Some(b' ') || to == from {
            return Err(self.cursor.page.expected(space, wanted));
        }
        Ok((from, to))
    }
}

impl<'a> LineParser<'a> for Parser<'a> {
    const CLASSIC: bool = false;

    #[inline(always)]
    fn cursor(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }

    #[inline(always)]
    fn takes_plain_lines(&self) -> bool {
        !self.ended && self.created.is_none()
    }

    /// Yields nothing more.
    fn end(&mut self) {
        self.ended = true;
    }

    fn careful_event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        loop {
            match self.line()? {
                Some(Event::Sample(sample)) if self.created.is_some() => {
                    if let Some(sample) = self.with_created(sample) {
                        return Ok(Some(Event::Sample(sample)));
                    }
                }
                event => return Ok(event),
            }
        }
    }

    #[inline(never)]
    fn careful_tail(&mut self, behind: usize) -> Result<Tail<'a>, ParseError> {
        let (value, mut at) = self.value(behind, "value after metric")?;
        let mut timestamp = None;
        if !self.at_exemplar(at) && self.cursor.page.byte(at) == Some(b' ') {
            (timestamp, at) = self.timestamp(at)?;
        }
        let mut exemplar = None;
        if self.at_exemplar(at) {
            (exemplar, at) = self.exemplar(at + 4)?;
        }
        match self.cursor.page.byte(at) {
            Some(b'\n') => self.cursor.at = at + 1,
            Some(_) => return Err(self.cursor.page.expected(at, "timestamp, exemplar or new record")),
            None => return Err(self.cursor.page.error(at, Problem::NoEof)),
        }
        Ok(Tail { value, timestamp, exemplar })
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Event<'a>, ParseError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.event().transpose()
    }
}
