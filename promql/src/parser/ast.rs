//! The syntax tree of a query: plain data, a [`Span`] on every node.

use std::fmt;

use metrics_core::{Matcher, Timestamp};

use super::duration::Length;
use super::functions::Signature;

/// Where a piece of a query stands in its text, in bytes, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The span from the beginning of this one to the end of the other.
    pub const fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }

    /// Line and column of the span's start, both counted from 1, columns in bytes.
    ///
    /// ```
    /// use promql::parser::Span;
    /// assert_eq!(Span::new(5, 6).line_column("sum(\nx)"), (2, 1));
    /// ```
    pub fn line_column(self, query: &str) -> (usize, usize) {
        let before = &query.as_bytes()[..self.start.min(query.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = match before.iter().rposition(|b| *b == b'\n') {
            Some(at) => self.start - at,
            None => self.start + 1,
        };
        (line, column)
    }
}

/// What kind of value an expression yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One float per step.
    Scalar,
    /// One sample per series and step.
    Vector,
    /// A window of samples per series and step.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// The name that the API uses: `scalar`, `vector`, `matrix`, `string`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }

    /// The name that documentation and error messages use: `instant vector`, `range vector`.
    pub const fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `42`, `0x2a`, `Inf`, `5m`
    Number(NumberLiteral),
    /// `"text"`
    String(Box<StringLiteral>),
    /// `(…)`
    Paren(Box<Paren>),
    /// `-…`, `+…`
    Unary(Box<Unary>),
    /// `… + …`
    Binary(Box<Binary>),
    /// `sum by (job) (…)`
    Aggregate(Box<Aggregate>),
    /// `rate(…)`
    Call(Box<Call>),
    /// `up{job="node"} offset 5m`
    Vector(Box<VectorSelector>),
    /// `up[5m]`
    Matrix(Box<MatrixSelector>),
    /// `(…)[1h:5m]`
    Subquery(Box<Subquery>),
}

impl Expr {
    /// The type of the expression's value.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Paren(e) => e.expr.value_type(),
            Self::Unary(e) => e.expr.value_type(),
            Self::Binary(e) => match (e.lhs.value_type(), e.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Self::Aggregate(_) | Self::Vector(_) => ValueType::Vector,
            Self::Call(e) => e.function.returns,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
        }
    }

    /// Where the expression stands in the query.
    pub fn span(&self) -> Span {
        match self {
            Self::Number(e) => e.span,
            Self::String(e) => e.span,
            Self::Paren(e) => e.span,
            Self::Unary(e) => e.span,
            Self::Binary(e) => e.span,
            Self::Aggregate(e) => e.span,
            Self::Call(e) => e.span,
            Self::Vector(e) => e.span,
            Self::Matrix(e) => e.span,
            Self::Subquery(e) => e.span,
        }
    }

    /// The expression inside any number of parentheses.
    pub fn unparenthesised(&self) -> &Self {
        let mut inner = self;
        while let Self::Paren(p) = inner {
            inner = &p.expr;
        }
        inner
    }
}

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberLiteral {
    /// The number; seconds if it was written as a duration.
    pub value: f64,
    /// Whether it was written as a duration, such as `5m`, and is printed as one.
    pub is_duration: bool,
    /// Where it stands.
    pub span: Span,
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringLiteral {
    /// The text, unquoted; bytes that are not valid UTF-8 stand replaced.
    pub value: String,
    /// The exact bytes where they are not valid UTF-8.
    pub bytes: Option<Box<[u8]>>,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// An expression in parentheses.
#[derive(Debug, Clone, PartialEq)]
pub struct Paren {
    /// What stands inside.
    pub expr: Expr,
    /// Where it stands, parentheses included.
    pub span: Span,
}

/// A sign in front of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    /// The sign.
    pub op: Sign,
    /// What it applies to.
    pub expr: Expr,
    /// Where it stands, sign included.
    pub span: Span,
}

/// `+` or `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

impl Sign {
    /// The sign as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
        }
    }
}

/// Two expressions joined by an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left side.
    pub lhs: Expr,
    /// The right side.
    pub rhs: Expr,
    /// How series find their partners; present exactly when both sides are instant vectors.
    pub matching: Option<Matching>,
    /// `bool`: a comparison yields 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// From the left side's start to the right side's end.
    pub span: Span,
}

/// An operator between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Eq,
    /// `!=`
    NotEq,
    /// `<`
    Less,
    /// `<=`
    LessEq,
    /// `>`
    Greater,
    /// `>=`
    GreaterEq,
    /// `</`: cuts a native histogram off above a bound.
    TrimUpper,
    /// `>/`: cuts a native histogram off below a bound.
    TrimLower,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
}

impl BinaryOp {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::NotEq => "!=",
            Self::Less => "<",
            Self::LessEq => "<=",
            Self::Greater => ">",
            Self::GreaterEq => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Whether it compares: `== != < <= > >=`.
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::NotEq | Self::Less | Self::LessEq | Self::Greater | Self::GreaterEq)
    }

    /// Whether it works on sets of series: `and or unless`.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How many series of one side belong to one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cardinality {
    /// One on each side.
    #[default]
    OneToOne,
    /// Many on the left: `group_left`.
    ManyToOne,
    /// Many on the right: `group_right`.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

impl Cardinality {
    /// The name that messages and the API use: `one-to-one`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// How series of two instant vectors find their partners.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// How many belong to how many.
    pub cardinality: Cardinality,
    /// Labels to match on, or to leave out, in the order given.
    pub labels: Vec<String>,
    /// `on`: match on the labels; otherwise on all others.
    pub on: bool,
    /// Labels to take over from the "one" side.
    pub include: Vec<String>,
    /// `fill`, `fill_left`: value of a left side that has no series.
    pub fill_left: Option<f64>,
    /// `fill`, `fill_right`: value of a right side that has no series.
    pub fill_right: Option<f64>,
}

/// An aggregation over series.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// What is computed.
    pub op: AggregateOp,
    /// Over what.
    pub expr: Expr,
    /// The first argument of those that take two: `k`, the quantile, the label's name.
    pub param: Option<Expr>,
    /// Labels of `by` or `without`, in the order given.
    pub grouping: Vec<String>,
    /// Whether the labels are left out rather than kept.
    pub without: bool,
    /// Where it stands.
    pub span: Span,
}

/// An aggregation operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `count`
    Count,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `group`
    Group,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `topk`
    Topk,
    /// `bottomk`
    Bottomk,
    /// `count_values`
    CountValues,
    /// `quantile`
    Quantile,
    /// `limitk`
    Limitk,
    /// `limit_ratio`
    LimitRatio,
}

impl AggregateOp {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// The type of the parameter, for those that take one.
    pub const fn param_type(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }

    /// Whether it needs the feature flag `promql-experimental-functions`.
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

/// A function call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function's entry in the table of functions.
    pub function: &'static Signature,
    /// The arguments.
    pub args: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name && self.args == other.args && self.span == other.span
    }
}

/// A selection of series at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The metric name if it stands in front of the braces.
    pub name: Option<String>,
    /// All conditions, the name's included (as the last, if it stands in front of the braces).
    pub matchers: Vec<Matcher>,
    /// How far back to look; negative looks ahead. Zero if not given.
    pub offset: Length,
    /// The fixed time to look at, if given.
    pub at: Option<At>,
    /// Whether a range's edges are taken as they are, anchored or smoothed.
    pub edges: Edges,
    /// Where it stands. Modifiers behind a range's bracket belong to the range's span.
    pub span: Span,
}

/// The `@` modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// `@ 1609746000`, in milliseconds
    Time(Timestamp),
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

/// What happens at the two edges of a window (feature flag `promql-extended-range-selectors`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Edges {
    /// Only samples inside count.
    #[default]
    Plain,
    /// `anchored`: the samples before the edges count as if they stood on them.
    Anchored,
    /// `smoothed`: values at the edges are interpolated.
    Smoothed,
}

/// A selection of windows of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    /// Which series; offset, `@` and edges of the whole are kept here.
    pub selector: VectorSelector,
    /// The window's length.
    pub range: Length,
    /// Where it stands, modifiers included.
    pub span: Span,
}

/// A window over the results of a query that is evaluated step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// The inner query.
    pub expr: Expr,
    /// The window's length.
    pub range: Length,
    /// The resolution; the engine's default if absent.
    pub step: Option<Length>,
    /// How far back to look; negative looks ahead. Zero if not given.
    pub offset: Length,
    /// The fixed time to look at, if given.
    pub at: Option<At>,
    /// Where it stands, modifiers included.
    pub span: Span,
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for AggregateOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
