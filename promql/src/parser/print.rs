//! From syntax tree to canonical text, on one line.

use std::fmt::{self, Display, Formatter, Write};

use metrics_core::number::{format_decimal, format_general};
use metrics_core::{METRIC_NAME, MatchOp, Matcher, is_legacy_label_name};

use super::ast::{
    Aggregate, At, Binary, Cardinality, Edges, Expr, MatrixSelector, NumberLiteral, StringLiteral, Subquery,
    VectorSelector,
};
use super::duration::{DurationExpr, DurationOp, DurationOperand, Length, format_nanos};
use super::quote::{quote, quote_bytes};

/// The canonical form. Parsing it yields the same tree again, but for spans.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(e) => write!(f, "{e}"),
            Self::String(e) => write!(f, "{e}"),
            Self::Paren(e) => write!(f, "({})", e.expr),
            Self::Unary(e) => write!(f, "{}{}", e.op, e.expr),
            Self::Binary(e) => write!(f, "{} {} {}", e.lhs, Operator(e), e.rhs),
            Self::Aggregate(e) => {
                write!(f, "{}(", Heading(e))?;
                if let Some(param) = &e.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", e.expr)
            }
            Self::Call(e) => {
                write!(f, "{}(", e.function.name)?;
                separated(f, &e.args)?;
                f.write_char(')')
            }
            Self::Vector(e) => write!(f, "{e}"),
            Self::Matrix(e) => write!(f, "{e}"),
            Self::Subquery(e) => write!(f, "{}{}", e.expr, SubquerySuffix(e)),
        }
    }
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: impl IntoIterator<Item = T>) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

/// Labels in parentheses, quoted where needed.
struct Labels<'a>(&'a [String]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        separated(f, self.0.iter().map(|l| LabelName(l)))?;
        f.write_char(')')
    }
}

struct LabelName<'a>(&'a str);

impl Display for LabelName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match is_legacy_label_name(self.0) {
            true => f.write_str(self.0),
            false => f.write_str(&quote(self.0)),
        }
    }
}

/// An aggregation up to its opening parenthesis.
pub(super) struct Heading<'a>(pub(super) &'a Aggregate);

impl Display for Heading<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let e = self.0;
        write!(f, "{}", e.op)?;
        if e.without {
            write!(f, " without {} ", Labels(&e.grouping))
        } else if !e.grouping.is_empty() {
            write!(f, " by {} ", Labels(&e.grouping))
        } else {
            Ok(())
        }
    }
}

/// An operator with its modifiers.
pub(super) struct Operator<'a>(pub(super) &'a Binary);

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let e = self.0;
        write!(f, "{}", e.op)?;
        if e.return_bool {
            f.write_str(" bool")?;
        }
        let Some(m) = &e.matching else {
            return Ok(());
        };
        let group = match m.cardinality {
            Cardinality::ManyToOne => Some("group_left"),
            Cardinality::OneToMany => Some("group_right"),
            _ => None,
        };
        if !m.labels.is_empty() || m.on || group.is_some() {
            write!(f, " {} {}", if m.on { "on" } else { "ignoring" }, Labels(&m.labels))?;
        }
        if let Some(group) = group {
            write!(f, " {group} {}", Labels(&m.include))?;
        }
        match (m.fill_left, m.fill_right) {
            (Some(left), Some(right)) if left == right => write!(f, " fill ({})", format_general(left)),
            (left, right) => {
                if let Some(value) = left {
                    write!(f, " fill_left ({})", format_general(value))?;
                }
                if let Some(value) = right {
                    write!(f, " fill_right ({})", format_general(value))?;
                }
                Ok(())
            }
        }
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_duration {
            f.write_str(&format_nanos((self.value * 1e9) as i64))
        } else {
            f.write_str(&format_decimal(self.value))
        }
    }
}

impl Display for StringLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.bytes {
            Some(bytes) => f.write_str(&quote_bytes(bytes)),
            None => f.write_str(&quote(&self.value)),
        }
    }
}

/// One condition: `job="node"`, its name quoted where needed.
pub(super) struct Condition<'a>(pub(super) &'a Matcher);

impl Display for Condition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", LabelName(&self.0.name), self.0.op, quote(&self.0.value))
    }
}

/// Name and braces, without modifiers.
struct Bare<'a>(&'a VectorSelector);

impl Display for Bare<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.name.as_deref().unwrap_or("");
        let is_name = |m: &&Matcher| {
            m.name == METRIC_NAME && m.op == MatchOp::Equal && m.value == name && !name.is_empty()
        };
        let mut conditions: Vec<String> =
            self.0.matchers.iter().filter(|m| !is_name(m)).map(|m| Condition(m).to_string()).collect();
        conditions.sort();
        f.write_str(name)?;
        if !conditions.is_empty() {
            write!(f, "{{{}}}", conditions.join(","))?;
        }
        Ok(())
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}{}",
            Bare(self),
            AtSuffix(self.at),
            EdgesSuffix(self.edges),
            OffsetSuffix(&self.offset)
        )
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let v = &self.selector;
        write!(f, "{}[{}]", Bare(v), self.range)?;
        write!(f, "{}{}{}", EdgesSuffix(v.edges), AtSuffix(v.at), OffsetSuffix(&v.offset))
    }
}

/// A subquery's brackets and modifiers.
pub(super) struct SubquerySuffix<'a>(pub(super) &'a Subquery);

impl Display for SubquerySuffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let e = self.0;
        write!(f, "[{}:", e.range)?;
        if let Some(step) = &e.step {
            write!(f, "{step}")?;
        }
        write!(f, "]{}{}", AtSuffix(e.at), OffsetSuffix(&e.offset))
    }
}

struct AtSuffix(Option<At>);

impl Display for AtSuffix {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(At::Start) => f.write_str(" @ start()"),
            Some(At::End) => f.write_str(" @ end()"),
            Some(At::Time(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0),
        }
    }
}

struct EdgesSuffix(Edges);

impl Display for EdgesSuffix {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Edges::Plain => "",
            Edges::Anchored => " anchored",
            Edges::Smoothed => " smoothed",
        })
    }
}

struct OffsetSuffix<'a>(&'a Length);

impl Display for OffsetSuffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() { Ok(()) } else { write!(f, " offset {}", self.0) }
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(nanos) => f.write_str(&format_nanos(*nanos)),
            Self::Computed(expr) => write!(f, "{expr}"),
        }
    }
}

impl Display for DurationOperand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Expr(e) => write!(f, "{e}"),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.wrapped {
            f.write_char('(')?;
        }
        let op = self.op.as_str();
        match (&self.lhs, &self.rhs) {
            (Some(lhs), Some(rhs)) if matches!(self.op, DurationOp::MinOf | DurationOp::MaxOf) => {
                write!(f, "{op}({lhs}, {rhs})")?;
            }
            (Some(lhs), Some(rhs)) => write!(f, "{lhs} {op} {rhs}")?,
            // A plus in front changes nothing.
            (_, Some(rhs)) if self.op == DurationOp::Add => write!(f, "{rhs}")?,
            (_, Some(rhs)) => write!(f, "{op}{rhs}")?,
            (_, None) => write!(f, "{op}()")?,
        }
        if self.wrapped { f.write_char(')') } else { Ok(()) }
    }
}
