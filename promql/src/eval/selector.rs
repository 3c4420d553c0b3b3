//! Instant vector selectors: the latest sample of each series at each step.

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{
    Columns, FloatHistogram, SelectHints, SelectRequest, SeriesSet, TimeRange, Timestamp, is_stale,
};

use super::grid::Grid;
use super::operator::{Operator, Reader, SeriesMeta};
use super::row::Row;
use super::time_walk::TimeWalk;
use super::{Context, QueryError};
use crate::plan::{Selector, Shift};

/// Finds the series of a selector with samples in `(first - before, last + after]`, where first and last are
/// the times looked at.
pub(crate) fn select<'a>(
    selector: &Selector,
    grid: Grid,
    (before, after): (i64, i64),
    context: &'a Context<'_>,
) -> Result<Arc<dyn SeriesSet + 'a>, QueryError> {
    context.check()?;
    let (first, last) = (selector.shift.of(grid.start), selector.shift.of(grid.end()));
    let range = TimeRange::new(first.saturating_sub(before).saturating_add(1), last.saturating_add(after));
    let request = SelectRequest { matchers: &selector.matchers, range, hints: SelectHints::default() };
    Ok(Arc::from(context.store.select(&request)?))
}

/// Reads a series; of histograms only count and sum if that is all that is looked at.
pub(crate) fn read(
    set: &dyn SeriesSet,
    series: usize,
    stats_only: bool,
    into: &mut Columns,
) -> Result<(), QueryError> {
    set.read(series, into)?;
    if stats_only {
        keep_stats(&mut into.histograms.values);
    }
    Ok(())
}

/// Drops the buckets. What they tell about counter resets is kept as a hint.
fn keep_stats(histograms: &mut [Arc<FloatHistogram>]) {
    let mut before: Option<Arc<FloatHistogram>> = None;
    for histogram in histograms {
        let hint = match (&before, histogram.reset_hint) {
            (Some(before), ResetHint::Unknown) if !is_stale(histogram.sum) => {
                match histogram.detect_reset(before) {
                    true => ResetHint::Reset,
                    false => ResetHint::NotReset,
                }
            }
            (_, hint) => hint,
        };
        let stats = FloatHistogram {
            reset_hint: hint,
            schema: histogram.schema,
            count: histogram.count,
            sum: histogram.sum,
            ..FloatHistogram::default()
        };
        let whole = std::mem::replace(histogram, Arc::new(stats));
        if !is_stale(whole.sum) {
            before = Some(whole);
        }
    }
}

pub(crate) fn metas(set: &dyn SeriesSet) -> Vec<SeriesMeta> {
    (0..set.len()).map(|i| SeriesMeta::new(set.labels(i).clone())).collect()
}

/// The operator of an instant vector selector.
pub(crate) struct VectorSelector<'a> {
    set: Arc<dyn SeriesSet + 'a>,
    series: Vec<SeriesMeta>,
    grid: Grid,
    shift: Shift,
    stats_only: bool,
    context: &'a Context<'a>,
}

impl<'a> VectorSelector<'a> {
    pub(crate) fn new(selector: &Selector, grid: Grid, context: &'a Context<'a>) -> Result<Self, QueryError> {
        let set = select(selector, grid, (context.lookback, 0), context)?;
        let Selector { shift, stats_only, .. } = *selector;
        Ok(Self { series: metas(&*set), set, grid, shift, stats_only, context })
    }
}

impl Operator for VectorSelector<'_> {
    fn series(&self) -> &[SeriesMeta] {
        &self.series
    }

    fn steps(&self) -> usize {
        self.grid.count
    }

    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(Latest { of: self, columns: Columns::default(), times: Vec::new(), picks: Vec::new() })
    }
}

struct Latest<'a> {
    of: &'a VectorSelector<'a>,
    columns: Columns,
    /// The column of times for which `picks` holds.
    times: Vec<Timestamp>,
    picks: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Reader for Latest<'_> {
    fn read(&mut self, series: usize, row: &mut Row) -> Result<(), QueryError> {
        let VectorSelector { set, grid, shift, stats_only, context, .. } = self.of;
        read(&**set, series, *stats_only, &mut self.columns)?;
        row.reset(grid.count);
        let floats = &self.columns.floats;
        if floats.timestamps != self.times || self.picks.is_empty() {
            self.times.clone_from(&floats.timestamps);
            self.picks.clear();
            picks(&self.times, *grid, *shift, context.lookback, &mut self.picks);
        }
        for (value, pick) in row.floats.iter_mut().zip(&self.picks) {
            if *pick != NONE {
                // A stale sample has the very bits of an absent value.
                *value = floats.values[*pick as usize];
            }
        }
        if !self.columns.histograms.timestamps.is_empty() {
            self.mix_histograms(row);
        }
        context.samples.count(*grid, row.weight() as u64, (0..grid.count).map(|step| row.seen(step)));
        Ok(())
    }
}

impl Latest<'_> {
    /// Puts histograms where they are newer than the floats.
    fn mix_histograms(&mut self, row: &mut Row) {
        let VectorSelector { grid, shift, context, .. } = self.of;
        let histograms = &self.columns.histograms;
        let mut newest = Vec::with_capacity(grid.count);
        picks(&histograms.timestamps, *grid, *shift, context.lookback, &mut newest);
        for (step, pick) in newest.into_iter().enumerate().filter(|(_, p)| *p != NONE) {
            let pick = pick as usize;
            let float = self.picks[step];
            if float != NONE && self.times[float as usize] > histograms.timestamps[pick] {
                continue;
            }
            row.floats[step] = super::row::ABSENT;
            let histogram = &histograms.values[pick];
            if !is_stale(histogram.sum) {
                row.set_histogram(step, histogram.clone());
            }
        }
    }
}

/// For each step the position of the latest sample that is not too old.
fn picks(times: &[Timestamp], grid: Grid, shift: Shift, lookback: i64, out: &mut Vec<u32>) {
    let mut walk = TimeWalk::new(times);
    for time in grid.times() {
        let time = shift.of(time);
        out.push(match walk.advance(time).checked_sub(1) {
            Some(i) if times[i] > time.saturating_sub(lookback) => i as u32,
            _ => NONE,
        });
    }
}
