//! Calls of functions, and aggregations with what they group by.

use super::ast::{Aggregate, AggregateOp, Call, Expr, Span};
use super::cursor::{Context, Parsed, Parser};
use super::functions::function;
use super::quote::quote;
use super::token::{Kind, Token, can_be_label, starts_expression};

impl<'a> Parser<'a> {
    pub(super) fn aggregation_or_name(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let name = self.take()?;
        match self.peek()?.kind {
            Kind::LeftParen | Kind::By | Kind::Without => {
                self.within(Context::AGGREGATION, |p| p.aggregation(op, name))
            }
            _ => self.selector(Some(name)),
        }
    }

    pub(super) fn call_or_name(&mut self) -> Parsed<Expr> {
        let name = self.take()?;
        if self.next_is(Kind::LeftParen)? { self.call(name) } else { self.selector(Some(name)) }
    }

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

    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
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
}
