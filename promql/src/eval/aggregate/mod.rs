//! Aggregations: many series become one per group.
//!
//! Those that fold see one row at a time, in order of the series, and keep one state per group and step. Those
//! that choose or sort need all rows at once.

mod avg;
mod count;
mod count_values;
mod deviation;
mod extremes;
mod limit;
mod quantile;
mod ratio_hash;
mod sum;
mod topk;

use std::collections::HashMap;

use metrics_core::{LabelSet, METRIC_NAME};

use super::build;
use super::grid::Grid;
use super::matrix::Matrix;
use super::operator::{Operator, SeriesMeta};
use super::row::Row;
use super::{Context, Notes, QueryError, parallel};
use crate::parser::AggregateOp;
use crate::plan::{Aggregation, Node};

/// A state per group and step that rows are added to.
pub(super) trait Fold: Send {
    /// Adds a row to a group; groups are numbered from zero in the order in which they appear.
    fn add(&mut self, group: usize, row: &Row, metric: &str);

    /// The row of each group.
    fn finish(self: Box<Self>) -> Vec<Row>;
}

/// Builds an aggregation; it runs on the way.
pub(crate) fn build<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let notes = context.notes(node.arg.span);
    let fold: Box<dyn Fold + 'a> = match node.op {
        AggregateOp::Sum => Box::new(sum::Sum::new(grid.count, notes)),
        AggregateOp::Avg => Box::new(avg::Avg::new(grid.count, notes)),
        AggregateOp::Min => Box::new(extremes::Extreme::new(grid.count, extremes::Which::Min, notes)),
        AggregateOp::Max => Box::new(extremes::Extreme::new(grid.count, extremes::Which::Max, notes)),
        AggregateOp::Count => Box::new(count::Count::new(grid.count, count::What::Samples)),
        AggregateOp::Group => Box::new(count::Count::new(grid.count, count::What::Presence)),
        AggregateOp::Stddev => Box::new(deviation::Deviation::new(grid.count, deviation::Of::Stddev, notes)),
        AggregateOp::Stdvar => Box::new(deviation::Deviation::new(grid.count, deviation::Of::Stdvar, notes)),
        AggregateOp::Quantile => return quantile::build(node, grid, notes, context),
        AggregateOp::Topk | AggregateOp::Bottomk => return topk::build(node, grid, context),
        AggregateOp::Limitk | AggregateOp::LimitRatio => return limit::build(node, grid, context),
        AggregateOp::CountValues => return count_values::build(node, grid, context),
    };
    let source = build::vector(&node.arg.node, grid, context)?;
    folded(node, &*source, fold, context)
}

fn folded<'a>(
    node: &Aggregation,
    source: &dyn Operator,
    mut fold: Box<dyn Fold + 'a>,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let grouping = Grouping::of(node, source.series());
    let mut drop_name = vec![false; grouping.labels.len()];
    parallel::for_each_row(source, context, |index, row| {
        let group = grouping.groups[index];
        let meta = &source.series()[index];
        if meta.drop_name && !row.is_vacant() {
            drop_name[group] = true;
        }
        fold.add(group, row, shown_name(meta, context));
        Ok(())
    })?;
    let mut matrix = Matrix::new(context)?;
    for ((labels, row), drop_name) in grouping.labels.into_iter().zip(fold.finish()).zip(drop_name) {
        if !row.is_vacant() {
            matrix.push(SeriesMeta { labels, drop_name }, row)?;
        }
    }
    Ok(Box::new(matrix))
}

/// The metric's name for annotations; labels may have kept it although it is gone.
fn shown_name<'m>(meta: &'m SeriesMeta, context: &Context<'_>) -> &'m str {
    match meta.drop_name && !context.keeps_names() {
        true => "",
        false => meta.labels.metric_name().unwrap_or(""),
    }
}

/// Which series belongs to which group: found once per series, not per step.
#[derive(Debug)]
pub(super) struct Grouping {
    /// The group of each series.
    pub(super) groups: Vec<usize>,
    /// The labels of each group.
    pub(super) labels: Vec<LabelSet>,
}

impl Grouping {
    pub(super) fn of(node: &Aggregation, series: &[SeriesMeta]) -> Self {
        let mut known: HashMap<LabelSet, usize> = HashMap::new();
        let mut labels = Vec::new();
        let key = GroupKey::of(node);
        let mut last: Option<(&LabelSet, usize)> = None;
        let groups = series.iter().map(|meta| {
            let group = match last {
                // Neighbours are often of one group.
                Some((before, group)) if key.is_same(before, &meta.labels) => group,
                _ => *known.entry(key.labels(&meta.labels)).or_insert_with_key(|group| {
                    labels.push(group.clone());
                    labels.len() - 1
                }),
            };
            last = Some((&meta.labels, group));
            group
        });
        Self { groups: groups.collect(), labels }
    }
}

/// The labels that name a group.
#[derive(Debug)]
pub(super) struct GroupKey<'a> {
    names: Vec<&'a str>,
    without: bool,
}

impl<'a> GroupKey<'a> {
    pub(super) fn of(node: &'a Aggregation) -> Self {
        let mut names: Vec<&str> = node.grouping.iter().map(String::as_str).collect();
        if node.without {
            names.push(METRIC_NAME);
        }
        Self { names, without: node.without }
    }

    /// Adds a label to those kept.
    pub(super) fn and(mut self, name: &'a str) -> Self {
        if !self.without {
            self.names.push(name);
        }
        self
    }

    /// Whether two series are seen at once to be of one group.
    fn is_same(&self, a: &LabelSet, b: &LabelSet) -> bool {
        !self.without && self.names.iter().all(|name| a.value(name) == b.value(name))
    }

    pub(super) fn labels(&self, of: &LabelSet) -> LabelSet {
        match (self.without, self.names.is_empty()) {
            (true, _) => of.without(&self.names),
            (false, true) => LabelSet::empty(),
            (false, false) => of.only(&self.names),
        }
    }
}

/// The parameter of an aggregation, step by step.
pub(super) fn param<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Vec<f64>, QueryError> {
    match &node.param {
        Some(param) => build::scalar(&param.node, grid, context),
        None => Ok(vec![0.0; grid.count]),
    }
}

/// The text parameter of an aggregation.
pub(super) fn text_param(node: &Aggregation) -> &str {
    match node.param.as_ref().map(|p| &p.node) {
        Some(Node::Text(text)) => text,
        _ => "",
    }
}

/// Where annotations about the parameter point to.
pub(super) fn param_notes<'a>(node: &Aggregation, context: &'a Context<'_>) -> Notes<'a> {
    context.notes(node.param.as_ref().map_or(node.span, |p| p.span))
}

/// Grows a list of states to hold a group.
pub(super) fn at_group<T>(states: &mut Vec<T>, group: usize, new: impl FnMut() -> T) -> &mut T {
    if states.len() <= group {
        states.resize_with(group + 1, new);
    }
    &mut states[group]
}
