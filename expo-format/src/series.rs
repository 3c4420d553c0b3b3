//! The series part of a sample line: kept as one span of the page, its labels read only when asked for.

use std::borrow::Cow;
use std::fmt;

use metrics_core::{LabelSet, METRIC_NAME, MetricType};

use crate::escape::unescape_quoted;
use crate::number;

/// Name and labels of a sample, as the page writes them.
///
/// [`Series::as_str`] is the very text of the page, so equal text means the same series: the natural key of a
/// cache that spares reading the labels again.
///
/// ```
/// use expo_format::{Event, text};
/// let mut parser = text::Parser::new(b"requests{code=\"200\",path=\"/\"} 5\n");
/// let Some(Ok(Event::Sample(sample))) = parser.next() else { panic!() };
/// assert_eq!(sample.series.as_str(), r#"requests{code="200",path="/"}"#);
/// assert_eq!(sample.series.name(), "requests");
/// assert_eq!(sample.series.label_set().unwrap().get("code"), Some("200"));
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct Series<'a> {
    text: &'a str,
    name: &'a str,
    labels: Labels<'a>,
    /// The type that was announced last: it decides whether `le` or `quantile` is a number.
    metric_type: MetricType,
}

impl<'a> Series<'a> {
    pub(crate) fn new(text: &'a str, name: &'a str, labels: Labels<'a>, metric_type: MetricType) -> Self {
        Self { text, name, labels, metric_type }
    }

    /// The series' own bytes of the page.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The metric name, without escapes.
    pub fn name(&self) -> Cow<'a, str> {
        unescape_quoted(self.name)
    }

    /// The labels in the page's order, as written but without escapes; the metric name is not among them.
    pub fn labels(&self) -> Labels<'a> {
        self.labels
    }

    /// The metric type announced by the last `# TYPE` line before this sample.
    pub fn metric_type(&self) -> MetricType {
        self.metric_type
    }

    /// The labels with `__name__`, sorted.
    ///
    /// The bounds in `le` of a histogram and `quantile` of a summary are brought to one form (`1` becomes
    /// `1.0`), as Prometheus does, so that the same bucket has the same labels in every format.
    ///
    /// # Errors
    /// If a label name appears twice.
    pub fn label_set(&self) -> Result<LabelSet, DuplicateLabel> {
        let name = self.name();
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::with_capacity(16);
        pairs.push((Cow::Borrowed(METRIC_NAME), name));
        let number_label = match self.metric_type {
            MetricType::Histogram => "le",
            MetricType::Summary => "quantile",
            _ => "",
        };
        for (name, value) in self.labels {
            let value = if name == number_label { canonical_number(value) } else { value };
            pairs.push((name, value));
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = pairs.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(DuplicateLabel { name: twice[0].0.clone().into_owned() });
        }
        Ok(LabelSet::from_sorted(pairs.iter().map(|(n, v)| (&**n, &**v))))
    }
}

impl fmt::Debug for Series<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Series").field(&self.text).finish()
    }
}

impl fmt::Display for Series<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// A label that appears twice in one series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("label name {name:?} is not unique")]
pub struct DuplicateLabel {
    /// The label's name.
    pub name: String,
}

/// A bucket bound or quantile in OpenMetrics' form; what is no number stays as it is.
pub(crate) fn canonical_number(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some(value) = number::parse_float(text.as_bytes()) else { return text };
    let mut out = Vec::with_capacity(24);
    number::write_float_with_point(&mut out, value);
    if out == text.as_bytes() {
        return text;
    }
    String::from_utf8(out).map_or(text, Cow::Owned)
}

/// The labels between braces, in the page's order. Iterating yields name and value without escapes.
///
/// The text has been checked by a parser, so that iterating cannot fail.
#[derive(Clone, Copy, PartialEq, Default)]
pub struct Labels<'a> {
    /// From behind the opening brace, to the closing one or beyond.
    rest: &'a str,
}

impl<'a> Labels<'a> {
    pub(crate) fn new(inside: &'a str) -> Self {
        Self { rest: inside }
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
            let bytes = self.rest.as_bytes();
            let name = match bytes.first()? {
                b'}' => {
                    self.rest = "";
                    return None;
                }
                b'"' => self.take_quoted()?,
                _ => {
                    let end = bytes.iter().position(|b| matches!(b, b'=' | b' ' | b'\t'))?;
                    let (name, rest) = self.rest.split_at_checked(end)?;
                    self.rest = rest;
                    Cow::Borrowed(name)
                }
            };
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            // A quoted string without a value behind it is the metric name.
            let Some(rest) = self.rest.strip_prefix('=') else { continue };
            self.rest = rest.trim_start_matches([' ', '\t']);
            return Some((name, self.take_quoted()?));
        }
    }
}

impl<'a> Labels<'a> {
    /// Splits off a quoted string, which is known to be closed.
    #[inline]
    fn take_quoted(&mut self) -> Option<Cow<'a, str>> {
        let inside = self.rest.get(1..)?;
        let end = closing_quote(inside.as_bytes())?;
        let (text, rest) = inside.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        Some(unescape_quoted(text))
    }
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(*self).finish()
    }
}

/// Where the quoted string ends whose inside begins here: a backslash takes the next byte with it.
#[inline]
pub(crate) fn closing_quote(inside: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match inside.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
