//! The words of series descriptions: values, repetitions and native histograms of test scripts.
//!
//! Source: the "series" notation of Prometheus' unit tests for rules.

use super::ast::BinaryOp;
use super::error::ParseError;
use super::lex::{Lexer, State, is_alpha, is_space};
use super::quote::{quote, quote_char};
use super::token::{Kind, Token, descriptor, keyword};

impl<'a> Lexer<'a> {
    /// A word of the values behind a series' labels.
    pub(super) fn value_word(&mut self) -> Result<Token<'a>, ParseError> {
        let Some(c) = self.advance() else {
            self.state = State::Done;
            return Ok(self.emit(Kind::Eof));
        };
        let kind = match c {
            '{' if self.eat('{') => {
                self.in_histogram = true;
                Kind::OpenHistogram
            }
            c if is_space(c) => return Ok(self.spaces()),
            '+' => Kind::Binary(BinaryOp::Add),
            '-' => Kind::Binary(BinaryOp::Sub),
            'x' => Kind::Times,
            '_' => Kind::Blank,
            '0'..='9' => return self.series_number(),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => return self.series_number(),
            c if is_alpha(c) => return Ok(self.word()),
            c => {
                let message = format!("unexpected character in series sequence: {}", quote_char(Some(c)));
                return Err(self.error(message));
            }
        };
        Ok(self.emit(kind))
    }

    /// A word between `{{` and `}}`.
    pub(super) fn histogram_word(&mut self) -> Result<Token<'a>, ParseError> {
        if self.bracket_open {
            return self.bucket_word();
        }
        let c = self.advance();
        let kind = match c {
            Some(c) if is_space(c) => return Ok(self.spaces()),
            Some(c) if is_alpha(c) => return self.descriptor_word(),
            Some(':') => Kind::Colon,
            Some('-') => Kind::Binary(BinaryOp::Sub),
            Some('0'..='9') => return self.series_number(),
            Some('[') => {
                self.bracket_open = true;
                Kind::LeftBracket
            }
            Some('}') if self.eat('}') => {
                self.in_histogram = false;
                Kind::CloseHistogram
            }
            c => {
                let message = format!("histogram description incomplete unexpected: {}", quote_char(c));
                return Err(self.error(message));
            }
        };
        Ok(self.emit(kind))
    }

    fn descriptor_word(&mut self) -> Result<Token<'a>, ParseError> {
        self.skip_while(is_alpha);
        let word = self.text();
        if let Some(descriptor) = descriptor(word) {
            return match self.peek() {
                Some(':') => Ok(self.emit(Kind::Descriptor(descriptor))),
                _ => Err(self.error("missing `:` for histogram descriptor")),
            };
        }
        if keyword(word) == Some(Kind::Number) {
            return Ok(self.emit(Kind::Number));
        }
        if matches!(word.to_ascii_lowercase().as_str(), "unknown" | "reset" | "not_reset" | "gauge") {
            return Ok(self.emit(Kind::ResetHint));
        }
        Err(self.error(format!("bad histogram descriptor found: {}", quote(word))))
    }

    /// A word between the brackets of a list of buckets.
    fn bucket_word(&mut self) -> Result<Token<'a>, ParseError> {
        let kind = match self.advance() {
            Some(c) if is_space(c) => return Ok(self.spaces()),
            Some('-') => Kind::Binary(BinaryOp::Sub),
            Some('0'..='9') => return self.series_number(),
            Some(']') => {
                self.bracket_open = false;
                Kind::RightBracket
            }
            Some(c) if is_alpha(c) => {
                self.skip_while(is_alpha);
                if keyword(self.text()) == Some(Kind::Number) {
                    return Ok(self.emit(Kind::Number));
                }
                let message =
                    format!("invalid character in buckets description: {}", quote_char(self.peek()));
                return Err(self.error(message));
            }
            c => {
                let message = format!("invalid character in buckets description: {}", quote_char(c));
                return Err(self.error(message));
            }
        };
        Ok(self.emit(kind))
    }

    /// A run of spaces counts as one.
    fn spaces(&mut self) -> Token<'a> {
        let token = self.emit(Kind::Space);
        self.skip_spaces();
        token
    }

    fn series_number(&mut self) -> Result<Token<'a>, ParseError> {
        self.at = self.start;
        match self.scan_number() {
            true => Ok(self.emit(Kind::Number)),
            false => Err(self.error(format!("bad number syntax: {}", quote(self.text())))),
        }
    }
}
