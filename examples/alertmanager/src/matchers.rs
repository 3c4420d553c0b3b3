//! The matcher syntax of Alertmanager: `severity="page", team=~"a|b"`, braces and UTF-8 names allowed.
//!
//! It differs from PromQL's: names and values may stand unquoted, braces are optional.

use metrics_core::{MatchOp, Matcher};

/// Why a text is not a list of matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("0:{column}: {message}")]
pub struct MatchersError {
    /// Character at which reading stopped, from 0.
    pub column: usize,
    /// What was expected or wrong there.
    pub message: String,
}

/// Reads any number of matchers.
///
/// # Errors
/// With the column at which the text stops being a list of matchers.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatchersError> {
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0 };
    let mut matchers = Vec::new();
    let braces = reader.take('{');
    loop {
        reader.skip_space();
        if reader.at_end() || reader.peek() == Some('}') {
            break;
        }
        matchers.push(reader.matcher()?);
        if !reader.take(',') {
            break;
        }
    }
    match (braces, reader.take('}')) {
        (true, false) => return Err(reader.error("expected close brace")),
        (false, true) => return Err(reader.error("expected open brace")),
        _ => {}
    }
    reader.skip_space();
    if reader.at_end() { Ok(matchers) } else { Err(reader.error("expected end of input")) }
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn matcher(&mut self) -> Result<Matcher, MatchersError> {
        let name = self.word("expected label name")?;
        let op = self.operator()?;
        let value = self.word("expected label value")?;
        Matcher::new(name, op, value).map_err(|e| self.error(format!("failed to create matcher: {e}")))
    }

    fn operator(&mut self) -> Result<MatchOp, MatchersError> {
        self.skip_space();
        let rest = &self.chars[self.at..];
        let (op, width) = match rest {
            ['=', '~', ..] => (MatchOp::Regex, 2),
            ['!', '~', ..] => (MatchOp::NotRegex, 2),
            ['!', '=', ..] => (MatchOp::NotEqual, 2),
            ['=', ..] => (MatchOp::Equal, 1),
            _ => return Err(self.error("expected an operator such as '=', '!=', '=~' or '!~'")),
        };
        self.at += width;
        Ok(op)
    }

    /// A quoted string with Go's common escapes, or a run of characters without special meaning.
    fn word(&mut self, expected: &str) -> Result<String, MatchersError> {
        self.skip_space();
        if self.peek() != Some('"') {
            let start = self.at;
            while self.peek().is_some_and(|c| !c.is_whitespace() && !"{}!=~,\\\"'`".contains(c)) {
                self.at += 1;
            }
            if start == self.at {
                return Err(self.error(expected));
            }
            return Ok(self.chars[start..self.at].iter().collect());
        }
        self.at += 1;
        let mut word = String::new();
        loop {
            let Some(c) = self.peek() else { return Err(self.error("unterminated quoted string")) };
            self.at += 1;
            match c {
                '"' => return Ok(word),
                '\\' => word.push(self.escaped()?),
                '\n' => return Err(self.error("newline in quoted string")),
                c => word.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, MatchersError> {
        let c = self.peek();
        self.at += 1;
        Ok(match c {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(c @ ('"' | '\\')) => c,
            _ => return Err(self.error("invalid escape in quoted string")),
        })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn at_end(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn error(&self, message: impl Into<String>) -> MatchersError {
        MatchersError { column: self.at, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        parse_matchers(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reads_quoted_unquoted_and_braced() {
        assert_eq!(shown(r#"{foo="bar",}"#), [r#"foo="bar""#]);
        assert_eq!(shown("foo=bar, team!~a.*"), [r#"foo="bar""#, r#"team!~"a.*""#]);
        assert_eq!(shown(r#""fo o"="a \"b\"""#), [r#"fo o="a \"b\"""#]);
        assert!(shown("{}").is_empty());
        assert!(shown("").is_empty());
    }

    #[test]
    fn says_where_it_stopped() {
        assert_eq!(parse_matchers("foo=bar}").unwrap_err().message, "expected open brace");
        assert_eq!(parse_matchers("{foo=bar").unwrap_err().message, "expected close brace");
        assert_eq!(parse_matchers("=bar").unwrap_err().message, "expected label name");
        assert_eq!(parse_matchers("foo").unwrap_err().column, 3);
        assert_eq!(parse_matchers(r#"a="b" c="d""#).unwrap_err().message, "expected end of input");
        assert!(parse_matchers(r#"a="b"#).is_err());
        assert!(parse_matchers("a=~\"(\"").is_err());
    }
}
