//! The table of functions: names, argument types, result types.
//!
//! Source: the function list of Prometheus 3.14's query language. The code behind each lives with the engine.

use super::ast::ValueType::{self, Matrix, Scalar, String, Vector};
use Arity::{AnyMore, Exactly, UpTo};

/// What a function takes and yields.
#[derive(Debug)]
pub struct Signature {
    /// The name as it is called.
    pub name: &'static str,
    /// Types of the arguments; the last also holds for further ones.
    pub args: &'static [ValueType],
    /// How many arguments may be given.
    pub arity: Arity,
    /// The type of the result.
    pub returns: ValueType,
    /// Whether it needs the feature flag `promql-experimental-functions`.
    pub experimental: bool,
}

/// How many arguments a function takes, compared with the length of its list of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// As many as the list is long.
    Exactly,
    /// The last is optional and may stand up to this many times.
    UpTo(usize),
    /// The last is optional and may be repeated without limit.
    AnyMore,
}

impl Signature {
    /// The type of the argument at a position.
    pub fn arg_type(&self, position: usize) -> Option<ValueType> {
        self.args.get(position).or(self.args.last()).copied()
    }
}

/// Looks a function up by its name.
///
/// ```
/// use promql::parser::{function, ValueType};
/// assert_eq!(function("rate").unwrap().args, [ValueType::Matrix]);
/// assert!(function("median").is_none());
/// ```
pub fn function(name: &str) -> Option<&'static Signature> {
    FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok().map(|i| &FUNCTIONS[i])
}

/// All functions, sorted by name.
pub static FUNCTIONS: &[Signature] = &[
    stable("abs", &[Vector], Exactly, Vector),
    stable("absent", &[Vector], Exactly, Vector),
    stable("absent_over_time", &[Matrix], Exactly, Vector),
    stable("acos", &[Vector], Exactly, Vector),
    stable("acosh", &[Vector], Exactly, Vector),
    stable("asin", &[Vector], Exactly, Vector),
    stable("asinh", &[Vector], Exactly, Vector),
    stable("atan", &[Vector], Exactly, Vector),
    stable("atanh", &[Vector], Exactly, Vector),
    stable("avg_over_time", &[Matrix], Exactly, Vector),
    stable("ceil", &[Vector], Exactly, Vector),
    stable("changes", &[Matrix], Exactly, Vector),
    stable("clamp", &[Vector, Scalar, Scalar], Exactly, Vector),
    stable("clamp_max", &[Vector, Scalar], Exactly, Vector),
    stable("clamp_min", &[Vector, Scalar], Exactly, Vector),
    stable("cos", &[Vector], Exactly, Vector),
    stable("cosh", &[Vector], Exactly, Vector),
    stable("count_over_time", &[Matrix], Exactly, Vector),
    stable("day_of_month", &[Vector], UpTo(1), Vector),
    stable("day_of_week", &[Vector], UpTo(1), Vector),
    stable("day_of_year", &[Vector], UpTo(1), Vector),
    stable("days_in_month", &[Vector], UpTo(1), Vector),
    stable("deg", &[Vector], Exactly, Vector),
    stable("delta", &[Matrix], Exactly, Vector),
    stable("deriv", &[Matrix], Exactly, Vector),
    experimental("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Exactly, Vector),
    experimental("end", &[], Exactly, Scalar),
    stable("exp", &[Vector], Exactly, Vector),
    stable("first_over_time", &[Matrix], Exactly, Vector),
    stable("floor", &[Vector], Exactly, Vector),
    stable("histogram_avg", &[Vector], Exactly, Vector),
    stable("histogram_count", &[Vector], Exactly, Vector),
    stable("histogram_fraction", &[Scalar, Scalar, Vector], Exactly, Vector),
    stable("histogram_quantile", &[Scalar, Vector], Exactly, Vector),
    experimental("histogram_quantiles", &[Vector, String, Scalar, Scalar], UpTo(9), Vector),
    stable("histogram_stddev", &[Vector], Exactly, Vector),
    stable("histogram_stdvar", &[Vector], Exactly, Vector),
    stable("histogram_sum", &[Vector], Exactly, Vector),
    stable("hour", &[Vector], UpTo(1), Vector),
    stable("idelta", &[Matrix], Exactly, Vector),
    stable("increase", &[Matrix], Exactly, Vector),
    experimental("info", &[Vector, Vector], UpTo(1), Vector),
    stable("irate", &[Matrix], Exactly, Vector),
    stable("label_join", &[Vector, String, String, String], AnyMore, Vector),
    stable("label_replace", &[Vector, String, String, String, String], Exactly, Vector),
    stable("last_over_time", &[Matrix], Exactly, Vector),
    stable("ln", &[Vector], Exactly, Vector),
    stable("log10", &[Vector], Exactly, Vector),
    stable("log2", &[Vector], Exactly, Vector),
    experimental("mad_over_time", &[Matrix], Exactly, Vector),
    experimental("max_of", &[Scalar, Scalar], Exactly, Scalar),
    stable("max_over_time", &[Matrix], Exactly, Vector),
    experimental("min_of", &[Scalar, Scalar], Exactly, Scalar),
    stable("min_over_time", &[Matrix], Exactly, Vector),
    stable("minute", &[Vector], UpTo(1), Vector),
    stable("month", &[Vector], UpTo(1), Vector),
    stable("pi", &[], Exactly, Scalar),
    stable("predict_linear", &[Matrix, Scalar], Exactly, Vector),
    stable("present_over_time", &[Matrix], Exactly, Vector),
    stable("quantile_over_time", &[Scalar, Matrix], Exactly, Vector),
    stable("rad", &[Vector], Exactly, Vector),
    experimental("range", &[], Exactly, Scalar),
    stable("rate", &[Matrix], Exactly, Vector),
    stable("resets", &[Matrix], Exactly, Vector),
    stable("round", &[Vector, Scalar], UpTo(1), Vector),
    stable("scalar", &[Vector], Exactly, Scalar),
    stable("sgn", &[Vector], Exactly, Vector),
    stable("sin", &[Vector], Exactly, Vector),
    stable("sinh", &[Vector], Exactly, Vector),
    stable("sort", &[Vector], Exactly, Vector),
    experimental("sort_by_label", &[Vector, String], AnyMore, Vector),
    experimental("sort_by_label_desc", &[Vector, String], AnyMore, Vector),
    stable("sort_desc", &[Vector], Exactly, Vector),
    stable("sqrt", &[Vector], Exactly, Vector),
    experimental("start", &[], Exactly, Scalar),
    experimental("start_timestamp", &[Vector], Exactly, Vector),
    stable("stddev_over_time", &[Matrix], Exactly, Vector),
    stable("stdvar_over_time", &[Matrix], Exactly, Vector),
    experimental("step", &[], Exactly, Scalar),
    stable("sum_over_time", &[Matrix], Exactly, Vector),
    stable("tan", &[Vector], Exactly, Vector),
    stable("tanh", &[Vector], Exactly, Vector),
    stable("time", &[], Exactly, Scalar),
    stable("timestamp", &[Vector], Exactly, Vector),
    experimental("ts_of_first_over_time", &[Matrix], Exactly, Vector),
    experimental("ts_of_last_over_time", &[Matrix], Exactly, Vector),
    experimental("ts_of_max_over_time", &[Matrix], Exactly, Vector),
    experimental("ts_of_min_over_time", &[Matrix], Exactly, Vector),
    stable("vector", &[Scalar], Exactly, Vector),
    stable("year", &[Vector], UpTo(1), Vector),
];

const fn stable(
    name: &'static str,
    args: &'static [ValueType],
    arity: Arity,
    returns: ValueType,
) -> Signature {
    Signature { name, args, arity, returns, experimental: false }
}

const fn experimental(
    name: &'static str,
    args: &'static [ValueType],
    arity: Arity,
    returns: ValueType,
) -> Signature {
    Signature { name, args, arity, returns, experimental: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_look_up_works() {
        assert!(FUNCTIONS.windows(2).all(|w| w[0].name < w[1].name));
        assert!(FUNCTIONS.iter().all(|f| function(f.name).is_some()));
    }
}
