//! Which code stands behind the name of a range function.

use super::window::RangeFunction;
use super::{changes, over_time, predict, rate};
use crate::parser::Edges;

/// A function over range vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeEntry {
    pub(crate) plain: RangeFunction,
    /// Which argument is the range.
    pub(crate) range_arg: usize,
    /// Whether the result keeps the metric's name.
    pub(crate) keeps_name: bool,
    /// Whether it looks at the times at which counting began.
    pub(crate) uses_starts: bool,
    /// Whether float results of metrics that may not be counters are noted.
    pub(crate) wants_counter: bool,
}

/// The range function of that name.
pub(crate) fn range_function(name: &str) -> Option<RangeEntry> {
    let plain: RangeFunction = match name {
        "absent_over_time" | "present_over_time" => over_time::present,
        "avg_over_time" => over_time::avg,
        "changes" => changes::changes,
        "count_over_time" => over_time::count,
        "delta" => rate::delta,
        "deriv" => predict::deriv,
        "double_exponential_smoothing" => predict::double_exponential_smoothing,
        "first_over_time" => over_time::first,
        "idelta" => changes::idelta,
        "increase" => rate::increase,
        "irate" => changes::irate,
        "last_over_time" => over_time::last,
        "mad_over_time" => over_time::mad,
        "max_over_time" => over_time::max,
        "min_over_time" => over_time::min,
        "predict_linear" => predict::predict_linear,
        "quantile_over_time" => over_time::quantile_over_time,
        "rate" => rate::rate,
        "resets" => changes::resets,
        "stddev_over_time" => over_time::stddev,
        "stdvar_over_time" => over_time::stdvar,
        "sum_over_time" => over_time::sum,
        "ts_of_first_over_time" => over_time::time_of_first,
        "ts_of_last_over_time" => over_time::time_of_last,
        "ts_of_max_over_time" => over_time::time_of_max,
        "ts_of_min_over_time" => over_time::time_of_min,
        _ => return None,
    };
    Some(RangeEntry {
        plain,
        range_arg: usize::from(name == "quantile_over_time"),
        keeps_name: matches!(name, "first_over_time" | "last_over_time"),
        uses_starts: matches!(name, "increase" | "irate" | "rate" | "resets"),
        wants_counter: matches!(name, "increase" | "rate"),
    })
}

/// Which functions take ranges with such edges, as a list for the error message; nothing if this one does.
pub(crate) fn refuses_edges(name: &str, edges: Edges) -> Option<(&'static str, &'static str)> {
    let (modifier, allowed): (_, &[&str]) = match edges {
        Edges::Plain => return None,
        Edges::Anchored => ("anchored", &["changes", "delta", "increase", "rate", "resets"]),
        Edges::Smoothed => ("smoothed", &["delta", "increase", "rate"]),
    };
    let text = match edges {
        Edges::Anchored => "changes, delta, increase, rate, resets",
        _ => "delta, increase, rate",
    };
    if allowed.contains(&name) { None } else { Some((modifier, text)) }
}
