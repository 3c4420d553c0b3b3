//! From words to syntax tree: precedence climbing, one function per rule.
//!
//! ```text
//! expr      = unary { operator modifiers unary }            by precedence, ^ from the right
//! unary     = ( "+" | "-" ) unary | postfix
//! postfix   = primary { "[" … "]" | "offset" … | "@" … | "anchored" | "smoothed" }
//! primary   = number | string | "(" expr ")" | selector | call | aggregation
//! modifiers = [ "bool" ] [ ( "on" | "ignoring" ) labels [ ( "group_left" | "group_right" ) [ labels ] ] ] [ fill ]
//! ```

use super::ast::{Binary, BinaryOp, Expr, NumberLiteral, Paren, Sign, Span, StringLiteral, Unary};
use super::cursor::{Parsed, Parser};
use super::error::ParseError;
use super::lex::Lexer;
use super::number::parse_number;
use super::quote::{quote, unquote};
use super::token::{Kind, Token};
use super::{ParserOptions, check};

/// Parses and checks a whole query.
pub(super) fn parse_query(input: &str, options: &ParserOptions) -> Parsed<Expr> {
    let mut parser = Parser::new(input, Lexer::new(input), options);
    if parser.peek()?.kind == Kind::Eof {
        return Err(ParseError::new(input, Span::new(0, 0), "no expression found in input"));
    }
    let mut expr = parser.expr()?;
    parser.expect_end()?;
    check::check(&mut expr, input)?;
    Ok(expr)
}

impl<'a> Parser<'a> {
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(|p| p.binary(0))
    }

    /// Operators that bind at least as tightly as `min`.
    fn binary(&mut self, min: u8) -> Parsed<Expr> {
        let mut lhs = self.unary()?;
        while let Kind::Binary(op) = self.peek()?.kind {
            let precedence = precedence(op);
            if precedence < min {
                break;
            }
            let operator = self.take()?;
            let left_height = self.height;
            let (return_bool, matching) = self.modifiers()?;
            let next = if op == BinaryOp::Pow { precedence } else { precedence + 1 };
            let rhs = self.deeper(|p| p.binary(next))?;
            self.grow(self.height.max(left_height), operator.span())?;
            let span = lhs.span().to(rhs.span());
            if !self.options.fill_modifiers && (matching.fill_left.is_some() || matching.fill_right.is_some())
            {
                return Err(self.error(span, "binop fill modifiers are experimental and not enabled"));
            }
            lhs =
                Expr::Binary(Box::new(Binary { op, lhs, rhs, matching: Some(matching), return_bool, span }));
        }
        Ok(lhs)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let Some((op, sign)) = self.eat_sign()? else {
            return self.postfix();
        };
        let operand = self.deeper(|p| p.binary(precedence(BinaryOp::Mul) + 1))?;
        Ok(match operand {
            Expr::Number(mut number) => {
                if op == Sign::Minus {
                    number.value = -number.value;
                }
                number.span.start = sign.start;
                Expr::Number(number)
            }
            expr => {
                let span = sign.span().to(expr.span());
                self.grow(self.height, span)?;
                Expr::Unary(Box::new(Unary { op, expr, span }))
            }
        })
    }

    pub(super) fn eat_sign(&mut self) -> Parsed<Option<(Sign, Token<'a>)>> {
        let sign = match self.peek()?.kind {
            Kind::Binary(BinaryOp::Add) => Sign::Plus,
            Kind::Binary(BinaryOp::Sub) => Sign::Minus,
            _ => return Ok(None),
        };
        Ok(Some((sign, self.take()?)))
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        loop {
            expr = match self.peek()?.kind {
                Kind::LeftBracket => self.range(expr)?,
                Kind::Offset => self.offset(expr)?,
                Kind::At => self.at(expr)?,
                Kind::Anchored | Kind::Smoothed => self.edges(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek()?;
        self.height = 1;
        match token.kind {
            Kind::Number | Kind::Duration => self.number_literal().map(Expr::Number),
            Kind::String => self.string(),
            Kind::LeftParen => self.paren(),
            Kind::LeftBrace => self.selector(None),
            Kind::Aggregate(op) => self.aggregation_or_name(op),
            Kind::Identifier
            | Kind::Start
            | Kind::End
            | Kind::Step
            | Kind::Range
            | Kind::MaxOf
            | Kind::MinOf => self.call_or_name(),
            Kind::MetricIdentifier
            | Kind::By
            | Kind::Without
            | Kind::Fill
            | Kind::FillLeft
            | Kind::FillRight
            | Kind::Offset
            | Kind::Anchored
            | Kind::Smoothed
            | Kind::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless) => {
                self.take()?;
                self.selector(Some(token))
            }
            _ => Err(self.unexpected()?),
        }
    }

    // Each in a function of its own, so that what one needs does not stand on the stack for the others.

    fn string(&mut self) -> Parsed<Expr> {
        let token = self.take()?;
        let (value, bytes) = self.unquote(token)?;
        Ok(Expr::String(Box::new(StringLiteral { value, bytes, span: token.span() })))
    }

    fn paren(&mut self) -> Parsed<Expr> {
        let open = self.take()?;
        let expr = self.expr()?;
        let close = self.expect(Kind::RightParen)?;
        self.grow(self.height, open.span())?;
        Ok(Expr::Paren(Box::new(Paren { expr, span: open.span().to(close.span()) })))
    }

    // Literals.

    pub(super) fn number_literal(&mut self) -> Parsed<NumberLiteral> {
        let token = self.peek()?;
        if !matches!(token.kind, Kind::Number | Kind::Duration) {
            return Err(self.unexpected()?);
        }
        self.take()?;
        let value = self.number_value(token)?;
        Ok(NumberLiteral { value, is_duration: token.kind == Kind::Duration, span: token.span() })
    }

    /// The value of a number, or of a duration in seconds.
    pub(super) fn number_value(&mut self, token: Token<'a>) -> Parsed<f64> {
        if token.kind == Kind::Duration {
            return super::duration::parse_seconds(token.text).map_err(|why| self.error(token.span(), why));
        }
        parse_number(token.text)
            .map_err(|why| self.error(token.span(), format!("error parsing number: {why}")))
    }

    /// The text of a string; its bytes beside it where they are not valid UTF-8.
    pub(super) fn unquote(&self, token: Token<'a>) -> Parsed<(String, Option<Box<[u8]>>)> {
        let Some(bytes) = unquote(token.text) else {
            let message = format!("error unquoting string {}: invalid syntax", quote(token.text));
            return Err(self.error(token.span(), message));
        };
        Ok(match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(stray) => {
                let bytes = stray.into_bytes();
                (String::from_utf8_lossy(&bytes).into_owned(), Some(bytes.into()))
            }
        })
    }
}

/// How tightly an operator binds; a sign binds like `*`.
fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 0,
        BinaryOp::And | BinaryOp::Unless => 1,
        BinaryOp::Eq
        | BinaryOp::NotEq
        | BinaryOp::Less
        | BinaryOp::LessEq
        | BinaryOp::Greater
        | BinaryOp::GreaterEq
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 2,
        BinaryOp::Add | BinaryOp::Sub => 3,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 4,
        BinaryOp::Pow => 5,
    }
}
