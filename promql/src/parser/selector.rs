//! Selectors and what may follow them: ranges, subqueries, offsets, `@`, edges.

use metrics_core::{MatchOp, Matcher};

use super::ast::{
    At, BinaryOp, Edges, Expr, MatrixSelector, NumberLiteral, Sign, Span, Subquery, VectorSelector,
};
use super::cursor::{Context, Parsed, Parser};
use super::duration::{DurationExpr, DurationOp, DurationOperand, Length, is_out_of_range};
use super::error::ParseError;
use super::token::{Kind, Token};

const OFFSET: Context = Context { reading: "offset", expected: "number, duration, step(), or range()" };
const AT: Context = Context { reading: "@", expected: "timestamp" };
const RANGE_START: Context =
    Context { reading: "subquery or range selector", expected: "number, duration, step(), or range()" };
const RANGE_END: Context = Context { reading: "subquery or range", expected: "\":\" or \"]\"" };
const STEP_START: Context =
    Context { reading: "subquery selector", expected: "number, duration, step(), range(), or \"]\"" };
const STEP_END: Context = Context { reading: "subquery selector", expected: "\"]\"" };

impl<'a> Parser<'a> {
    // Selectors.

    /// A selector whose name, if it has one, has been taken.
    pub(super) fn selector(&mut self, name: Option<Token<'a>>) -> Parsed<Expr> {
        let mut matchers = Vec::new();
        let start = match name {
            Some(name) => name.start,
            None => self.peek()?.start,
        };
        if name.is_none() || self.next_is(Kind::LeftBrace)? {
            self.take()?;
            self.matchers(&mut matchers)?;
        }
        if let Some(name) = name {
            matchers.push(Matcher::metric_name(name.text));
        }
        Ok(Expr::Vector(Box::new(VectorSelector {
            name: name.map(|n| n.text.to_owned()),
            matchers,
            offset: Length::ZERO,
            at: None,
            edges: Edges::Plain,
            span: Span::new(start, self.last_end),
        })))
    }

    /// The conditions behind an opening brace, and the closing brace.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<()> {
        if self.eat(Kind::RightBrace)?.is_some() {
            return Ok(());
        }
        loop {
            matchers.push(self.matcher()?);
            if self.eat(Kind::Comma)?.is_some() {
                if self.eat(Kind::RightBrace)?.is_some() {
                    return Ok(());
                }
            } else if self.eat(Kind::RightBrace)?.is_some() {
                return Ok(());
            } else {
                return Err(self.unexpected_in("label matching", "\",\" or \"}\"")?);
            }
        }
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let token = self.peek()?;
        let name = match token.kind {
            Kind::Identifier => {
                self.take()?;
                token.text.to_owned()
            }
            Kind::String => {
                self.take()?;
                self.unquote(token)?.0
            }
            _ => return Err(self.unexpected_in("label matching", "identifier or \"}\"")?),
        };
        let op = match self.peek()?.kind {
            Kind::Eql => MatchOp::Equal,
            Kind::Binary(BinaryOp::NotEq) => MatchOp::NotEqual,
            Kind::EqlRegex => MatchOp::Regex,
            Kind::NeqRegex => MatchOp::NotRegex,
            // A quoted name alone is the metric's.
            _ if token.kind == Kind::String => return Ok(Matcher::metric_name(name)),
            _ => return Err(self.unexpected_in("label matching", "label matching operator")?),
        };
        self.take()?;
        let value = self.peek()?;
        if value.kind != Kind::String {
            return Err(self.unexpected_in("label matching", "string")?);
        }
        self.take()?;
        let text = self.unquote(value)?.0;
        Matcher::new(name, op, text.as_str()).map_err(|error| {
            let message = super::regex_error::message(&error, &text);
            self.error(token.span().to(value.span()), message)
        })
    }

    // Ranges and subqueries.

    pub(super) fn range(&mut self, expr: Expr) -> Parsed<Expr> {
        let open = self.take()?;
        let range = self.within(RANGE_START, Self::positive_length)?;
        if self.eat(Kind::Colon)?.is_some() {
            return self.subquery(expr, range);
        }
        let close = self.within(RANGE_END, |p| p.expect(Kind::RightBracket))?;
        let problem = match &expr {
            Expr::Vector(v) if !v.offset.is_zero() => "no offset modifiers allowed before range",
            Expr::Vector(v) if v.at.is_some() => "no @ modifiers allowed before range",
            Expr::Vector(_) => "",
            _ => "ranges only allowed for vector selectors",
        };
        match expr {
            Expr::Vector(selector) if problem.is_empty() => {
                let span = Span::new(selector.span.start, self.last_end);
                Ok(Expr::Matrix(Box::new(MatrixSelector { selector: *selector, range, span })))
            }
            _ => Err(self.error(open.span().to(close.span()), problem)),
        }
    }

    fn subquery(&mut self, expr: Expr, range: Length) -> Parsed<Expr> {
        let step = if self.next_is(Kind::RightBracket)? {
            None
        } else {
            Some(self.within(STEP_START, Self::positive_length)?)
        };
        self.within(STEP_END, |p| p.expect(Kind::RightBracket))?;
        self.grow(self.height, expr.span())?;
        let span = Span::new(expr.span().start, self.last_end);
        Ok(Expr::Subquery(Box::new(Subquery { expr, range, step, offset: Length::ZERO, at: None, span })))
    }

    // Modifiers.

    pub(super) fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.take()?;
        let length = self.within(OFFSET, Self::offset_length)?;
        // The original looks at the next word before it judges the offset.
        self.peek()?;
        let end = self.last_end;
        let span = expr.span();
        let (offset, whole) = match &mut expr {
            Expr::Vector(e) => (&mut e.offset, &mut e.span),
            Expr::Matrix(e) => (&mut e.selector.offset, &mut e.span),
            Expr::Subquery(e) => (&mut e.offset, &mut e.span),
            _ => {
                return Err(self.error(
                    span,
                    "offset modifier must be preceded by an instant vector selector or range vector \
                     selector or a subquery",
                ));
            }
        };
        if !offset.is_zero() {
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        *offset = length;
        whole.end = end;
        Ok(expr)
    }

    pub(super) fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.take()?;
        let at = self.within(AT, Self::at_time)?;
        let end = self.last_end;
        let span = expr.span();
        let at = match at {
            Ok(at) => at,
            Err(seconds) => {
                let seconds = match seconds.is_finite() {
                    true => format!("{seconds:.6}"),
                    false => metrics_core::number::format_decimal(seconds),
                };
                return Err(self.error(span, format!("timestamp out of bounds for @ modifier: {seconds}")));
            }
        };
        let (slot, whole) = match &mut expr {
            Expr::Vector(e) => (&mut e.at, &mut e.span),
            Expr::Matrix(e) => (&mut e.selector.at, &mut e.span),
            Expr::Subquery(e) => (&mut e.at, &mut e.span),
            _ => {
                return Err(self.error(
                    span,
                    "@ modifier must be preceded by an instant vector selector or range vector selector \
                     or a subquery",
                ));
            }
        };
        if slot.is_some() {
            return Err(self.error(span, "@ <timestamp> may not be set multiple times"));
        }
        *slot = Some(at);
        whole.end = end;
        Ok(expr)
    }

    /// `start()`, `end()` or a number of seconds; the number alone where no timestamp can hold it.
    fn at_time(&mut self) -> Parsed<Result<At, f64>> {
        let word = match self.peek()?.kind {
            Kind::Start => Some(At::Start),
            Kind::End => Some(At::End),
            _ => None,
        };
        if let Some(at) = word {
            self.take()?;
            self.expect(Kind::LeftParen)?;
            self.expect(Kind::RightParen)?;
            return Ok(Ok(at));
        }
        let sign = self.eat_sign()?;
        let number = self.number_literal()?.value;
        let seconds = if let Some((Sign::Minus, _)) = sign { -number } else { number };
        if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
            return Ok(Err(seconds));
        }
        Ok(Ok(At::Time((seconds * 1000.0).round() as i64)))
    }

    pub(super) fn edges(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let (word, wanted) = match self.take()?.kind {
            Kind::Anchored => ("anchored", Edges::Anchored),
            _ => ("smoothed", Edges::Smoothed),
        };
        let span = expr.span();
        if !self.options.extended_range_selectors {
            return Err(self.error(span, format!("{word} modifier is experimental and not enabled")));
        }
        let edges = match &mut expr {
            Expr::Vector(e) => &mut e.edges,
            Expr::Matrix(e) => &mut e.selector.edges,
            Expr::Subquery(_) => {
                return Err(self.error(span, format!("{word} modifier is not supported for subqueries")));
            }
            _ => return Err(self.error(span, format!("{word} modifier not implemented"))),
        };
        if *edges != Edges::Plain && *edges != wanted {
            return Err(self.error(span, "anchored and smoothed modifiers cannot be used together"));
        }
        *edges = wanted;
        Ok(expr)
    }

    // Lengths of time.

    /// The length of a range or step.
    fn positive_length(&mut self) -> Parsed<Length> {
        let operand = self.duration(0)?;
        // The original looks at the next word before it judges the length.
        self.peek()?;
        match operand {
            DurationOperand::Number(n) if n.value <= 0.0 || n.value.is_nan() => {
                Err(self.error(n.span, "duration must be greater than 0"))
            }
            operand => Ok(length(operand)),
        }
    }

    /// The length of an offset: unlike elsewhere, an operator behind a plain length ends it, so that
    /// `a offset 5m + b` adds two vectors.
    fn offset_length(&mut self) -> Parsed<Length> {
        let operand = match self.peek()?.kind {
            Kind::Binary(BinaryOp::Add | BinaryOp::Sub) => {
                let Some((sign, token)) = self.eat_sign()? else {
                    return Err(self.unexpected()?);
                };
                match self.peek()?.kind {
                    Kind::Number | Kind::Duration => {
                        let operand = self.duration_atom(None)?;
                        apply_sign(sign, token, operand)
                    }
                    // In this place the original does not ask for the feature flag.
                    Kind::LeftParen => {
                        self.take()?;
                        let inner = self.deeper(|p| p.duration(0))?;
                        self.expect(Kind::RightParen)?;
                        let span = inner.span();
                        apply_sign(sign, token, wrap(inner, span.start, span.end))
                    }
                    Kind::Step | Kind::Range | Kind::MaxOf | Kind::MinOf => {
                        let rhs = self.duration_atom(Some(token.start))?;
                        let op = if sign == Sign::Minus { DurationOp::Sub } else { DurationOp::Add };
                        let end = rhs.span().end;
                        DurationOperand::Expr(Box::new(DurationExpr {
                            op,
                            lhs: None,
                            rhs: Some(rhs),
                            wrapped: false,
                            start: token.start,
                            end,
                        }))
                    }
                    _ => {
                        let operand = apply_sign(sign, token, self.duration(DURATION_SIGN)?);
                        self.duration_rest(operand, 0)?
                    }
                }
            }
            Kind::LeftParen => self.duration(0)?,
            _ => self.duration_atom(None)?,
        };
        Ok(length(operand))
    }

    /// A duration expression of operators that bind at least as tightly as `min`.
    fn duration(&mut self, min: u8) -> Parsed<DurationOperand> {
        let first = match self.eat_sign()? {
            Some((sign, token)) => apply_sign(sign, token, self.deeper(|p| p.duration(DURATION_SIGN))?),
            None => self.duration_atom(None)?,
        };
        self.duration_rest(first, min)
    }

    /// Operators and operands that follow a first operand.
    fn duration_rest(&mut self, mut lhs: DurationOperand, min: u8) -> Parsed<DurationOperand> {
        while let Some((op, precedence)) = duration_op(self.peek()?.kind) {
            if precedence < min {
                break;
            }
            let operator = self.take()?;
            let next = if op == DurationOp::Pow { precedence } else { precedence + 1 };
            let rhs = self.deeper(|p| p.duration(next))?;
            self.experimental_duration(lhs.span())?;
            if let DurationOperand::Number(NumberLiteral { value: 0.0, .. }) = rhs {
                match op {
                    DurationOp::Div => return Err(self.error(operator.span(), "division by zero")),
                    DurationOp::Mod => return Err(self.error(operator.span(), "modulo by zero")),
                    _ => {}
                }
            }
            let (start, end) = (lhs.span().start, rhs.span().end);
            lhs = DurationOperand::Expr(Box::new(DurationExpr {
                op,
                lhs: Some(lhs),
                rhs: Some(rhs),
                wrapped: false,
                start,
                end,
            }));
        }
        Ok(lhs)
    }

    /// A number, a word or something in parentheses; behind a sign, words are reported from the sign on.
    fn duration_atom(&mut self, sign: Option<usize>) -> Parsed<DurationOperand> {
        let token = self.peek()?;
        match token.kind {
            Kind::Step | Kind::Range => {
                self.take()?;
                self.expect(Kind::LeftParen)?;
                let close = self.expect(Kind::RightParen)?;
                let op = if token.kind == Kind::Step { DurationOp::Step } else { DurationOp::Range };
                self.experimental_duration(Span::new(sign.unwrap_or(token.start), close.end()))?;
                Ok(DurationOperand::Expr(Box::new(DurationExpr {
                    op,
                    lhs: None,
                    rhs: None,
                    wrapped: false,
                    start: token.start,
                    end: close.end(),
                })))
            }
            Kind::MaxOf | Kind::MinOf => {
                self.take()?;
                self.expect(Kind::LeftParen)?;
                let lhs = self.deeper(|p| p.duration(0))?;
                self.expect(Kind::Comma)?;
                let rhs = self.deeper(|p| p.duration(0))?;
                let close = self.expect(Kind::RightParen)?;
                let op = if token.kind == Kind::MaxOf { DurationOp::MaxOf } else { DurationOp::MinOf };
                self.experimental_duration(Span::new(sign.unwrap_or(lhs.span().start), rhs.span().end))?;
                Ok(DurationOperand::Expr(Box::new(DurationExpr {
                    op,
                    lhs: Some(lhs),
                    rhs: Some(rhs),
                    wrapped: false,
                    start: token.start,
                    end: close.end(),
                })))
            }
            Kind::LeftParen => {
                self.take()?;
                let inner = self.deeper(|p| p.duration(0))?;
                let close = self.expect(Kind::RightParen)?;
                self.experimental_duration(inner.span())?;
                Ok(wrap(inner, token.start, close.end()))
            }
            _ => {
                let number = self.number_literal()?;
                if is_out_of_range(number.value) {
                    return Err(self.error(number.span, "duration out of range"));
                }
                Ok(DurationOperand::Number(number))
            }
        }
    }

    fn experimental_duration(&self, span: Span) -> Result<(), ParseError> {
        match self.options.duration_expressions {
            true => Ok(()),
            false => Err(self.error(span, "experimental duration expression is not enabled")),
        }
    }
}

/// How tightly a sign binds in a duration expression.
const DURATION_SIGN: u8 = 2;

fn duration_op(kind: Kind) -> Option<(DurationOp, u8)> {
    Some(match kind {
        Kind::Binary(BinaryOp::Add) => (DurationOp::Add, 0),
        Kind::Binary(BinaryOp::Sub) => (DurationOp::Sub, 0),
        Kind::Binary(BinaryOp::Mul) => (DurationOp::Mul, 1),
        Kind::Binary(BinaryOp::Div) => (DurationOp::Div, 1),
        Kind::Binary(BinaryOp::Mod) => (DurationOp::Mod, 1),
        Kind::Binary(BinaryOp::Pow) => (DurationOp::Pow, 2),
        _ => return None,
    })
}

/// Marks an operand as parenthesised; a number becomes the operand of a `+` that is not printed.
fn wrap(operand: DurationOperand, start: usize, end: usize) -> DurationOperand {
    DurationOperand::Expr(match operand {
        DurationOperand::Expr(mut expr) => {
            expr.wrapped = true;
            expr
        }
        number => Box::new(DurationExpr {
            op: DurationOp::Add,
            lhs: None,
            rhs: Some(number),
            wrapped: true,
            start,
            end,
        }),
    })
}

fn apply_sign(sign: Sign, token: Token<'_>, operand: DurationOperand) -> DurationOperand {
    match (operand, sign) {
        (DurationOperand::Number(mut number), sign) => {
            if sign == Sign::Minus {
                number.value = -number.value;
            }
            number.span.start = token.start;
            DurationOperand::Number(number)
        }
        (expr, Sign::Plus) => expr,
        (rhs, Sign::Minus) => {
            let end = rhs.span().end;
            DurationOperand::Expr(Box::new(DurationExpr {
                op: DurationOp::Sub,
                lhs: None,
                rhs: Some(rhs),
                wrapped: false,
                start: token.start,
                end,
            }))
        }
    }
}

fn length(operand: DurationOperand) -> Length {
    match operand {
        DurationOperand::Number(n) => Length::from_seconds(n.value),
        DurationOperand::Expr(e) => Length::Computed(e),
    }
}
