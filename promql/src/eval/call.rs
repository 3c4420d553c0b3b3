//! Functions over instant vectors and scalars.

use metrics_core::LabelSet;

use super::build::{self, Output, nameless_series};
use super::grid::Grid;
use super::labels::{label_join, label_replace, rename};
use super::matrix::Matrix;
use super::operator::{Operator, Reader, SeriesMeta};
use super::range_call::RangeCall;
use super::row::{ABSENT, Row, is_absent, present};
use super::timestamp::{TimeOf, sample_times};
use super::{Context, DataError, QueryError, absent, histogram_call, info, sort};
use crate::functions::{
    Date, Part, clamp, day_of_month, day_of_week, day_of_year, days_in_month, float_function, hour, larger,
    minute, month, native_variance, range_function, refuses_edges, round, smaller, year,
};
use crate::plan::{CallNode, Node};

/// Builds a call.
pub(crate) fn build<'a>(
    call: &'a CallNode,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Output<'a>, QueryError> {
    let vector = |i: usize| build::vector(&call.args[i].node, grid, context);
    let scalar = |i: usize| build::scalar(&call.args[i].node, grid, context);
    if let Some(entry) = range_function(call.name) {
        return range_call(call, entry, grid, context).map(Output::Vector);
    }
    if let Some(function) = float_function(call.name) {
        return floats(vector(0)?, context, move |_, v| function(v));
    }
    if let Some(part) = calendar_part(call.name) {
        return calendar(call, part, grid, context);
    }
    if let Some(value) = histogram_value(call.name) {
        return histogram_values(vector(0)?, value, context);
    }
    Ok(match call.name {
        "time" => Output::Scalar(grid.times().map(|t| t as f64 / 1000.0).collect()),
        "pi" => Output::Scalar(vec![std::f64::consts::PI; grid.count]),
        "max_of" => scalars(scalar(0)?, scalar(1)?, larger),
        "min_of" => scalars(scalar(0)?, scalar(1)?, smaller),
        "scalar" => Output::Scalar(single_values(vector(0)?, grid, context)?),
        "vector" => {
            let mut matrix = Matrix::new(context)?;
            let row = Row { floats: scalar(0)?, histograms: Vec::new() };
            matrix.push(SeriesMeta::new(LabelSet::empty()), row)?;
            Output::Vector(Box::new(matrix))
        }
        "round" => {
            let nearest = if call.args.len() > 1 { scalar(1)? } else { vec![1.0; grid.count] };
            floats(vector(0)?, context, move |step, v| round(v, nearest[step]))?
        }
        "clamp" => clamped(vector(0)?, scalar(1)?, scalar(2)?, context)?,
        "clamp_min" => clamped(vector(0)?, scalar(1)?, vec![f64::INFINITY; grid.count], context)?,
        "clamp_max" => clamped(vector(0)?, vec![f64::NEG_INFINITY; grid.count], scalar(1)?, context)?,
        "timestamp" | "start_timestamp" => timestamps(call, grid, context)?,
        "label_replace" => {
            let texts = [1, 2, 3, 4].map(|i| text(call, i));
            Output::Vector(label_replace(vector(0)?, texts, context)?)
        }
        "label_join" => {
            let sources: Vec<&str> = (3..call.args.len()).map(|i| text(call, i)).collect();
            Output::Vector(label_join(vector(0)?, text(call, 1), text(call, 2), &sources, context)?)
        }
        "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
            let labels: Vec<&str> = (1..call.args.len()).map(|i| text(call, i)).collect();
            if !grid.is_instant() {
                context.notes(call.span).add(super::Note::SortInRangeQuery);
            }
            Output::Vector(sort::build(call.name, vector(0)?, &labels, grid, context)?)
        }
        "absent" => Output::Vector(absent::absent(&call.args[0].node, vector(0)?, grid, context)?),
        "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
            Output::Vector(histogram_call::build(call, grid, context)?)
        }
        "info" => Output::Vector(info::build(call, grid, context)?),
        // The parser knows no other functions.
        _ => Output::Vector(Box::new(Matrix::new(context)?)),
    })
}

/// A text argument.
pub(crate) fn text(call: &CallNode, index: usize) -> &str {
    match call.args.get(index).map(|a| &a.node) {
        Some(Node::Text(text)) => text,
        _ => "",
    }
}

fn range_call<'a>(
    call: &'a CallNode,
    entry: crate::functions::RangeEntry,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let arg = &call.args[entry.range_arg];
    let source = build::range(arg, grid, context)?;
    if let Some((modifier, allowed)) = refuses_edges(call.name, source.windows().edges) {
        return Err(DataError::Edges { modifier, allowed, function: call.name }.into());
    }
    let params = call.args.iter().enumerate().filter(|(i, _)| *i != entry.range_arg);
    let params = params.map(|(_, a)| build::scalar(&a.node, grid, context)).collect::<Result<_, _>>()?;
    let operator = RangeCall::build(call, entry, source, params, context)?;
    match call.name {
        "absent_over_time" => absent::absent(&arg.node, operator, grid, context),
        _ => Ok(operator),
    }
}

/// An operator whose rows are changed on the way, each on its own.
struct MapRows<'a, F> {
    source: Box<dyn Operator + 'a>,
    change: F,
}

pub(crate) fn map_rows<'a>(
    source: Box<dyn Operator + 'a>,
    change: impl Fn(&mut Row) + Sync + 'a,
) -> Box<dyn Operator + 'a> {
    Box::new(MapRows { source, change })
}

impl<F: Fn(&mut Row) + Sync> Operator for MapRows<'_, F> {
    fn series(&self) -> &[SeriesMeta] {
        self.source.series()
    }

    fn steps(&self) -> usize {
        self.source.steps()
    }

    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(MapReader { reader: self.source.reader(), change: &self.change })
    }
}

struct MapReader<'a, F> {
    reader: Box<dyn Reader + 'a>,
    change: &'a F,
}

impl<F: Fn(&mut Row)> Reader for MapReader<'_, F> {
    fn read(&mut self, series: usize, row: &mut Row) -> Result<(), QueryError> {
        self.reader.read(series, row)?;
        (self.change)(row);
        Ok(())
    }
}

/// Maps floats (to [`ABSENT`], where there is no result), drops histograms and metric names.
fn floats<'a>(
    source: Box<dyn Operator + 'a>,
    context: &'a Context<'a>,
    function: impl Fn(usize, f64) -> f64 + Sync + 'a,
) -> Result<Output<'a>, QueryError> {
    let names = nameless_series(&*source, context);
    let mapped = map_rows(source, move |row| {
        row.histograms.clear();
        for (step, value) in row.floats.iter_mut().enumerate() {
            if !is_absent(*value) {
                *value = function(step, *value);
            }
        }
    });
    Ok(Output::Vector(rename(mapped, names, context)?))
}

fn clamped<'a>(
    source: Box<dyn Operator + 'a>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    context: &'a Context<'a>,
) -> Result<Output<'a>, QueryError> {
    floats(source, context, move |step, v| match upper[step] < lower[step] {
        // Where the bounds contradict each other there is no result.
        true => ABSENT,
        false => present(clamp(v, lower[step], upper[step])),
    })
}

fn scalars<'a>(a: Vec<f64>, b: Vec<f64>, function: fn(f64, f64) -> f64) -> Output<'a> {
    Output::Scalar(a.into_iter().zip(b).map(|(a, b)| function(a, b)).collect())
}

/// `scalar(v)`: the float where the vector has exactly one, else NaN.
fn single_values(
    source: Box<dyn Operator + '_>,
    grid: Grid,
    context: &Context<'_>,
) -> Result<Vec<f64>, QueryError> {
    let mut values = vec![f64::NAN; grid.count];
    let mut found = vec![0u8; grid.count];
    super::parallel::for_each_row(&*source, context, |_, row| {
        for (step, value) in row.floats.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
            values[step] = if found[step] == 0 { *value } else { f64::NAN };
            found[step] = 1;
        }
        Ok(())
    })?;
    Ok(values)
}

fn timestamps<'a>(
    call: &'a CallNode,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Output<'a>, QueryError> {
    let time_of = if call.name == "timestamp" { TimeOf::Sample } else { TimeOf::Start };
    let arg = &call.args[0].node;
    if let Node::Vector(selector) = arg {
        return Ok(Output::Vector(sample_times(time_of, selector, grid, context)?));
    }
    let source = build::vector(arg, grid, context)?;
    let names = nameless_series(&*source, context);
    let times: Vec<f64> = grid.times().map(|t| t as f64 / 1000.0).collect();
    let mapped = map_rows(source, move |row| {
        for (step, time) in times.iter().enumerate() {
            // Results of expressions have the time of the step, and their counting no beginning.
            row.floats[step] = match time_of {
                TimeOf::Sample if row.is_present(step) => *time,
                _ => ABSENT,
            };
        }
        row.histograms.clear();
    });
    Ok(Output::Vector(rename(mapped, names, context)?))
}

fn calendar_part(name: &str) -> Option<Part> {
    Some(match name {
        "day_of_month" => day_of_month,
        "day_of_week" => day_of_week,
        "day_of_year" => day_of_year,
        "days_in_month" => days_in_month,
        "hour" => hour,
        "minute" => minute,
        "month" => month,
        "year" => year,
        _ => return None,
    })
}

fn calendar<'a>(
    call: &'a CallNode,
    part: Part,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Output<'a>, QueryError> {
    let Some(arg) = call.args.first() else {
        let row = Row {
            floats: grid.times().map(|t| part(&Date::from_seconds(t / 1000)) as f64).collect(),
            histograms: Vec::new(),
        };
        let mut matrix = Matrix::new(context)?;
        matrix.push(SeriesMeta::new(LabelSet::empty()), row)?;
        return Ok(Output::Vector(Box::new(matrix)));
    };
    floats(build::vector(&arg.node, grid, context)?, context, move |_, v| part(&Date::from_float(v)) as f64)
}

type HistogramValue = fn(&metrics_core::FloatHistogram) -> f64;

/// Functions of one native histogram.
fn histogram_value(name: &str) -> Option<HistogramValue> {
    Some(match name {
        "histogram_count" => |h| h.count,
        "histogram_sum" => |h| h.sum,
        "histogram_avg" => |h| h.sum / h.count,
        "histogram_stdvar" => native_variance,
        "histogram_stddev" => |h| native_variance(h).sqrt(),
        _ => return None,
    })
}

/// Maps histograms to floats, drops floats and metric names.
fn histogram_values<'a>(
    source: Box<dyn Operator + 'a>,
    value: HistogramValue,
    context: &'a Context<'a>,
) -> Result<Output<'a>, QueryError> {
    let names = nameless_series(&*source, context);
    let mapped = map_rows(source, move |row| {
        let histograms = std::mem::take(&mut row.histograms);
        row.floats.fill(ABSENT);
        for (step, histogram) in histograms.iter().enumerate() {
            if let Some(histogram) = histogram {
                row.floats[step] = present(value(histogram));
            }
        }
    });
    Ok(Output::Vector(rename(mapped, names, context)?))
}
