//! Where a parser stands in its page, and how the parsers of both text formats go on from there.

use metrics_core::MetricType;

use crate::error::{ParseError, Problem};
use crate::event::{Event, Tail};
use crate::last_series::LastSeries;
use crate::limits::Limits;
use crate::page::{Page, is_name_start};
use crate::series::Series;

/// A place in a page, with what the lines before it mean for those behind.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    pub(crate) page: Page<'a>,
    pub(crate) at: usize,
    /// The type that was announced last.
    pub(crate) metric_type: MetricType,
    last: LastSeries,
    limits: Limits,
}

impl<'a> Cursor<'a> {
    /// The beginning of a page.
    pub(crate) fn new(page: &'a [u8], limits: Limits) -> Self {
        let (metric_type, last) = (MetricType::Unknown, LastSeries::default());
        Self { page: Page::new(page), at: 0, metric_type, last, limits }
    }

    /// The plain series that begins here and the place behind it; `None` for all that is to be read with care,
    /// as is the page's first line, where the size of the page is checked.
    #[inline(always)]
    fn plain_series<const CLASSIC: bool>(&mut self) -> Option<(Series<'a>, usize)> {
        let start = self.at;
        if start == 0 || !is_name_start(self.page.byte(start)?) {
            return None;
        }
        self.page.plain_series::<CLASSIC>(start, self.metric_type, &mut self.last)
    }

    pub(crate) fn check_body(&self) -> Result<(), ParseError> {
        self.within(0, self.limits.check_body(self.page.len()))
    }

    /// Checks the length of what lies between two places.
    #[inline]
    pub(crate) fn check_line(&self, start: usize, end: usize) -> Result<(), ParseError> {
        self.within(start, self.limits.check_line(end - start))
    }

    /// Checks the line of a sample, behind which the cursor stands now.
    #[inline]
    pub(crate) fn check_sample(&self, start: usize, series: &Series<'_>) -> Result<(), ParseError> {
        self.check_line(start, self.at)?;
        self.within(start, self.limits.check_series(series))
    }

    /// Gives a limit that was exceeded its place.
    #[inline]
    fn within(&self, at: usize, checked: Result<(), Problem>) -> Result<(), ParseError> {
        checked.map_err(|problem| self.page.error(at, problem))
    }
}

/// A parser that reads plain sample lines quickly and all others with care.
pub(crate) trait LineParser<'a> {
    /// Whether the page has the habits of the classic format.
    const CLASSIC: bool;

    fn cursor(&mut self) -> &mut Cursor<'a>;

    /// Whether plain lines may be read without care.
    fn takes_plain_lines(&self) -> bool;

    /// Yields nothing more.
    fn end(&mut self);

    /// What the next line says that is not skipped.
    fn careful_event(&mut self) -> Result<Option<Event<'a>>, ParseError>;

    /// What stands behind a series, up to the end of its line.
    fn careful_tail(&mut self, behind: usize) -> Result<Tail<'a>, ParseError>;

    /// As [`LineParser::careful_tail`], the usual form first.
    #[inline(always)]
    fn tail(&mut self, behind: usize) -> Result<Tail<'a>, ParseError> {
        let cursor = self.cursor();
        match cursor.page.usual_value(behind) {
            Some((value, end)) => {
                cursor.at = end + 1;
                Ok(Tail { value, timestamp: None, exemplar: None })
            }
            None => self.careful_tail(behind),
        }
    }

    /// The next event. Built where it is used, it is never moved as a whole.
    #[inline(always)]
    fn event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        let plain = match self.takes_plain_lines() {
            true if Self::CLASSIC => self.cursor().plain_series::<true>(),
            true => self.cursor().plain_series::<false>(),
            false => None,
        };
        let Some((series, behind)) = plain else { return self.careful_event_or_end() };
        let start = self.cursor().at;
        match self.tail(behind) {
            Ok(tail) => match self.cursor().check_sample(start, &series) {
                Ok(()) => Ok(Some(Event::Sample(tail.into_sample(series)))),
                Err(error) => self.fail(error),
            },
            Err(error) => self.fail(error),
        }
    }

    #[inline(never)]
    fn careful_event_or_end(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        let event = self.careful_event();
        if event.is_err() {
            self.end();
        }
        event
    }

    #[cold]
    fn fail(&mut self, error: ParseError) -> Result<Option<Event<'a>>, ParseError> {
        self.end();
        Err(error)
    }
}
