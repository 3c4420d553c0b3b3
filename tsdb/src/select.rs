//! Answering [`Select`] from head and blocks together.

use std::collections::BTreeSet;

use metrics_core::{
    Columns, Exemplar, LabelSet, Matcher, Select, SelectError, SelectRequest, SeriesSet, TimeRange,
};

use crate::Db;
use crate::error::Error;
use crate::head::HeadSeries;
use crate::merge::put_in_order;

/// The series that a selection found, with where their samples lie.
struct Found<'a> {
    db: &'a Db,
    range: TimeRange,
    series: Vec<FoundSeries>,
}

struct FoundSeries {
    labels: LabelSet,
    head: Option<HeadSeries>,
}

impl Select for Db {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        let mut series: Vec<FoundSeries> = self
            .head
            .select(request.matchers, request.range)
            .into_iter()
            .map(|s| FoundSeries { labels: s.labels.clone(), head: Some(s) })
            .collect();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        if request.hints.limit > 0 {
            series.truncate(request.hints.limit);
        }
        Ok(Box::new(Found { db: self, range: request.range, series }))
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SelectError> {
        let mut names = BTreeSet::new();
        if self.head.overlaps(range) {
            self.head.label_names(matchers, &mut names);
        }
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let mut values = BTreeSet::new();
        if self.head.overlaps(range) {
            self.head.label_values(name, matchers, &mut values);
        }
        Ok(values.into_iter().collect())
    }

    fn exemplars(
        &self,
        matchers: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<(LabelSet, Vec<Exemplar>)>, SelectError> {
        Ok(self.head.exemplars(matchers, range))
    }
}

impl SeriesSet for Found<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        &self.series[series].labels
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        into.clear();
        let found = &self.series[series];
        if let Some(series) = &found.head {
            self.db.head.read(series, self.range, into).map_err(|source| {
                SelectError::store(Error::Chunk { series: found.labels.to_string(), source })
            })?;
        }
        put_in_order(into);
        Ok(())
    }
}
