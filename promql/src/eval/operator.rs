//! What every part of a running query is: something that yields series row by row.

use metrics_core::LabelSet;

use super::matrix::Matrix;
use super::row::Row;
use super::{Context, QueryError, parallel};

/// What is known of a series before its values are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeriesMeta {
    pub(crate) labels: LabelSet,
    /// Whether the metric name goes at the very end (delayed name removal).
    pub(crate) drop_name: bool,
}

impl SeriesMeta {
    pub(crate) fn new(labels: LabelSet) -> Self {
        Self { labels, drop_name: false }
    }
}

/// A vector-valued part of a query, evaluated over all steps of its grid.
///
/// The labels of all series are known at once; values are computed series by series when asked for, so that an
/// aggregation above never sees more than a few rows in memory and several threads can share the work.
pub(crate) trait Operator: Sync {
    /// The series; some may turn out to have no value at any step.
    fn series(&self) -> &[SeriesMeta];

    /// How many values a row has.
    fn steps(&self) -> usize;

    /// A worker that computes rows. Each thread takes its own.
    fn reader(&self) -> Box<dyn Reader + '_>;

    /// Computes all rows; series without values are left out.
    fn into_matrix<'c>(self: Box<Self>, context: &'c Context<'_>) -> Result<Matrix<'c>, QueryError> {
        let mut matrix = Matrix::new(context)?;
        parallel::for_each_row(&*self, context, |index, row| {
            if row.is_vacant() {
                return Ok(());
            }
            matrix.push(self.series()[index].clone(), std::mem::take(row))
        })?;
        Ok(matrix)
    }
}

/// Computes rows of one operator, with buffers of its own.
pub(crate) trait Reader {
    /// Computes the row of a series into `row`, which it resets first.
    fn read(&mut self, series: usize, row: &mut Row) -> Result<(), QueryError>;
}
