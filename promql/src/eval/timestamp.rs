//! `timestamp` and `start_timestamp` of a selector: not the time of the step but that of the sample.

use std::sync::Arc;

use metrics_core::{Columns, SeriesSet, Timestamp, is_stale};

use super::grid::Grid;
use super::labels::{nameless, rename};
use super::operator::{Operator, Reader, SeriesMeta};
use super::row::Row;
use super::selector::{metas, select};
use super::{Context, QueryError};
use crate::plan::{Selector, Shift};

/// Which time of a sample is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeOf {
    /// When it was taken.
    Sample,
    /// When its counting began.
    Start,
}

/// Times of samples, in seconds.
struct SampleTimes<'a> {
    set: Arc<dyn SeriesSet + 'a>,
    series: Vec<SeriesMeta>,
    grid: Grid,
    shift: Shift,
    time_of: TimeOf,
    context: &'a Context<'a>,
}

pub(crate) fn sample_times<'a>(
    time_of: TimeOf,
    selector: &Selector,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let set = select(selector, grid, (context.lookback, 0), context)?;
    let series = metas(&*set);
    let names = series.iter().map(|meta| nameless(meta, context)).collect();
    let times = SampleTimes { set, series, grid, shift: selector.shift, time_of, context };
    rename(Box::new(times), names, context)
}

impl Operator for SampleTimes<'_> {
    fn series(&self) -> &[SeriesMeta] {
        &self.series
    }

    fn steps(&self) -> usize {
        self.grid.count
    }

    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(TimeReader { of: self, columns: Columns::default() })
    }
}

struct TimeReader<'a> {
    of: &'a SampleTimes<'a>,
    columns: Columns,
}

impl Reader for TimeReader<'_> {
    fn read(&mut self, series: usize, row: &mut Row) -> Result<(), QueryError> {
        let SampleTimes { set, grid, shift, time_of, context, .. } = self.of;
        set.read(series, &mut self.columns)?;
        row.reset(grid.count);
        if *time_of == TimeOf::Start && !context.options.use_start_timestamps {
            return Ok(());
        }
        for (step, out) in row.floats.iter_mut().enumerate() {
            let at = shift.of(grid.at(step));
            if let Some((time, start)) = latest(&self.columns, at, context.lookback) {
                let asked = if *time_of == TimeOf::Start { start } else { time };
                *out = asked as f64 / 1000.0;
            }
        }
        context.samples.count(*grid, row.weight() as u64, (0..grid.count).map(|step| row.seen(step)));
        Ok(())
    }
}

/// Time and start of the latest sample of either kind, unless it is stale or too old.
fn latest(columns: &Columns, at: Timestamp, lookback: i64) -> Option<(Timestamp, Timestamp)> {
    let last =
        |times: &[Timestamp]| times.partition_point(|t| *t <= at).checked_sub(1).map(|i| (times[i], i));
    let float = last(&columns.floats.timestamps);
    let histogram = last(&columns.histograms.timestamps);
    let (time, start, stale) = if float >= histogram {
        let (time, i) = float?;
        (time, columns.float_starts.get(i), is_stale(columns.floats.values[i]))
    } else {
        let (time, i) = histogram?;
        (time, columns.histogram_starts.get(i), is_stale(columns.histograms.values[i].sum))
    };
    if stale || time <= at.saturating_sub(lookback) {
        return None;
    }
    Some((time, start.copied().unwrap_or(0)))
}
