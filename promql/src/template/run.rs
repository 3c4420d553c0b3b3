//! Executes a parsed template.

use super::functions::{Callee, call};
use super::parse::Tree;
use super::tree::{Branch, Command, List, Node, Operand, OperandKind, Pipeline};
use super::value::TemplateValue as Value;
use super::{Expander, MissingKey, Output, TemplateError};

/// How often templates may call each other from within each other.
const MAX_CALLS: usize = 100;

/// What one template may write.
const MAX_OUTPUT: usize = 16 << 20;

pub(super) fn run(
    expander: &Expander<'_>,
    tree: &Tree,
    text: &str,
    data: &Value,
) -> Result<String, TemplateError> {
    let mut run = Run {
        expander,
        tree,
        text,
        variables: vec![("$".to_owned(), data.clone())],
        at: (0, String::new()),
        out: String::new(),
        calls: 0,
    };
    run.list(&tree.body, data)?;
    Ok(run.out)
}

pub(super) struct Run<'a> {
    pub(super) expander: &'a Expander<'a>,
    tree: &'a Tree,
    text: &'a str,
    variables: Vec<(String, Value)>,
    /// Place and text of what is being evaluated, for messages.
    at: (usize, String),
    out: String,
    calls: usize,
}

/// How a list of nodes was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

type Ran<T> = Result<T, TemplateError>;

impl Run<'_> {
    pub(super) fn error(&self, message: impl Into<String>) -> TemplateError {
        let (at, shown) = &self.at;
        let before = &self.text[..*at];
        let line = 1 + before.bytes().filter(|b| *b == b'\n').count();
        let column = before.rfind('\n').map_or(*at, |n| at - n - 1);
        let context = match shown.chars().count() {
            0..=20 => shown.clone(),
            _ => format!("{}...", shown.chars().take(20).collect::<String>()),
        };
        TemplateError::Execute {
            name: self.expander.name.to_owned(),
            line,
            column,
            context,
            message: message.into(),
        }
    }

    fn at(&mut self, at: usize, shown: &impl ToString) {
        self.at = (at, shown.to_string());
    }

    fn list(&mut self, nodes: &List, dot: &Value) -> Ran<Flow> {
        for node in nodes {
            match self.node(node, dot)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Ran<Flow> {
        match node {
            Node::Text(text) => self.write(text)?,
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    let text = self.shown(&value);
                    self.write(&text)?;
                }
            }
            Node::If(branch) => return self.branch(branch, dot, false),
            Node::With(branch) => return self.branch(branch, dot, true),
            Node::Range(branch) => self.range(branch, dot)?,
            Node::Template { at, name, data } => self.template(*at, name, data.as_ref(), dot, node)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, text: &str) -> Ran<()> {
        if self.out.len() + text.len() > MAX_OUTPUT {
            return Err(self.error(format!("output is longer than {MAX_OUTPUT} bytes")));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn shown(&self, value: &Value) -> String {
        match (self.expander.output, value) {
            (Output::Text, value) => value.to_string(),
            (Output::Html, Value::Html(text)) => text.clone(),
            (Output::Html, Value::Nil) => String::new(),
            (Output::Html, value) => super::functions::escape_html(&value.to_string()),
        }
    }

    fn branch(&mut self, branch: &Branch, dot: &Value, rebinds: bool) -> Ran<Flow> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        let flow = match (value.is_true(), rebinds) {
            (true, true) => self.list(&branch.body, &value),
            (true, false) => self.list(&branch.body, dot),
            (false, _) => self.list(&branch.otherwise, dot),
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Ran<()> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        let items: Vec<(Value, Value)> = match value {
            Value::List(items) => indexed(items),
            Value::Samples(samples) => indexed(samples.into_iter().map(Value::Sample)),
            Value::Labels(labels) => labels.iter().map(|(n, v)| (n.into(), v.into())).collect(),
            Value::Map(map) => map.into_iter().map(|(n, v)| (n.into(), v)).collect(),
            Value::Int(n) => indexed((0..n.clamp(0, 1_000_000)).map(Value::Int)),
            Value::Nil => Vec::new(),
            other => return Err(self.error(format!("range can't iterate over {other}"))),
        };
        if items.is_empty() {
            self.list(&branch.otherwise, dot)?;
        }
        for (key, item) in items {
            let inner = self.variables.len();
            match branch.pipeline.variables.as_slice() {
                [] => {}
                [one] => self.assign(one, item.clone()),
                [first, second, ..] => {
                    self.assign(first, key);
                    self.assign(second, item.clone());
                }
            }
            let flow = self.list(&branch.body, &item)?;
            self.variables.truncate(inner);
            if flow == Flow::Break {
                break;
            }
        }
        self.variables.truncate(scope);
        Ok(())
    }

    fn template(
        &mut self,
        at: usize,
        name: &str,
        data: Option<&Pipeline>,
        dot: &Value,
        node: &Node,
    ) -> Ran<()> {
        self.at(at, node);
        let Some(body) = self.tree.defined.get(name) else {
            return Err(self.error(format!("template {} not defined", crate::parser::quote(name))));
        };
        if self.calls >= MAX_CALLS {
            return Err(self.error(format!("exceeded maximum template depth ({MAX_CALLS})")));
        }
        let dot = match data {
            Some(pipeline) => self.pipeline(pipeline, dot)?,
            None => Value::Nil,
        };
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot.clone())]);
        self.calls += 1;
        let flow = self.list(body, &dot);
        self.calls -= 1;
        self.variables = outer;
        flow.map(drop)
    }

    /// Sets the innermost variable of that name, or declares it.
    fn assign(&mut self, name: &str, value: Value) {
        match self.variables.iter_mut().rev().find(|(n, _)| n == name) {
            Some(slot) => slot.1 = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Ran<Value> {
        self.at(pipeline.at, pipeline);
        let mut result = None;
        for command in &pipeline.commands {
            result = Some(self.command(command, dot, result)?);
        }
        let value = result.unwrap_or(Value::Nil);
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(name, value.clone());
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    /// A command; `last` is the result of the one before, which becomes the last argument.
    fn command(&mut self, command: &Command, dot: &Value, last: Option<Value>) -> Ran<Value> {
        let Some((first, args)) = command.args.split_first() else {
            return Ok(Value::Nil);
        };
        match &first.kind {
            OperandKind::Function(name) => {
                self.at(first.at, first);
                let callee = Callee { name, at: command.at, shown: command.to_string() };
                self.function(&callee, args, dot, last)
            }
            OperandKind::Field(names) => {
                self.at(first.at, first);
                self.fields(dot.clone(), names, args, dot, last)
            }
            OperandKind::Variable(name, names) => {
                self.at(first.at, first);
                let value = self.variable(name)?;
                if names.is_empty() {
                    self.not_a_function(first, args, last.as_ref())?;
                }
                self.fields(value, names, args, dot, last)
            }
            OperandKind::Chain(inner, names) => {
                self.at(first.at, first);
                let value = self.operand(inner, dot)?;
                self.fields(value, names, args, dot, last)
            }
            OperandKind::Pipeline(pipeline) => {
                self.not_a_function(first, args, last.as_ref())?;
                self.pipeline(pipeline, dot)
            }
            OperandKind::Nil => {
                self.at(first.at, first);
                Err(self.error("nil is not a command"))
            }
            _ => {
                self.at(first.at, first);
                self.not_a_function(first, args, last.as_ref())?;
                self.operand(first, dot)
            }
        }
    }

    fn not_a_function(&self, first: &Operand, args: &[Operand], last: Option<&Value>) -> Ran<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(self.error(format!("can't give argument to non-function {first}")))
    }

    fn variable(&self, name: &str) -> Ran<Value> {
        match self.variables.iter().rev().find(|(n, _)| n == name) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.error(format!("undefined variable: {name}"))),
        }
    }

    /// The value of an operand that stands alone or as an argument.
    pub(super) fn operand(&mut self, operand: &Operand, dot: &Value) -> Ran<Value> {
        self.at(operand.at, operand);
        Ok(match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil => Value::Nil,
            OperandKind::Bool(b) => Value::Bool(*b),
            OperandKind::Int(n, _) => Value::Int(*n),
            OperandKind::Uint(_, text) => return Err(self.error(format!("{text} overflows int"))),
            OperandKind::Float(v, _) => Value::Float(*v),
            OperandKind::Text(text, _) => Value::Text(text.clone()),
            OperandKind::Function(name) => {
                let callee = Callee { name, at: operand.at, shown: operand.to_string() };
                return self.function(&callee, &[], dot, None);
            }
            OperandKind::Field(names) => return self.fields(dot.clone(), names, &[], dot, None),
            OperandKind::Variable(name, names) => {
                let value = self.variable(name)?;
                return self.fields(value, names, &[], dot, None);
            }
            OperandKind::Pipeline(pipeline) => return self.pipeline(pipeline, dot),
            OperandKind::Chain(inner, names) => {
                let value = self.operand(inner, dot)?;
                return self.fields(value, names, &[], dot, None);
            }
        })
    }

    /// Field after field; the last may be a method that takes arguments.
    fn fields(
        &mut self,
        mut value: Value,
        names: &[String],
        args: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Ran<Value> {
        let Some((final_name, inner)) = names.split_last() else {
            return Ok(value);
        };
        for name in inner {
            value = self.field(&value, name)?;
        }
        if let Some(method) = super::functions::method(&value, final_name) {
            let mut given = Vec::with_capacity(args.len() + 1);
            for arg in args {
                given.push(self.operand(arg, dot)?);
            }
            given.extend(last);
            return method(&given).map_err(|why| self.error(format!("error calling {final_name}: {why}")));
        }
        if !args.is_empty() || last.is_some() {
            return Err(self.error(format!("{final_name} has arguments but cannot be invoked as function")));
        }
        self.field(&value, final_name)
    }

    fn field(&self, value: &Value, name: &str) -> Ran<Value> {
        let found = match value {
            Value::Fields(fields) => fields.get(name).cloned(),
            Value::Labels(labels) => {
                return match labels.get(name) {
                    Some(text) => Ok(text.into()),
                    None if self.expander.missing_key == MissingKey::Error => Err(self.no_entry(name)),
                    None => Ok("".into()),
                };
            }
            Value::Map(map) => {
                return match map.get(name) {
                    Some(value) => Ok(value.clone()),
                    None if self.expander.missing_key == MissingKey::Error => Err(self.no_entry(name)),
                    None => Ok(Value::Nil),
                };
            }
            Value::Sample(sample) => match name {
                "Labels" => Some(Value::Labels(sample.labels.clone())),
                "Value" => Some((*sample.value).clone()),
                _ => None,
            },
            Value::Nil if self.expander.missing_key == MissingKey::Error => {
                let name = crate::parser::quote(name);
                return Err(self.error(format!("nil data; no entry for key {name}")));
            }
            Value::Nil => return Ok(Value::Nil),
            _ => None,
        };
        found.ok_or_else(|| self.error(format!("can't evaluate field {name} in type {}", value.type_name())))
    }

    fn no_entry(&self, name: &str) -> TemplateError {
        self.error(format!("map has no entry for key {}", crate::parser::quote(name)))
    }

    fn function(
        &mut self,
        callee: &Callee<'_>,
        args: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Ran<Value> {
        // These two stop at the first argument that decides.
        if matches!(callee.name, "and" | "or") {
            return self.and_or(callee, args, dot, last);
        }
        let mut given = Vec::with_capacity(args.len() + 1);
        for arg in args {
            given.push(self.operand(arg, dot)?);
        }
        given.extend(last);
        call(self.expander, callee.name, &given).map_err(|why| {
            self.at = (callee.at, callee.shown.clone());
            why.into_error(self, callee.name)
        })
    }

    fn and_or(
        &mut self,
        callee: &Callee<'_>,
        args: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Ran<Value> {
        let stops = callee.name == "or";
        let mut value = None;
        for arg in args {
            let found = self.operand(arg, dot)?;
            if found.is_true() == stops {
                return Ok(found);
            }
            value = Some(found);
        }
        last.or(value).ok_or_else(|| {
            self.error(format!("wrong number of args for {}: want at least 1 got 0", callee.name))
        })
    }
}

fn indexed(items: impl IntoIterator<Item = Value>) -> Vec<(Value, Value)> {
    items.into_iter().enumerate().map(|(i, item)| (Value::Int(i as i64), item)).collect()
}
