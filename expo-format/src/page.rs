//! The bytes of a page, and the scans that both text formats share.

use std::borrow::Cow;

use metrics_core::MetricType;

use crate::error::{ParseError, Problem};
use crate::escape::unescape_quoted;
use crate::last_series::{KEPT_LABELS, LastSeries, Resume};
use crate::series::{Labels, Layout, Series};
use crate::{number, scan};

/// A page of text. Nearly every page is UTF-8 throughout, which is checked once for all of it; of any other
/// page only the broken part is checked piece by piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    bytes: &'a [u8],
    /// The page up to its first byte that is not UTF-8.
    valid: &'a str,
}

impl<'a> Page<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
        };
        Self { bytes, valid }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    pub(crate) fn bytes(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// A piece as text, if it is UTF-8.
    #[inline]
    pub(crate) fn text(&self, start: usize, end: usize) -> Option<&'a str> {
        self.valid.get(start..end).or_else(|| std::str::from_utf8(self.bytes.get(start..end)?).ok())
    }

    #[inline]
    pub(crate) fn skip_while(&self, mut at: usize, mut keep: impl FnMut(u8) -> bool) -> usize {
        while self.byte(at).is_some_and(&mut keep) {
            at += 1;
        }
        at
    }

    /// Behind the spaces and tabs that begin here.
    #[inline]
    pub(crate) fn skip_blanks(&self, at: usize) -> usize {
        self.skip_while(at, |b| b == b' ' || b == b'\t')
    }

    /// The end of the page counts as the end of a line.
    #[inline]
    pub(crate) fn is_line_end(&self, at: usize) -> bool {
        matches!(self.byte(at), None | Some(b'\n'))
    }

    /// Where the line ends that `at` belongs to.
    pub(crate) fn line_end(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |n| at + n)
    }

    /// The name in a metadata line, without quotes and escapes, and the place behind it.
    #[inline]
    pub(crate) fn metadata_name(&self, start: usize) -> Result<(Cow<'a, str>, usize), ParseError> {
        const WANTED: &str = "metric name";
        if self.byte(start) == Some(b'"') {
            let (end, _) = self.quoted(start).ok_or_else(|| self.expected(start, WANTED))?;
            let name = self.text(start + 1, end - 1).ok_or_else(|| self.not_utf8(start, WANTED))?;
            return Ok((unescape_quoted(name), end));
        }
        let end = self.name_end(start);
        if !self.byte(start).is_some_and(is_name_start) {
            return Err(self.expected(start, WANTED));
        }
        let name = self.text(start, end).ok_or_else(|| self.not_utf8(start, WANTED))?;
        Ok((Cow::Borrowed(name), end))
    }

    /// Behind the closing quote of the string whose opening quote stands here, and whether it has escapes.
    #[inline]
    fn quoted(&self, open: usize) -> Option<(usize, bool)> {
        scan::closing_quote::<false>(self.bytes, open + 1).map(|(end, has_escapes)| (end + 1, has_escapes))
    }

    /// The end of the metric name that begins here, or the same place if none does.
    #[inline]
    pub(crate) fn name_end(&self, start: usize) -> usize {
        scan::name_end::<true>(self.bytes, start)
    }

    /// The end of the word that begins here; in the classic format tabs and braces end one as well.
    #[inline]
    pub(crate) fn word_end<const CLASSIC: bool>(&self, start: usize) -> usize {
        scan::word_end::<CLASSIC>(self.bytes, start)
    }

    /// A series of the plainest form, `name{label="value",…}` with nothing superfluous, which nearly all lines
    /// have in both formats. Returns it with the place behind, or `None` if the line is another one or a wrong
    /// one: the caller then reads it with care.
    ///
    /// The lines of one family repeat each other, so only what differs from `last`, the series before, is looked
    /// at again.
    #[inline(always)]
    pub(crate) fn plain_series<const CLASSIC: bool>(
        &self,
        start: usize,
        metric_type: MetricType,
        last: &mut LastSeries,
    ) -> Option<(Series<'a>, usize)> {
        let mut resumed = last.resume(self.bytes, start);
        let name_end = match resumed {
            Resume::Name { from } => self.name_end(from),
            _ => start + last.name,
        };
        let mut end = name_end;
        let mut has_escapes = false;
        if self.byte(name_end)? == b'{' {
            let (mut number, mut at) = match resumed {
                Resume::Name { .. } => (0, name_end + 1),
                Resume::Label { number, from } | Resume::Value { number, from } => (number, from),
            };
            loop {
                if !matches!(resumed, Resume::Value { .. }) {
                    let label = at;
                    at = scan::name_end::<false>(self.bytes, label);
                    if at == label
                        || self.bytes.get(at..)?.first_chunk::<2>()? != b"=\""
                        || self.byte(label)? <= b'9'
                    {
                        return None;
                    }
                    at += 2;
                    last.begin_label(number, label - start, at - start);
                }
                resumed = Resume::Label { number, from: at };
                let (quote, escaped) = match CLASSIC {
                    true => scan::closing_quote::<false>(self.bytes, at)?,
                    false => scan::closing_quote::<true>(self.bytes, at)?,
                };
                has_escapes |= escaped;
                last.end_label(number, quote - start);
                number += 1;
                at = quote + 2;
                match self.byte(quote + 1)? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
            end = at;
            last.count = number.min(KEPT_LABELS);
        } else {
            // A brace behind blanks would belong to the series.
            if !matches!(self.bytes.get(name_end..)?, [b' ', next, ..] if !matches!(next, b' ' | b'\t' | b'{'))
            {
                return None;
            }
            last.count = 0;
        }
        let text = self.valid.get(start..end)?;
        last.name = name_end - start;
        if !has_escapes {
            (last.start, last.length) = (start, end - start);
        }
        let labels = (name_end + 1 - start).min(text.len());
        let layout = Layout { name: (0, name_end - start), labels, has_escapes };
        Some((Series::new(text, layout, metric_type), end))
    }

    /// What nearly always stands behind a series: a space, a usual number and the end of the line.
    #[inline(always)]
    pub(crate) fn usual_value(&self, behind: usize) -> Option<(f64, usize)> {
        if self.byte(behind)? != b' ' {
            return None;
        }
        number::parse_usual_line(self.bytes, behind + 1)
    }

    /// A series with braces: `name` is the span before them, if there is one. Returns the place behind.
    ///
    /// `CLASSIC` is that format's habit: blanks around every part, no need of commas, line breaks in quoted
    /// strings.
    #[inline]
    pub(crate) fn braced_series<const CLASSIC: bool>(
        &self,
        start: usize,
        name: Option<(usize, usize)>,
        brace: usize,
        metric_type: MetricType,
    ) -> Result<(Series<'a>, usize), ParseError> {
        let labels = self.check_labels::<CLASSIC>(brace + 1, name, true)?;
        let Some((from, to)) = labels.name else { return Err(self.error(start, Problem::NoMetricName)) };
        let text = self.text(start, labels.end).ok_or_else(|| self.not_utf8(start, "series"))?;
        let layout = Layout {
            name: (from - start, to - start),
            labels: brace + 1 - start,
            has_escapes: labels.has_escapes,
        };
        Ok((Series::new(text, layout, metric_type), labels.end))
    }

    /// Labels between braces without a metric name among them, as exemplars have them.
    pub(crate) fn exemplar_labels(&self, inside: usize) -> Result<(Labels<'a>, usize), ParseError> {
        let labels = self.check_labels::<false>(inside, None, false)?;
        let text = self.text(inside, labels.end).ok_or_else(|| self.not_utf8(inside, "exemplar"))?;
        Ok((Labels::new(text), labels.end))
    }

    /// Walks over labels up to behind the closing brace. The metric name may be known already, or be one of the
    /// quoted strings without a value, if there may be one.
    #[inline]
    fn check_labels<const CLASSIC: bool>(
        &self,
        inside: usize,
        name: Option<(usize, usize)>,
        may_have_name: bool,
    ) -> Result<CheckedLabels, ParseError> {
        let blanks = |at| if CLASSIC { self.skip_blanks(at) } else { at };
        let mut found = CheckedLabels { end: 0, name, has_escapes: false };
        let mut at = blanks(inside);
        loop {
            let token = at;
            match self.byte(at) {
                Some(b'"') => {
                    let Some((end, has_escapes)) = self.quoted(at) else {
                        return Err(self.expected(token, "label name"));
                    };
                    found.has_escapes |= has_escapes;
                    at = blanks(end);
                    if let Some(next @ (b',' | b'}')) = self.byte(at) {
                        if found.name.is_some() || !may_have_name {
                            return Err(self.error(token, Problem::SecondMetricName));
                        }
                        found.name = Some((token + 1, end - 1));
                        if next == b',' {
                            at = blanks(at + 1);
                        }
                        continue;
                    }
                }
                Some(b'}') => {
                    found.end = at + 1;
                    return Ok(found);
                }
                Some(b) if b != b':' && is_name_start(b) => {
                    at = blanks(scan::name_end::<false>(self.bytes, at));
                }
                _ => return Err(self.expected(at, "label name")),
            }
            if self.byte(at) != Some(b'=') {
                return Err(self.expected(at, "equal"));
            }
            at = self.label_value::<CLASSIC>(blanks(at + 1), &mut found.has_escapes)?;
            at = blanks(at);
            match self.byte(at) {
                Some(b',') => at = blanks(at + 1),
                Some(b'}') => {}
                _ if CLASSIC => {}
                _ => return Err(self.expected(at, "comma or brace close")),
            }
        }
    }

    /// Checks a quoted value and returns the place behind it.
    #[inline]
    fn label_value<const CLASSIC: bool>(&self, open: usize, escapes: &mut bool) -> Result<usize, ParseError> {
        const WANTED: &str = "label value";
        let end = match self.byte(open) {
            Some(b'"') => self.quoted(open),
            _ => None,
        };
        let Some((end, has_escapes)) = end else { return Err(self.expected(open, WANTED)) };
        *escapes |= has_escapes;
        if !CLASSIC && self.bytes(open, end).contains(&b'\n') {
            return Err(self.expected(open, WANTED));
        }
        // Nearly always inside the part of the page that is known to be UTF-8.
        if end > self.valid.len() && self.text(open, end).is_none() {
            return Err(self.not_utf8(open + 1, WANTED));
        }
        Ok(end)
    }

    /// A float that fills the span.
    #[inline]
    pub(crate) fn float(&self, start: usize, end: usize) -> Result<f64, ParseError> {
        let text = self.bytes(start, end);
        number::parse_float(text)
            .ok_or_else(|| self.error(start, Problem::Value(String::from_utf8_lossy(text).into_owned())))
    }

    #[cold]
    pub(crate) fn error(&self, at: usize, problem: Problem) -> ParseError {
        ParseError::at(self.bytes, at, problem)
    }

    #[cold]
    pub(crate) fn expected(&self, at: usize, wanted: &'static str) -> ParseError {
        ParseError::expected(self.bytes, at, wanted)
    }

    #[cold]
    pub(crate) fn not_utf8(&self, at: usize, what: &'static str) -> ParseError {
        self.error(at, Problem::Utf8(what))
    }
}

/// Whether a byte may begin a metric name.
#[inline]
pub(crate) fn is_name_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || b == b':'
}

/// What a walk over labels found.
struct CheckedLabels {
    /// Behind the closing brace.
    end: usize,
    name: Option<(usize, usize)>,
    has_escapes: bool,
}
