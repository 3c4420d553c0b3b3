//! The words of a text one after the other, and what is said where they do not fit.
//!
//! The next word is read only when a rule must see it, so that of two mistakes the same one is reported first
//! as by the original.

use super::ParserOptions;
use super::ast::Span;
use super::error::ParseError;
use super::lex::Lexer;
use super::token::{Kind, Token};

/// A rule's result.
pub(super) type Parsed<T> = Result<T, ParseError>;

/// What the innermost rule that explains itself was reading; named in "unexpected …" messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) reading: &'static str,
    pub(super) expected: &'static str,
}

impl Context {
    const NONE: Self = Self { reading: "", expected: "" };
    pub(super) const AGGREGATION: Self = Self { reading: "aggregation", expected: "" };
}

/// A text, and how far it has been read. Its rules stand in files of their own.
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
            return Err(self.too_deep(span, self.options.max_depth));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// Records that the tree read last stands below a new node.
    pub(super) fn grow(&mut self, below: usize, span: Span) -> Parsed<()> {
        self.height = below + 1;
        if self.height > self.options.max_height {
            return Err(self.too_deep(span, self.options.max_height));
        }
        Ok(())
    }

    fn too_deep(&self, span: Span, levels: usize) -> ParseError {
        self.error(span, format!("query is nested deeper than {levels} levels"))
    }
}
