//! Running an evaluation and comparing its answer.

use metrics_core::{FloatHistogram, LabelSet, Timestamp, is_stale};
use promql::parser::{At, Expr, ParserOptions, SeriesValue};
use promql::{Engine, MatrixSeries, Point, QueryError, QueryResult, QueryValue};
use regex::Regex;

use super::script::{Answer, Eval, When, compacted};
use super::store::ScriptStore;

type Verdict = Result<(), String>;

const MINUTE: i64 = 60_000;

/// Runs an evaluation; an instant one also with all selectors pinned to its time, and as the middle step of a
/// range.
pub(crate) fn check(eval: &Eval, engine: &Engine, store: &ScriptStore) -> Verdict {
    let time = match eval.when {
        When::Range { start, end, step } => {
            let result = engine.range(store, &eval.query, start, end, step);
            return judge(eval, &eval.query, result).and_then(|value| match value {
                Some(value) => compare(eval, &value),
                None => Ok(()),
            });
        }
        When::At(time) => time,
    };
    let mut queries = vec![(eval.query.clone(), time)];
    queries.extend(pinned(&eval.query, time));
    for (query, time) in queries {
        instant(eval, engine, store, &query, time).map_err(|e| format!("{query} @ {time}: {e}"))?;
    }
    Ok(())
}

fn instant(eval: &Eval, engine: &Engine, store: &ScriptStore, query: &str, time: Timestamp) -> Verdict {
    let Some(value) = judge(eval, query, engine.instant(store, query, time))? else { return Ok(()) };
    compare(eval, &value)?;
    let of_the_query = Regex::new(r"(start|end|range|step)\(\)").unwrap();
    if eval.shown.is_some() || matches!(value, QueryValue::Text(_)) || of_the_query.is_match(query) {
        return Ok(());
    }
    let range = engine.range(store, query, time - MINUTE, time + MINUTE, MINUTE);
    let range = range.map_err(|e| format!("as a range: {}", message(&e)))?;
    if eval.ordered {
        return Ok(());
    }
    let QueryValue::Matrix(series) = range.value else { return Err("no matrix".to_owned()) };
    compare_middle(eval, &series, time, matches!(value, QueryValue::Scalar(_)))
        .map_err(|e| format!("as a range: {e}"))
}

/// Judges failure and annotations; hands the value on where one is expected.
fn judge(
    eval: &Eval,
    query: &str,
    result: Result<QueryResult, QueryError>,
) -> Result<Option<QueryValue>, String> {
    let result = match (result, &eval.fail) {
        (Err(error), Some(expected)) => {
            let error = message(&error);
            return if expected.matches(&error) {
                Ok(None)
            } else {
                Err(format!("fails otherwise: {error}"))
            };
        }
        (Err(error), None) => return Err(message(&error)),
        (Ok(_), Some(_)) => return Err("does not fail".to_owned()),
        (Ok(result), None) => result,
    };
    let (warnings, infos) = result.annotations.texts(query);
    for (kind, found, expected, none) in
        [("warning", warnings, &eval.warn, eval.no_warn), ("info", infos, &eval.info, eval.no_info)]
    {
        if none && !found.is_empty() {
            return Err(format!("unexpected {kind}s {found:?}"));
        }
        if expected.is_empty() {
            continue;
        }
        if let Some(missing) = expected.iter().find(|e| !found.iter().any(|f| e.matches(f))) {
            return Err(format!("no {kind} {missing:?} among {found:?}"));
        }
        if let Some(other) = found.iter().find(|f| !expected.iter().any(|e| e.matches(f))) {
            return Err(format!("unexpected {kind} {other:?}"));
        }
    }
    Ok(Some(result.value))
}

/// An error with its causes.
fn message(error: &QueryError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn compare(eval: &Eval, value: &QueryValue) -> Verdict {
    match (value, &eval.answer) {
        (QueryValue::Scalar(found), Answer::Scalar(expected)) => same_float(*expected, found.value),
        (QueryValue::Text(found), Answer::Text(expected)) if found.value == *expected => Ok(()),
        (QueryValue::Matrix(found), Answer::Series(expected)) => compare_matrix(eval, expected, found),
        (QueryValue::Vector(found), Answer::Series(expected)) => {
            let found = found.iter().map(|s| (s.labels.clone(), s.value.clone())).collect::<Vec<_>>();
            compare_vector(eval, expected, &found)
        }
        (found, expected) => Err(format!("expected {expected:?}, found {found:?}")),
    }
}

fn compare_vector(
    eval: &Eval,
    expected: &[(LabelSet, Vec<SeriesValue>)],
    found: &[(LabelSet, Point)],
) -> Verdict {
    for (position, (labels, value)) in found.iter().enumerate() {
        let Some(at) = expected.iter().position(|(l, _)| l == labels) else {
            return Err(format!("unexpected series {labels} with {}", show(value)));
        };
        if eval.ordered && at != position {
            return Err(format!("{labels} stands at {position} instead of {at}"));
        }
        same(&expected[at].1[0], value).map_err(|e| format!("{labels}: {e}"))?;
    }
    match expected.iter().find(|(l, _)| !found.iter().any(|(f, _)| f == l)) {
        Some((missing, values)) => Err(format!("missing series {missing} with {values:?}")),
        None => Ok(()),
    }
}

fn compare_matrix(eval: &Eval, expected: &[(LabelSet, Vec<SeriesValue>)], found: &[MatrixSeries]) -> Verdict {
    if eval.ordered {
        return Err("a matrix has no order".to_owned());
    }
    if !found.windows(2).all(|w| w[0].labels <= w[1].labels) {
        return Err("not sorted".to_owned());
    }
    let (start, step) = match (eval.when, eval.shown) {
        (_, Some(shown)) => shown,
        (When::Range { start, step, .. }, None) => (start, step),
        (When::At(time), None) => (time, 0),
    };
    for series in found {
        let labels = &series.labels;
        let Some((_, values)) = expected.iter().find(|(l, _)| l == labels) else {
            return Err(format!("unexpected series {}", show_series(series)));
        };
        let times = (0..).map(|i| start + i * step).zip(values);
        let wanted: Vec<_> = times.filter(|(_, v)| **v != SeriesValue::Omitted).collect();
        let points = points(series);
        if wanted.len() != points.len() {
            return Err(format!("expected {} values, found {}", wanted.len(), show_series(series)));
        }
        for ((time, wanted), (found_time, found)) in wanted.into_iter().zip(points) {
            if time != found_time {
                return Err(format!("expected {wanted:?} at {time}, found {}", show_series(series)));
            }
            same(wanted, &found).map_err(|e| format!("{labels} at {time}: {e}"))?;
        }
    }
    match expected.iter().find(|(l, _)| !found.iter().any(|f| f.labels == *l)) {
        Some((missing, _)) => Err(format!("missing series {missing}")),
        None => Ok(()),
    }
}

fn compare_middle(eval: &Eval, series: &[MatrixSeries], time: Timestamp, scalar: bool) -> Verdict {
    let at = |s: &MatrixSeries| points(s).into_iter().find(|(t, _)| *t == time).map(|(_, p)| p);
    let found: Vec<(LabelSet, Point)> =
        series.iter().filter_map(|s| at(s).map(|p| (s.labels.clone(), p))).collect();
    match (&eval.answer, scalar, found.first()) {
        (Answer::Scalar(expected), true, Some((_, Point::Float(found)))) => same_float(*expected, *found),
        (Answer::Series(expected), false, _) => compare_vector(eval, expected, &found),
        _ => Err(format!("{found:?}")),
    }
}

fn points(series: &MatrixSeries) -> Vec<(Timestamp, Point)> {
    let floats = series.floats.timestamps.iter().zip(&series.floats.values);
    let histograms = series.histograms.timestamps.iter().zip(&series.histograms.values);
    let mut points: Vec<_> = floats.map(|(t, v)| (*t, Point::Float(*v))).collect();
    points.extend(histograms.map(|(t, h)| (*t, Point::Histogram(h.clone()))));
    points.sort_by_key(|(t, _)| *t);
    points
}

fn show_series(series: &MatrixSeries) -> String {
    let points: Vec<String> = points(series).iter().map(|(t, p)| format!("{}@{t}", show(p))).collect();
    format!("{} {}", series.labels, points.join(" "))
}

fn show(point: &Point) -> String {
    match point {
        Point::Float(v) => v.to_string(),
        Point::Histogram(h) => format!("{h} {:?} schema {}", h.reset_hint, h.schema),
    }
}

fn same(expected: &SeriesValue, found: &Point) -> Verdict {
    match (expected, found) {
        (SeriesValue::Float(expected), Point::Float(found)) => same_float(*expected, *found),
        (SeriesValue::Histogram { histogram, hint_given }, Point::Histogram(found)) => {
            let same_hint = !hint_given || histogram.reset_hint == found.reset_hint;
            match same_hint && same_histogram(&compacted(histogram), &compacted(found)) {
                true => Ok(()),
                false => Err(format!(
                    "expected {histogram} {:?} schema {} {:?}, found {} {:?}",
                    histogram.reset_hint,
                    histogram.schema,
                    histogram.custom_values,
                    show(&Point::Histogram(found.clone())),
                    found.custom_values
                )),
            }
        }
        _ => Err(format!("expected {expected:?}, found {}", show(found))),
    }
}

fn same_histogram(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    let all = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| almost(*x, *y));
    a.schema == b.schema
        && almost(a.count, b.count)
        && almost(a.sum, b.sum)
        && a.custom_values == b.custom_values
        && a.zero_threshold == b.zero_threshold
        && almost(a.zero_count, b.zero_count)
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && all(&a.positive_buckets, &b.positive_buckets)
        && all(&a.negative_buckets, &b.negative_buckets)
}

fn same_float(expected: f64, found: f64) -> Verdict {
    if almost(expected, found) { Ok(()) } else { Err(format!("expected {expected}, found {found}")) }
}

/// Equal up to a relative error of a millionth.
fn almost(a: f64, b: f64) -> bool {
    const EPSILON: f64 = 0.000001;
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// Functions whose result depends on the time of evaluation in any case.
const TIME_DEPENDENT: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
];

/// The query with all its selectors pinned to a time, to be evaluated at other times: the answer is the same.
fn pinned(query: &str, time: Timestamp) -> Vec<(String, Timestamp)> {
    let Ok(mut expr) = ParserOptions::all().parse(query) else { return Vec::new() };
    let mut pin = Pin { time, time_dependent: false };
    pin.expr(&mut expr);
    if pin.time_dependent {
        return Vec::new();
    }
    let query = expr.to_string();
    let times = if time == 0 { vec![-1000, 0, 1000] } else { vec![-10 * time, 0, time / 5, time, 10 * time] };
    times.into_iter().map(|t| (query.clone(), t)).collect()
}

struct Pin {
    time: Timestamp,
    time_dependent: bool,
}

impl Pin {
    fn at(&self, at: &mut Option<At>) {
        if !matches!(at, Some(At::Time(_))) {
            *at = Some(At::Time(self.time));
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Number(_) | Expr::String(_) => {}
            Expr::Paren(p) => self.expr(&mut p.expr),
            Expr::Unary(u) => self.expr(&mut u.expr),
            Expr::Binary(b) => {
                self.expr(&mut b.lhs);
                self.expr(&mut b.rhs);
            }
            Expr::Aggregate(a) => {
                self.expr(&mut a.expr);
                a.param.iter_mut().for_each(|p| self.expr(p));
            }
            Expr::Call(c) => {
                self.time_dependent |= TIME_DEPENDENT.contains(&c.function.name);
                c.args.iter_mut().for_each(|a| self.expr(a));
            }
            Expr::Vector(v) => self.at(&mut v.at),
            Expr::Matrix(m) => self.at(&mut m.selector.at),
            // What stands inside a pinned subquery keeps its own times.
            Expr::Subquery(s) => self.at(&mut s.at),
        }
    }
}
