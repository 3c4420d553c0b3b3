//! Walking through a tree.

use super::ast::Expr;

impl Expr {
    /// The expressions right below this one, in order of the text but for the parameter of an aggregation, which comes last.
    ///
    /// ```
    /// let query = promql::parser::parse("topk(3, up) + 1").unwrap();
    /// let texts: Vec<String> = query.children().iter().map(|e| e.to_string()).collect();
    /// assert_eq!(texts, ["topk(3, up)", "1"]);
    /// assert_eq!(query.height(), 3);
    /// ```
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => Vec::new(),
            Self::Paren(e) => vec![&e.expr],
            Self::Unary(e) => vec![&e.expr],
            Self::Subquery(e) => vec![&e.expr],
            Self::Binary(e) => vec![&e.lhs, &e.rhs],
            Self::Aggregate(e) => [&e.expr].into_iter().chain(&e.param).collect(),
            Self::Call(e) => e.args.iter().collect(),
        }
    }

    /// How many expressions stand above each other; 1 for one without children.
    pub fn height(&self) -> usize {
        1 + self.children().into_iter().map(Self::height).max().unwrap_or(0)
    }
}
