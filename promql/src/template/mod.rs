//! Templates in annotations and labels of alerting rules: Go's text templates with the functions of the field.
//!
//! `{{ $labels.instance }} is down for {{ $value | humanizeDuration }}`

mod format;
mod functions;
mod humanize;
mod lex;
mod parse;
mod run;
mod time;
mod tree;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use metrics_core::{LabelSet, Timestamp};

pub(crate) use functions::query_escape;
pub use value::{TemplateSample, TemplateValue};

/// Answers the `query` function of a template, or says why not.
pub type TemplateQuery<'a> = dyn Fn(&str) -> Result<Vec<TemplateSample>, String> + 'a;

/// Expands templates.
///
/// ```
/// use metrics_core::LabelSet;
/// use promql::template::{Expander, alert_data};
/// let labels = LabelSet::from_pairs([("instance", "a:9100")]);
/// let data = alert_data(&labels, &LabelSet::empty(), "http://localhost:9090", 0.25.into());
/// let query = |_: &str| Ok(Vec::new());
/// let text = r#"{{ .Labels.instance }} has {{ .Value | humanizePercentage }} left"#;
/// let expander = Expander::new("disk", 0, "http://localhost:9090", &query);
/// assert_eq!(expander.expand(text, &data).unwrap(), "a:9100 has 25% left");
/// ```
pub struct Expander<'a> {
    name: &'a str,
    now: Timestamp,
    external_url: &'a str,
    query: &'a TemplateQuery<'a>,
    output: Output,
    missing_key: MissingKey,
}

/// What is done to values when they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Nothing.
    #[default]
    Text,
    /// What means something in HTML is escaped.
    Html,
}

/// What a name that a map does not have stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// The zero of the map's values.
    #[default]
    Zero,
    /// A mistake.
    Error,
}

impl fmt::Debug for Expander<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expander").field("name", &self.name).field("now", &self.now).finish_non_exhaustive()
    }
}

impl<'a> Expander<'a> {
    /// An expander for a template of that name at a time; `query` answers its queries.
    pub fn new(name: &'a str, now: Timestamp, external_url: &'a str, query: &'a TemplateQuery<'a>) -> Self {
        let (output, missing_key) = (Output::default(), MissingKey::default());
        Self { name, now, external_url, query, output, missing_key }
    }

    /// Chooses what is done to values when they are written.
    #[must_use]
    pub fn with_output(self, output: Output) -> Self {
        Self { output, ..self }
    }

    /// Chooses what missing names stand for.
    #[must_use]
    pub fn with_missing_key(self, missing_key: MissingKey) -> Self {
        Self { missing_key, ..self }
    }

    /// Expands a template over data, which is its dot.
    ///
    /// # Errors
    /// If the text is not a template, or cannot be executed on the data.
    pub fn expand(&self, text: &str, data: &TemplateValue) -> Result<String, TemplateError> {
        let tree = parse::parse(self.name, text)?;
        run::run(self, &tree, text, data)
    }
}

/// Checks a template without executing it.
///
/// # Errors
/// If the text is not a template.
pub fn check(name: &str, text: &str) -> Result<(), TemplateError> {
    parse::parse(name, text).map(drop)
}

/// What templates of alerting rules see: `.Labels`, `.ExternalLabels`, `.ExternalURL` and `.Value`.
pub fn alert_data(
    labels: &LabelSet,
    external_labels: &LabelSet,
    external_url: &str,
    value: TemplateValue,
) -> TemplateValue {
    TemplateValue::Fields(Arc::new(BTreeMap::from([
        ("Labels", TemplateValue::Labels(labels.clone())),
        ("ExternalLabels", TemplateValue::Labels(external_labels.clone())),
        ("ExternalURL", TemplateValue::Text(external_url.to_owned())),
        ("Value", value),
    ])))
}

/// Why a template was not expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The text is not a template.
    #[error("error parsing template {name}: template: {name}:{line}: {message}")]
    Parse {
        /// The template's name.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The template cannot be executed on its data.
    #[error(
        "error executing template {name}: template: {name}:{line}:{column}: executing \"{name}\" at <{context}>: \
         {message}"
    )]
    Execute {
        /// The template's name.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 0.
        column: usize,
        /// The part that failed.
        context: String,
        /// What is wrong.
        message: String,
    },
}

impl TemplateError {
    /// The message without the heading that says what was being done.
    pub(crate) fn without_heading(&self) -> String {
        let text = self.to_string();
        match text.split_once(": ") {
            Some((_, rest)) => rest.to_owned(),
            None => text,
        }
    }
}
