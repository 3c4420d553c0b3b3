//! The text of a series, put together from a message, so that every format has the same kind of series.
//!
//! The samples of one metric differ at their end only, those of one family from their labels on: what a text has
//! in common with the one before stays where it is.

use metrics_core::{MetricType, is_legacy_label_name, is_legacy_metric_name};

use crate::escape::push_quoted;
use crate::number::write_float_with_point;
use crate::series::{Layout, Series};

/// Labels as the message has them.
pub(super) type Pairs<'a> = [(&'a str, &'a str)];

/// One series' text, changed from sample to sample.
#[derive(Debug, Default)]
pub(super) struct SeriesText {
    text: String,
    /// Where the family's name ends in the text, and whether it is in quotes.
    family_end: usize,
    is_quoted: bool,
    /// The labels of the metric, `a="b",c="d"`.
    labels: String,
    /// The suffix that the text has now; `None` if it is of another metric.
    suffix: Option<Suffix>,
    /// Where the suffix ends.
    name_end: usize,
    /// Behind the labels of the metric and what separates them from the last label, where there is one.
    labels_end: usize,
    /// Where the parts hold escapes.
    escapes: Escapes,
    bounds: Vec<Bound>,
}

#[derive(Debug, Default)]
struct Escapes {
    in_name: bool,
    in_labels: bool,
}

/// What a sample adds to the name of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    None,
    Bucket,
    Count,
    Sum,
}

impl Suffix {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Bucket => "_bucket",
            Self::Count => "_count",
            Self::Sum => "_sum",
        }
    }
}

/// A last label with its text, `le="0.5"}`: the metrics of a family have the same ones.
#[derive(Debug)]
struct Bound {
    name: &'static str,
    bits: u64,
    text: String,
}

/// The last label of a sample: its name, its place among those of the metric, and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastLabel {
    pub(super) name: &'static str,
    pub(super) place: usize,
    pub(super) value: f64,
}

impl SeriesText {
    /// What follows is of this family.
    pub(super) fn next_family(&mut self, family: &str) {
        self.text.clear();
        self.is_quoted = !is_legacy_metric_name(family);
        self.escapes.in_name = false;
        if self.is_quoted {
            self.text.push_str("{\"");
            self.escapes.in_name = push_quoted(&mut self.text, family);
        } else {
            self.text.push_str(family);
        }
        self.family_end = self.text.len();
    }

    /// What follows has these labels.
    pub(super) fn next_metric(&mut self, labels: &Pairs<'_>) {
        self.suffix = None;
        self.labels.clear();
        self.escapes.in_labels = false;
        for (name, value) in labels {
            let out = &mut self.labels;
            if !out.is_empty() {
                out.push(',');
            }
            if is_legacy_label_name(name) {
                out.push_str(name);
            } else {
                out.push('"');
                self.escapes.in_labels |= push_quoted(out, name);
                out.push('"');
            }
            out.push_str("=\"");
            self.escapes.in_labels |= push_quoted(out, value);
            out.push('"');
        }
    }

    /// Puts a series together: the family's name, a suffix, and the labels of the metric.
    pub(super) fn set(&mut self, suffix: Suffix) {
        if self.push_metric(suffix) {
            self.text.push('}');
        }
        self.labels_end = self.text.len();
        // No other sample of the metric looks like this one.
        self.suffix = None;
    }

    /// As [`SeriesText::set`], with one more label at the end.
    #[inline]
    pub(super) fn set_with(&mut self, suffix: Suffix, last: LastLabel) {
        if self.suffix != Some(suffix) {
            let separator = if self.push_metric(suffix) { ',' } else { '{' };
            self.text.push(separator);
            self.labels_end = self.text.len();
            self.suffix = Some(suffix);
        }
        self.text.truncate(self.labels_end);
        match self.bounds.get(last.place) {
            Some(bound) if bound.bits == last.value.to_bits() && bound.name == last.name => {
                self.text.push_str(&bound.text);
            }
            _ => self.push_new(last),
        }
    }

    /// Name and labels, and whether a brace is open behind them.
    fn push_metric(&mut self, suffix: Suffix) -> bool {
        let Self { text, labels, .. } = self;
        text.truncate(self.family_end);
        text.push_str(suffix.as_str());
        self.name_end = text.len();
        if self.is_quoted {
            text.push('"');
        }
        if labels.is_empty() {
            return self.is_quoted;
        }
        text.push(if self.is_quoted { ',' } else { '{' });
        text.push_str(labels);
        true
    }

    #[cold]
    fn push_new(&mut self, last: LastLabel) {
        let LastLabel { name, place, value } = last;
        let bound =
            Bound { name, bits: value.to_bits(), text: format!("{name}=\"{}\"}}", float_text(value)) };
        self.text.push_str(&bound.text);
        // Places rise one by one, so that the list is never longer than a metric's.
        match self.bounds.get_mut(place) {
            Some(known) => *known = bound,
            None => self.bounds.push(bound),
        }
    }

    /// The series put together last, with the labels that it was put together of.
    #[inline]
    pub(super) fn series<'a>(&'a self, labels: &'a Pairs<'a>, metric_type: MetricType) -> Series<'a> {
        let has_escapes = self.escapes.in_name || self.escapes.in_labels;
        let name_start = if self.is_quoted { QUOTED_NAME } else { 0 };
        let layout = Layout { name: (name_start, self.name_end), labels: self.labels_end, has_escapes };
        Series::new(&self.text, layout, metric_type).with_pairs(labels)
    }
}

/// Behind the brace and the quote.
const QUOTED_NAME: usize = 2;

fn float_text(value: f64) -> String {
    let mut out = Vec::with_capacity(24);
    write_float_with_point(&mut out, value);
    String::from_utf8(out).unwrap_or_default()
}
