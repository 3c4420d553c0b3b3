//! The series part of a sample line: kept as one span of the page, its labels read only when asked for.

use std::borrow::Cow;
use std::fmt;

use metrics_core::{LabelSet, METRIC_NAME, MetricType};

use crate::escape::unescape_quoted;
use crate::{number, scan};

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
    /// Labels that the format hands over one by one; those behind `labels_start` follow them.
    pairs: &'a [(&'a str, &'a str)],
    // Places inside the text; a page is never so long that they would not fit.
    name_start: u32,
    name_end: u32,
    labels_start: u32,
    has_escapes: bool,
    /// The type that was announced last: it decides whether `le` or `quantile` is a number.
    metric_type: MetricType,
}

/// Places inside a series' text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The name, without quotes.
    pub(crate) name: (usize, usize),
    /// Behind the opening brace, or the end of the text.
    pub(crate) labels: usize,
    /// Whether any quoted string holds a backslash.
    pub(crate) has_escapes: bool,
}

impl<'a> Series<'a> {
    pub(crate) fn new(text: &'a str, layout: Layout, metric_type: MetricType) -> Self {
        let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            text,
            pairs: &[],
            name_start: place(layout.name.0),
            name_end: place(layout.name.1),
            labels_start: place(layout.labels),
            has_escapes: layout.has_escapes,
            metric_type,
        }
    }

    /// The series with labels in front of those that its layout points to.
    #[cfg(feature = "protobuf")]
    pub(crate) fn with_pairs(self, pairs: &'a [(&'a str, &'a str)]) -> Self {
        Self { pairs, ..self }
    }

    /// A series that is a bare name.
    pub(crate) fn bare(text: &'a str, metric_type: MetricType) -> Self {
        let layout = Layout { name: (0, text.len()), labels: text.len(), has_escapes: false };
        Self::new(text, layout, metric_type)
    }

    /// The series' own bytes of the page.
    #[inline]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The metric name, without escapes.
    #[inline]
    pub fn name(&self) -> Cow<'a, str> {
        let name = self.text.get(self.name_start as usize..self.name_end as usize).unwrap_or_default();
        if self.has_escapes { unescape_quoted(name) } else { Cow::Borrowed(name) }
    }

    /// The labels in the page's order, as written but without escapes; the metric name is not among them.
    #[inline]
    pub fn labels(&self) -> Labels<'a> {
        let rest = self.text.get(self.labels_start as usize..).unwrap_or_default();
        Labels { pairs: self.pairs, rest, has_escapes: self.has_escapes }
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
        self.label_set_with(&[])
    }

    /// As [`Series::label_set`], with the type and unit of the metric as labels `__type__` and `__unit__`. They
    /// overrule labels of the page with those names, unless the type is unknown or the unit empty.
    ///
    /// Source: Prometheus' feature `type-and-unit-labels`.
    ///
    /// # Errors
    /// If a label name appears twice.
    pub fn typed_label_set(&self, unit: &str) -> Result<LabelSet, DuplicateLabel> {
        let metric_type = match self.metric_type {
            MetricType::Unknown => "",
            known => known.as_str(),
        };
        self.label_set_with(&[("__type__", metric_type), ("__unit__", unit)])
    }

    /// The labels of the page, those of `others` set that have a value.
    fn label_set_with(&self, others: &[(&str, &str)]) -> Result<LabelSet, DuplicateLabel> {
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(16);
        pairs.push((Cow::Borrowed(METRIC_NAME), self.name()));
        let number_label = match self.metric_type {
            MetricType::Histogram => "le",
            MetricType::Summary => "quantile",
            _ => "",
        };
        let others = others.iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in self.labels() {
            let value = if name == number_label { canonical_number(value) } else { value };
            if others.clone().all(|(other, _)| name != *other) {
                pairs.push((name, value));
            }
        }
        pairs.extend(others.map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value))));
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
    /// These come first.
    pairs: &'a [(&'a str, &'a str)],
    /// From behind the opening brace, to the closing one or beyond.
    rest: &'a str,
    /// Whether the text may hold backslashes.
    has_escapes: bool,
}

impl<'a> Labels<'a> {
    pub(crate) fn new(inside: &'a str) -> Self {
        Self { pairs: &[], rest: inside, has_escapes: true }
    }

    /// Labels that a format handed over one by one.
    #[cfg(feature = "protobuf")]
    pub(crate) fn of_pairs(pairs: &'a [(&'a str, &'a str)]) -> Self {
        Self { pairs, rest: "", has_escapes: false }
    }

    /// What is not read yet, the closing brace included.
    pub(crate) fn as_str(&self) -> &'a str {
        self.rest
    }

    /// The next label of the usual form `name="value"` without blanks, quoted names and escapes.
    #[inline]
    fn usual(&mut self) -> Option<(&'a str, &'a str)> {
        let text = self.rest.strip_prefix(',').unwrap_or(self.rest);
        let bytes = text.as_bytes();
        if self.has_escapes || !bytes.first()?.is_ascii_alphabetic() {
            return None;
        }
        // A name is followed by its sign and its value, and holds no sign itself.
        let name_end = scan::equals_sign(bytes, 0)?;
        if bytes.get(name_end + 1) != Some(&b'"') || bytes.get(name_end - 1)?.is_ascii_whitespace() {
            return None;
        }
        let (end, _) = scan::closing_quote::<false>(bytes, name_end + 2)?;
        let label = (text.get(..name_end)?, text.get(name_end + 2..end)?);
        self.rest = text.get(end + 1..)?;
        Some(label)
    }

    /// The next label in any form.
    fn unusual(&mut self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        loop {
            let bytes = self.rest.as_bytes();
            let mut at = skip(bytes, 0, |b| matches!(b, b' ' | b'\t' | b','));
            let name;
            match bytes.get(at)? {
                b'}' => {
                    self.rest = "";
                    return None;
                }
                b'"' => (name, at) = quoted(self.rest, at)?,
                _ => {
                    let end = scan::name_end::<false>(bytes, at);
                    name = Cow::Borrowed(self.rest.get(at..end)?);
                    at = end;
                }
            }
            at = skip(bytes, at, is_blank);
            // A quoted string without a value behind it is the metric name.
            if bytes.get(at) != Some(&b'=') {
                self.rest = self.rest.get(at..)?;
                continue;
            }
            let (value, at) = quoted(self.rest, skip(bytes, at + 1, is_blank))?;
            self.rest = self.rest.get(at..)?;
            return Some((name, value));
        }
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(((name, value), rest)) = self.pairs.split_first() {
            self.pairs = rest;
            return Some((Cow::Borrowed(name), Cow::Borrowed(value)));
        }
        match self.usual() {
            Some((name, value)) => Some((Cow::Borrowed(name), Cow::Borrowed(value))),
            None if self.rest == "}" => None,
            None => self.unusual(),
        }
    }
}

fn is_blank(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

#[inline]
fn skip(bytes: &[u8], mut at: usize, over: impl Fn(u8) -> bool) -> usize {
    while bytes.get(at).is_some_and(|b| over(*b)) {
        at += 1;
    }
    at
}

/// The string whose opening quote is at `open`, and the place behind it.
#[inline]
fn quoted(text: &str, open: usize) -> Option<(Cow<'_, str>, usize)> {
    let (end, has_escapes) = scan::closing_quote::<false>(text.as_bytes(), open + 1)?;
    let inside = text.get(open + 1..end)?;
    let inside = if has_escapes { unescape_quoted(inside) } else { Cow::Borrowed(inside) };
    Some((inside, end + 1))
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(*self).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Event, text};

    #[test]
    fn types_and_units_overrule_labels_of_the_page() {
        let page =
            b"# TYPE a gauge\na{__type__=\"x\",__unit__=\"y\"} 1\n# TYPE b untyped\nb{__type__=\"x\"} 1\n";
        let typed = |unit| -> Vec<String> {
            let samples = text::Parser::new(page).filter_map(|event| match event.unwrap() {
                Event::Sample(sample) => Some(sample.series.typed_label_set(unit).unwrap().to_string()),
                _ => None,
            });
            samples.collect()
        };
        assert_eq!(typed(""), [r#"a{__type__="gauge", __unit__="y"}"#, r#"b{__type__="x"}"#]);
        assert_eq!(typed("s")[0], r#"a{__type__="gauge", __unit__="s"}"#);
    }
}
