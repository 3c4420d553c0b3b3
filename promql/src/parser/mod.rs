//! From text to syntax tree and back: [`parse`], check, print.
//!
//! Names of metrics and labels may be any UTF-8; what a query may use beyond the stable language is chosen in
//! [`ParserOptions`]. Errors say where, in the original's words. Printing a tree and parsing the text again
//! gives the same tree.

mod ast;
mod call;
mod check;
mod cursor;
mod duration;
mod error;
mod functions;
mod lex;
mod lex_series;
mod modifiers;
mod number;
mod parse;
mod pretty;
mod print;
mod quote;
mod regex_error;
mod selector;
mod series;
mod token;
mod visit;

pub use ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, Edges, Expr, Matching, MatrixSelector,
    NumberLiteral, Paren, Sign, Span, StringLiteral, Subquery, Unary, ValueType, VectorSelector,
};
pub use duration::{
    DurationExpr, DurationOp, DurationOperand, Length, LengthContext, LengthError, LengthErrorKind,
};
pub use error::ParseError;
pub use functions::{Arity, FUNCTIONS, Signature, function};
pub use pretty::{pretty, pretty_within};
pub use quote::quote;
#[cfg(feature = "rules")]
pub(crate) use quote::{quote_char, unquote_text};
pub use series::{SeriesValue, parse_metric, parse_selector, parse_series};

/// Which parts of the language beyond the stable ones a query may use, and how deep it may nest.
///
/// ```
/// use promql::parser::ParserOptions;
/// let options = ParserOptions::default().with_flag("promql-duration-expr");
/// assert!(options.parse("rate(up[2 * step()])").is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParserOptions {
    /// `promql-experimental-functions`: functions and aggregations marked experimental.
    pub experimental_functions: bool,
    /// `promql-duration-expr`: arithmetic in ranges, offsets and steps.
    pub duration_expressions: bool,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`.
    pub fill_modifiers: bool,
    /// How deep expressions may nest in the text; a guard of the stack of whoever parses. 128 unless told otherwise.
    pub max_depth: usize,
    /// How high the tree may grow, in which each operator of a chain such as `a or b or c` stands above the one before it;
    /// a guard of the stack of whoever walks through it. 1,100 unless told otherwise.
    pub max_height: usize,
}

impl Default for ParserOptions {
    fn default() -> Self {
        Self {
            experimental_functions: false,
            duration_expressions: false,
            extended_range_selectors: false,
            fill_modifiers: false,
            max_depth: 128,
            max_height: 1100,
        }
    }
}

impl ParserOptions {
    /// Everything switched on.
    pub fn all() -> Self {
        Self {
            experimental_functions: true,
            duration_expressions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
            ..Self::default()
        }
    }

    /// Switches on what a feature flag of the original stands for; flags of other parts change nothing.
    #[must_use]
    pub fn with_flag(mut self, flag: &str) -> Self {
        match flag {
            "promql-experimental-functions" => self.experimental_functions = true,
            "promql-duration-expr" => self.duration_expressions = true,
            "promql-extended-range-selectors" => self.extended_range_selectors = true,
            "promql-binop-fill-modifiers" => self.fill_modifiers = true,
            _ => {}
        }
        self
    }

    /// Parses and checks a query.
    ///
    /// # Errors
    /// Where and why the text is not a query.
    pub fn parse(&self, query: &str) -> Result<Expr, ParseError> {
        parse::parse_query(query, self)
    }
}

/// Parses and checks a query of the stable language.
///
/// # Errors
/// Where and why the text is not a query.
///
/// ```
/// use promql::parser::{parse, ValueType};
/// let query = parse(r#"sum by(job)(rate(http_requests_total{code=~"5.."}[5m]))"#).unwrap();
/// assert_eq!(query.value_type(), ValueType::Vector);
/// assert_eq!(query.to_string(), r#"sum by (job) (rate(http_requests_total{code=~"5.."}[5m]))"#);
/// ```
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    ParserOptions::default().parse(query)
}
