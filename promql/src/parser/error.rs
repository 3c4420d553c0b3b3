//! Why a query was refused, and where.

use super::Span;

/// A query that breaks the language's rules, with the place in the original's form `line:column`.
///
/// ```
/// let error = promql::parser::parse("sum(up))").unwrap_err();
/// assert_eq!(error.to_string(), "1:9: parse error: unexpected right parenthesis ')'");
/// assert_eq!((error.line(), error.column()), (1, 9));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: parse error: {}", self.position(), self.0.message)]
// Boxed, because results of every rule of the grammar stand on the stack while it is read.
pub struct ParseError(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    message: String,
    query: String,
    span: Span,
}

impl ParseError {
    pub(crate) fn new(query: &str, span: Span, message: impl Into<String>) -> Self {
        Self(Box::new(Details { message: message.into(), query: query.to_owned(), span }))
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The refused query.
    pub fn query(&self) -> &str {
        &self.0.query
    }

    /// Which part of the query is wrong.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.0.span.line_column(&self.0.query).0
    }

    /// The column, counted from 1, in bytes.
    pub fn column(&self) -> usize {
        self.0.span.line_column(&self.0.query).1
    }

    /// The line concerned with a caret under the place: two lines for a person to look at.
    ///
    /// ```
    /// let error = promql::parser::parse("rate(up").unwrap_err();
    /// assert_eq!(error.caret(), "rate(up\n       ^");
    /// ```
    pub fn caret(&self) -> String {
        let line = self.0.query.split('\n').nth(self.line() - 1).unwrap_or("");
        let before = line.get(..self.column() - 1).unwrap_or(line);
        let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("{line}\n{indent}^")
    }

    fn position(&self) -> String {
        if self.0.query.is_empty() {
            return "unknown position".to_owned();
        }
        let (line, column) = self.0.span.line_column(&self.0.query);
        format!("{line}:{column}")
    }
}
