//! From the text of a template to literal text and the words of actions.

/// A piece: literal text, or a word inside `{{ … }}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Literal text outside actions.
    Text,
    Open,
    Close,
    Space,
    Identifier,
    /// `.name`
    Field,
    /// `$` or `$name`
    Variable,
    Dot,
    String,
    RawString,
    Char,
    Number,
    Pipe,
    LeftParen,
    RightParen,
    Declare,
    Assign,
    Comma,
    Eof,
}

/// Why a template could not be cut into words; the place and the original's words.
#[derive(Debug, PartialEq)]
pub(super) struct LexError {
    pub(super) at: usize,
    pub(super) message: String,
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const COMMENT: &str = "/*";
const COMMENT_END: &str = "*/";

/// Cuts a whole template into words. What follows a mistake is left out; the mistake comes last.
pub(super) fn lex(text: &str) -> (Vec<Word<'_>>, Option<LexError>) {
    let mut lexer = Lexer { text, at: 0, words: Vec::new() };
    let error = lexer.run().err();
    (lexer.words, error)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    words: Vec<Word<'a>>,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), LexError> {
        loop {
            let Some(open) = self.text[self.at..].find(OPEN).map(|n| self.at + n) else {
                self.push_text(self.text.len());
                self.at = self.text.len();
                self.push(Kind::Eof, self.at);
                return Ok(());
            };
            let inner = open + OPEN.len();
            let trims = self.text[inner..].strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space));
            let end =
                if trims { self.text[..open].trim_end_matches(is_space).len().max(self.at) } else { open };
            self.push_text(end);
            self.at = if trims { inner + 2 } else { inner };
            if self.text[self.at..].trim_start_matches(|c| trims && is_space(c)).starts_with(COMMENT) {
                self.comment(open)?;
            } else {
                self.words.push(Word { kind: Kind::Open, text: OPEN, at: open });
                self.action(open)?;
            }
        }
    }

    fn push_text(&mut self, end: usize) {
        if end > self.at {
            let at = self.at;
            self.at = end;
            self.push(Kind::Text, at);
        }
    }

    /// A word that began at `start` and ends here.
    fn push(&mut self, kind: Kind, start: usize) {
        self.words.push(Word { kind, text: &self.text[start..self.at], at: start });
    }

    fn error<T>(&self, at: usize, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { at, message: message.into() })
    }

    fn comment(&mut self, open: usize) -> Result<(), LexError> {
        let Some(end) = self.text[self.at..].find(COMMENT_END) else {
            return self.error(open, "unclosed comment");
        };
        self.at += end + COMMENT_END.len();
        match self.close() {
            true => Ok(()),
            false => self.error(open, "comment ends before closing delimiter"),
        }
    }

    /// Goes past a closing delimiter, and past the space behind one that trims.
    fn close(&mut self) -> bool {
        let rest = &self.text[self.at..];
        if rest.starts_with(CLOSE) {
            self.at += CLOSE.len();
            return true;
        }
        let Some(after) = rest.strip_prefix(is_space).and_then(|r| r.strip_prefix("-}}")) else {
            return false;
        };
        self.at = self.text.len() - after.trim_start_matches(is_space).len();
        true
    }

    /// The words of an action up to its closing delimiter.
    fn action(&mut self, open: usize) -> Result<(), LexError> {
        let mut depth = 0usize;
        loop {
            let start = self.at;
            if self.close() {
                if depth > 0 {
                    return self.error(start, "unclosed left paren");
                }
                self.words.push(Word { kind: Kind::Close, text: CLOSE, at: start });
                return Ok(());
            }
            let Some(c) = self.advance() else {
                return self.error(open, "unclosed action");
            };
            let kind = match c {
                c if is_space(c) => {
                    while self.peek().is_some_and(is_space) && !self.text[self.at..].starts_with(" -}}") {
                        self.advance();
                    }
                    Kind::Space
                }
                '=' => Kind::Assign,
                ':' if self.eat('=') => Kind::Declare,
                ':' => return self.error(start, "expected :="),
                '|' => Kind::Pipe,
                ',' => Kind::Comma,
                '"' => self.quoted(start, '"')?,
                '\'' => self.quoted(start, '\'')?,
                '`' => match self.text[self.at..].find('`') {
                    Some(n) => {
                        self.at += n + 1;
                        Kind::RawString
                    }
                    None => return self.error(start, "unterminated raw quoted string"),
                },
                '$' => self.name(Kind::Variable)?,
                '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => self.number(start)?,
                '.' if self.peek().is_some_and(is_word) => self.name(Kind::Field)?,
                '.' => Kind::Dot,
                '+' | '-' | '0'..='9' => self.number(start)?,
                c if is_word(c) => self.name(Kind::Identifier)?,
                '(' => {
                    depth += 1;
                    Kind::LeftParen
                }
                ')' => match depth.checked_sub(1) {
                    Some(less) => {
                        depth = less;
                        Kind::RightParen
                    }
                    None => return self.error(start, "unexpected right paren"),
                },
                c => {
                    return self.error(start, format!("unrecognized character in action: {}", code_point(c)));
                }
            };
            self.push(kind, start);
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn quoted(&mut self, start: usize, quote: char) -> Result<Kind, LexError> {
        let (kind, what) = match quote {
            '"' => (Kind::String, "unterminated quoted string"),
            _ => (Kind::Char, "unterminated character constant"),
        };
        loop {
            match self.advance() {
                Some('\\') => match self.advance() {
                    None | Some('\n') => return self.error(start, what),
                    Some(_) => {}
                },
                None | Some('\n') => return self.error(start, what),
                Some(c) if c == quote => return Ok(kind),
                Some(_) => {}
            }
        }
    }

    /// The rest of a name; what follows must end it.
    fn name(&mut self, kind: Kind) -> Result<Kind, LexError> {
        while self.peek().is_some_and(is_word) {
            self.advance();
        }
        match self.peek() {
            Some(c) if !is_space(c) && !matches!(c, '.' | ',' | '|' | ':' | ')' | '(' | '=' | '}') => {
                self.error(self.at, format!("bad character {}", code_point(c)))
            }
            _ => Ok(kind),
        }
    }

    fn number(&mut self, start: usize) -> Result<Kind, LexError> {
        while let Some(c) = self.peek() {
            let sign_of_exponent =
                matches!(c, '+' | '-') && self.text[start..self.at].ends_with(['e', 'E', 'p', 'P']);
            if !(is_word(c) || c == '.' || sign_of_exponent) {
                break;
            }
            self.advance();
        }
        Ok(Kind::Number)
    }
}

/// A character as messages show it: `U+0040 '@'`.
fn code_point(c: char) -> String {
    let shown = crate::parser::quote_char(Some(c));
    match shown.starts_with("'\\") {
        true => format!("U+{:04X}", u32::from(c)),
        false => format!("U+{:04X} {shown}", u32::from(c)),
    }
}
