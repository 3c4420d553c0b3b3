//! Reads pages of one target again and again: a scrape's page is nearly the last page.
//!
//! A [`Rescraper`] keeps the last page and where its lines are. A line whose series part is unchanged is
//! recognised by comparing bytes in place; the caller gets back the handle that it gave to that series, without
//! any label being read or hashed. Unchanged metadata is skipped, an unchanged value is not read again. Inserted,
//! dropped and moved lines cost a search each, never a second pass over the page.

mod index;

use metrics_core::{MetricType, Timestamp};

use crate::cursor::LineParser;
use crate::event::Tail;
use crate::{Event, ExemplarRef, Format, Limits, ParseError, Sample, openmetrics, text};
use index::SeriesIndex;

/// How many lines ahead a series is looked for before the index of all lines is built.
const LOOK_AHEAD: usize = 16;

/// What is remembered of a target's last page. `H` is whatever the caller knows a series by: a small copy such
/// as an index into a table of its own.
///
/// ```
/// use expo_format::{Format, Rescraper, Update};
/// let mut rescraper = Rescraper::new(Format::Text).unwrap();
/// let mut names = Vec::new();
/// for page in [b"a 1\nb{x=\"y\"} 2\n", b"a 1\nb{x=\"y\"} 3\n"] {
///     let mut pass = rescraper.begin(page);
///     while let Some(update) = pass.next_update().unwrap() {
///         match update {
///             Update::New(sample) => {
///                 names.push(sample.series.to_string());
///                 pass.assign(names.len() - 1);
///             }
///             Update::Known { handle, value, .. } => assert_eq!(value, [1.0, 3.0][handle]),
///             Update::Metadata(_) => {}
///         }
///     }
///     assert_eq!(pass.finish().count(), 0); // nothing vanished
/// }
/// assert_eq!(names, ["a", "b{x=\"y\"}"]);
/// ```
#[derive(Debug)]
pub struct Rescraper<H> {
    format: Format,
    limits: Limits,
    page: Vec<u8>,
    lines: Vec<Line<H>>,
    /// Kept for its capacity.
    spare: Vec<Line<H>>,
}

/// A sample line of a page.
#[derive(Debug, Clone, Copy)]
struct Line<H> {
    /// Behind the sample line before: metadata and blank lines come first.
    gap: u32,
    /// Where the series begins and ends, and where the next line begins.
    start: u32,
    series_end: u32,
    end: u32,
    value: f64,
    timestamp: Option<Timestamp>,
    metric_type: MetricType,
    handle: Option<H>,
    /// Whether the page that is being read has this series too.
    seen: bool,
}

/// What a page says, as seen from the page before.
#[derive(Debug)]
pub enum Update<'p, H> {
    /// A sample of a series that the last page had.
    Known {
        /// What the caller assigned to the series.
        handle: H,
        /// The value.
        value: f64,
        /// When it was measured, if the page says so.
        timestamp: Option<Timestamp>,
        /// The exemplar, unless the whole line is unchanged.
        exemplar: Option<ExemplarRef<'p>>,
    },
    /// A sample of a series that the last page did not have, or that got no handle.
    New(Sample<'p>),
    /// Type, help or unit of a family that the last page did not have at this place, or a comment.
    Metadata(Event<'p>),
}

impl<H: Copy> Rescraper<H> {
    /// Nothing remembered yet; `None` for a format that does not come in lines.
    pub fn new(format: Format) -> Option<Self> {
        (format != Format::Protobuf).then(|| Self {
            format,
            limits: Limits::default(),
            page: Vec::new(),
            lines: Vec::new(),
            spare: Vec::new(),
        })
    }

    /// Takes no more of a page than these limits allow.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The format of the pages.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Starts to read the next page. What was remembered stays until [`Pass::finish`], so that a page that
    /// breaks in the middle can be given up.
    pub fn begin<'d, 'p>(&'d mut self, page: &'p [u8]) -> Pass<'d, 'p, H> {
        for line in &mut self.lines {
            line.seen = false;
        }
        let mut lines = std::mem::take(&mut self.spare);
        lines.clear();
        lines.reserve(self.lines.len());
        let parser = match self.format {
            Format::OpenMetrics | Format::OpenMetrics001 => {
                Parser::OpenMetrics(openmetrics::Parser::with_limits(page, self.limits))
            }
            _ => Parser::Text(text::Parser::with_limits(page, self.limits)),
        };
        // Lines are remembered by 32-bit places; a larger page is read, but not remembered.
        let remembers = u32::try_from(page.len()).is_ok();
        Pass { last: self, page, parser, cursor: 0, gap: 0, lines, index: None, remembers }
    }

    /// Forgets the last page, for instance because the handles are no longer valid.
    pub fn forget(&mut self) {
        self.page.clear();
        self.lines.clear();
    }

    /// Bytes kept on the heap.
    pub fn heap_size(&self) -> usize {
        self.page.capacity() + (self.lines.capacity() + self.spare.capacity()) * size_of::<Line<H>>()
    }
}

/// One reading of a page.
#[derive(Debug)]
pub struct Pass<'d, 'p, H> {
    last: &'d mut Rescraper<H>,
    page: &'p [u8],
    parser: Parser<'p>,
    /// The line of the last page that is expected next.
    cursor: usize,
    /// Behind the last sample line of this page.
    gap: usize,
    lines: Vec<Line<H>>,
    index: Option<SeriesIndex>,
    remembers: bool,
}

impl<'p, H: Copy> Pass<'_, 'p, H> {
    /// The next thing that the page says, or `None` at its end.
    ///
    /// # Errors
    /// Where and why the page breaks its format.
    #[inline]
    pub fn next_update(&mut self) -> Result<Option<Update<'p, H>>, ParseError> {
        if self.parser.at() == 0 {
            let checked = self.last.limits.check_body(self.page.len());
            checked.map_err(|problem| ParseError::at(self.page, 0, problem))?;
        }
        if let Some((line, handle, series_end)) = self.expected_line() {
            return self.known(line, handle, series_end).map(Some);
        }
        match self.parser.next_event()? {
            Some(Event::Sample(sample)) => Ok(Some(self.searched(sample))),
            Some(event) => Ok(Some(Update::Metadata(event))),
            None => Ok(None),
        }
    }

    /// The line at the cursor, if the page goes on with the same metadata and series: its handle and where the series ends.
    #[inline]
    fn expected_line(&self) -> Option<(Line<H>, H, usize)> {
        let line = *self.last.lines.get(self.cursor)?;
        let handle = line.handle?;
        let at = self.parser.at();
        let from = if at == self.gap { line.gap } else { line.start };
        let head = self.last.page.get(from as usize..line.series_end as usize)?;
        let rest = self.page.get(at..)?;
        let behind = rest.strip_prefix(head)?;
        // What follows must end the series: `a 1` is not the beginning of `a {b="c"} 1`.
        let [b' ', next, ..] = behind else { return None };
        (!matches!(next, b' ' | b'\t' | b'{')).then_some((line, handle, at + head.len()))
    }

    /// The line at the cursor, whose series stands here.
    #[inline]
    fn known(&mut self, line: Line<H>, handle: H, series_end: usize) -> Result<Update<'p, H>, ParseError> {
        let old_tail = self.last.page.get(line.series_end as usize..line.end as usize).unwrap_or_default();
        let rest = self.page.get(series_end..).unwrap_or_default();
        self.parser.set_metric_type(line.metric_type);
        let tail = if old_tail.ends_with(b"\n") && rest.starts_with(old_tail) {
            self.parser.set_at(series_end + old_tail.len());
            Tail { value: line.value, timestamp: line.timestamp, exemplar: None }
        } else {
            self.parser.tail(series_end)?
        };
        if let Some(old) = self.last.lines.get_mut(self.cursor) {
            old.seen = true;
        }
        self.cursor += 1;
        let start = series_end - (line.series_end - line.start) as usize;
        let checked = self.last.limits.check_line(self.parser.at().saturating_sub(start));
        checked.map_err(|problem| ParseError::at(self.page, start, problem))?;
        self.remember(start, series_end, tail.value, tail.timestamp, line.metric_type, line.handle);
        let Tail { value, timestamp, exemplar } = tail;
        Ok(Update::Known { handle, value, timestamp, exemplar })
    }

    /// A sample that did not stand where it was expected: dropped, inserted or moved lines.
    #[cold]
    fn searched(&mut self, sample: Sample<'p>) -> Update<'p, H> {
        let series = sample.series.as_str();
        let found = self.find(series.as_bytes());
        let handle = found.and_then(|at| {
            let line = self.last.lines.get_mut(at)?;
            line.seen = true;
            self.cursor = at + 1;
            line.handle
        });
        let start = series.as_ptr().addr() - self.page.as_ptr().addr();
        let metric_type = sample.series.metric_type();
        self.remember(start, start + series.len(), sample.value, sample.timestamp, metric_type, handle);
        let Sample { value, timestamp, exemplar, .. } = sample;
        match handle {
            Some(handle) => Update::Known { handle, value, timestamp, exemplar },
            None => Update::New(sample),
        }
    }

    /// The line of the last page with this series: just ahead, or anywhere.
    fn find(&mut self, series: &[u8]) -> Option<usize> {
        let last = &*self.last;
        let is_it =
            |line: &Line<H>| last.page.get(line.start as usize..line.series_end as usize) == Some(series);
        let ahead = last.lines.iter().skip(self.cursor).take(LOOK_AHEAD).position(is_it);
        if let Some(ahead) = ahead {
            return Some(self.cursor + ahead);
        }
        let texts = || {
            last.lines
                .iter()
                .map(|l| last.page.get(l.start as usize..l.series_end as usize).unwrap_or_default())
        };
        let index = self.index.get_or_insert_with(|| SeriesIndex::new(texts()));
        index.candidates(series).find(|at| last.lines.get(*at).is_some_and(is_it))
    }

    fn remember(
        &mut self,
        start: usize,
        series_end: usize,
        value: f64,
        timestamp: Option<Timestamp>,
        metric_type: MetricType,
        handle: Option<H>,
    ) {
        let end = self.parser.at().min(self.page.len());
        if self.remembers {
            self.lines.push(Line {
                gap: self.gap as u32,
                start: start as u32,
                series_end: series_end as u32,
                end: end as u32,
                value,
                timestamp,
                metric_type,
                handle,
                seen: false,
            });
        }
        self.gap = self.parser.at();
    }

    /// Gives a handle to the series of the last [`Update::New`].
    pub fn assign(&mut self, handle: H) {
        if let Some(line) = self.lines.last_mut() {
            line.handle = Some(handle);
        }
    }

    /// Makes this page the one to compare the next with, and returns the handles of series that it did not have
    /// any more.
    pub fn finish(mut self) -> impl Iterator<Item = H> {
        let new = std::mem::take(&mut self.lines);
        let old = std::mem::replace(&mut self.last.lines, new);
        self.last.page.clear();
        self.last.page.extend_from_slice(self.page);
        let vanished: Vec<H> = old.iter().filter(|l| !l.seen).filter_map(|l| l.handle).collect();
        self.last.spare = old;
        vanished.into_iter()
    }
}

/// The parser of either text format, set to any place.
#[derive(Debug)]
enum Parser<'p> {
    Text(text::Parser<'p>),
    OpenMetrics(openmetrics::Parser<'p>),
}

impl<'p> Parser<'p> {
    fn at(&self) -> usize {
        match self {
            Self::Text(p) => p.cursor.at,
            Self::OpenMetrics(p) => p.cursor.at,
        }
    }

    fn set_at(&mut self, at: usize) {
        match self {
            Self::Text(p) => p.cursor.at = at,
            Self::OpenMetrics(p) => p.cursor.at = at,
        }
    }

    fn set_metric_type(&mut self, metric_type: MetricType) {
        match self {
            Self::Text(p) => p.cursor.metric_type = metric_type,
            Self::OpenMetrics(p) => p.cursor.metric_type = metric_type,
        }
    }

    fn tail(&mut self, behind: usize) -> Result<Tail<'p>, ParseError> {
        match self {
            Self::Text(p) => p.tail(behind),
            Self::OpenMetrics(p) => p.tail(behind),
        }
    }

    fn next_event(&mut self) -> Result<Option<Event<'p>>, ParseError> {
        match self {
            Self::Text(p) => p.next_event(),
            Self::OpenMetrics(p) => p.next_event(),
        }
    }
}

#[cfg(test)]
mod tests;
