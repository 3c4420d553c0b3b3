//! Types: what may stand where. Runs once a query is known to follow the grammar.

use metrics_core::METRIC_NAME;

use super::ast::{Aggregate, Binary, Call, Cardinality, Expr, Span, ValueType, VectorSelector};
use super::error::ParseError;
use super::functions::Arity;
use super::lex::is_space;
use super::quote::quote;

/// Checks an expression and completes what only types tell: how series of set operators match, and that
/// there is no matching where a side is not an instant vector.
pub(super) fn check(expr: &mut Expr, query: &str) -> Result<ValueType, ParseError> {
    Checker { query }.check(expr)
}

struct Checker<'a> {
    query: &'a str,
}

impl Checker<'_> {
    fn error<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(self.query, span, message))
    }

    fn check(&self, expr: &mut Expr) -> Result<ValueType, ParseError> {
        match expr {
            Expr::Number(_) | Expr::String(_) => {}
            Expr::Paren(e) => return self.check(&mut e.expr),
            Expr::Unary(e) => {
                let operand = self.check(&mut e.expr)?;
                if !matches!(operand, ValueType::Scalar | ValueType::Vector) {
                    return self.error(
                        e.span,
                        format!(
                            "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                            quote(operand.documented())
                        ),
                    );
                }
                return Ok(operand);
            }
            Expr::Binary(e) => return self.binary(e),
            Expr::Aggregate(e) => self.aggregate(e)?,
            Expr::Call(e) => self.call(e)?,
            Expr::Vector(e) => self.selector(e)?,
            Expr::Matrix(e) => self.selector(&e.selector)?,
            Expr::Subquery(e) => {
                let inner = self.check(&mut e.expr)?;
                if inner != ValueType::Vector {
                    return self.error(
                        e.span,
                        format!("subquery is only allowed on instant vector, got {inner} instead"),
                    );
                }
            }
        }
        Ok(expr.value_type())
    }

    fn expect(&self, expr: &mut Expr, wanted: ValueType, place: &str) -> Result<(), ParseError> {
        let found = self.check(expr)?;
        if found == wanted {
            return Ok(());
        }
        self.error(
            expr.span(),
            format!("expected type {} in {place}, got {}", wanted.documented(), found.documented()),
        )
    }

    fn aggregate(&self, e: &mut Aggregate) -> Result<(), ParseError> {
        self.expect(&mut e.expr, ValueType::Vector, "aggregation expression")?;
        match (&mut e.param, e.op.param_type()) {
            (Some(param), Some(wanted)) => self.expect(param, wanted, "aggregation parameter"),
            _ => Ok(()),
        }
    }

    fn binary(&self, e: &mut Binary) -> Result<ValueType, ParseError> {
        let (lhs, rhs) = (self.check(&mut e.lhs)?, self.check(&mut e.rhs)?);
        let scalars = lhs == ValueType::Scalar && rhs == ValueType::Scalar;
        let op = e.op;

        if e.return_bool && !op.is_comparison() {
            return self.error(self.operator(e), "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !e.return_bool && scalars {
            return self.error(self.operator(e), "comparisons between scalars must use BOOL modifier");
        }
        if let Some(matching) = &mut e.matching
            && op.is_set()
            && matching.cardinality == Cardinality::OneToOne
        {
            matching.cardinality = Cardinality::ManyToMany;
        }
        if let Some(matching) = e.matching.as_ref().filter(|m| m.on)
            && let Some(label) = matching.labels.iter().find(|l| matching.include.contains(l))
        {
            let message = format!("label {} must not occur in ON and GROUP clause at once", quote(label));
            return self.error(self.operator(e), message);
        }
        for (side, found) in [(&e.lhs, lhs), (&e.rhs, rhs)] {
            if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                return self.error(
                    side.span(),
                    "binary expression must contain only scalar and instant vector types",
                );
            }
        }
        self.matching(e, lhs == ValueType::Vector && rhs == ValueType::Vector)?;
        if op.is_set() && (lhs == ValueType::Scalar || rhs == ValueType::Scalar) {
            return self.error(
                e.span,
                format!("set operator {} not allowed in binary scalar expression", quote(op.as_str())),
            );
        }
        Ok(if scalars { ValueType::Scalar } else { ValueType::Vector })
    }

    fn matching(&self, e: &mut Binary, vectors: bool) -> Result<(), ParseError> {
        let Some(matching) = &e.matching else {
            return Ok(());
        };
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        let problem = if !vectors {
            if !matching.labels.is_empty() {
                "vector matching only allowed between instant vectors"
            } else if fills {
                "filling in missing series only allowed between instant vectors"
            } else {
                e.matching = None;
                return Ok(());
            }
        } else if !e.op.is_set() {
            return Ok(());
        } else if matching.cardinality != Cardinality::ManyToMany {
            return self.error(e.span, format!("no grouping allowed for {} operation", quote(e.op.as_str())));
        } else if fills {
            "filling in missing series not allowed for set operators"
        } else {
            return Ok(());
        };
        self.error(e.span, problem)
    }

    /// Where the operator and its modifiers stand.
    fn operator(&self, e: &Binary) -> Span {
        let between = self.query.get(e.lhs.span().end..e.rhs.span().start).unwrap_or("");
        let start = e.lhs.span().end + between.len() - between.trim_start_matches(is_space).len();
        Span::new(start, start + between.trim_matches(is_space).len())
    }

    fn call(&self, e: &mut Call) -> Result<(), ParseError> {
        let function = e.function;
        let (listed, given) = (function.args.len(), e.args.len());
        let (least, most) = match function.arity {
            Arity::Exactly => (listed, Some(listed)),
            Arity::UpTo(n) => (listed - 1, Some(listed - 1 + n)),
            Arity::AnyMore => (listed - 1, None),
        };
        let wanted = match function.arity {
            Arity::Exactly if given != listed => Some(format!("{listed}")),
            _ if given < least => Some(format!("at least {least}")),
            _ => most.filter(|most| given > *most).map(|most| format!("at most {most}")),
        };
        if let Some(wanted) = wanted {
            let name = quote(function.name);
            return self
                .error(e.span, format!("expected {wanted} argument(s) in call to {name}, got {given}"));
        }
        if function.name == "info" {
            self.info_selector(e)?;
        }
        for (i, arg) in e.args.iter_mut().enumerate() {
            // The labels that `info` adds are chosen by a selector that may match everything.
            let labels_only = function.name == "info" && i == 1;
            let found = if labels_only { arg.value_type() } else { self.check(arg)? };
            if let Some(wanted) = function.arg_type(i).filter(|wanted| *wanted != found) {
                return self.error(
                    arg.span(),
                    format!(
                        "expected type {} in call to function {}, got {}",
                        wanted.documented(),
                        quote(function.name),
                        found.documented()
                    ),
                );
            }
        }
        Ok(())
    }

    /// The second argument of `info` must be a selector without a metric name.
    fn info_selector(&self, e: &Call) -> Result<(), ParseError> {
        let Some(arg) = e.args.get(1) else {
            return Ok(());
        };
        let found = arg.value_type();
        if found != ValueType::Vector {
            return self.error(
                e.span,
                format!(
                    "expected type instant vector in call to function \"info\", got {}",
                    found.documented()
                ),
            );
        }
        match arg {
            Expr::Vector(v) if v.name.is_none() => Ok(()),
            Expr::Vector(v) => {
                self.error(v.span, "expected label selectors only, got vector selector instead")
            }
            other => self.error(other.span(), "expected label selectors only"),
        }
    }

    fn selector(&self, v: &VectorSelector) -> Result<(), ParseError> {
        if let Some(name) = &v.name {
            // The name's own condition is the last.
            let others = &v.matchers[..v.matchers.len().saturating_sub(1)];
            return match others.iter().find(|m| m.name == METRIC_NAME) {
                Some(m) => {
                    let message =
                        format!("metric name must not be set twice: {} or {}", quote(name), quote(&m.value));
                    self.error(v.span, message)
                }
                None => Ok(()),
            };
        }
        // Selecting everything is nearly always a slip.
        if v.matchers.iter().all(|m| m.matches("")) {
            return self.error(v.span, "vector selector must contain at least one non-empty matcher");
        }
        Ok(())
    }
}
