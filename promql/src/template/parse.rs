//! From words to syntax tree.

use std::collections::HashMap;

use super::TemplateError;
use super::functions::is_function;
use super::lex::{Kind, Word, lex};
use super::tree::{Branch, Command, List, Node, Operand, OperandKind, Pipeline};
use crate::parser::{quote, unquote_text};

/// A parsed template with the templates that it defines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) body: List,
    pub(super) defined: HashMap<String, List>,
}

/// How deep actions and parentheses may nest.
const MAX_DEPTH: usize = 100;

pub(super) fn parse(name: &str, text: &str) -> Result<Tree, TemplateError> {
    let (words, lex_error) = lex(text);
    let mut parser = Parser {
        name,
        text,
        words,
        lex_error: lex_error.map(|e| (e.at, e.message)),
        at: 0,
        variables: vec!["$".to_owned()],
        defined: HashMap::new(),
        depth: 0,
        loops: 0,
    };
    let (body, end) = parser.list()?;
    match end {
        Stop::Eof => Ok(Tree { body, defined: parser.defined }),
        end => Err(parser.error(format!("unexpected {}", end.as_str()))),
    }
}

struct Parser<'a> {
    name: &'a str,
    text: &'a str,
    words: Vec<Word<'a>>,
    lex_error: Option<(usize, String)>,
    at: usize,
    variables: Vec<String>,
    defined: HashMap<String, List>,
    depth: usize,
    loops: usize,
}

/// What ended a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Eof,
    End,
    Else,
    /// `{{else if` or `{{else with`
    ElseIf,
    ElseWith,
}

impl Stop {
    fn as_str(self) -> &'static str {
        match self {
            Self::Eof => "EOF",
            Self::End => "{{end}}",
            _ => "{{else}}",
        }
    }
}

type Parsed<T> = Result<T, TemplateError>;

impl<'a> Parser<'a> {
    fn error(&self, message: impl Into<String>) -> TemplateError {
        let at = self.words.get(self.at.saturating_sub(1)).map_or(self.text.len(), |w| w.at);
        self.error_at(at, message)
    }

    fn error_at(&self, at: usize, message: impl Into<String>) -> TemplateError {
        let line = 1 + self.text[..at].bytes().filter(|b| *b == b'\n').count();
        TemplateError::Parse { name: self.name.to_owned(), line, message: message.into() }
    }

    fn peek(&self) -> Option<&Word<'a>> {
        self.words.get(self.at)
    }

    fn peek_kind(&self) -> Option<Kind> {
        self.peek().map(|w| w.kind)
    }

    /// The next word; the lexer's complaint where there is none.
    fn next(&mut self) -> Parsed<Word<'a>> {
        match self.words.get(self.at) {
            Some(word) => {
                self.at += 1;
                Ok(word.clone())
            }
            None => Err(match self.lex_error.take() {
                Some((at, message)) => self.error_at(at, message),
                None => self.error("unexpected EOF"),
            }),
        }
    }

    fn skip_space(&mut self) {
        while self.peek_kind() == Some(Kind::Space) {
            self.at += 1;
        }
    }

    fn unexpected(&self, word: &Word<'_>, context: &str) -> TemplateError {
        let shown = match word.kind {
            Kind::Eof => "EOF".to_owned(),
            _ if is_keyword(word.text) => format!("<{}>", word.text),
            _ if word.text.len() > 10 => {
                format!("{}...", quote(&word.text.chars().take(10).collect::<String>()))
            }
            _ => quote(word.text),
        };
        self.error_at(word.at, format!("unexpected {shown} in {context}"))
    }

    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error("nested too deep"));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// Nodes up to `{{end}}`, `{{else}}` or the end of the text.
    fn list(&mut self) -> Parsed<(List, Stop)> {
        self.deeper(|p| {
            let mut nodes = Vec::new();
            loop {
                let word = p.next()?;
                match word.kind {
                    Kind::Text => nodes.push(Node::Text(word.text.to_owned())),
                    Kind::Eof => return Ok((nodes, Stop::Eof)),
                    _ => {
                        if let Some(end) = p.action(&mut nodes)? {
                            return Ok((nodes, end));
                        }
                    }
                }
            }
        })
    }

    /// What follows `{{`: adds a node, or tells what ends the list.
    fn action(&mut self, nodes: &mut List) -> Parsed<Option<Stop>> {
        self.skip_space();
        let word = match self.peek() {
            Some(word) if word.kind == Kind::Identifier => word.text,
            _ => "",
        };
        if is_keyword(word) && word != "nil" {
            self.at += 1;
        }
        match word {
            "if" => {
                let branch = self.branch("if")?;
                nodes.push(Node::If(branch));
            }
            "with" => {
                let branch = self.branch("with")?;
                nodes.push(Node::With(branch));
            }
            "range" => {
                let branch = self.branch("range")?;
                nodes.push(Node::Range(branch));
            }
            "end" => {
                self.close("end")?;
                return Ok(Some(Stop::End));
            }
            "else" => {
                self.skip_space();
                let next = match self.peek() {
                    Some(word) if word.kind == Kind::Identifier => word.text,
                    _ => "",
                };
                let end = match next {
                    "if" => Stop::ElseIf,
                    "with" => Stop::ElseWith,
                    _ => {
                        self.close("else")?;
                        return Ok(Some(Stop::Else));
                    }
                };
                self.at += 1;
                return Ok(Some(end));
            }
            "break" | "continue" => {
                self.close(word)?;
                if self.loops == 0 {
                    return Err(self.error(format!("{{{{{word}}}}} outside {{{{range}}}}")));
                }
                nodes.push(if word == "break" { Node::Break } else { Node::Continue });
            }
            "define" => self.define()?,
            "template" => {
                let node = self.template()?;
                nodes.push(node);
            }
            "block" => {
                let node = self.block()?;
                nodes.push(node);
            }
            _ => {
                let pipeline = self.pipeline("command", Kind::Close)?;
                nodes.push(Node::Action(pipeline));
            }
        }
        Ok(None)
    }

    fn close(&mut self, context: &str) -> Parsed<()> {
        self.skip_space();
        let word = self.next()?;
        if word.kind == Kind::Close { Ok(()) } else { Err(self.unexpected(&word, context)) }
    }

    fn branch(&mut self, kind: &str) -> Parsed<Branch> {
        let variables = self.variables.len();
        let pipeline = self.pipeline(kind, Kind::Close)?;
        let repeats = usize::from(kind == "range");
        self.loops += repeats;
        let (body, end) = self.list()?;
        self.loops -= repeats;
        let otherwise = match end {
            Stop::End => Vec::new(),
            Stop::Else => match self.list()? {
                (list, Stop::End) => list,
                (_, Stop::Eof) => return Err(self.error("unexpected EOF")),
                (_, end) => return Err(self.error(format!("expected end; found {}", end.as_str()))),
            },
            Stop::ElseIf if kind == "if" => {
                let inner = self.deeper(|p| p.branch("if"))?;
                vec![Node::If(inner)]
            }
            Stop::ElseWith if kind == "with" => {
                let inner = self.deeper(|p| p.branch("with"))?;
                vec![Node::With(inner)]
            }
            Stop::Eof => return Err(self.error("unexpected EOF")),
            _ => return Err(self.error("unexpected {{else}}")),
        };
        self.variables.truncate(variables);
        Ok(Branch { pipeline, body, otherwise })
    }

    fn template_name(&mut self, context: &str) -> Parsed<String> {
        self.skip_space();
        let word = self.next()?;
        match word.kind {
            Kind::String | Kind::RawString => {
                unquote_text(word.text).ok_or_else(|| self.error_at(word.at, "invalid syntax"))
            }
            _ => Err(self.unexpected(&word, context)),
        }
    }

    fn template(&mut self) -> Parsed<Node> {
        let at = self.peek().map_or(0, |w| w.at);
        let name = self.template_name("template clause")?;
        self.skip_space();
        let data = match self.peek_kind() {
            Some(Kind::Close) => {
                self.at += 1;
                None
            }
            _ => Some(self.pipeline("template clause", Kind::Close)?),
        };
        Ok(Node::Template { at, name, data })
    }

    fn define(&mut self) -> Parsed<()> {
        let name = self.template_name("define clause")?;
        self.close("define clause")?;
        self.definition(name)
    }

    fn block(&mut self) -> Parsed<Node> {
        let at = self.peek().map_or(0, |w| w.at);
        let name = self.template_name("block clause")?;
        let pipeline = self.pipeline("block clause", Kind::Close)?;
        self.definition(name.clone())?;
        Ok(Node::Template { at, name, data: Some(pipeline) })
    }

    /// The body of a defined template, in which only `$` is known.
    fn definition(&mut self, name: String) -> Parsed<()> {
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let (body, end) = self.list()?;
        self.variables = outer;
        match end {
            Stop::End => {
                self.defined.insert(name, body);
                Ok(())
            }
            Stop::Eof => Err(self.error("unexpected EOF")),
            end => Err(self.error(format!("unexpected {} in define clause", end.as_str()))),
        }
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
        self.deeper(|p| p.pipeline_here(context, end))
    }

    fn pipeline_here(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
        self.skip_space();
        let at = self.peek().map_or(self.text.len(), |w| w.at);
        let (variables, assigns) = self.declarations(context)?;
        let mut commands = Vec::new();
        loop {
            self.skip_space();
            let word = self.next()?;
            match word.kind {
                kind if kind == end => break,
                Kind::Identifier
                | Kind::Field
                | Kind::Variable
                | Kind::Dot
                | Kind::String
                | Kind::RawString
                | Kind::Char
                | Kind::Number
                | Kind::LeftParen => {
                    self.at -= 1;
                    let command = self.command()?;
                    commands.push(command);
                }
                _ => return Err(self.unexpected(&word, context)),
            }
        }
        if commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (i, command) in commands.iter().enumerate().skip(1) {
            let first = command.args.first().map(|a| &a.kind);
            if matches!(
                first,
                Some(
                    OperandKind::Bool(_)
                        | OperandKind::Dot
                        | OperandKind::Nil
                        | OperandKind::Int(..)
                        | OperandKind::Uint(..)
                        | OperandKind::Float(..)
                        | OperandKind::Text(..)
                )
            ) {
                return Err(self.error(format!("non executable command in pipeline stage {}", i + 1)));
            }
        }
        self.variables.extend(variables.iter().filter(|_| !assigns).cloned());
        Ok(Pipeline { at, variables, assigns, commands })
    }

    /// `$x :=`, `$x =` or, for `range`, `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Parsed<(Vec<String>, bool)> {
        let start = self.at;
        let mut names = Vec::new();
        while self.peek_kind() == Some(Kind::Variable) {
            let word = self.next()?;
            self.skip_space();
            match self.peek_kind() {
                Some(kind @ (Kind::Declare | Kind::Assign)) => {
                    self.at += 1;
                    names.push(word.text.to_owned());
                    let assigns = kind == Kind::Assign;
                    if assigns && let Some(unknown) = names.iter().find(|n| !self.variables.contains(n)) {
                        return Err(self.error(format!("undefined variable {}", quote(unknown))));
                    }
                    return Ok((names, assigns));
                }
                Some(Kind::Comma) if context == "range" && names.is_empty() => {
                    self.at += 1;
                    names.push(word.text.to_owned());
                    self.skip_space();
                }
                _ => break,
            }
        }
        // It was an operand after all.
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self) -> Parsed<Command> {
        let at = self.peek().map_or(self.text.len(), |w| w.at);
        let mut args = Vec::new();
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let word = self.next()?;
            match word.kind {
                Kind::Space => {}
                Kind::Close | Kind::RightParen => {
                    self.at -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&word, "operand")),
            }
        }
        if args.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(Command { at, args })
    }

    /// A term with the fields that follow it without space.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(mut term) = self.term()? else {
            return Ok(None);
        };
        let at = self.peek().map_or(self.text.len(), |w| w.at);
        let mut names = Vec::new();
        while self.peek_kind() == Some(Kind::Field) {
            let word = self.next()?;
            names.push(word.text[1..].to_owned());
        }
        if names.is_empty() {
            return Ok(Some(term));
        }
        let kind = match term.kind {
            OperandKind::Field(ref mut first) => {
                first.append(&mut names);
                term.kind
            }
            OperandKind::Variable(ref mut _name, ref mut first) => {
                first.append(&mut names);
                term.kind
            }
            OperandKind::Function(_) | OperandKind::Pipeline(_) | OperandKind::Chain(..) => {
                OperandKind::Chain(Box::new(term), names)
            }
            _ => {
                return Err(self.error(format!("unexpected . after term {}", quote(&term.to_string()))));
            }
        };
        Ok(Some(Operand { at, kind }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let Some(word) = self.peek().cloned() else {
            return self.next().map(|_| None);
        };
        let kind = match word.kind {
            Kind::Identifier => match word.text {
                "true" => OperandKind::Bool(true),
                "false" => OperandKind::Bool(false),
                "nil" => OperandKind::Nil,
                name if is_function(name) => OperandKind::Function(name.to_owned()),
                name if is_keyword(name) => return Ok(None),
                name => return Err(self.error_at(word.at, format!("function {} not defined", quote(name)))),
            },
            Kind::Dot => OperandKind::Dot,
            Kind::Field => OperandKind::Field(vec![word.text[1..].to_owned()]),
            Kind::Variable => {
                if !self.variables.iter().any(|v| v == word.text) {
                    let message = format!("undefined variable {}", quote(word.text));
                    return Err(self.error_at(word.at, message));
                }
                OperandKind::Variable(word.text.to_owned(), Vec::new())
            }
            Kind::String | Kind::RawString => match unquote_text(word.text) {
                Some(text) => OperandKind::Text(text, word.text.to_owned()),
                None => return Err(self.error_at(word.at, "invalid syntax")),
            },
            Kind::Char => match unquote_text(word.text).map(|t| t.chars().collect::<Vec<_>>()).as_deref() {
                Some([c]) => OperandKind::Int(i64::from(u32::from(*c)), word.text.to_owned()),
                _ => {
                    let message = format!("malformed character constant: {}", word.text);
                    return Err(self.error_at(word.at, message));
                }
            },
            Kind::Number => match number(word.text) {
                Some(kind) => kind,
                None => {
                    let message = format!("bad number syntax: {}", quote(word.text));
                    return Err(self.error_at(word.at, message));
                }
            },
            Kind::LeftParen => {
                self.at += 1;
                let pipeline = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                return Ok(Some(Operand { at: word.at, kind: OperandKind::Pipeline(Box::new(pipeline)) }));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(Operand { at: word.at, kind }))
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "if" | "else"
            | "end"
            | "range"
            | "with"
            | "define"
            | "template"
            | "block"
            | "break"
            | "continue"
            | "nil"
    )
}

/// A number constant: an integer if it is written or can be read as one.
fn number(text: &str) -> Option<OperandKind> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix(['+', '-']) {
        Some(rest) => (if plain.starts_with('-') { "-" } else { "" }, rest),
        None => ("", plain.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, body) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|b| b.is_ascii_digit()) => {
            (8, &lower[1..])
        }
        _ => (10, lower.as_str()),
    };
    if let Ok(n) = i64::from_str_radix(&format!("{sign}{body}"), base) {
        return Some(OperandKind::Int(n, text.to_owned()));
    }
    if let Ok(n) = u64::from_str_radix(body, base)
        && sign.is_empty()
    {
        return Some(OperandKind::Uint(n, text.to_owned()));
    }
    if base != 10 || !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    plain.parse().ok().map(|v| OperandKind::Float(v, text.to_owned()))
}
