//! What templates compute with, and how it is printed.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use metrics_core::number::format_general;
use metrics_core::{FloatHistogram, LabelSet};

use super::time::{format_duration, format_time};

/// A value inside a template. Its types are Go's, because templates are written for those.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TemplateValue {
    /// Nothing: printed as `<no value>`.
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint64`
    Uint(u64),
    /// `float64`
    Float(f64),
    /// `string`
    Text(String),
    /// Text that is HTML already.
    Html(String),
    /// Labels; one that is missing is an empty text.
    Labels(LabelSet),
    /// Any values by name; one that is missing is nothing.
    Map(BTreeMap<String, TemplateValue>),
    /// Fixed fields; one that is missing is a mistake.
    Fields(Arc<BTreeMap<&'static str, TemplateValue>>),
    /// A list.
    List(Vec<TemplateValue>),
    /// The samples of a query.
    Samples(Vec<TemplateSample>),
    /// One sample of a query.
    Sample(TemplateSample),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
    /// A time, in nanoseconds since 1970.
    Time(i64),
    /// A length of time in nanoseconds.
    Duration(i64),
}

/// A sample that a query inside a template found.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateSample {
    /// Its labels.
    pub labels: LabelSet,
    /// A float or a histogram.
    pub value: Box<TemplateValue>,
}

impl TemplateValue {
    /// The name of the type in Go, which messages show.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint64",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Html(_) => "template.HTML",
            Self::Labels(_) => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Fields(_) => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; \
                 Value interface {} }"
            }
            Self::List(_) => "[]interface {}",
            Self::Samples(_) => "template.queryResult",
            Self::Sample(_) => "*template.sample",
            Self::Histogram(_) => "*histogram.FloatHistogram",
            Self::Time(_) => "*time.Time",
            Self::Duration(_) => "*time.Duration",
        }
    }

    /// Whether a condition holds: not zero, not empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Uint(n) => *n != 0,
            Self::Float(v) => *v != 0.0,
            Self::Text(t) | Self::Html(t) => !t.is_empty(),
            Self::Labels(l) => !l.is_empty(),
            Self::Map(m) => !m.is_empty(),
            Self::List(l) => !l.is_empty(),
            Self::Samples(s) => !s.is_empty(),
            Self::Fields(_) | Self::Sample(_) | Self::Histogram(_) | Self::Time(_) | Self::Duration(_) => {
                true
            }
        }
    }

    /// The text in a text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(t) | Self::Html(t) => Some(t),
            _ => None,
        }
    }
}

impl Display for TemplateValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("<no value>"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Uint(n) => write!(f, "{n}"),
            Self::Float(v) => f.write_str(&format_general(*v)),
            Self::Text(t) | Self::Html(t) => f.write_str(t),
            Self::Labels(l) => map(f, l),
            Self::Map(m) => map(f, m),
            Self::Fields(m) => {
                f.write_str("{")?;
                separated(f, m.values())?;
                f.write_str("}")
            }
            Self::List(l) => {
                f.write_str("[")?;
                separated(f, l)?;
                f.write_str("]")
            }
            Self::Samples(s) => {
                f.write_str("[")?;
                separated(f, s)?;
                f.write_str("]")
            }
            Self::Sample(s) => write!(f, "&{s}"),
            Self::Histogram(h) => write!(f, "{h}"),
            Self::Time(ns) => f.write_str(&format_time(*ns)),
            Self::Duration(ns) => f.write_str(&format_duration(*ns)),
        }
    }
}

impl Display for TemplateSample {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        map(f, &self.labels)?;
        write!(f, " {}}}", self.value)
    }
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: impl IntoIterator<Item = T>) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(" ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

fn map<K: Display, V: Display>(
    f: &mut Formatter<'_>,
    entries: impl IntoIterator<Item = (K, V)>,
) -> fmt::Result {
    f.write_str("map[")?;
    separated(f, entries.into_iter().map(|(k, v)| format!("{k}:{v}")))?;
    f.write_str("]")
}

impl From<f64> for TemplateValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<String> for TemplateValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for TemplateValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
