//! Running a query.

use std::time::{Duration, Instant};

use metrics_core::{Column, LabelSet, Select, Timestamp};

use super::annotations::Annotations;
use super::build::{self, Output, drop_kept_names, only_value};
use super::grid::Grid;
use super::limits::{Cancel, Limits};
use super::range_call::shown_range;
use super::range_source::{RangeSource, inner_grid};
use super::row::{Row, is_absent};
use super::samples::{Part, SampleCounts, Seen};
use super::shared_select::SharedSelect;
use super::stack::with_room;
use super::{Context, QueryError};
use crate::parser::{Expr, ParserOptions, ValueType};
use crate::plan::{Node, QueryTimes, build as plan, repeated_matchers};
use crate::value::{MatrixSeries, Point, QueryValue, Scalar, Text, VectorSample};

/// How an engine works. Options of the language are those of the original's feature flags.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many samples a query may hold in memory; a histogram weighs more than one. 50 million.
    pub max_samples: usize,
    /// How long a query may run. 2 minutes.
    pub timeout: Option<Duration>,
    /// How old a sample may be to count at a time. 5 minutes.
    pub lookback_delta: Duration,
    /// The step of subqueries that name none. 1 minute.
    pub subquery_step: Duration,
    /// How many threads a query may use. Results are the same to the last bit with any number. As many as the
    /// machine has.
    pub threads: usize,
    /// Which parts of the language are understood.
    pub parser: ParserOptions,
    /// `promql-delayed-name-removal`: metric names that functions drop stay until the end of the query. Off.
    pub delayed_name_removal: bool,
    /// `type-and-unit-labels`: counters are told by `__type__`, not by their names' endings. Off.
    pub type_and_unit_labels: bool,
    /// `promql-per-step-stats`: statistics that the API shows may have counts of every step. Off.
    pub per_step_stats: bool,
    /// `use-start-timestamps`: counters are known to begin at zero where their samples say when. Off.
    pub use_start_timestamps: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_samples: 50_000_000,
            timeout: Some(Duration::from_secs(120)),
            lookback_delta: Duration::from_secs(300),
            subquery_step: Duration::from_secs(60),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            parser: ParserOptions::default(),
            delayed_name_removal: false,
            type_and_unit_labels: false,
            per_step_stats: false,
            use_start_timestamps: false,
        }
    }
}

impl Options {
    pub(crate) fn subquery_step_millis(&self) -> i64 {
        millis(self.subquery_step).max(1)
    }
}

/// What a single query asks for beyond its text.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// In place of the engine's.
    pub lookback_delta: Option<Duration>,
    /// The shorter of this and the engine's counts.
    pub timeout: Option<Duration>,
    /// Stops the query from another thread.
    pub cancel: Option<Cancel>,
    /// Counts the samples of every step, which costs time at every series: [`QueryStats::steps`].
    pub count_steps: bool,
}

/// A query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// The value.
    pub value: QueryValue,
    /// Warnings and infos about it.
    pub annotations: Annotations,
    /// What it took.
    pub stats: QueryStats,
}

impl QueryResult {
    /// The same, with the time that went by before the evaluation began.
    fn parsed_at(mut self, started: Instant) -> Self {
        self.stats.preparation = started.elapsed().saturating_sub(self.stats.evaluation);
        self
    }
}

/// What a query took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueryStats {
    /// Samples that were looked at, those in several windows counted for each.
    pub total_samples: u64,
    /// Samples that were read. Without [`QueryOptions::count_steps`] the same as `total_samples` but for subqueries.
    pub samples_read: u64,
    /// The most samples that were held in memory at a time.
    pub peak_samples: usize,
    /// Both counts at every step, if [`QueryOptions::count_steps`] asked for them.
    pub steps: Vec<StepStats>,
    /// Time for parsing and planning.
    pub preparation: Duration,
    /// Time for evaluating, reading and sorting included.
    pub evaluation: Duration,
}

/// The samples of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StepStats {
    /// When the step is.
    pub time: Timestamp,
    /// Samples that were looked at.
    pub total_samples: u64,
    /// Samples that no earlier step had looked at.
    pub samples_read: u64,
}

/// Evaluates queries over any store. Cheap to clone and free of state, so that any number of queries may run at
/// the same time.
///
/// ```
/// use metrics_core::{Append, LabelSet, MemStore, SeriesRef};
/// use promql::{Engine, Options, QueryValue};
/// let store = MemStore::default();
/// let mut batch = store.batch();
/// for (instance, value) in [("a", 1.0), ("b", 2.0)] {
///     let labels = LabelSet::from_pairs([("__name__", "up"), ("instance", instance)]);
///     batch.append_float(SeriesRef::UNKNOWN, &labels, 1000, value).unwrap();
/// }
/// batch.commit().unwrap();
/// let answer = Engine::new(Options::default()).instant(&store, "sum(up) * 2", 2000).unwrap();
/// let QueryValue::Vector(samples) = answer.value else { panic!() };
/// assert_eq!(samples[0].value, promql::Point::Float(6.0));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Engine {
    options: Options,
}

impl Engine {
    /// An engine.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// How the engine works.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Evaluates a query at one time.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn instant(
        &self,
        store: &dyn Select,
        query: &str,
        time: Timestamp,
    ) -> Result<QueryResult, QueryError> {
        self.instant_with(store, query, time, &QueryOptions::default())
    }

    /// As [`Engine::instant`], with options.
    ///
    /// # Errors
    /// As [`Engine::instant`].
    pub fn instant_with(
        &self,
        store: &dyn Select,
        query: &str,
        time: Timestamp,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let started = Instant::now();
        let expr = self.options.parser.parse(query)?;
        Ok(self.instant_expr(store, &expr, time, options)?.parsed_at(started))
    }

    /// As [`Engine::instant_with`], for a query that is parsed already.
    ///
    /// # Errors
    /// As [`Engine::instant`].
    pub fn instant_expr(
        &self,
        store: &dyn Select,
        expr: &Expr,
        time: Timestamp,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let started = Instant::now();
        with_room(expr.height(), || {
            let node = plan(expr, QueryTimes { start: time, end: time, step: 0 })?;
            let store = SharedSelect::new(store, repeated_matchers(&node));
            let context = self.context(&store, options);
            let grid = context.samples.query(Grid::instant(time));
            let value = instant_value(expr.value_type(), &node, grid, &context)?;
            Ok(finished(value, grid, started, &context))
        })
    }

    /// Evaluates a query at every step of a range: from `start` up to `end`, `step` milliseconds apart.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn range(
        &self,
        store: &dyn Select,
        query: &str,
        start: Timestamp,
        end: Timestamp,
        step: i64,
    ) -> Result<QueryResult, QueryError> {
        self.range_with(store, query, (start, end, step), &QueryOptions::default())
    }

    /// As [`Engine::range`], with options; `steps` are start, end and step.
    ///
    /// # Errors
    /// As [`Engine::range`].
    pub fn range_with(
        &self,
        store: &dyn Select,
        query: &str,
        steps: (Timestamp, Timestamp, i64),
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let started = Instant::now();
        let expr = self.options.parser.parse(query)?;
        Ok(self.range_expr(store, &expr, steps, options)?.parsed_at(started))
    }

    /// As [`Engine::range_with`], for a query that is parsed already.
    ///
    /// # Errors
    /// As [`Engine::range`].
    pub fn range_expr(
        &self,
        store: &dyn Select,
        expr: &Expr,
        (start, end, step): (Timestamp, Timestamp, i64),
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        match expr.value_type() {
            ValueType::Scalar | ValueType::Vector => {}
            other => return Err(QueryError::RangeType(other)),
        }
        if step <= 0 {
            return Err(QueryError::Step(step));
        }
        let started = Instant::now();
        let grid = Grid::range(start, end, step);
        if grid.count > self.options.max_samples {
            return Err(QueryError::TooManySamples);
        }
        with_room(expr.height(), || {
            let node = plan(expr, QueryTimes { start, end, step })?;
            let store = SharedSelect::new(store, repeated_matchers(&node));
            let context = self.context(&store, options);
            let grid = context.samples.query(grid);
            let series = range_matrix(&node, grid, &context)?;
            Ok(finished(QueryValue::Matrix(series), grid, started, &context))
        })
    }

    fn context<'a>(&'a self, store: &'a dyn Select, options: &QueryOptions) -> Context<'a> {
        let lookback = options.lookback_delta.unwrap_or(self.options.lookback_delta);
        let timeout = match (options.timeout, self.options.timeout) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let cancel = options.cancel.clone().unwrap_or_default();
        let limits = Limits::new(self.options.max_samples, timeout, cancel);
        let samples = SampleCounts::new(options.count_steps);
        Context::new(store, &self.options, millis(lookback), limits, samples)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn finished(value: QueryValue, grid: Grid, started: Instant, context: &Context<'_>) -> QueryResult {
    let (total, steps) = context.samples.finish();
    let step = |(time, seen): (Timestamp, &Seen)| StepStats {
        time,
        total_samples: seen.queried,
        samples_read: seen.read,
    };
    let stats = QueryStats {
        total_samples: total.queried,
        samples_read: total.read,
        peak_samples: context.limits.peak(),
        steps: grid.times().zip(&steps).map(step).collect(),
        preparation: Duration::ZERO,
        evaluation: started.elapsed(),
    };
    QueryResult { value, annotations: context.take_annotations(), stats }
}

fn instant_value(
    value_type: ValueType,
    node: &Node,
    grid: Grid,
    context: &Context<'_>,
) -> Result<QueryValue, QueryError> {
    let time = grid.start;
    if value_type == ValueType::Matrix {
        return range_vector(node, grid, context).map(QueryValue::Matrix);
    }
    if let Node::Text(text) = node {
        return Ok(QueryValue::Text(Text { timestamp: time, value: text.clone() }));
    }
    let operator = match build::output(node, grid, context)? {
        Output::Scalar(values) => {
            let value = values.first().copied().unwrap_or(f64::NAN);
            return Ok(QueryValue::Scalar(Scalar { timestamp: time, value }));
        }
        Output::Vector(operator) => drop_kept_names(operator, context)?,
    };
    let (mut samples, mut held) = (Vec::new(), context.limits.hold(0)?);
    super::parallel::for_each_row(&*operator, context, |index, row| {
        if let Some(value) = only_value(row) {
            held.grow(row.weight())?;
            let labels = operator.series()[index].labels.clone();
            samples.push(VectorSample { labels, timestamp: time, value });
        }
        Ok(())
    })?;
    Ok(QueryValue::Vector(samples))
}

/// A range vector as an answer of its own.
fn range_vector(node: &Node, grid: Grid, context: &Context<'_>) -> Result<Vec<MatrixSeries>, QueryError> {
    if let Node::Subquery(subquery) = unwrapped(node) {
        let inner = context.samples.part(grid, Part::Shown, inner_grid(subquery, grid, context));
        return range_matrix(&subquery.inner, inner, context);
    }
    let mut series = Vec::new();
    let source: Box<dyn RangeSource + '_> = build::range_of(node, grid, context)?;
    let mut held = context.limits.hold(0)?;
    shown_range(&*source, context, |meta, columns| {
        held.grow(columns.len())?;
        series.push(MatrixSeries {
            labels: meta.labels.clone(),
            floats: std::mem::take(&mut columns.floats),
            histograms: std::mem::take(&mut columns.histograms),
        });
        Ok(())
    })?;
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(series)
}

/// A vector over a grid as an answer, in order of the labels.
fn range_matrix(node: &Node, grid: Grid, context: &Context<'_>) -> Result<Vec<MatrixSeries>, QueryError> {
    let operator = drop_kept_names(build::vector(node, grid, context)?, context)?;
    let matrix = operator.into_matrix(context)?;
    let mut series: Vec<MatrixSeries> =
        matrix.into_parts().map(|(meta, row)| range_series(meta.labels, row, grid)).collect();
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(series)
}

fn unwrapped(node: &Node) -> &Node {
    match node {
        Node::StepInvariant(inner) => unwrapped(inner),
        other => other,
    }
}

/// A row with the times of its values.
fn range_series(labels: LabelSet, row: Row, grid: Grid) -> MatrixSeries {
    if !row.has_histograms() && !row.floats.iter().fold(false, |found, v| found | is_absent(*v)) {
        let floats = Column { timestamps: grid.times().collect(), values: row.floats };
        return MatrixSeries { labels, floats, histograms: Column::default() };
    }
    let mut series = MatrixSeries { labels, floats: Column::default(), histograms: Column::default() };
    series.floats.timestamps.reserve(row.steps());
    series.floats.values.reserve(row.steps());
    for (step, time) in grid.times().enumerate() {
        let value = row.floats[step];
        if !is_absent(value) {
            series.floats.push(time, value);
        } else if let Some(Point::Histogram(histogram)) = row.get(step) {
            series.histograms.push(time, histogram);
        }
    }
    series
}
