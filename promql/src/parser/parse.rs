//! From words to syntax tree: precedence climbing, one function per rule.
//!
//! ```text
//! expr      = unary { operator modifiers unary }            by precedence, ^ from the right
//! unary     = ( "+" | "-" ) unary | postfix
//! postfix   = primary { "[" … "]" | "offset" … | "@" … | "anchored" | "smoothed" }
//! primary   = number | string | "(" expr ")" | selector | call | aggregation
//! modifiers = [ "bool" ] [ ( "on" | "ignoring" ) labels [ ( "group_left" | "group_right" ) [ labels ] ] ] [ fill ]
//! ```
//!
//! The next word is read only when a rule must see it, so that of two mistakes the same one is reported first
//! as by the original.

use super::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Cardinality, Expr, Matching, NumberLiteral, Paren, Sign,
    Span, StringLiteral, Unary,
};
use super::error::ParseError;
use super::functions::function;
use super::lex::Lexer;
use super::number::parse_number;
use super::quote::{quote, unquote};
use super::token::{Kind, Token};
use super::{ParserOptions, check};

/// What the innermost rule that explains itself was reading; named in "unexpected …" messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) reading: &'static str,
    pub(super) expected: &'static str,
}

impl Context {
    const NONE: Self = Self { reading: "", expected: "" };
    const AGGREGATION: Self = Self { reading: "aggregation", expected: "" };
}

#[derive(Debug)]
pub(super) struct Parser<'a> {
    input: &'a str,
    lexer: Lexer<'a>,
    next: Option<Token<'a>>,
    /// Start and end of the last word taken.
    last_start: usize,
    pub(super) last_end: usize,
    pub(super) options: &'a ParserOptions,
    pub(super) context: Context,
    /// How many rules are being read inside each other.
    depth: usize,
    /// Height of the tree read last.
    pub(super) height: usize,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

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
    pub(super) fn new(input: &'a str, lexer: Lexer<'a>, options: &'a ParserOptions) -> Self {
        Self {
            input,
            lexer,
            next: None,
            last_start: 0,
            last_end: 0,
            options,
            context: Context::NONE,
            depth: 0,
            height: 0,
        }
    }

    // Words.

    pub(super) fn peek(&mut self) -> Parsed<Token<'a>> {
        match self.next {
            Some(token) => Ok(token),
            None => {
                let token = self.lexer.next_token()?;
                self.next = Some(token);
                Ok(token)
            }
        }
    }

    pub(super) fn take(&mut self) -> Parsed<Token<'a>> {
        let token = self.peek()?;
        self.next = None;
        self.last_start = token.start;
        self.last_end = token.end();
        Ok(token)
    }

    pub(super) fn next_is(&mut self, kind: Kind) -> Parsed<bool> {
        Ok(self.peek()?.kind == kind)
    }

    /// Takes the next word if it is of that kind.
    pub(super) fn eat(&mut self, kind: Kind) -> Parsed<Option<Token<'a>>> {
        if self.next_is(kind)? { self.take().map(Some) } else { Ok(None) }
    }

    pub(super) fn expect(&mut self, kind: Kind) -> Parsed<Token<'a>> {
        if self.next_is(kind)? { self.take() } else { Err(self.unexpected()?) }
    }

    pub(super) fn expect_end(&mut self) -> Parsed<()> {
        self.expect(Kind::Eof).map(drop)
    }

    pub(super) fn last_span(&self) -> Span {
        Span::new(self.last_start, self.last_end)
    }

    // Mistakes.

    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.input, span, message)
    }

    /// The next word is not what the innermost explaining rule wants.
    pub(super) fn unexpected(&mut self) -> Parsed<ParseError> {
        let Context { reading, expected } = self.context;
        self.unexpected_in(reading, expected)
    }

    pub(super) fn unexpected_in(&mut self, reading: &str, expected: &str) -> Parsed<ParseError> {
        let token = self.peek()?;
        let mut message = format!("unexpected {}", token.describe());
        if !reading.is_empty() {
            message.push_str(" in ");
            message.push_str(reading);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        Ok(self.error(token.span(), message))
    }

    /// Runs a rule with another explanation for what it does not expect.
    pub(super) fn within<T>(
        &mut self,
        context: Context,
        rule: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.context, context);
        let result = rule(self);
        self.context = outer;
        result
    }

    /// Runs a rule one level deeper.
    pub(super) fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= self.options.max_depth {
            let span = self.peek()?.span();
            return Err(self.too_deep(span));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// Records that the tree read last stands below a new node.
    pub(super) fn grow(&mut self, below: usize, span: Span) -> Parsed<()> {
        self.height = below + 1;
        if self.height > self.options.max_depth { Err(self.too_deep(span)) } else { Ok(()) }
    }

    fn too_deep(&self, span: Span) -> ParseError {
        self.error(span, format!("query is nested deeper than {} levels", self.options.max_depth))
    }

    // Expressions.

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

    fn aggregation_or_name(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let name = self.take()?;
        match self.peek()?.kind {
            Kind::LeftParen | Kind::By | Kind::Without => {
                self.within(Context::AGGREGATION, |p| p.aggregation(op, name))
            }
            _ => self.selector(Some(name)),
        }
    }

    fn call_or_name(&mut self) -> Parsed<Expr> {
        let name = self.take()?;
        if self.next_is(Kind::LeftParen)? { self.call(name) } else { self.selector(Some(name)) }
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

    // Calls and aggregations.

    fn call(&mut self, name: Token<'a>) -> Parsed<Expr> {
        let args = self.arguments()?;
        self.grow(self.height, name.span())?;
        let Some(function) = function(name.text) else {
            return Err(self.error(name.span(), format!("unknown function with name {}", quote(name.text))));
        };
        if function.experimental && !self.options.experimental_functions {
            return Err(self.error(name.span(), format!("function {} is not enabled", quote(name.text))));
        }
        let span = Span::new(name.start, self.last_end);
        Ok(Expr::Call(Box::new(Call { function, args, span })))
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(Kind::LeftParen)?;
        let mut args = Vec::new();
        let mut height = 0;
        if self.eat(Kind::RightParen)?.is_some() {
            return Ok(args);
        }
        loop {
            args.push(self.expr()?);
            height = self.height.max(height);
            self.height = height;
            let Some(comma) = self.eat(Kind::Comma)? else {
                self.expect(Kind::RightParen)?;
                return Ok(args);
            };
            if !starts_expression(self.peek()?.kind) {
                return Err(self.error(comma.span(), "trailing commas not allowed in function call args"));
            }
        }
    }

    fn aggregation(&mut self, op: AggregateOp, name: Token<'a>) -> Parsed<Expr> {
        let mut grouping = self.aggregation_grouping()?;
        let mut args = self.arguments()?;
        let mut end = self.last_end;
        if grouping.is_none() {
            grouping = self.aggregation_grouping()?;
            if grouping.is_some() {
                end = self.last_end;
            }
        }
        let span = Span::new(name.start, end);
        self.grow(self.height, name.span())?;
        if args.is_empty() {
            return Err(self.error(span, "no arguments for aggregate expression provided"));
        }
        let wanted = if op.param_type().is_some() { 2 } else { 1 };
        if op.is_experimental() && !self.options.experimental_functions {
            return Err(self.error(
                span,
                format!(
                    "{op}() is experimental and must be enabled with \
                     --enable-feature=promql-experimental-functions"
                ),
            ));
        }
        let given = args.len();
        let (Some(expr), true) = (args.pop(), given == wanted) else {
            return Err(self.error(
                span,
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {given}"
                ),
            ));
        };
        let (without, grouping) = grouping.unwrap_or_default();
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param: args.pop(), grouping, without, span })))
    }

    /// `by (…)` or `without (…)`: whether it is the latter, and the labels.
    fn aggregation_grouping(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = match self.peek()?.kind {
            Kind::By => false,
            Kind::Without => true,
            _ => return Ok(None),
        };
        self.take()?;
        Ok(Some((without, self.grouping_labels()?)))
    }

    fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        if self.eat(Kind::LeftParen)?.is_none() {
            return Err(self.unexpected_in("grouping opts", "\"(\"")?);
        }
        let mut labels = Vec::new();
        if self.eat(Kind::RightParen)?.is_some() {
            return Ok(labels);
        }
        loop {
            labels.push(self.grouping_label()?);
            if self.eat(Kind::Comma)?.is_some() {
                if self.eat(Kind::RightParen)?.is_some() {
                    return Ok(labels);
                }
            } else if self.eat(Kind::RightParen)?.is_some() {
                return Ok(labels);
            } else {
                return Err(self.unexpected_in("grouping opts", "\",\" or \")\"")?);
            }
        }
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.peek()?;
        let name = match token.kind {
            Kind::String => {
                self.take()?;
                self.unquote(token)?.0
            }
            kind if can_be_label(kind) => {
                self.take()?;
                token.text.to_owned()
            }
            _ => return Err(self.unexpected_in("grouping opts", "label")?),
        };
        if name.is_empty() {
            let message = format!("invalid label name for grouping: {}", quote(&name));
            return Err(self.error(token.span(), message));
        }
        Ok(name)
    }

    // Modifiers of binary operators.

    fn modifiers(&mut self) -> Parsed<(bool, Matching)> {
        let return_bool = self.eat(Kind::Bool)?.is_some();
        let mut matching = Matching::default();
        if matches!(self.peek()?.kind, Kind::On | Kind::Ignoring) {
            matching.on = self.take()?.kind == Kind::On;
            matching.labels = self.grouping_labels()?;
            let side = match self.peek()?.kind {
                Kind::GroupLeft => Some(Cardinality::ManyToOne),
                Kind::GroupRight => Some(Cardinality::OneToMany),
                _ => None,
            };
            if let Some(cardinality) = side {
                self.take()?;
                matching.cardinality = cardinality;
                if self.next_is(Kind::LeftParen)? {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        self.fill(&mut matching)?;
        Ok((return_bool, matching))
    }

    /// `fill(v)`, or `fill_left(v)` and `fill_right(v)` in any order, each at most once.
    fn fill(&mut self, matching: &mut Matching) -> Parsed<()> {
        if self.eat(Kind::Fill)?.is_some() {
            let value = self.fill_value()?;
            matching.fill_left = Some(value);
            matching.fill_right = Some(value);
            return Ok(());
        }
        loop {
            match self.peek()?.kind {
                Kind::FillLeft if matching.fill_left.is_none() => {
                    self.take()?;
                    matching.fill_left = Some(self.fill_value()?);
                }
                Kind::FillRight if matching.fill_right.is_none() => {
                    self.take()?;
                    matching.fill_right = Some(self.fill_value()?);
                }
                _ => return Ok(()),
            }
        }
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Kind::LeftParen)?;
        let sign = self.eat_sign()?;
        let number = self.number_literal()?;
        self.expect(Kind::RightParen)?;
        Ok(match sign {
            Some((Sign::Minus, _)) => -number.value,
            _ => number.value,
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

/// Whether an expression can begin with such a word.
fn starts_expression(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Number
            | Kind::Duration
            | Kind::String
            | Kind::LeftParen
            | Kind::LeftBrace
            | Kind::Binary(BinaryOp::Add | BinaryOp::Sub)
    ) || can_be_metric(kind)
}

/// Whether such a word is a metric's name where one is expected.
pub(super) fn can_be_metric(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Identifier
            | Kind::MetricIdentifier
            | Kind::Aggregate(_)
            | Kind::By
            | Kind::Without
            | Kind::Fill
            | Kind::FillLeft
            | Kind::FillRight
            | Kind::Offset
            | Kind::Anchored
            | Kind::Smoothed
            | Kind::Start
            | Kind::End
            | Kind::Step
            | Kind::Range
            | Kind::MaxOf
            | Kind::MinOf
            | Kind::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    )
}

/// Whether such a word is a label's name where one is expected.
fn can_be_label(kind: Kind) -> bool {
    match kind {
        Kind::Without => false,
        Kind::Bool
        | Kind::On
        | Kind::Ignoring
        | Kind::GroupLeft
        | Kind::GroupRight
        | Kind::Binary(BinaryOp::Atan2) => true,
        kind => can_be_metric(kind),
    }
}
