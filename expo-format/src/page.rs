//! The bytes of a page, and the scans that both text formats share.

use metrics_core::MetricType;

use crate::error::{ParseError, Problem};
use crate::number;
use crate::series::{Labels, Series, closing_quote};

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

    /// The name in a metadata line, quotes taken off, and the place behind it.
    pub(crate) fn metadata_name(&self, start: usize) -> Result<(&'a str, usize), ParseError> {
        const WANTED: &str = "metric name";
        if self.byte(start) == Some(b'"') {
            let end = self.quoted(start).ok_or_else(|| self.expected(start, WANTED))?;
            let name = self.text(start + 1, end - 1).ok_or_else(|| self.not_utf8(start, WANTED))?;
            return Ok((name, end));
        }
        let end = self.skip_while(start, is_name_byte);
        if end == start || !self.byte(start).is_some_and(is_name_start) {
            return Err(self.expected(start, WANTED));
        }
        let name = self.text(start, end).ok_or_else(|| self.not_utf8(start, WANTED))?;
        Ok((name, end))
    }

    /// Behind the closing quote of the string whose opening quote stands here.
    #[inline]
    fn quoted(&self, open: usize) -> Option<usize> {
        let inside = self.bytes.get(open + 1..)?;
        closing_quote(inside).map(|n| open + n + 2)
    }

    /// A series with braces: `name` is the span before them, if there is one. Returns the place behind.
    ///
    /// `LENIENT` is the classic format's habit: blanks around every part, no need of commas, line breaks in
    /// quoted strings.
    #[inline]
    pub(crate) fn braced_series<const LENIENT: bool>(
        &self,
        start: usize,
        name: Option<(usize, usize)>,
        brace: usize,
        metric_type: MetricType,
    ) -> Result<(Series<'a>, usize), ParseError> {
        let mut name = name;
        let behind = self.check_labels::<LENIENT>(brace + 1, |quoted| {
            let first = name.is_none();
            name = name.or(Some(quoted));
            first
        })?;
        let Some((from, to)) = name else { return Err(self.error(start, Problem::NoMetricName)) };
        let text = self.text(start, behind).ok_or_else(|| self.not_utf8(start, "series"))?;
        let inside = self.text(brace + 1, behind).unwrap_or_default();
        let name = self.text(from, to).unwrap_or_default();
        Ok((Series::new(text, name, Labels::new(inside), metric_type), behind))
    }

    /// Labels between braces without a metric name among them, as exemplars have them.
    pub(crate) fn exemplar_labels(&self, inside: usize) -> Result<(Labels<'a>, usize), ParseError> {
        let behind = self.check_labels::<false>(inside, |_| false)?;
        let text = self.text(inside, behind).ok_or_else(|| self.not_utf8(inside, "exemplar"))?;
        Ok((Labels::new(text), behind))
    }

    /// Walks over labels up to behind the closing brace. `take_name` is offered each quoted string without a
    /// value and says whether a metric name may stand there.
    #[inline]
    fn check_labels<const LENIENT: bool>(
        &self,
        inside: usize,
        mut take_name: impl FnMut((usize, usize)) -> bool,
    ) -> Result<usize, ParseError> {
        let blanks = |at| if LENIENT { self.skip_blanks(at) } else { at };
        let mut at = blanks(inside);
        loop {
            let token = at;
            let mut is_quoted = false;
            match self.byte(at) {
                Some(b'}') => return Ok(at + 1),
                Some(b'"') => {
                    at = self.quoted(at).ok_or_else(|| self.expected(token, "label name"))?;
                    is_quoted = true;
                }
                Some(b) if b != b':' && is_name_start(b) => {
                    at = self.skip_while(at, |b| b != b':' && is_name_byte(b));
                }
                _ => return Err(self.expected(at, "label name")),
            }
            at = blanks(at);
            let next = self.byte(at);
            if is_quoted && matches!(next, Some(b',' | b'}')) {
                if !take_name((token + 1, self.quoted(token).map_or(token + 1, |e| e - 1))) {
                    return Err(self.error(token, Problem::SecondMetricName));
                }
                if next == Some(b',') {
                    at = blanks(at + 1);
                }
                continue;
            }
            if next != Some(b'=') {
                return Err(self.expected(at, "equal"));
            }
            at = blanks(at + 1);
            at = self.label_value::<LENIENT>(at)?;
            at = blanks(at);
            match self.byte(at) {
                Some(b',') => at = blanks(at + 1),
                Some(b'}') => {}
                _ if LENIENT => {}
                _ => return Err(self.expected(at, "comma or brace close")),
            }
        }
    }

    /// Checks a quoted value and returns the place behind it.
    #[inline]
    fn label_value<const LENIENT: bool>(&self, open: usize) -> Result<usize, ParseError> {
        const WANTED: &str = "label value";
        if self.byte(open) != Some(b'"') {
            return Err(self.expected(open, WANTED));
        }
        let end = self.quoted(open).ok_or_else(|| self.expected(open, WANTED))?;
        if !LENIENT && self.bytes(open, end).contains(&b'\n') {
            return Err(self.expected(open, WANTED));
        }
        if self.text(open, end).is_none() {
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

/// Whether a byte may go on a metric name.
#[inline]
pub(crate) fn is_name_byte(b: u8) -> bool {
    is_name_start(b) || b.is_ascii_digit()
}
