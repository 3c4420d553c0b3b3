//! From text to words.
//!
//! What a character means depends on where it stands: inside braces every word is a name, inside brackets
//! stand durations, and a series description of a test script has rules of its own (see `lex_series.rs`).

use super::error::ParseError;
use super::quote::quote_char;
use super::token::{Kind, Token, duration_keyword, keyword};
use super::{Span, ast::BinaryOp};

/// Cuts a query into words, on demand.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    pub(super) input: &'a str,
    /// Where the next character is read.
    pub(super) at: usize,
    /// Where the current word began.
    pub(super) start: usize,
    pub(super) state: State,
    paren_depth: usize,
    pub(super) brace_open: bool,
    pub(super) bracket_open: bool,
    colon_seen: bool,
    duration_seen: bool,
    /// Whether a series description is being read.
    pub(super) series: bool,
    pub(super) in_histogram: bool,
}

/// Which rules hold for the next word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Statement,
    /// Behind an opening bracket, up to the first number.
    Duration,
    /// Values of a series description.
    Values,
    Done,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self {
            input,
            at: 0,
            start: 0,
            state: State::Statement,
            paren_depth: 0,
            brace_open: false,
            bracket_open: false,
            colon_seen: false,
            duration_seen: false,
            series: false,
            in_histogram: false,
        }
    }

    /// A lexer for series descriptions.
    pub(crate) fn for_series(input: &'a str) -> Self {
        Self { series: true, ..Self::new(input) }
    }

    /// The next word that is not a comment; at the end `Eof`, again and again.
    pub(crate) fn next_token(&mut self) -> Result<Token<'a>, ParseError> {
        loop {
            let token = self.next_word()?;
            if token.kind != Kind::Comment {
                return Ok(token);
            }
        }
    }

    fn next_word(&mut self) -> Result<Token<'a>, ParseError> {
        self.start = self.at;
        match self.state {
            State::Done => Ok(self.emit(Kind::Eof)),
            State::Values if self.in_histogram => self.histogram_word(),
            State::Values => self.value_word(),
            State::Duration => self.duration_word(),
            State::Statement if self.brace_open => self.brace_word(),
            State::Statement => self.statement_word(),
        }
    }

    fn statement_word(&mut self) -> Result<Token<'a>, ParseError> {
        use BinaryOp as B;
        self.skip_spaces();
        let Some(c) = self.advance() else {
            if self.paren_depth != 0 {
                return Err(self.error("unclosed left parenthesis"));
            }
            if self.bracket_open {
                return Err(self.error("unclosed left bracket"));
            }
            self.state = State::Done;
            return Ok(self.emit(Kind::Eof));
        };
        let kind = match c {
            '#' => return Ok(self.comment()),
            ',' => Kind::Comma,
            '*' => Kind::Binary(B::Mul),
            '/' => Kind::Binary(B::Div),
            '%' => Kind::Binary(B::Mod),
            '+' => Kind::Binary(B::Add),
            '-' => Kind::Binary(B::Sub),
            '^' => Kind::Binary(B::Pow),
            '@' => Kind::At,
            '=' if self.eat('=') => Kind::Binary(B::Eq),
            '=' if self.peek() == Some('~') => {
                return Err(self.error(format!("unexpected character after '=': {}", quote_char(Some('~')))));
            }
            '=' => Kind::Eql,
            '!' if self.eat('=') => Kind::Binary(B::NotEq),
            '!' => {
                let next = self.peek();
                return Err(self.error(format!("unexpected character after '!': {}", quote_char(next))));
            }
            '<' if self.eat('=') => Kind::Binary(B::LessEq),
            '<' if self.eat('/') => Kind::Binary(B::TrimUpper),
            '<' => Kind::Binary(B::Less),
            '>' if self.eat('=') => Kind::Binary(B::GreaterEq),
            '>' if self.eat('/') => Kind::Binary(B::TrimLower),
            '>' => Kind::Binary(B::Greater),
            '0'..='9' => return self.number_or_duration(),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => return self.number_or_duration(),
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            c if is_alpha(c) || c == ':' => {
                return if self.bracket_open { self.word_in_bracket(c) } else { Ok(self.word()) };
            }
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(),
            '{' => {
                self.brace_open = true;
                Kind::LeftBrace
            }
            '[' if self.bracket_open => {
                return Err(self.error(format!("unexpected left bracket {}", quote_char(Some(c)))));
            }
            '[' => {
                self.colon_seen = false;
                self.bracket_open = true;
                self.state = State::Duration;
                Kind::LeftBracket
            }
            ']' if !self.bracket_open => {
                return Err(self.error(format!("unexpected right bracket {}", quote_char(Some(c)))));
            }
            ']' => {
                self.bracket_open = false;
                Kind::RightBracket
            }
            c => return Err(self.error(format!("unexpected character: {}", quote_char(Some(c))))),
        };
        Ok(self.emit(kind))
    }

    fn right_paren(&mut self) -> Result<Token<'a>, ParseError> {
        match self.paren_depth.checked_sub(1) {
            Some(depth) => {
                self.paren_depth = depth;
                Ok(self.emit(Kind::RightParen))
            }
            None => {
                // The original reports the place behind it.
                self.start = self.at;
                Err(self.error(format!("unexpected right parenthesis {}", quote_char(Some(')')))))
            }
        }
    }

    /// A letter or colon inside brackets, behind the first number.
    fn word_in_bracket(&mut self, c: char) -> Result<Token<'a>, ParseError> {
        if c == ':' {
            if self.colon_seen {
                return Err(self.error(format!("unexpected colon {}", quote_char(Some(c)))));
            }
            self.colon_seen = true;
            return Ok(self.emit(Kind::Colon));
        }
        match self.scan_duration_keyword(c) {
            Some(kind) => Ok(self.emit(kind)),
            None => Err(self.error(format!(
                "unexpected character: {}, expected {}",
                quote_char(Some(c)),
                quote_char(Some(':'))
            ))),
        }
    }

    /// Inside brackets, up to the first number.
    fn duration_word(&mut self) -> Result<Token<'a>, ParseError> {
        use BinaryOp as B;
        self.skip_spaces();
        let Some(c) = self.advance() else {
            return Err(self.error("unexpected end of input in duration expression"));
        };
        let kind = match c {
            ']' => {
                self.bracket_open = false;
                self.colon_seen = false;
                self.state = State::Statement;
                Kind::RightBracket
            }
            ':' => {
                let problem = match (self.duration_seen, self.colon_seen) {
                    (false, _) => Some("unexpected colon before duration in duration expression"),
                    (true, true) => Some("unexpected repeated colon in duration expression"),
                    (true, false) => None,
                };
                if let Some(problem) = problem {
                    self.start = self.at;
                    return Err(self.error(problem));
                }
                self.colon_seen = true;
                Kind::Colon
            }
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(),
            '+' => Kind::Binary(B::Add),
            '-' => Kind::Binary(B::Sub),
            '*' => Kind::Binary(B::Mul),
            '/' => Kind::Binary(B::Div),
            '%' => Kind::Binary(B::Mod),
            '^' => Kind::Binary(B::Pow),
            ',' => Kind::Comma,
            '0'..='9' => return self.first_duration(),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => return self.first_duration(),
            c => match self.scan_duration_keyword(c) {
                Some(kind) => kind,
                None => {
                    return Err(self.error(format!(
                        "unexpected character in duration expression: {}",
                        quote_char(Some(c))
                    )));
                }
            },
        };
        Ok(self.emit(kind))
    }

    fn first_duration(&mut self) -> Result<Token<'a>, ParseError> {
        self.duration_seen = true;
        self.state = State::Statement;
        self.number_or_duration()
    }

    /// Reads on to the end of a word that began with `first`, if it is one of duration expressions.
    fn scan_duration_keyword(&mut self, first: char) -> Option<Kind> {
        if !matches!(first.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.skip_while(is_alpha);
        duration_keyword(self.text())
    }

    /// Inside the braces of a selector.
    fn brace_word(&mut self) -> Result<Token<'a>, ParseError> {
        self.skip_spaces();
        let Some(c) = self.advance() else {
            return Err(self.error("unexpected end of input inside braces"));
        };
        let kind = match c {
            '#' => return Ok(self.comment()),
            c if is_alpha(c) => {
                self.skip_while(is_alphanumeric);
                Kind::Identifier
            }
            ',' => Kind::Comma,
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            '=' if self.eat('~') => Kind::EqlRegex,
            '=' => Kind::Eql,
            '!' if self.eat('~') => Kind::NeqRegex,
            '!' if self.eat('=') => Kind::Binary(BinaryOp::NotEq),
            '!' => {
                let next = self.peek();
                return Err(
                    self.error(format!("unexpected character after '!' inside braces: {}", quote_char(next)))
                );
            }
            '{' => return Err(self.error(format!("unexpected left brace {}", quote_char(Some(c))))),
            '}' => {
                self.brace_open = false;
                if self.series {
                    self.state = State::Values;
                }
                Kind::RightBrace
            }
            c => {
                return Err(
                    self.error(format!("unexpected character inside braces: {}", quote_char(Some(c))))
                );
            }
        };
        Ok(self.emit(kind))
    }

    /// A name or a reserved word; its first character has been read.
    pub(super) fn word(&mut self) -> Token<'a> {
        self.skip_while(|c| is_alphanumeric(c) || c == ':');
        let word = self.text();
        let kind = match keyword(word) {
            // These three came late: they are reserved only where they can be meant.
            Some(Kind::Fill | Kind::FillLeft | Kind::FillRight) if !self.paren_follows() => Kind::Identifier,
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        };
        if self.series {
            let labels_follow = self.peek() == Some('{');
            self.state = if labels_follow { State::Statement } else { State::Values };
        }
        self.emit(kind)
    }

    fn paren_follows(&self) -> bool {
        self.input[self.at..].trim_start_matches(is_space).starts_with('(')
    }

    fn comment(&mut self) -> Token<'a> {
        self.skip_while(|c| c != '\n' && c != '\r');
        self.emit(Kind::Comment)
    }

    /// The rest of a string between single or double quotes.
    fn string(&mut self, quote: char) -> Result<Token<'a>, ParseError> {
        loop {
            match self.advance() {
                Some('\\') => self.escape(quote)?,
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.error("invalid UTF-8 rune")),
                None | Some('\n') => return Err(self.error("unterminated quoted string")),
                Some(c) if c == quote => return Ok(self.emit(Kind::String)),
                Some(_) => {}
            }
        }
    }

    /// The rest of a string between backquotes, where nothing is escaped.
    fn raw_string(&mut self) -> Result<Token<'a>, ParseError> {
        loop {
            match self.advance() {
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.error("invalid UTF-8 rune")),
                None => return Err(self.error("unterminated raw string")),
                Some('`') => return Ok(self.emit(Kind::String)),
                Some(_) => {}
            }
        }
    }

    /// Checks the escape sequence behind a backslash.
    fn escape(&mut self, quote: char) -> Result<(), ParseError> {
        let first = self.advance();
        let (digits, base, max) = match first {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(c) if c == quote => return Ok(()),
            Some('0'..='7') => (3, 8, 255),
            Some('x') => (2, 16, 255),
            Some('u') => (4, 16, u32::from(char::MAX)),
            Some('U') => (8, 16, u32::from(char::MAX)),
            None => return Err(self.error("escape sequence not terminated")),
            Some(c) => return Err(self.error(format!("unknown escape sequence {}", code_point(c)))),
        };
        let mut digit = if base == 8 { first } else { self.advance() };
        let mut code = 0u32;
        for left in (0..digits).rev() {
            let Some(c) = digit else {
                return Err(self.error("escape sequence not terminated"));
            };
            let Some(value) = c.to_digit(base) else {
                return Err(self.error(format!("illegal character {} in escape sequence", code_point(c))));
            };
            code = code.wrapping_mul(base).wrapping_add(value);
            if left > 0 {
                digit = self.advance();
            }
        }
        if code > max || (0xd800..0xe000).contains(&code) {
            return Err(self.error("escape sequence is an invalid Unicode code point"));
        }
        Ok(())
    }

    /// A number or a duration; its first character has been read.
    fn number_or_duration(&mut self) -> Result<Token<'a>, ParseError> {
        self.at = self.start;
        if self.scan_number() {
            return Ok(self.emit(Kind::Number));
        }
        if self.scan_remaining_duration() {
            return Ok(self.emit(Kind::Duration));
        }
        // The original has read one character past a unit that something alphanumeric follows.
        Err(self.error(format!("bad number or duration syntax: {}", super::quote::quote(self.text()))))
    }

    /// Reads the units of a duration whose first number has been read.
    fn scan_remaining_duration(&mut self) -> bool {
        if !self.eat_any("smhdwy") {
            return false;
        }
        // Bad units such as `hs` are found when the duration is understood.
        self.eat('s');
        while self.eat_any("0123456789") {
            self.skip_while(|c| c.is_ascii_digit());
            if !self.eat_any("smhdw") {
                return false;
            }
            self.eat('s');
        }
        match self.peek() {
            Some(c) if is_alphanumeric(c) => {
                self.advance();
                false
            }
            _ => true,
        }
    }

    /// Reads what looks like a number; whether it is one is found when it is understood.
    pub(super) fn scan_number(&mut self) -> bool {
        let from = self.at;
        let mut hex = false;
        // Where `x` means repetition there are no hexadecimal numbers.
        if !self.series && self.eat('0') && self.eat_any("xX") {
            self.eat('_');
            hex = true;
        }
        let is_digit = move |c: char| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
        self.eat('.');
        if self.peek().is_some_and(is_digit) {
            self.advance();
        }
        let (mut dot, mut exponent) = (false, false);
        while let Some(c) = self.peek().filter(|c| is_digit(*c) || matches!(c, '.' | '_' | 'e' | 'E')) {
            match c {
                '.' if dot => {
                    self.advance();
                    return false;
                }
                'e' | 'E' if exponent => {
                    self.advance();
                    return false;
                }
                '.' => {
                    self.advance();
                    dot = true;
                    if self.eat_any("_.") || hex {
                        return false;
                    }
                }
                'e' | 'E' => {
                    self.advance();
                    exponent = true;
                    self.eat_any("+-");
                    if self.eat_any("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                '_' => {
                    self.advance();
                    if self.eat_any("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                _ => self.skip_while(is_digit),
            }
        }
        let ends = match self.peek() {
            Some('x') if self.series => true,
            Some(c) => !is_alphanumeric(c),
            None => true,
        };
        self.at > from && ends
    }

    // Ground.

    pub(super) fn peek(&self) -> Option<char> {
        self.input[self.at..].chars().next()
    }

    pub(super) fn advance(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn eat_any(&mut self, wanted: &str) -> bool {
        match self.peek() {
            Some(c) if wanted.contains(c) => self.eat(c),
            _ => false,
        }
    }

    pub(super) fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&keep) {
            self.advance();
        }
    }

    pub(super) fn skip_spaces(&mut self) {
        self.skip_while(is_space);
        self.start = self.at;
    }

    pub(super) fn text(&self) -> &'a str {
        &self.input[self.start..self.at]
    }

    pub(super) fn emit(&mut self, kind: Kind) -> Token<'a> {
        Token { kind, text: self.text(), start: self.start }
    }

    pub(super) fn error(&mut self, message: impl Into<String>) -> ParseError {
        self.state = State::Done;
        ParseError::new(self.input, Span::new(self.start, self.input.len()), message)
    }
}

/// A character as messages about escapes show it: `U+0063 'c'`.
fn code_point(c: char) -> String {
    match quote_char(Some(c)) {
        shown if shown.contains('\\') && c != '\'' && c != '\\' => format!("U+{:04X}", u32::from(c)),
        _ => format!("U+{:04X} '{c}'", u32::from(c)),
    }
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(super) fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}
