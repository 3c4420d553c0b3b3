//! `count`, `group`

use super::{Fold, at_group};
use crate::eval::row::{ABSENT, Row, is_absent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// How many samples there are.
    Samples,
    /// One where there is any.
    Presence,
}

/// Numbers of samples of either kind.
pub(super) struct Count {
    steps: usize,
    what: What,
    groups: Vec<Vec<u32>>,
}

impl Count {
    pub(super) fn new(steps: usize, what: What) -> Self {
        Self { steps, what, groups: Vec::new() }
    }
}

impl Fold for Count {
    fn add(&mut self, group: usize, row: &Row, _: &str) {
        let steps = self.steps;
        let counts = at_group(&mut self.groups, group, || vec![0; steps]);
        for (count, value) in counts.iter_mut().zip(&row.floats) {
            *count += u32::from(!is_absent(*value));
        }
        for (count, histogram) in counts.iter_mut().zip(&row.histograms) {
            *count += u32::from(histogram.is_some());
        }
    }

    fn finish(self: Box<Self>) -> Vec<Row> {
        let value = |count| match (count, self.what) {
            (0, _) => ABSENT,
            (_, What::Presence) => 1.0,
            (count, What::Samples) => f64::from(count),
        };
        let row = |counts: Vec<u32>| Row {
            floats: counts.into_iter().map(value).collect(),
            histograms: Vec::new(),
        };
        self.groups.into_iter().map(row).collect()
    }
}
