//! Syntax trees as JSON: what `/api/v1/parse_query` answers.

use std::fmt::Write;

use metrics_core::Matcher;
use metrics_core::number::format_decimal;

use super::render::{push_escaped, push_list};
use crate::parser::{
    Arity, At, DurationExpr, DurationOperand, Edges, Expr, Length, Matching, NumberLiteral, VectorSelector,
};

/// One object. Its fields are written in order of their names, as the original does.
struct Object<'a> {
    out: &'a mut String,
    fields: Vec<(String, String)>,
}

impl<'a> Object<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { out, fields: Vec::new() }
    }

    /// A node of the tree.
    fn node(out: &'a mut String, kind: &str) -> Self {
        let mut object = Self::new(out);
        object.text("type", kind);
        object
    }

    /// Where the value of a new field goes.
    fn key(&mut self, name: &str) -> &mut String {
        let at = self.fields.partition_point(|(known, _)| known.as_str() < name);
        self.fields.insert(at, (name.to_owned(), String::new()));
        &mut self.fields[at].1
    }

    fn text(&mut self, name: &str, value: &str) {
        push_escaped(self.key(name), value);
    }

    fn raw(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.key(name), "{value}");
    }

    fn expr(&mut self, name: &str, expr: Option<&Expr>) {
        match expr {
            Some(expr) => push_ast(self.key(name), expr),
            None => self.raw(name, "null"),
        }
    }

    /// A length in milliseconds, zero where it is computed, and the expression that computes it.
    fn length(&mut self, name: &str, length: Option<&Length>) {
        let fixed = match length {
            Some(Length::Fixed(nanos)) => nanos / 1_000_000,
            _ => 0,
        };
        self.raw(name, fixed);
        let computed = match length {
            Some(Length::Computed(expr)) => Some(expr),
            _ => None,
        };
        let key = self.key(&format!("{name}Expr"));
        match computed {
            Some(expr) => push_duration(key, expr),
            None => key.push_str("null"),
        }
    }

    fn at(&mut self, at: Option<At>) {
        match at {
            Some(At::Time(ms)) => self.raw("timestamp", ms),
            _ => self.raw("timestamp", "null"),
        }
        match at {
            Some(At::Start) => self.text("startOrEnd", "start"),
            Some(At::End) => self.text("startOrEnd", "end"),
            _ => self.raw("startOrEnd", "null"),
        }
    }

    fn selector(&mut self, selector: &VectorSelector) {
        self.text("name", selector.name.as_deref().unwrap_or(""));
        push_matchers(self.key("matchers"), &selector.matchers);
        self.length("offset", Some(&selector.offset));
        self.at(selector.at);
        self.raw("anchored", selector.edges == Edges::Anchored);
        self.raw("smoothed", selector.edges == Edges::Smoothed);
    }

    fn end(self) {
        for (i, (name, value)) in self.fields.iter().enumerate() {
            let before = if i == 0 { '{' } else { ',' };
            let _ = write!(self.out, "{before}\"{name}\":{value}");
        }
        self.out.push('}');
    }
}

/// Appends an expression as JSON.
pub(super) fn push_ast(out: &mut String, expr: &Expr) {
    match expr {
        Expr::Number(e) => {
            let mut object = Object::node(out, "numberLiteral");
            object.text("val", &format_decimal(e.value));
            object.end();
        }
        Expr::String(e) => {
            let mut object = Object::node(out, "stringLiteral");
            object.text("val", &e.value);
            object.end();
        }
        Expr::Paren(e) => {
            let mut object = Object::node(out, "parenExpr");
            object.expr("expr", Some(&e.expr));
            object.end();
        }
        Expr::Unary(e) => {
            let mut object = Object::node(out, "unaryExpr");
            object.text("op", e.op.as_str());
            object.expr("expr", Some(&e.expr));
            object.end();
        }
        Expr::Binary(e) => {
            let mut object = Object::node(out, "binaryExpr");
            object.text("op", e.op.as_str());
            object.raw("bool", e.return_bool);
            match &e.matching {
                Some(matching) => push_matching(object.key("matching"), matching),
                None => object.raw("matching", "null"),
            }
            object.expr("lhs", Some(&e.lhs));
            object.expr("rhs", Some(&e.rhs));
            object.end();
        }
        Expr::Aggregate(e) => {
            let mut object = Object::node(out, "aggregation");
            object.text("op", e.op.as_str());
            object.raw("without", e.without);
            push_list(object.key("grouping"), &e.grouping);
            object.expr("param", e.param.as_ref());
            object.expr("expr", Some(&e.expr));
            object.end();
        }
        Expr::Call(e) => {
            let mut object = Object::node(out, "call");
            let types: Vec<&str> = e.function.args.iter().map(|t| t.as_str()).collect();
            let variadic = match e.function.arity {
                Arity::Exactly => 0,
                Arity::UpTo(n) => i64::try_from(n).unwrap_or(i64::MAX),
                Arity::AnyMore => -1,
            };
            let mut function = Object::new(object.key("func"));
            function.text("name", e.function.name);
            push_list(function.key("argTypes"), &types);
            function.raw("variadic", variadic);
            function.text("returnType", e.function.returns.as_str());
            function.end();
            let args = object.key("args");
            args.push('[');
            for (i, arg) in e.args.iter().enumerate() {
                if i > 0 {
                    args.push(',');
                }
                push_ast(args, arg);
            }
            args.push(']');
            object.end();
        }
        Expr::Vector(e) => {
            let mut object = Object::node(out, "vectorSelector");
            object.selector(e);
            object.end();
        }
        Expr::Matrix(e) => {
            let mut object = Object::node(out, "matrixSelector");
            object.selector(&e.selector);
            object.length("range", Some(&e.range));
            object.end();
        }
        Expr::Subquery(e) => {
            let mut object = Object::node(out, "subquery");
            object.expr("expr", Some(&e.expr));
            object.length("range", Some(&e.range));
            object.length("step", e.step.as_ref());
            object.length("offset", Some(&e.offset));
            object.at(e.at);
            object.end();
        }
    }
}

fn push_matchers(out: &mut String, matchers: &[Matcher]) {
    out.push('[');
    for (i, matcher) in matchers.iter().enumerate() {
        out.push_str(if i == 0 { "{\"name\":" } else { ",{\"name\":" });
        push_escaped(out, &matcher.name);
        out.push_str(",\"type\":");
        push_escaped(out, matcher.op.as_str());
        out.push_str(",\"value\":");
        push_escaped(out, &matcher.value);
        out.push('}');
    }
    out.push(']');
}

fn push_matching(out: &mut String, matching: &Matching) {
    let fill = |value: Option<f64>| match value {
        Some(v) => format_decimal(v),
        None => "null".to_owned(),
    };
    let mut object = Object::new(out);
    object.text("card", matching.cardinality.as_str());
    push_list(object.key("labels"), &matching.labels);
    object.raw("on", matching.on);
    push_list(object.key("include"), &matching.include);
    let (left, right) = (fill(matching.fill_left), fill(matching.fill_right));
    object.raw("fillValues", format_args!("{{\"lhs\":{left},\"rhs\":{right}}}"));
    object.end();
}

fn push_duration(out: &mut String, expr: &DurationExpr) {
    let mut object = Object::node(out, "durationExpr");
    object.text("op", expr.op.as_str());
    for (name, operand) in [("lhs", &expr.lhs), ("rhs", &expr.rhs)] {
        match operand {
            None => object.raw(name, "null"),
            Some(DurationOperand::Expr(inner)) => push_duration(object.key(name), inner),
            Some(DurationOperand::Number(number)) => push_number(object.key(name), number),
        }
    }
    object.raw("wrapped", expr.wrapped);
    object.end();
}

fn push_number(out: &mut String, number: &NumberLiteral) {
    let mut object = Object::node(out, "numberLiteral");
    object.text("val", &format_decimal(number.value));
    object.raw("duration", number.is_duration);
    object.end();
}
