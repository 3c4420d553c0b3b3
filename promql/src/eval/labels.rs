//! Changing labels: dropping metric names, `label_replace`, `label_join`, and what happens when that makes two
//! series the same.

use metrics_core::regexp::compile_anchored;
use metrics_core::{LabelSet, METRIC_NAME};

use super::matrix::{Matrix, has_same_labels};
use super::operator::{Operator, Reader, SeriesMeta};
use super::{Context, DataError, QueryError};
use crate::parser::quote;
use crate::plan::METADATA;

/// Labels without the metric's name, type and unit.
pub(crate) fn without_metadata(labels: &LabelSet) -> LabelSet {
    match labels.iter().any(|(n, _)| METADATA.contains(&n)) {
        true => labels.without(&METADATA),
        false => labels.clone(),
    }
}

/// Whether all series have the same name, type and unit, so that taking them away makes no two the same.
pub(crate) fn have_same_metadata(series: &[SeriesMeta]) -> bool {
    let Some(first) = series.first() else { return true };
    let metadata = METADATA.map(|name| first.labels.get(name));
    series
        .iter()
        .all(|meta| METADATA.iter().zip(metadata).all(|(name, value)| meta.labels.get(name) == value))
}

/// Labels as error messages show them, the metric's name among the others: `{__name__="up", job="node"}`.
pub(crate) fn braced(labels: &LabelSet) -> String {
    let shown = labels.iter().map(|(name, value)| match metrics_core::is_legacy_label_name(name) {
        true => format!("{name}={}", quote(value)),
        false => format!("{}={}", quote(name), quote(value)),
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

/// The series as a function leaves them that changes what the values mean: nameless, at once or at the end of
/// the query.
pub(crate) fn nameless(meta: &SeriesMeta, context: &Context<'_>) -> SeriesMeta {
    match context.keeps_names() {
        true => SeriesMeta { labels: meta.labels.clone(), drop_name: true },
        false => SeriesMeta { labels: without_metadata(&meta.labels), drop_name: true },
    }
}

/// An operator's rows under other labels.
struct Renamed<'a> {
    source: Box<dyn Operator + 'a>,
    series: Vec<SeriesMeta>,
}

impl Operator for Renamed<'_> {
    fn series(&self) -> &[SeriesMeta] {
        &self.series
    }

    fn steps(&self) -> usize {
        self.source.steps()
    }

    fn reader(&self) -> Box<dyn Reader + '_> {
        self.source.reader()
    }

    fn into_matrix<'c>(self: Box<Self>, context: &'c Context<'_>) -> Result<Matrix<'c>, QueryError> {
        // Series without values are left out on the way, so that names must be given by position before.
        let mut matrix = Matrix::new(context)?;
        super::parallel::for_each_row(&*self, context, |index, row| {
            if row.is_vacant() {
                return Ok(());
            }
            matrix.push(self.series[index].clone(), std::mem::take(row))
        })?;
        Ok(matrix)
    }
}

/// Gives the series other labels. Series that become the same are joined.
///
/// # Errors
/// If two of them have values at the same step.
pub(crate) fn rename<'a>(
    source: Box<dyn Operator + 'a>,
    series: Vec<SeriesMeta>,
    context: &'a Context<'_>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    joined(Box::new(Renamed { source, series }), context)
}

/// Joins series that are the same; at no cost where there are none.
pub(crate) fn joined<'a>(
    operator: Box<dyn Operator + 'a>,
    context: &'a Context<'_>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    if context.keeps_names() || !has_same_labels(operator.series().iter().map(|s| &s.labels)) {
        return Ok(operator);
    }
    joined_always(operator, context)
}

/// As [`joined`], also where names are kept to the end.
pub(crate) fn joined_always<'a>(
    operator: Box<dyn Operator + 'a>,
    context: &'a Context<'_>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    if !has_same_labels(operator.series().iter().map(|s| &s.labels)) {
        return Ok(operator);
    }
    let mut matrix = operator.into_matrix(context)?;
    matrix.merge_same_labels()?;
    Ok(Box::new(matrix))
}

/// `label_replace(v, destination, replacement, source, pattern)`
pub(crate) fn label_replace<'a>(
    operator: Box<dyn Operator + 'a>,
    [destination, replacement, source, pattern]: [&str; 4],
    context: &'a Context<'_>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let regex = compile_anchored(pattern)
        .map_err(|_| DataError::Regex { function: "label_replace", pattern: pattern.to_owned() })?;
    check_name("label_replace", "destination", destination)?;
    let series = operator.series().iter().map(|meta| {
        let Some(found) = regex.captures(meta.labels.value(source)) else { return meta.clone() };
        let mut value = String::new();
        found.expand(replacement, &mut value);
        with_label(meta, destination, value)
    });
    let series = series.collect();
    joined_always(Box::new(Renamed { source: operator, series }), context)
}

/// `label_join(v, destination, separator, sources…)`
pub(crate) fn label_join<'a>(
    operator: Box<dyn Operator + 'a>,
    destination: &str,
    separator: &str,
    sources: &[&str],
    context: &'a Context<'_>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    for source in sources {
        check_name("label_join", "source", source)?;
    }
    check_name("label_join", "destination", destination)?;
    let series = operator.series().iter().map(|meta| {
        let values: Vec<&str> = sources.iter().map(|s| meta.labels.value(s)).collect();
        with_label(meta, destination, values.join(separator))
    });
    let series = series.collect();
    joined_always(Box::new(Renamed { source: operator, series }), context)
}

fn check_name(function: &'static str, role: &'static str, name: &str) -> Result<(), DataError> {
    // Bytes of a query that are no text have been replaced by this character.
    match metrics_core::is_valid_label_name(name) && !name.contains(char::REPLACEMENT_CHARACTER) {
        true => Ok(()),
        false => Err(DataError::FunctionLabel { function, role, name: name.to_owned() }),
    }
}

fn with_label(meta: &SeriesMeta, name: &str, value: String) -> SeriesMeta {
    let mut labels = meta.labels.to_builder();
    labels.set(name, value);
    // A name that was given on purpose stays.
    SeriesMeta { labels: labels.build(), drop_name: meta.drop_name && name != METRIC_NAME }
}
