//! Reads a page of the classic text format in one pass.

use metrics_core::MetricType;

use crate::cursor::{Cursor, LineParser};
use crate::error::{ParseError, Problem};
use crate::escape::unescape_help;
use crate::event::{Event, Tail};
use crate::limits::Limits;
use crate::number;
use crate::page::is_name_start;
use crate::series::Series;

/// Events of a page in the classic text format.
///
/// It accepts what Prometheus accepts: blank lines, spaces and tabs between the parts, comments, a missing
/// newline at the end. After an error it yields nothing more.
///
/// ```
/// use expo_format::{Event, text};
/// let page = b"# TYPE up gauge\nup{job=\"node\"} 1 1700000000000\n";
/// let events: Vec<_> = text::Parser::new(page).collect::<Result<_, _>>().unwrap();
/// let [Event::Type { name, .. }, Event::Sample(sample)] = &events[..] else { panic!() };
/// assert_eq!(name, "up");
/// assert_eq!((sample.value, sample.timestamp), (1.0, Some(1_700_000_000_000)));
/// ```
#[derive(Debug, Clone)]
pub struct Parser<'a> {
    pub(crate) cursor: Cursor<'a>,
}

impl<'a> Parser<'a> {
    /// A parser at the beginning of a page, with the default limits.
    pub fn new(page: &'a [u8]) -> Self {
        Self::with_limits(page, Limits::default())
    }

    /// A parser that takes no more of a page than the limits allow.
    pub fn with_limits(page: &'a [u8], limits: Limits) -> Self {
        Self { cursor: Cursor::new(page, limits) }
    }

    /// The next event, or `None` at the end of the page.
    ///
    /// # Errors
    /// Where and why the page breaks the format.
    #[inline(always)]
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        self.event()
    }

    /// What the next line says that is not blank.
    fn line(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        if self.cursor.at == 0 {
            self.cursor.check_body()?;
        }
        loop {
            let start = self.cursor.at;
            let first = self.cursor.page.skip_blanks(start);
            return match self.cursor.page.byte(first) {
                // The original's lexer takes a zero byte for the end.
                None | Some(0) => {
                    self.cursor.at = self.cursor.page.len();
                    Ok(None)
                }
                Some(b'\n') => {
                    self.cursor.at = first + 1;
                    continue;
                }
                Some(b'#') => self.comment(first),
                Some(b) if b == b'{' || is_name_start(b) => self.sample(start, first),
                Some(_) => Err(self.cursor.page.expected(first, "a metric name, a comment or a blank line")),
            };
        }
    }

    fn comment(&mut self, hash: usize) -> Result<Option<Event<'a>>, ParseError> {
        // The usual spelling first, the unusual with care.
        match self.cursor.page.bytes(hash, hash + 7) {
            b"# HELP " => return self.metadata(hash + 7, true),
            b"# TYPE " => return self.metadata(hash + 7, false),
            _ => {}
        }
        let end = self.cursor.page.line_end(hash);
        let word = self.cursor.page.skip_blanks(hash + 1);
        let keyword = if word > hash + 1 { self.cursor.page.bytes(word, end) } else { b"" };
        let is_help = keyword.starts_with(b"HELP");
        let behind = self.cursor.page.skip_blanks(word + 4);
        if (is_help || keyword.starts_with(b"TYPE")) && behind > word + 4 {
            return self.metadata(behind, is_help);
        }
        self.cursor.check_line(hash, end)?;
        self.cursor.at = end + 1;
        Ok(Some(Event::Comment(self.cursor.page.bytes(hash, end))))
    }

    /// The rest of a HELP or TYPE line: a name, one separating byte, and a text up to the end of the line.
    fn metadata(&mut self, start: usize, is_help: bool) -> Result<Option<Event<'a>>, ParseError> {
        let start = self.cursor.page.skip_blanks(start);
        let (name, behind) = self.cursor.page.metadata_name(start)?;
        let end = self.cursor.page.line_end(behind);
        self.cursor.check_line(start, end)?;
        let only_blanks = self.cursor.page.skip_blanks(behind) >= end;
        let from = if only_blanks { end } else { behind + 1 };
        self.cursor.at = end + 1;
        if is_help {
            let help = self
                .cursor
                .page
                .text(from, end)
                .ok_or_else(|| self.cursor.page.not_utf8(from, "help text"))?;
            return Ok(Some(Event::Help { name, help: unescape_help(help) }));
        }
        self.cursor.metric_type = match self.cursor.page.bytes(from, end) {
            b"counter" => MetricType::Counter,
            b"gauge" => MetricType::Gauge,
            b"histogram" => MetricType::Histogram,
            b"summary" => MetricType::Summary,
            b"untyped" => MetricType::Unknown,
            other => {
                let word = String::from_utf8_lossy(other).into_owned();
                return Err(self.cursor.page.error(from, Problem::MetricType(word)));
            }
        };
        Ok(Some(Event::Type { name, metric_type: self.cursor.metric_type }))
    }

    /// A sample line. The series begins at `start`, in front of leading blanks, as the original counts it.
    fn sample(&mut self, start: usize, first: usize) -> Result<Option<Event<'a>>, ParseError> {
        let name_end = self.cursor.page.name_end(first);
        let brace = self.cursor.page.skip_blanks(name_end);
        let (series, behind) = if self.cursor.page.byte(brace) == Some(b'{') {
            let name = (name_end > first).then_some((start, name_end));
            self.cursor.page.braced_series::<true>(start, name, brace, self.cursor.metric_type)?
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

    /// An optional timestamp in milliseconds and the end of the line.
    fn timestamp(&self, value_end: usize) -> Result<(Option<i64>, usize), ParseError> {
        let start = self.cursor.page.skip_blanks(value_end);
        if self.cursor.page.is_line_end(start) {
            return Ok((None, start));
        }
        let end = self.cursor.page.skip_while(start, |b| b.is_ascii_digit());
        if end == start {
            return Err(self.cursor.page.expected(start, "timestamp or new record"));
        }
        let digits = self.cursor.page.bytes(start, end);
        let timestamp = number::parse_digits(digits).ok_or_else(|| {
            self.cursor.page.error(start, Problem::Timestamp(String::from_utf8_lossy(digits).into_owned()))
        })?;
        let line_end = self.cursor.page.skip_blanks(end);
        if !self.cursor.page.is_line_end(line_end) {
            return Err(self.cursor.page.expected(line_end, "next entry after timestamp"));
        }
        Ok((Some(timestamp), line_end))
    }
}

impl<'a> LineParser<'a> for Parser<'a> {
    const CLASSIC: bool = true;

    #[inline(always)]
    fn cursor(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }

    #[inline(always)]
    fn takes_plain_lines(&self) -> bool {
        true
    }

    fn end(&mut self) {
        self.cursor.at = self.cursor.page.len();
    }

    fn careful_event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        self.line()
    }

    #[inline(never)]
    fn careful_tail(&mut self, behind: usize) -> Result<Tail<'a>, ParseError> {
        let page = self.cursor.page;
        let value_start = page.skip_blanks(behind);
        let value_end = page.word_end::<true>(value_start);
        if value_end == value_start {
            return Err(page.expected(value_start, "value after metric"));
        }
        let value = page.float(value_start, value_end)?;
        let (timestamp, line_end) = self.timestamp(value_end)?;
        self.cursor.at = line_end + 1;
        Ok(Tail { value, timestamp, exemplar: None })
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Event<'a>, ParseError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.event().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn samples(page: &str) -> Vec<(String, f64, Option<i64>)> {
        Parser::new(page.as_bytes())
            .filter_map(|event| match event.unwrap() {
                Event::Sample(s) => Some((s.series.label_set().unwrap().to_string(), s.value, s.timestamp)),
                _ => None,
            })
            .collect()
    }

    fn problem(page: &[u8]) -> String {
        Parser::new(page).find_map(Result::err).expect("the page is bad").to_string()
    }

    #[test]
    fn known_stumbling_blocks() {
        assert_eq!(
            samples(concat!(
                "a{b=\"}\"} 1\n",
                "a{b=\"x\\\\\"} 2 5\n",
                "  \t\n",
                "{\"my.name\",\"k.x\"=\"v\\n\"} 3\n",
                "{ a = \"b\" c=\"d\" , \"e\" , } 4\n",
                "no_newline +Inf",
            )),
            [
                (r#"a{b="}"}"#.to_owned(), 1.0, None),
                (r#"a{b="x\\"}"#.to_owned(), 2.0, Some(5)),
                (r#"{"my.name", "k.x"="v\n"}"#.to_owned(), 3.0, None),
                (r#"e{a="b", c="d"}"#.to_owned(), 4.0, None),
                ("no_newline".to_owned(), f64::INFINITY, None),
            ]
        );
    }

    #[test]
    fn bounds_have_one_form() {
        let page =
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\n# TYPE s summary\ns{quantile=\"0.50\",le=\"1\"} 1\n";
        let found: Vec<_> = samples(page).into_iter().map(|s| s.0).collect();
        assert_eq!(found, [r#"h_bucket{le="1.0"}"#, r#"s{le="1", quantile="0.5"}"#]);
    }

    #[test]
    fn errors_say_where() {
        assert_eq!(
            problem(b"a 1\n\n0a 1\n"),
            "line 3, column 1: expected a metric name, a comment or a blank line, got \"0a 1\""
        );
        assert_eq!(problem(b"a{b='c'} 1\n"), "line 1, column 5: expected label value, got \"'c'} 1\"");
        assert_eq!(problem(b"a\n"), "line 1, column 2: expected value after metric, got end of line");
        assert_eq!(problem(b"a 1 2 3\n"), "line 1, column 7: expected next entry after timestamp, got \"3\"");
        assert_eq!(problem(b"a 1 -2\n"), "line 1, column 5: expected timestamp or new record, got \"-2\"");
        assert_eq!(problem(b"a{b=\"\xff\"} 1\n"), "line 1, column 6: invalid UTF-8 in label value");
        assert_eq!(problem(b"# TYPE a info\n"), "line 1, column 10: invalid metric type \"info\"");
        assert_eq!(problem(b"a{\"b\"} 1\n"), "line 1, column 3: metric name already set");
        assert_eq!(problem(b"{b=\"c\"} 1\n"), "line 1, column 1: metric name not set");
        assert_eq!(problem(b"a 1x\n"), "line 1, column 3: invalid value \"1x\"");
    }

    #[test]
    fn comments_need_not_be_utf8() {
        let events: Vec<_> =
            Parser::new(b"#\xff\n# HELP a \\\\ \\n\na{b=\"\xc3\xbc\"} 1").collect::<Result<_, _>>().unwrap();
        assert_eq!(events[0], Event::Comment(b"#\xff"));
        assert_eq!(events[1], Event::Help { name: Cow::Borrowed("a"), help: "\\ \n".into() });
        let Event::Sample(sample) = &events[2] else { panic!("{events:?}") };
        assert_eq!(sample.series.label_set().unwrap().get("b"), Some("ü"));
    }
}
