//! `query`, `query_range`, `query_exemplars`, `format_query`, `parse_query`.

use std::fmt::Write;

use super::number::push_timestamp;
use super::render::{push_escaped, push_exemplars};
use super::{Answer, Answered, Api, ApiError, ErrorKind, Params, Sources};
use crate::parser::{self, Expr, VectorSelector};
use crate::{QueryOptions, QueryResult, QueryStats, QueryValue, StepStats};

/// A series may have this many points in an answer.
const MAX_POINTS: i128 = 11_000;

const TRUNCATED: &str = "results truncated due to limit";

impl<S: Sources> Api<S> {
    pub(super) fn query(&self, params: &Params) -> Answered {
        let limit = params.limit()?;
        let time = params.time("time", self.sources.now())?;
        let options = query_options(params)?;
        let query = params.get("query");
        let result = self.engine.instant_with(self.sources.store(), query, time, &options)?;
        Ok(query_answer(result, query, params, limit, self.engine.options().per_step_stats))
    }

    pub(super) fn query_range(&self, params: &Params) -> Answered {
        let limit = params.limit()?;
        let start = params.required_time("start")?;
        let end = params.required_time("end")?;
        if end < start {
            return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
        }
        let step = params.duration("step")?;
        if step <= 0 {
            return Err(ApiError::parameter(
                "step",
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            ));
        }
        let nanos = |ms: i64| i128::from(ms) * 1_000_000;
        if (nanos(end) - nanos(start)) / i128::from(step) > MAX_POINTS {
            return Err(ApiError::bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
                 resolution (?step=XX)",
            ));
        }
        let options = query_options(params)?;
        let query = params.get("query");
        let steps = (start, end, step / 1_000_000);
        let result = self.engine.range_with(self.sources.store(), query, steps, &options)?;
        Ok(query_answer(result, query, params, limit, self.engine.options().per_step_stats))
    }

    pub(super) fn query_exemplars(&self, params: &Params) -> Answered {
        let range = params.range()?;
        if range.is_empty() {
            return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
        }
        let expr = self.parse(params.get("query")).map_err(|e| ApiError::bad_data(e.to_string()))?;
        let mut selectors = Vec::new();
        collect_selectors(&expr, &mut selectors);
        if selectors.is_empty() {
            return Ok(Answer::Nothing);
        }
        let matchers: Vec<_> = selectors.into_iter().map(|s| s.matchers.clone()).collect();
        let found = self.sources.store().exemplars(&matchers, range)?;
        let mut out = String::from("[");
        for (i, (labels, exemplars)) in found.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_exemplars(&mut out, labels, exemplars);
        }
        out.push(']');
        Ok(Answer::json(out))
    }

    pub(super) fn format_query(&self, params: &Params) -> Answered {
        let expr = self.parse(params.get("query")).map_err(|e| ApiError::parameter("query", e))?;
        let mut out = String::new();
        push_escaped(&mut out, &parser::pretty(&expr));
        Ok(Answer::json(out))
    }

    pub(super) fn parse_query(&self, params: &Params) -> Answered {
        let expr = self.parse(params.get("query")).map_err(|e| ApiError::parameter("query", e))?;
        let mut out = String::new();
        super::ast::push_ast(&mut out, &expr);
        Ok(Answer::json(out))
    }

    fn parse(&self, query: &str) -> Result<Expr, parser::ParseError> {
        self.engine.options().parser.parse(query)
    }
}

fn query_options(params: &Params) -> Result<QueryOptions, ApiError> {
    let timeout = params.timeout()?;
    if timeout.is_some_and(|t| t.is_zero()) {
        return Err(ApiError::new(ErrorKind::Timeout, "query timed out in query execution"));
    }
    let lookback_delta = params.lookback_delta()?;
    let count_steps = !params.get("stats").is_empty();
    Ok(QueryOptions { lookback_delta, timeout, count_steps, cancel: None })
}

fn query_answer(
    mut result: QueryResult,
    query: &str,
    params: &Params,
    limit: usize,
    per_step_stats: bool,
) -> Answer {
    let (mut warnings, infos) = result.annotations.texts(query);
    let mut cut = |length: usize| {
        if limit > 0 && length > limit {
            warnings.push(TRUNCATED.to_owned());
        }
    };
    match &mut result.value {
        QueryValue::Vector(samples) => {
            cut(samples.len());
            samples.truncate(if limit > 0 { limit } else { usize::MAX });
        }
        QueryValue::Matrix(series) => {
            cut(series.len());
            series.truncate(if limit > 0 { limit } else { usize::MAX });
        }
        _ => {}
    }
    let stats = params.get("stats");
    if !matches!(stats, "" | "true" | "all") {
        warnings.push(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \
             \"true\" or \"all\"",
            parser::quote(stats)
        ));
    }
    let mut after = String::new();
    if !stats.is_empty() {
        push_stats(&mut after, &result.stats, stats == "all" && per_step_stats);
    }
    let before = format!("{{\"resultType\":\"{}\",\"result\":", result.value.value_type());
    after.push('}');
    Answer::Value { before, value: result.value, after, warnings, infos }
}

/// Appends a field with the statistics of a query. Waiting and sorting are not measured apart.
fn push_stats(out: &mut String, stats: &QueryStats, by_step: bool) {
    let (preparation, inner) = (stats.preparation.as_secs_f64(), stats.evaluation.as_secs_f64());
    let total = preparation + inner;
    let _ = write!(
        out,
        ",\"stats\":{{\"timings\":{{\"evalTotalTime\":{total},\"resultSortTime\":0,\
         \"queryPreparationTime\":{preparation},\"innerEvalTime\":{inner},\"execQueueTime\":0,\
         \"execTotalTime\":{total}}},\"samples\":{{"
    );
    if by_step {
        push_steps(out, "totalQueryableSamplesPerStep", &stats.steps, |step| step.total_samples);
    }
    let _ = write!(out, "\"totalQueryableSamples\":{},", stats.total_samples);
    if by_step {
        push_steps(out, "samplesReadPerStep", &stats.steps, |step| step.samples_read);
    }
    let (read, peak) = (stats.samples_read, stats.peak_samples);
    let _ = write!(out, "\"samplesRead\":{read},\"peakSamples\":{peak}}}}}");
}

fn push_steps(out: &mut String, name: &str, steps: &[StepStats], count: impl Fn(&StepStats) -> u64) {
    let _ = write!(out, "\"{name}\":[");
    for (i, step) in steps.iter().enumerate() {
        out.push_str(if i == 0 { "[" } else { ",[" });
        push_timestamp(out, step.time);
        let _ = write!(out, ",{}]", count(step));
    }
    out.push_str("],");
}

/// All selectors of a query.
fn collect_selectors<'e>(expr: &'e Expr, found: &mut Vec<&'e VectorSelector>) {
    match expr {
        Expr::Vector(e) => found.push(e),
        Expr::Matrix(e) => found.push(&e.selector),
        _ => expr.children().into_iter().for_each(|child| collect_selectors(child, found)),
    }
}
