//! The clauses of an `Accept` header.

/// One media range with its parameters and weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clause<'a> {
    pub(super) kind: &'a str,
    pub(super) subtype: &'a str,
    weight: f64,
    parameters: &'a str,
}

impl<'a> Clause<'a> {
    /// One clause; `None` if it is no media range.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (range, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = match range.split_once('/') {
            Some((kind, subtype)) if !subtype.is_empty() && !subtype.contains('/') => (kind, subtype),
            _ if range.trim() == "*" => ("*", "*"),
            _ => return None,
        };
        let (kind, subtype) = (kind.trim(), subtype.trim());
        let mut clause = Self { kind, subtype, weight: 1.0, parameters };
        // A weight that is no number weighs nothing.
        if let Some(weight) = clause.parameter("q") {
            clause.weight = weight.parse().unwrap_or(0.0);
        }
        Some(clause)
    }

    /// The parameters in order, the weight among them.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        pairs(self.parameters)
    }

    /// The last value given for a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters().filter(|(n, _)| *n == name).last().map(|(_, value)| value)
    }

    /// Whether this clause is tried before the other.
    fn comes_before(&self, other: &Self) -> bool {
        let is_wild = |part: &str| part == "*";
        self.weight > other.weight
            || (!is_wild(self.kind) && is_wild(other.kind))
            || (!is_wild(self.subtype) && is_wild(other.subtype))
    }
}

fn pairs(parameters: &str) -> impl Iterator<Item = (&str, &str)> {
    parameters.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (!value.is_empty() && !value.contains('=')).then(|| (name.trim(), value.trim()))
    })
}

/// The clauses of a header in the order in which they are tried.
pub(super) fn clauses(header: &str) -> Vec<Clause<'_>> {
    // More clauses than any real client sends; it bounds the quadratic sort below.
    const MAX_CLAUSES: usize = 64;
    let mut sorted: Vec<Clause<'_>> = Vec::new();
    for clause in header.split(',').filter_map(|part| Clause::parse(part.trim())).take(MAX_CLAUSES) {
        // The original's order is not transitive (a light clause without wildcards goes before a heavy one
        // with), so the way of sorting matters: insertion from the right.
        let at = sorted.iter().rposition(|placed| !clause.comes_before(placed)).map_or(0, |at| at + 1);
        sorted.insert(at, clause);
    }
    sorted
}
