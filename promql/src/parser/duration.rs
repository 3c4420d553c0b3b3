//! Lengths of time inside a query: literals, and arithmetic over them that needs the query's step and range.

use std::time::Duration;

use metrics_core::time::{DurationError, format_duration, parse_duration};

use super::ast::{NumberLiteral, Span};

/// A range, offset or step as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    /// Known from the text alone, in nanoseconds.
    Fixed(i64),
    /// A duration expression (feature flag `promql-duration-expr`).
    Computed(Box<DurationExpr>),
}

impl Length {
    /// No length.
    pub const ZERO: Self = Self::Fixed(0);

    /// A fixed length, rounded to nanoseconds.
    pub fn from_seconds(seconds: f64) -> Self {
        Self::Fixed((seconds * 1e9).round() as i64)
    }

    /// Whether this is the literal zero, which for an offset means the same as none.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Fixed(0))
    }

    /// The length in whole milliseconds (cut off, as the original does), given the query's context.
    ///
    /// # Errors
    /// If an expression divides by zero or leaves the range of a duration.
    pub fn millis(&self, context: &LengthContext) -> Result<i64, LengthError> {
        match self {
            Self::Fixed(ns) => Ok(ns / 1_000_000),
            Self::Computed(expr) => {
                let error = |kind| LengthError { span: expr.span(), kind };
                let seconds = expr.seconds(context)?;
                if !seconds.is_finite() {
                    return Err(error(LengthErrorKind::NotFinite));
                }
                if is_out_of_range(seconds) {
                    return Err(error(LengthErrorKind::OutOfRange));
                }
                Ok((seconds * 1000.0) as i64)
            }
        }
    }

    /// As [`Length::millis`], for ranges and steps, which must be positive.
    ///
    /// # Errors
    /// As [`Length::millis`], and if an expression yields zero or less.
    pub fn positive_millis(&self, context: &LengthContext) -> Result<i64, LengthError> {
        if let Self::Computed(expr) = self
            && expr.seconds(context)? <= 0.0
        {
            return Err(LengthError { span: expr.span(), kind: LengthErrorKind::NotPositive });
        }
        self.millis(context)
    }
}

/// What `step()` and `range()` stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LengthContext {
    /// The query's step, in milliseconds.
    pub step: i64,
    /// The query's end minus its start, in milliseconds.
    pub range: i64,
}

/// The field counts nanoseconds in 64 bits.
const MAX_SECONDS: f64 = 9_223_372_036.854_776;

/// Whether so many seconds are more than a duration can hold.
pub(crate) fn is_out_of_range(seconds: f64) -> bool {
    seconds.abs() > MAX_SECONDS
}

/// Reads a duration literal such as `1h30m`, in seconds. Errors carry the original's words.
pub(crate) fn parse_seconds(text: &str) -> Result<f64, String> {
    match parse_duration(text) {
        Ok(duration) => Ok(duration.as_millis() as f64 / 1000.0),
        Err(DurationError::Syntax) => Err(format!("not a valid duration string: {}", super::quote(text))),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes a length as the language does: `1h30m`, `-5m`; units below a millisecond are cut off.
pub(crate) fn format_nanos(nanos: i64) -> String {
    let text = format_duration(Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{text}") } else { text }
}

/// An operand of a duration expression.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationOperand {
    /// A number of seconds, or a duration.
    Number(NumberLiteral),
    /// A nested expression.
    Expr(Box<DurationExpr>),
}

impl DurationOperand {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Number(n) => n.span,
            Self::Expr(e) => e.span(),
        }
    }

    fn seconds(&self, context: &LengthContext) -> Result<f64, LengthError> {
        match self {
            Self::Number(n) => Ok(n.value),
            Self::Expr(e) => e.seconds(context),
        }
    }
}

/// Arithmetic over lengths of time.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    /// What is computed.
    pub op: DurationOp,
    /// The left operand; absent for signs, `step()` and `range()`.
    pub lhs: Option<DurationOperand>,
    /// The right or only operand; absent for `step()` and `range()`.
    pub rhs: Option<DurationOperand>,
    /// Whether it stands in parentheses.
    pub wrapped: bool,
    /// Start of a sign or of a word such as `step`.
    pub start: usize,
    /// End of `step()` and `range()`.
    pub end: usize,
}

/// An operator of a duration expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DurationOp {
    /// `+`, also as a sign
    Add,
    /// `-`, also as a sign
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `step()`
    Step,
    /// `range()`
    Range,
    /// `min_of(…, …)`
    MinOf,
    /// `max_of(…, …)`
    MaxOf,
}

impl DurationOp {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Step => "step",
            Self::Range => "range",
            Self::MinOf => "min_of",
            Self::MaxOf => "max_of",
        }
    }
}

impl DurationExpr {
    /// Where it stands, as the original reports it: without the parentheses of binary operations.
    pub fn span(&self) -> Span {
        match (&self.lhs, &self.rhs) {
            (None, None) => Span::new(self.start, self.end),
            (Some(lhs), None) => Span::new(self.start, lhs.span().end),
            (None, Some(rhs)) => Span::new(self.start, rhs.span().end),
            (Some(lhs), Some(rhs)) => lhs.span().to(rhs.span()),
        }
    }

    fn seconds(&self, context: &LengthContext) -> Result<f64, LengthError> {
        let operand = |side: &Option<DurationOperand>| match side {
            Some(operand) => operand.seconds(context),
            None => Ok(0.0),
        };
        let (lhs, rhs) = (operand(&self.lhs)?, operand(&self.rhs)?);
        let nonzero = |kind| match rhs {
            0.0 => Err(LengthError { span: self.span(), kind }),
            _ => Ok(rhs),
        };
        Ok(match self.op {
            DurationOp::Step => context.step as f64 / 1000.0,
            DurationOp::Range => context.range as f64 / 1000.0,
            DurationOp::MinOf if lhs.is_nan() || rhs.is_nan() => f64::NAN,
            DurationOp::MaxOf if lhs.is_nan() || rhs.is_nan() => f64::NAN,
            DurationOp::MinOf => lhs.min(rhs),
            DurationOp::MaxOf => lhs.max(rhs),
            DurationOp::Add => lhs + rhs,
            DurationOp::Sub => lhs - rhs,
            DurationOp::Mul => lhs * rhs,
            DurationOp::Div => lhs / nonzero(LengthErrorKind::DivisionByZero)?,
            DurationOp::Mod => lhs % nonzero(LengthErrorKind::ModuloByZero)?,
            DurationOp::Pow => lhs.powf(rhs),
        })
    }
}

/// Why a duration expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {kind}", .span.start, .span.end)]
pub struct LengthError {
    /// Where the expression stands.
    pub span: Span,
    /// What is wrong.
    pub kind: LengthErrorKind,
}

/// What is wrong with a duration expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LengthErrorKind {
    /// NaN or infinite.
    #[error("duration is NaN or infinite")]
    NotFinite,
    /// Zero or less where only a positive length makes sense.
    #[error("duration must be greater than 0")]
    NotPositive,
    /// More than about 292 years.
    #[error("duration is out of range")]
    OutOfRange,
    /// `/ 0`
    #[error("division by zero")]
    DivisionByZero,
    /// `% 0`
    #[error("modulo by zero")]
    ModuloByZero,
}
