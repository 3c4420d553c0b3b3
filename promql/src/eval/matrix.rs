//! Rows held in memory.

use std::collections::HashMap;

use metrics_core::LabelSet;

use super::limits::Held;
use super::operator::{Operator, Reader, SeriesMeta};
use super::row::Row;
use super::{Context, DataError, QueryError};

/// Series with all their rows, none of them vacant.
#[derive(Debug)]
pub(crate) struct Matrix<'c> {
    series: Vec<SeriesMeta>,
    rows: Vec<Row>,
    held: Held<'c>,
}

impl<'c> Matrix<'c> {
    pub(crate) fn new(context: &'c Context<'_>) -> Result<Self, QueryError> {
        Ok(Self { series: Vec::new(), rows: Vec::new(), held: context.limits.hold(0)? })
    }

    /// Adds a series at the end.
    pub(crate) fn push(&mut self, meta: SeriesMeta, row: Row) -> Result<(), QueryError> {
        self.held.grow(row.weight())?;
        self.series.push(meta);
        self.rows.push(row);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn metas(&self) -> &[SeriesMeta] {
        &self.series
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn rows_mut(&mut self) -> &mut [Row] {
        &mut self.rows
    }

    pub(crate) fn metas_mut(&mut self) -> &mut [SeriesMeta] {
        &mut self.series
    }

    pub(crate) fn into_parts(self) -> impl Iterator<Item = (SeriesMeta, Row)> {
        self.series.into_iter().zip(self.rows)
    }

    /// Whether two series have the same labels.
    pub(crate) fn has_same_labels(&self) -> bool {
        has_same_labels(self.series.iter().map(|s| &s.labels))
    }

    /// Joins series with the same labels into one.
    ///
    /// # Errors
    /// If two of them have a value at the same step.
    pub(crate) fn merge_same_labels(&mut self) -> Result<(), QueryError> {
        if !self.has_same_labels() {
            return Ok(());
        }
        let mut first: HashMap<LabelSet, usize> = HashMap::new();
        let (mut series, mut rows): (Vec<SeriesMeta>, Vec<Row>) = (Vec::new(), Vec::new());
        for (meta, row) in self.series.drain(..).zip(self.rows.drain(..)) {
            match first.get(&meta.labels) {
                Some(at) if !rows[*at].absorb(&row) => return Err(DataError::SameLabels.into()),
                Some(_) => {}
                None => {
                    first.insert(meta.labels.clone(), rows.len());
                    series.push(meta);
                    rows.push(row);
                }
            }
        }
        (self.series, self.rows) = (series, rows);
        Ok(())
    }

    /// Reorders the series: position `i` gets what stood at `order[i]`. Positions not named are dropped.
    pub(crate) fn reorder(&mut self, order: &[usize]) {
        self.series = order.iter().map(|i| self.series[*i].clone()).collect();
        self.rows = order.iter().map(|i| std::mem::take(&mut self.rows[*i])).collect();
    }
}

/// Whether two of the label sets are the same.
pub(crate) fn has_same_labels<'a>(labels: impl ExactSizeIterator<Item = &'a LabelSet> + Clone) -> bool {
    // Series mostly come in order, and stay so when all lose the same metric name.
    if labels.clone().is_sorted_by(|a, b| a < b) {
        return false;
    }
    let mut seen = std::collections::HashSet::with_capacity(labels.len());
    !labels.into_iter().all(|l| seen.insert(l))
}

impl Operator for Matrix<'_> {
    fn series(&self) -> &[SeriesMeta] {
        &self.series
    }

    fn steps(&self) -> usize {
        self.rows.first().map_or(0, Row::steps)
    }

    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(Copier(self))
    }

    fn into_matrix<'c>(self: Box<Self>, context: &'c Context<'_>) -> Result<Matrix<'c>, QueryError> {
        let Self { series, rows, held } = *self;
        let samples = held.release();
        let mut held = context.limits.hold(0)?;
        held.grow(samples)?;
        Ok(Matrix { series, rows, held })
    }
}

struct Copier<'a>(&'a Matrix<'a>);

impl Reader for Copier<'_> {
    fn read(&mut self, series: usize, row: &mut Row) -> Result<(), QueryError> {
        let source = &self.0.rows[series];
        row.floats.clone_from(&source.floats);
        row.histograms.clone_from(&source.histograms);
        Ok(())
    }
}
