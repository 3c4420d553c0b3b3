//! Where range functions get their samples from: a selector, or a query inside.

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{Columns, FloatHistogram, SeriesSet, Timestamp, is_stale};

use super::grid::Grid;
use super::operator::{Operator, Reader, SeriesMeta};
use super::row::{Row, is_absent};
use super::samples::Part;
use super::selector::{metas, read, select};
use super::smoothed::retain;
use super::time_walk::TimeWalk;
use super::{Context, QueryError, build};
use crate::functions::Windows;
use crate::parser::Edges;
use crate::plan::{Shift, SubqueryNode, Window};

/// Which windows there are: one per step, `(end - range, end]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowPlan {
    pub(crate) grid: Grid,
    pub(crate) shift: Shift,
    /// In milliseconds.
    pub(crate) range: i64,
    pub(crate) edges: Edges,
    pub(crate) lookback: i64,
    /// Whether samples come from the store: those of a subquery were read when it ran.
    pub(crate) is_stored: bool,
}

impl WindowPlan {
    /// How far samples count before the start and behind the end of a window.
    fn margins(&self) -> (i64, i64) {
        match self.edges {
            Edges::Plain => (0, 0),
            Edges::Anchored => (self.lookback, 0),
            Edges::Smoothed => (self.lookback, self.lookback),
        }
    }

    /// The edges of a step's window, without margins.
    pub(crate) fn edges_at(&self, step: usize) -> (Timestamp, Timestamp) {
        let end = self.shift.of(self.grid.at(step));
        (end.saturating_sub(self.range), end)
    }

    /// Finds the windows in a column of times.
    pub(crate) fn locate(&self, times: &[Timestamp], windows: &mut Windows) {
        let (before, after) = self.margins();
        windows.generation += 1;
        windows.bounds.clear();
        windows.edges.clear();
        let (mut first, mut behind) = (TimeWalk::new(times), TimeWalk::new(times));
        for step in 0..self.grid.count {
            let (start, end) = self.edges_at(step);
            let (from, to) = (start.saturating_sub(before), end.saturating_add(after));
            windows.bounds.push((first.advance(from) as u32, behind.advance(to) as u32));
            windows.edges.push((start, end));
        }
    }
}

/// Yields all samples that any window of a series may need.
pub(crate) trait RangeSource: Sync {
    fn series(&self) -> &[SeriesMeta];

    fn windows(&self) -> WindowPlan;

    fn reader(&self) -> Box<dyn RangeReader + '_>;
}

/// Reads the samples of series after series, with buffers of its own.
pub(crate) trait RangeReader {
    /// Reads a series' samples into `into`, without staleness markers.
    fn read(&mut self, series: usize, into: &mut Columns) -> Result<(), QueryError>;
}

/// Samples from the store.
pub(crate) struct StoredRange<'a> {
    set: Arc<dyn SeriesSet + 'a>,
    series: Vec<SeriesMeta>,
    windows: WindowPlan,
    stats_only: bool,
}

impl<'a> StoredRange<'a> {
    pub(crate) fn new(window: &Window, grid: Grid, context: &'a Context<'a>) -> Result<Self, QueryError> {
        let windows = WindowPlan {
            grid,
            shift: window.selector.shift,
            range: window.range,
            edges: window.selector.edges,
            lookback: context.lookback,
            is_stored: true,
        };
        let (before, after) = windows.margins();
        let set = select(&window.selector, grid, (window.range.saturating_add(before), after), context)?;
        Ok(Self { series: metas(&*set), set, windows, stats_only: window.selector.stats_only })
    }
}

impl RangeSource for StoredRange<'_> {
    fn series(&self) -> &[SeriesMeta] {
        &self.series
    }

    fn windows(&self) -> WindowPlan {
        self.windows
    }

    fn reader(&self) -> Box<dyn RangeReader + '_> {
        Box::new(StoredReader(self))
    }
}

struct StoredReader<'a>(&'a StoredRange<'a>);

impl RangeReader for StoredReader<'_> {
    fn read(&mut self, series: usize, into: &mut Columns) -> Result<(), QueryError> {
        read(&*self.0.set, series, self.0.stats_only, into)?;
        drop_stale(into);
        Ok(())
    }
}

/// Takes staleness markers out, start times with them.
fn drop_stale(columns: &mut Columns) {
    // Blocks are judged as a whole, which compiles to wide instructions.
    let stale_in = |block: &[f64]| block.iter().fold(false, |found, v| found | is_stale(*v));
    if columns.floats.values.chunks(64).any(stale_in) {
        let stale: Vec<bool> = columns.floats.values.iter().map(|v| is_stale(*v)).collect();
        drop_marked(&mut columns.float_starts, &stale);
        retain(&mut columns.floats, |v| !is_stale(*v));
    }
    if columns.histograms.values.iter().any(|h| is_stale(h.sum)) {
        let stale: Vec<bool> = columns.histograms.values.iter().map(|h| is_stale(h.sum)).collect();
        drop_marked(&mut columns.histogram_starts, &stale);
        retain(&mut columns.histograms, |h| !is_stale(h.sum));
    }
}

fn drop_marked(starts: &mut Vec<Timestamp>, marked: &[bool]) {
    let mut marks = marked.iter();
    starts.retain(|_| !*marks.next().unwrap_or(&false));
}

/// The results of an inner query as samples.
pub(crate) struct Subquery<'a> {
    inner: Box<dyn Operator + 'a>,
    windows: WindowPlan,
    grid: Grid,
    times: Vec<Timestamp>,
}

impl<'a> Subquery<'a> {
    pub(crate) fn new(
        node: &'a SubqueryNode,
        grid: Grid,
        context: &'a Context<'a>,
    ) -> Result<Self, QueryError> {
        let offset = grid.start.saturating_sub(node.shift.of(grid.start));
        let part = Part::Subquery { offset, range: node.range };
        let inner_grid = context.samples.part(grid, part, inner_grid(node, grid, context));
        let inner = build::vector(&node.inner, inner_grid, context)?;
        let windows = WindowPlan {
            grid,
            shift: node.shift,
            range: node.range,
            edges: Edges::Plain,
            lookback: context.lookback,
            is_stored: false,
        };
        Ok(Self { inner, windows, grid: inner_grid, times: inner_grid.times().collect() })
    }
}

/// The times at which an inner query is evaluated: multiples of its step, so that neighbouring steps of the outer
/// query share them.
pub(crate) fn inner_grid(node: &SubqueryNode, grid: Grid, context: &Context<'_>) -> Grid {
    let step = node.step.unwrap_or(context.options.subquery_step_millis());
    let (first, last) = (node.shift.of(grid.start), node.shift.of(grid.end()));
    let before = first.saturating_sub(node.range);
    // Rounding towards zero, as the original does.
    let mut start = step.saturating_mul(before / step);
    if start <= before {
        start = start.saturating_add(step);
    }
    if grid.count == 0 { Grid::new(start, step, 0) } else { Grid::range(start, last, step) }
}

impl RangeSource for Subquery<'_> {
    fn series(&self) -> &[SeriesMeta] {
        self.inner.series()
    }

    fn windows(&self) -> WindowPlan {
        self.windows
    }

    fn reader(&self) -> Box<dyn RangeReader + '_> {
        Box::new(SubqueryReader { of: self, reader: self.inner.reader(), row: Row::default() })
    }
}

struct SubqueryReader<'a> {
    of: &'a Subquery<'a>,
    reader: Box<dyn Reader + 'a>,
    row: Row,
}

impl RangeReader for SubqueryReader<'_> {
    fn read(&mut self, series: usize, into: &mut Columns) -> Result<(), QueryError> {
        into.clear();
        self.reader.read(series, &mut self.row)?;
        if !self.row.has_histograms() && self.row.floats.iter().all(|v| !is_absent(*v)) {
            into.floats.timestamps.extend_from_slice(&self.of.times);
            into.floats.values.extend_from_slice(&self.row.floats);
            return Ok(());
        }
        for (step, time) in self.of.grid.times().enumerate() {
            let value = self.row.floats[step];
            if !is_absent(value) {
                into.floats.push(time, value);
            } else if let Some(histogram) = self.row.histogram(step) {
                into.histograms.push(time, without_hint(histogram));
            }
        }
        Ok(())
    }
}

/// A subquery may leave samples out or repeat them, so that what is known about resets between them is not.
fn without_hint(histogram: &Arc<FloatHistogram>) -> Arc<FloatHistogram> {
    match histogram.reset_hint {
        ResetHint::Unknown | ResetHint::Gauge => histogram.clone(),
        ResetHint::Reset | ResetHint::NotReset => {
            Arc::new(FloatHistogram { reset_hint: ResetHint::Unknown, ..FloatHistogram::clone(histogram) })
        }
    }
}
