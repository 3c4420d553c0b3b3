//! `count_values`: how many series have each value.

use std::collections::HashMap;

use metrics_core::number::format_decimal;
use metrics_core::{LabelSet, is_valid_label_name};

use super::{GroupKey, text_param};
use crate::eval::grid::Grid;
use crate::eval::matrix::Matrix;
use crate::eval::operator::{Operator, SeriesMeta};
use crate::eval::row::{Row, is_absent};
use crate::eval::{Context, DataError, QueryError, build, parallel};
use crate::plan::Aggregation;
use crate::value::Point;

pub(super) fn build<'a>(
    node: &'a Aggregation,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let label = text_param(node);
    if !is_valid_label_name(label) {
        return Err(DataError::LabelName(label.to_owned()).into());
    }
    let key = GroupKey::of(node).and(label);
    let source = build::vector(&node.arg.node, grid, context)?;
    let mut known: HashMap<LabelSet, usize> = HashMap::new();
    let mut counts: Vec<(LabelSet, Row)> = Vec::new();
    parallel::for_each_row(&*source, context, |index, row| {
        let labels = &source.series()[index].labels;
        let mut last: Option<(u64, usize)> = None;
        for step in 0..grid.count {
            let Some(value) = row.get(step) else { continue };
            let bits = match &value {
                Point::Float(v) => Some(v.to_bits()),
                Point::Histogram(_) => None,
            };
            // Values often stay the same from step to step.
            let at = match last {
                Some((same, at)) if Some(same) == bits => at,
                _ => {
                    let mut labels = labels.to_builder();
                    labels.set(label, text(&value));
                    let group = key.labels(&labels.build());
                    *known.entry(group).or_insert_with_key(|group| {
                        counts.push((group.clone(), Row::empty(grid.count)));
                        counts.len() - 1
                    })
                }
            };
            last = bits.map(|bits| (bits, at));
            let count = &mut counts[at].1.floats[step];
            *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
        }
        Ok(())
    })?;
    let mut result = Matrix::new(context)?;
    for (labels, row) in counts {
        result.push(SeriesMeta::new(labels), row)?;
    }
    Ok(Box::new(result))
}

fn text(value: &Point) -> String {
    match value {
        Point::Float(v) => format_decimal(*v),
        Point::Histogram(h) => h.to_string(),
    }
}
