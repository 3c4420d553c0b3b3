//! The syntax tree of a template, and its parts as text, which error messages quote.

use std::fmt::{self, Display, Formatter};

use crate::parser::quote;

/// A sequence of nodes.
pub(super) type List = Vec<Node>;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// `{{ pipeline }}`
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    /// `{{ template "name" pipeline }}`
    Template {
        at: usize,
        name: String,
        data: Option<Pipeline>,
    },
    Break,
    Continue,
}

/// Something conditional or repeated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    pub(super) pipeline: Pipeline,
    pub(super) body: List,
    pub(super) otherwise: List,
}

/// Commands, each given the result of the one before; variables take the last result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipeline {
    pub(super) at: usize,
    pub(super) variables: Vec<String>,
    /// `=` instead of `:=`
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// An operand, and arguments if it is a function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) at: usize,
    pub(super) args: Vec<Operand>,
}

/// Something with a value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    pub(super) at: usize,
    pub(super) kind: OperandKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64, String),
    Uint(u64, String),
    Float(f64, String),
    /// The text and how it was written.
    Text(String, String),
    /// A function's name.
    Function(String),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`: the name with its sign, then fields.
    Variable(String, Vec<String>),
    /// `( pipeline )`
    Pipeline(Box<Pipeline>),
    /// Fields of something in parentheses.
    Chain(Box<Operand>, Vec<String>),
}

fn fields(f: &mut Formatter<'_>, names: &[String]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Bool(b) => write!(f, "{b}"),
            OperandKind::Int(_, text)
            | OperandKind::Uint(_, text)
            | OperandKind::Float(_, text)
            | OperandKind::Text(_, text) => f.write_str(text),
            OperandKind::Function(name) => f.write_str(name),
            OperandKind::Field(names) => fields(f, names),
            OperandKind::Variable(name, names) => {
                f.write_str(name)?;
                fields(f, names)
            }
            OperandKind::Pipeline(p) => write!(f, "({p})"),
            OperandKind::Chain(inner, names) => {
                write!(f, "{inner}")?;
                fields(f, names)
            }
        }
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{arg}")?;
        }
        Ok(())
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            write!(f, "{} {} ", self.variables.join(", "), if self.assigns { "=" } else { ":=" })?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Action(p) => write!(f, "{{{{{p}}}}}"),
            Self::If(b) => write!(f, "{{{{if {}}}}}", b.pipeline),
            Self::With(b) => write!(f, "{{{{with {}}}}}", b.pipeline),
            Self::Range(b) => write!(f, "{{{{range {}}}}}", b.pipeline),
            Self::Template { name, data: Some(p), .. } => write!(f, "{{{{template {} {p}}}}}", quote(name)),
            Self::Template { name, .. } => write!(f, "{{{{template {}}}}}", quote(name)),
            Self::Break => f.write_str("{{break}}"),
            Self::Continue => f.write_str("{{continue}}"),
        }
    }
}
