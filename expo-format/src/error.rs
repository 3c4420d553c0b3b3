//! Why a page was refused, and where.

use std::fmt;

use crate::limits::LimitExceeded;

/// Why a page was refused: what is wrong and the place, counted in bytes from the page's first.
///
/// ```
/// use expo_format::text;
/// let error = text::Parser::new(b"up 1\nup{job=node} 1\n").find_map(Result::err).unwrap();
/// assert_eq!((error.line, error.column, error.offset), (2, 8, 12));
/// assert_eq!(error.to_string(), "line 2, column 8: expected label value, got \"node} 1\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", self.place())]
pub struct ParseError {
    /// The line, counted from one; zero in a format without lines.
    pub line: u32,
    /// The byte inside the line, counted from one; zero in a format without lines.
    pub column: u32,
    /// The byte inside the page, counted from zero.
    pub offset: usize,
    /// What is wrong there.
    pub problem: Problem,
}

impl ParseError {
    fn place(&self) -> String {
        match self.line {
            0 => format!("byte {}", self.offset),
            line => format!("line {line}, column {}", self.column),
        }
    }

    /// An error of a format without lines.
    #[cfg(feature = "protobuf")]
    #[cold]
    pub(crate) fn binary(offset: usize, problem: Problem) -> Self {
        Self { line: 0, column: 0, offset, problem }
    }

    /// Finds the line and column of an offset; only errors pay for it.
    #[cold]
    pub(crate) fn at(page: &[u8], offset: usize, problem: Problem) -> Self {
        let before = &page[..offset.min(page.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let column = before.len() - line_start + 1;
        let saturated = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: saturated(line), column: saturated(column), offset, problem }
    }

    /// An error about what stands at `offset`, quoting the beginning of it.
    #[cold]
    pub(crate) fn expected(page: &[u8], offset: usize, wanted: &'static str) -> Self {
        const SHOWN: usize = 40;
        let rest = page.get(offset..).unwrap_or_default();
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
        let got = match (rest.is_empty(), line.is_empty()) {
            (true, _) => Found::End,
            (_, true) => Found::LineEnd,
            _ => Found::Text(shown.into_owned()),
        };
        Self::at(page, offset, Problem::Expected { wanted, got })
    }
}

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The grammar wants something else here.
    #[error("expected {wanted}, got {got}")]
    Expected {
        /// What would have been right.
        wanted: &'static str,
        /// What stands there instead.
        got: Found,
    },
    /// A value that is no float.
    #[error("invalid value {0:?}")]
    Value(String),
    /// A timestamp that is no number or does not fit.
    #[error("invalid timestamp {0:?}")]
    Timestamp(String),
    /// A word after `# TYPE` that names no type of this format.
    #[error("invalid metric type {0:?}")]
    MetricType(String),
    /// A unit that does not end the name of its metric.
    #[error("unit {unit:?} is not a suffix of metric {metric:?}")]
    Unit {
        /// The unit.
        unit: String,
        /// The metric family's name.
        metric: String,
    },
    /// Text that is not UTF-8.
    #[error("invalid UTF-8 in {0}")]
    Utf8(&'static str),
    /// A series whose braces hold no metric name although none stands before them.
    #[error("metric name not set")]
    NoMetricName,
    /// A second metric name for one series.
    #[error("metric name already set")]
    SecondMetricName,
    /// An OpenMetrics page that stops before `# EOF`.
    #[error("data does not end with # EOF")]
    NoEof,
    /// Something behind `# EOF`.
    #[error("unexpected data after # EOF")]
    DataAfterEof,
    /// A rule of OpenMetrics that lines break together.
    #[error("{0}")]
    Rule(&'static str),
    /// More than is taken.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A broken protocol buffers message.
    #[error(transparent)]
    Message(#[from] WireProblem),
    /// A family of a type that the format does not have.
    #[error("unknown metric type {0}")]
    TypeNumber(u64),
    /// A native histogram whose spans lay out another number of buckets than it has.
    #[error("{side} side: spans require {wanted} buckets, have {found}")]
    Buckets {
        /// `positive` or `negative`.
        side: &'static str,
        /// Buckets laid out.
        wanted: u64,
        /// Buckets there.
        found: usize,
    },
}

/// Why bytes are not the message that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the message: {problem}")]
pub struct WireError {
    /// The byte inside the outermost message, counted from zero.
    pub offset: usize,
    /// What is wrong there.
    pub problem: WireProblem,
}

/// What is wrong with a protocol buffers message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireProblem {
    /// The message stops inside a field.
    #[error("unexpected end")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("integer overflow")]
    Overflow,
    /// A key that no field can have.
    #[error("illegal field key {0}")]
    Key(u64),
    /// A known field of another wire type than its own.
    #[error("wrong wire type for field {0}")]
    WireType(u32),
    /// More unknown groups, or values inside values, than are taken.
    #[error("nested more than {0} deep")]
    Nesting(u32),
    /// Text that is not UTF-8.
    #[error("invalid UTF-8 in field {0}")]
    Utf8(u32),
}

/// What stood where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The beginning of the rest of the line.
    Text(String),
    /// The end of the line.
    LineEnd,
    /// The end of the page.
    End,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::LineEnd => f.write_str("end of line"),
            Self::End => f.write_str("end of input"),
        }
    }
}
