//! Functions over range vectors.

use std::sync::Arc;

use metrics_core::{Columns, FloatHistogram, LabelSet};

use super::labels::{have_same_metadata, joined, without_metadata};
use super::matrix::has_same_labels;
use super::operator::{Operator, Reader, SeriesMeta};
use super::range_source::{RangeReader, RangeSource, WindowPlan};
use super::row::{Row, histogram_weight};
use super::samples::Seen;
use super::{Context, DataError, Note, Notes, QueryError};
use crate::functions::{Column, RangeEntry, Samples, Sliding, Window, Windows, sliding};
use crate::parser::Edges;
use crate::plan::CallNode;

/// A range function applied to every series of a source.
pub(crate) struct RangeCall<'a> {
    name: &'static str,
    entry: RangeEntry,
    source: Box<dyn RangeSource + 'a>,
    /// Scalar arguments, step by step.
    params: Vec<Vec<f64>>,
    series: Vec<SeriesMeta>,
    notes: Notes<'a>,
    context: &'a Context<'a>,
}

impl<'a> RangeCall<'a> {
    pub(crate) fn build(
        call: &CallNode,
        entry: RangeEntry,
        source: Box<dyn RangeSource + 'a>,
        params: Vec<Vec<f64>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Operator + 'a>, QueryError> {
        // Taking names away costs an allocation per series: not where nobody looks, and no two become the same.
        let unseen = call.metadata_unseen && !context.keeps_names() && have_same_metadata(source.series());
        let series: Vec<SeriesMeta> = source
            .series()
            .iter()
            .map(|meta| {
                let drop_name = !entry.keeps_name || meta.drop_name;
                let keep = context.keeps_names() || !drop_name || unseen;
                let labels = if keep { meta.labels.clone() } else { without_metadata(&meta.labels) };
                SeriesMeta { labels, drop_name }
            })
            .collect();
        // Annotations point to the first argument.
        let notes = context.notes(call.args[0].span);
        let same = !unseen && !context.keeps_names() && has_same_labels(series.iter().map(|s| &s.labels));
        let call = Box::new(Self { name: call.name, entry, source, params, series, notes, context });
        if !same {
            return Ok(call);
        }
        // Unlike instant functions these are refused even where the series have values at different steps.
        let matrix = call.into_matrix(context)?;
        if matrix.has_same_labels() {
            return Err(DataError::SameLabels.into());
        }
        joined(Box::new(matrix), context)
    }
}

impl Operator for RangeCall<'_> {
    fn series(&self) -> &[SeriesMeta] {
        &self.series
    }

    fn steps(&self) -> usize {
        self.source.windows().grid.count
    }

    fn reader(&self) -> Box<dyn Reader + '_> {
        let plan = self.source.windows();
        // The plain functions know edges and start times, the sliding ones do not.
        let sliding = if plan.edges == Edges::Plain { sliding(self.name) } else { None };
        Box::new(RangeCallReader {
            of: self,
            plan,
            reader: self.source.reader(),
            sliding,
            params: self.params.iter().map(Vec::as_slice).collect(),
            columns: Columns::default(),
            times: Vec::new(),
            floats: Windows::default(),
            histograms: Windows::default(),
            samples_in_windows: 0,
            noted: None,
        })
    }
}

struct RangeCallReader<'a> {
    of: &'a RangeCall<'a>,
    plan: WindowPlan,
    reader: Box<dyn RangeReader + 'a>,
    sliding: Option<Box<dyn Sliding>>,
    params: Vec<&'a [f64]>,
    columns: Columns,
    /// The column of times that `floats` was located in.
    times: Vec<i64>,
    floats: Windows,
    histograms: Windows,
    /// Float samples in all windows together.
    samples_in_windows: u64,
    /// The metric noted last as possibly not a counter.
    noted: Option<LabelSet>,
}

impl Reader for RangeCallReader<'_> {
    fn read(&mut self, series: usize, row: &mut Row) -> Result<(), QueryError> {
        self.reader.read(series, &mut self.columns)?;
        let context = self.of.context;
        let _held = context.limits.hold(self.columns.len())?;
        row.reset(self.plan.grid.count);
        if self.columns.floats.timestamps != self.times || self.floats.generation == 0 {
            self.times.clone_from(&self.columns.floats.timestamps);
            self.plan.locate(&self.times, &mut self.floats);
            self.samples_in_windows = self.floats.bounds.iter().map(|(lo, hi)| u64::from(hi - lo)).sum();
        }
        let use_starts = self.of.entry.uses_starts && context.options.use_start_timestamps;
        let has_starts = use_starts && self.columns.float_starts.iter().any(|s| *s != 0);
        let slid = self.columns.histograms.timestamps.is_empty() && !has_starts && self.slide(row);
        if !slid {
            self.step_by_step(series, use_starts, row)?;
        }
        self.count_samples();
        if self.of.entry.wants_counter {
            self.note_non_counter(series, row);
        }
        Ok(())
    }
}

impl RangeCallReader<'_> {
    fn slide(&mut self, row: &mut Row) -> bool {
        let Some(sliding) = &mut self.sliding else { return false };
        // The plain version notes what is wrong with a quantile.
        if self.of.name == "quantile_over_time" && self.params[0].iter().any(|q| !(0.0..=1.0).contains(q)) {
            return false;
        }
        let floats = &self.columns.floats;
        let column = Column { times: &floats.timestamps, values: &floats.values, windows: &self.floats };
        sliding.run(column, &self.params, &mut row.floats)
    }

    fn step_by_step(&mut self, series: usize, use_starts: bool, row: &mut Row) -> Result<(), QueryError> {
        let histograms = &self.columns.histograms;
        self.plan.locate(&histograms.timestamps, &mut self.histograms);
        let starts = |starts: &'_ Vec<i64>| if use_starts { starts.len() } else { 0 };
        let all_floats = Samples {
            times: &self.columns.floats.timestamps,
            values: &self.columns.floats.values,
            starts: &self.columns.float_starts[..starts(&self.columns.float_starts)],
        };
        let all_histograms = Samples {
            times: &histograms.timestamps,
            values: &histograms.values,
            starts: &self.columns.histogram_starts[..starts(&self.columns.histogram_starts)],
        };
        let metric = self.of.source.series()[series].labels.metric_name().unwrap_or("");
        for step in 0..self.plan.grid.count {
            let (lo, hi) = self.floats.bounds[step];
            let floats = all_floats.slice(lo as usize, hi as usize);
            let (lo, hi) = self.histograms.bounds[step];
            let histograms = all_histograms.slice(lo as usize, hi as usize);
            if floats.is_empty() && histograms.is_empty() {
                continue;
            }
            let (start, end) = self.plan.edges_at(step);
            let param = |i: usize| self.params.get(i).and_then(|p| p.get(step)).copied().unwrap_or(0.0);
            let window = Window {
                floats,
                histograms,
                start,
                end,
                edges: self.plan.edges,
                time: self.plan.grid.at(step),
                params: [param(0), param(1)],
                metric,
                notes: self.of.notes,
            };
            if let Some(value) = (self.of.entry.plain)(&window)? {
                row.set(step, value);
            }
        }
        Ok(())
    }

    /// Counts the samples of every window, and those that were in none before.
    fn count_samples(&self) {
        let counts = &self.of.context.samples;
        let histograms = &self.columns.histograms.values;
        let none: &[(u32, u32)] = &[];
        let windows = if histograms.is_empty() { none } else { self.histograms.bounds.as_slice() };
        let weights = if histograms.is_empty() { Vec::new() } else { weights_before(histograms) };
        let weight = |lo: u32, hi: u32| weights[hi as usize] - weights[lo as usize];
        let weighed: u64 = windows.iter().map(|(lo, hi)| weight(*lo, *hi)).sum();
        let seen = (0..self.plan.grid.count).map(|step| {
            let (lo, hi, fresh) = window(&self.floats.bounds, step);
            let mut seen = Seen { queried: u64::from(hi - lo), read: u64::from(hi - fresh) };
            if !windows.is_empty() {
                let (lo, hi, fresh) = window(windows, step);
                seen = Seen { queried: seen.queried + weight(lo, hi), read: seen.read + weight(fresh, hi) };
            }
            Seen { read: if self.plan.is_stored { seen.read } else { 0 }, ..seen }
        });
        counts.count(self.plan.grid, self.samples_in_windows + weighed, seen);
    }

    fn note_non_counter(&mut self, series: usize, row: &Row) {
        let labels = &self.of.source.series()[series].labels;
        let Some(metric) = labels.metric_name() else { return };
        let known =
            |l: &LabelSet| l.metric_name() == Some(metric) && l.get("__type__") == labels.get("__type__");
        if self.noted.as_ref().is_some_and(known) || row.floats.iter().all(|v| super::row::is_absent(*v)) {
            return;
        }
        if self.of.context.options.type_and_unit_labels {
            let found = labels.value("__type__");
            if !matches!(found, "counter" | "histogram") {
                self.of.notes.add(Note::PossibleNonCounterType { metric, found });
            }
        } else if !["_total", "_sum", "_count", "_bucket"].iter().any(|end| metric.ends_with(end)) {
            self.of.notes.add(Note::PossibleNonCounter { metric });
        }
        self.noted = Some(labels.clone());
    }
}

/// The weights of all histograms before each, and of all.
fn weights_before(histograms: &[Arc<FloatHistogram>]) -> Vec<u64> {
    let sums = histograms.iter().scan(0, |sum, h| {
        *sum += histogram_weight(h) as u64;
        Some(*sum)
    });
    std::iter::once(0).chain(sums).collect()
}

/// Where a window begins and ends, and where what was not in the one before begins.
fn window(bounds: &[(u32, u32)], step: usize) -> (u32, u32, u32) {
    let (lo, hi) = bounds[step];
    let before = step.checked_sub(1).map_or(lo, |before| bounds[before].1);
    (lo, hi, before.clamp(lo, hi))
}

/// The windows of an instant query that shows a range vector.
pub(crate) fn shown_range(
    source: &dyn RangeSource,
    context: &Context<'_>,
    mut show: impl FnMut(&SeriesMeta, &mut Columns) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let plan = source.windows();
    let mut reader = source.reader();
    let mut columns = Columns::default();
    for (index, meta) in source.series().iter().enumerate() {
        context.check()?;
        reader.read(index, &mut columns)?;
        let _held = context.limits.hold(columns.len())?;
        if plan.edges != Edges::Plain {
            if !columns.histograms.timestamps.is_empty() {
                let modifier = if plan.edges == Edges::Anchored { "anchored" } else { "smoothed" };
                return Err(DataError::EdgesOfHistograms(modifier).into());
            }
            let samples =
                Samples { times: &columns.floats.timestamps, values: &columns.floats.values, starts: &[] };
            let (start, end) = plan.edges_at(0);
            let shown = crate::functions::with_edges(&samples, start, end, plan.edges);
            (columns.floats.timestamps, columns.floats.values) = shown.into_iter().unzip();
        }
        let weight = columns.histograms.values.iter().map(|h| histogram_weight(h)).sum::<usize>();
        let seen = (columns.floats.values.len() + weight) as u64;
        context.samples.count(plan.grid, seen, std::iter::once(Seen::new(seen)));
        if !columns.is_empty() {
            show(meta, &mut columns)?;
        }
    }
    Ok(())
}
