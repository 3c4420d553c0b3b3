//! How much of a page is taken.

use crate::error::Problem;
use crate::series::Series;

/// How deep unknown groups may nest where nobody says otherwise; nobody has sent one for years.
pub(crate) const DEFAULT_NESTING: u32 = 16;

/// What a page may be at most. Sizes are in bytes.
///
/// The defaults are far beyond what real targets expose, and small enough that no page can exhaust a machine.
///
/// ```
/// use expo_format::{Limits, text};
/// let limits = Limits::default().labels(1);
/// let error = text::Parser::with_limits(b"a{b=\"c\",d=\"e\"} 1\n", limits).find_map(Result::err).unwrap();
/// assert_eq!(error.to_string(), "line 1, column 1: more than 1 labels");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub(crate) body: usize,
    pub(crate) line: usize,
    pub(crate) labels: usize,
    pub(crate) name: usize,
    pub(crate) value: usize,
    pub(crate) nesting: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 30,
            line: 16 << 20,
            labels: 10_000,
            name: 64 << 10,
            value: 1 << 20,
            nesting: DEFAULT_NESTING,
        }
    }
}

/// What was too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// The whole page.
    #[error("page of more than {0} bytes")]
    Body(usize),
    /// One line, or one metric of a format without lines.
    #[error("line of more than {0} bytes")]
    Line(usize),
    /// Labels of one series.
    #[error("more than {0} labels")]
    Labels(usize),
    /// A metric or label name.
    #[error("name of more than {0} bytes")]
    Name(usize),
    /// A label value.
    #[error("label value of more than {0} bytes")]
    Value(usize),
    /// Groups inside each other in a protocol buffers message.
    #[error("groups nested more than {0} deep")]
    Nesting(u32),
}

impl Limits {
    /// No limit at all, for input that is trusted.
    pub const NONE: Self = Self {
        body: usize::MAX,
        line: usize::MAX,
        labels: usize::MAX,
        name: usize::MAX,
        value: usize::MAX,
        nesting: u32::MAX,
    };

    /// Bytes of the whole page. Default: 1 GiB.
    #[must_use]
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// Bytes of one line, or of one metric in a format without lines. Default: 16 MiB.
    #[must_use]
    pub fn line(mut self, bytes: usize) -> Self {
        self.line = bytes;
        self
    }

    /// Labels of one series, the metric name not counted. Default: 10,000.
    #[must_use]
    pub fn labels(mut self, count: usize) -> Self {
        self.labels = count;
        self
    }

    /// Bytes of a metric or label name. Default: 64 KiB.
    #[must_use]
    pub fn name(mut self, bytes: usize) -> Self {
        self.name = bytes;
        self
    }

    /// Bytes of a label value. Default: 1 MiB.
    #[must_use]
    pub fn value(mut self, bytes: usize) -> Self {
        self.value = bytes;
        self
    }

    /// Groups inside each other in a protocol buffers message. No known message has any, so that all of them are
    /// skipped; what is nested otherwise is as deep as the format says. Default: 16.
    #[must_use]
    pub fn nesting(mut self, depth: u32) -> Self {
        self.nesting = depth;
        self
    }

    pub(crate) fn check_body(&self, bytes: usize) -> Result<(), Problem> {
        if bytes > self.body { Err(LimitExceeded::Body(self.body).into()) } else { Ok(()) }
    }

    pub(crate) fn check_line(&self, bytes: usize) -> Result<(), Problem> {
        if bytes > self.line { Err(LimitExceeded::Line(self.line).into()) } else { Ok(()) }
    }

    /// Whether a series is so short that it cannot break any limit, so that nearly none has to be walked over.
    #[inline]
    pub(crate) fn surely_allow(&self, series: &Series<'_>) -> bool {
        /// The shortest label, `a="",`.
        const SHORTEST_LABEL: usize = 5;
        let length = series.as_str().len();
        length <= self.name && length <= self.value && length / SHORTEST_LABEL < self.labels
    }

    #[inline]
    pub(crate) fn check_series(&self, series: &Series<'_>) -> Result<(), Problem> {
        if self.surely_allow(series) { Ok(()) } else { self.check_parts(series) }
    }

    #[cold]
    fn check_parts(&self, series: &Series<'_>) -> Result<(), Problem> {
        if series.name().len() > self.name {
            return Err(LimitExceeded::Name(self.name).into());
        }
        for (at, (name, value)) in series.labels().enumerate() {
            if at == self.labels {
                return Err(LimitExceeded::Labels(self.labels).into());
            }
            if name.len() > self.name {
                return Err(LimitExceeded::Name(self.name).into());
            }
            if value.len() > self.value {
                return Err(LimitExceeded::Value(self.value).into());
            }
        }
        Ok(())
    }
}
