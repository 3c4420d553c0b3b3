//! Smoothed instant selectors: values between two samples lie on the straight line between them.

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{Column, Columns, FloatHistogram, SeriesSet, Timestamp, is_stale};

use super::grid::Grid;
use super::operator::{Operator, Reader, SeriesMeta};
use super::row::{Row, present};
use super::selector::{metas, select};
use super::{Context, Note, Notes, QueryError};
use crate::functions::{interpolate, interpolate_histograms};
use crate::plan::{Selector, Shift};

/// The operator of `metric smoothed`.
pub(crate) struct SmoothedSelector<'a> {
    set: Arc<dyn SeriesSet + 'a>,
    series: Vec<SeriesMeta>,
    grid: Grid,
    shift: Shift,
    lookback: i64,
    notes: Notes<'a>,
}

impl<'a> SmoothedSelector<'a> {
    pub(crate) fn new(selector: &Selector, grid: Grid, context: &'a Context<'a>) -> Result<Self, QueryError> {
        let lookback = context.lookback;
        let set = select(selector, grid, (lookback, lookback), context)?;
        let notes = context.notes(selector.span);
        Ok(Self { series: metas(&*set), set, grid, shift: selector.shift, lookback, notes })
    }
}

impl Operator for SmoothedSelector<'_> {
    fn series(&self) -> &[SeriesMeta] {
        &self.series
    }

    fn steps(&self) -> usize {
        self.grid.count
    }

    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(Between { of: self, columns: Columns::default() })
    }
}

struct Between<'a> {
    of: &'a SmoothedSelector<'a>,
    columns: Columns,
}

impl Reader for Between<'_> {
    fn read(&mut self, series: usize, row: &mut Row) -> Result<(), QueryError> {
        let SmoothedSelector { set, grid, shift, lookback, notes, .. } = self.of;
        set.read(series, &mut self.columns)?;
        retain(&mut self.columns.floats, |v| !is_stale(*v));
        retain(&mut self.columns.histograms, |h| !is_stale(h.sum));
        row.reset(grid.count);
        let metric = self.of.series[series].labels.metric_name().unwrap_or("");
        for step in 0..grid.count {
            let time = shift.of(grid.at(step));
            let near = (time.saturating_sub(*lookback), time.saturating_add(*lookback));
            let floats = within(&self.columns.floats.timestamps, near);
            let histograms = within(&self.columns.histograms.timestamps, near);
            if !floats.is_empty() && !histograms.is_empty() {
                notes.add(Note::MixedFloatsHistograms { metric });
            } else if !floats.is_empty() {
                if let Some(value) = float_at(&self.columns.floats, floats, time) {
                    row.floats[step] = present(value);
                }
            } else if let Some(h) = self.histogram_at(histograms, time, metric) {
                row.set_histogram(step, Arc::new(h));
            }
        }
        Ok(())
    }
}

pub(crate) fn retain<T>(column: &mut Column<T>, keep: impl Fn(&T) -> bool) {
    if column.values.iter().all(&keep) {
        return;
    }
    let kept: Vec<bool> = column.values.iter().map(keep).collect();
    let (mut times, mut values) = (kept.iter(), kept.iter());
    column.timestamps.retain(|_| *times.next().unwrap_or(&true));
    column.values.retain(|_| *values.next().unwrap_or(&true));
}

/// Positions of the samples in `(after, up_to]`.
fn within(times: &[Timestamp], (after, up_to): (Timestamp, Timestamp)) -> std::ops::Range<usize> {
    times.partition_point(|t| *t <= after)..times.partition_point(|t| *t <= up_to)
}

/// Where a time lies among samples.
enum Place {
    At(usize),
    Between(usize, usize),
    Behind(usize),
    Before,
}

fn place(times: &[Timestamp], near: std::ops::Range<usize>, time: Timestamp) -> Place {
    let next = near.start + times[near.clone()].partition_point(|t| *t < time);
    match (next > near.start, next < near.end) {
        (_, true) if times[next] == time => Place::At(next),
        (true, true) => Place::Between(next - 1, next),
        (true, false) => Place::Behind(next - 1),
        (false, _) => Place::Before,
    }
}

fn float_at(column: &Column<f64>, near: std::ops::Range<usize>, time: Timestamp) -> Option<f64> {
    let at = |i: usize| (column.timestamps[i], column.values[i]);
    Some(match place(&column.timestamps, near, time) {
        Place::At(i) | Place::Behind(i) => column.values[i],
        Place::Between(i, j) => interpolate(at(i), at(j), time, false),
        Place::Before => return None,
    })
}

impl Between<'_> {
    fn histogram_at(
        &self,
        near: std::ops::Range<usize>,
        time: Timestamp,
        metric: &str,
    ) -> Option<FloatHistogram> {
        let column = &self.columns.histograms;
        let at = |i: usize| (column.timestamps[i], &*column.values[i]);
        match place(&column.timestamps, near, time) {
            Place::At(i) => Some(at(i).1.clone()),
            // The hint tells about the sample before, not about the value.
            Place::Behind(i) => Some(FloatHistogram { reset_hint: ResetHint::Unknown, ..at(i).1.clone() }),
            Place::Before => None,
            Place::Between(i, j) => {
                let (before, after) = (at(i), at(j));
                if before.1.has_custom_buckets() != after.1.has_custom_buckets() {
                    self.of.notes.add(Note::MixedExponentialCustom { metric });
                    return None;
                }
                let gauges = [before.1, after.1].iter().all(|h| h.reset_hint == ResetHint::Gauge);
                let notes = &self.of.notes;
                interpolate_histograms(notes, before, after, time, !gauges)
                    .inspect_err(|_| notes.add(Note::MixedExponentialCustom { metric }))
                    .ok()
            }
        }
    }
}
