//! `info`: labels of info series such as `target_info`, joined to the series that they describe.

use std::collections::{BTreeMap, HashMap};

use metrics_core::{
    Columns, LabelSet, METRIC_NAME, MatchOp, Matcher, SelectHints, SelectRequest, TimeRange, Timestamp,
};

use super::build;
use super::grid::Grid;
use super::labels::{braced, joined_always};
use super::matrix::Matrix;
use super::operator::{Operator, SeriesMeta};
use super::row::Row;
use super::samples::Seen;
use super::{Context, DataError, QueryError};
use crate::plan::{CallNode, Node, Shift};

/// Labels that tell which target a series belongs to.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

pub(crate) fn build<'a>(
    call: &'a CallNode,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let shift = shift_of(&call.args[0].node).unwrap_or_default();
    let base = build::vector(&call.args[0].node, grid, context)?.into_matrix(context)?;
    let mut asked = Asked::default();
    if let Some(Node::Vector(selector)) = call.args.get(1).map(|a| unwrapped(&a.node)) {
        for matcher in &selector.matchers {
            let list = if matcher.name == METRIC_NAME { &mut asked.names } else { &mut asked.labels };
            list.push(matcher.clone());
        }
    }
    asked.complete_names()?;
    // Info series themselves are left alone.
    let is_info = |meta: &SeriesMeta| {
        let name = meta.labels.metric_name().unwrap_or("");
        asked.names.iter().all(|m| m.matches(name))
    };
    let ignored: Vec<bool> = base.metas().iter().map(is_info).collect();
    let infos = fetch(&base, &ignored, &asked, shift, grid, context)?;
    let mut result = Matrix::new(context)?;
    for ((meta, row), ignored) in base.into_parts().zip(ignored) {
        if ignored {
            result.push(meta, row)?;
        } else {
            enrich(&meta, &row, &infos, &asked, grid, &mut result)?;
        }
    }
    joined_always(Box::new(result), context)
}

/// What the second argument asks for.
#[derive(Debug, Default)]
struct Asked {
    /// Conditions on the info metric's name.
    names: Vec<Matcher>,
    /// Conditions on its labels; if there are any, only those labels are taken over.
    labels: Vec<Matcher>,
}

impl Asked {
    /// Without a condition that some name must satisfy, names are `target_info`, or all that end in `_info`.
    fn complete_names(&mut self) -> Result<(), QueryError> {
        if self.names.is_empty() {
            self.names.push(Matcher::metric_name("target_info"));
        } else if self.names.iter().all(|m| m.op.is_negative()) {
            let pattern = ".+_info";
            let matcher = Matcher::new(METRIC_NAME, MatchOp::Regex, pattern)
                .map_err(|_| DataError::Regex { function: "info", pattern: pattern.to_owned() })?;
            self.names.insert(0, matcher);
        }
        Ok(())
    }

    fn wants(&self, label: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|m| m.name == label)
    }

    /// Whether series without info are fine.
    fn all_match_empty(&self) -> bool {
        self.labels.iter().all(|m| m.matches(""))
    }
}

fn unwrapped(node: &Node) -> &Node {
    match node {
        Node::StepInvariant(inner) => unwrapped(inner),
        other => other,
    }
}

/// When the first selector of an expression looks at its series: info series are taken from the same time.
fn shift_of(node: &Node) -> Option<Shift> {
    match node {
        Node::Vector(selector) => Some(selector.shift),
        Node::Matrix(window) => Some(window.selector.shift),
        Node::Subquery(subquery) => shift_of(&subquery.inner).map(|inner| match inner.at {
            Some(_) => inner,
            None => Shift { at: subquery.shift.at, offset: inner.offset + subquery.shift.offset },
        }),
        Node::StepInvariant(inner) | Node::Negate(inner) | Node::Plus(inner) => shift_of(inner),
        Node::Call(call) => call.args.iter().find_map(|arg| shift_of(&arg.node)),
        Node::Aggregate(a) => {
            shift_of(&a.arg.node).or_else(|| a.param.as_ref().and_then(|p| shift_of(&p.node)))
        }
        Node::Binary(b) => shift_of(&b.lhs).or_else(|| shift_of(&b.rhs)),
        Node::Number(_) | Node::Text(_) => None,
    }
}

/// Info series by name and identifying labels; several may describe the same target at different times.
type Infos = BTreeMap<String, HashMap<LabelSet, Vec<Info>>>;

#[derive(Debug)]
struct Info {
    labels: LabelSet,
    /// When the sample was taken that counts at each step.
    taken: Vec<Option<Timestamp>>,
}

/// Finds the info series of all targets that occur.
fn fetch(
    base: &Matrix<'_>,
    ignored: &[bool],
    asked: &Asked,
    shift: Shift,
    grid: Grid,
    context: &Context<'_>,
) -> Result<Infos, QueryError> {
    let mut matchers = asked.names.clone();
    matchers.extend(asked.labels.iter().cloned());
    let mut identified = false;
    for name in IDENTIFYING {
        let metas = base.metas().iter().zip(ignored).filter(|(_, ignored)| !**ignored);
        let mut values: Vec<&str> =
            metas.map(|(m, _)| m.labels.value(name)).filter(|v| !v.is_empty()).collect();
        values.sort_unstable();
        values.dedup();
        if !values.is_empty() {
            identified = true;
            let pattern = values.iter().map(|v| regex::escape(v)).collect::<Vec<_>>().join("|");
            matchers.push(
                Matcher::new(name, MatchOp::Regex, pattern.clone())
                    .map_err(|_| DataError::Regex { function: "info", pattern })?,
            );
        }
    }
    let mut infos = Infos::new();
    if !identified {
        return Ok(infos);
    }
    let (first, last) = (shift.of(grid.start), shift.of(grid.end()));
    let range = TimeRange::new(first.saturating_sub(context.lookback).saturating_add(1), last);
    let request = SelectRequest { matchers: &matchers, range, hints: SelectHints::default() };
    let set = context.store.select(&request)?;
    let mut columns = Columns::default();
    for i in 0..set.len() {
        context.check()?;
        set.read(i, &mut columns)?;
        let labels = set.labels(i).clone();
        if columns.histograms.values.iter().any(|h| !metrics_core::is_stale(h.sum)) {
            return Err(DataError::InfoHistogram(braced(&labels)).into());
        }
        let taken: Vec<Option<Timestamp>> =
            grid.times().map(|t| taken_at(&columns, shift.of(t), context.lookback)).collect();
        let seen = taken.iter().map(|t| Seen::new(t.is_some().into()));
        context.samples.count(grid, taken.iter().flatten().count() as u64, seen);
        let name = labels.metric_name().unwrap_or("").to_owned();
        let key = labels.only(&IDENTIFYING);
        infos.entry(name).or_default().entry(key).or_default().push(Info { labels, taken });
    }
    Ok(infos)
}

/// When the sample was taken that counts at a time.
fn taken_at(columns: &Columns, time: Timestamp, lookback: i64) -> Option<Timestamp> {
    let floats = &columns.floats;
    let at = floats.timestamps.partition_point(|t| *t <= time).checked_sub(1)?;
    let taken = floats.timestamps[at];
    (taken > time.saturating_sub(lookback) && !metrics_core::is_stale(floats.values[at])).then_some(taken)
}

/// Adds a series with the labels of its info series, which may change from step to step.
fn enrich(
    meta: &SeriesMeta,
    row: &Row,
    infos: &Infos,
    asked: &Asked,
    grid: Grid,
    result: &mut Matrix<'_>,
) -> Result<(), QueryError> {
    let key = meta.labels.only(&IDENTIFYING);
    let candidates: Vec<&[Info]> =
        infos.values().filter_map(|by_key| by_key.get(&key)).map(Vec::as_slice).collect();
    let mut rows: Vec<(LabelSet, Row)> = Vec::new();
    for step in (0..grid.count).filter(|s| row.is_present(*s)) {
        let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
        let mut found = false;
        for series in &candidates {
            let Some(info) = newest(series, step)? else { continue };
            found = true;
            for (name, value) in &info.labels {
                if name == METRIC_NAME || !asked.wants(name) {
                    continue;
                }
                if labels.get(name).is_some_and(|v| *v != value) {
                    return Err(DataError::ConflictingInfo(name.to_owned()).into());
                }
                if meta.labels.get(name).is_none() {
                    labels.insert(name, value);
                }
            }
        }
        if !found && !asked.all_match_empty() {
            continue;
        }
        let mut enriched = meta.labels.to_builder();
        for (name, value) in labels {
            enriched.set(name, value);
        }
        let enriched = enriched.build();
        let at = match rows.iter().position(|(l, _)| *l == enriched) {
            Some(at) => at,
            None => {
                rows.push((enriched, Row::empty(grid.count)));
                rows.len() - 1
            }
        };
        if let Some(value) = row.get(step) {
            rows[at].1.set(step, value);
        }
    }
    for (labels, row) in rows {
        result.push(SeriesMeta { labels, drop_name: meta.drop_name }, row)?;
    }
    Ok(())
}

/// The info series whose sample is the newest at a step.
fn newest(series: &[Info], step: usize) -> Result<Option<&Info>, QueryError> {
    let mut best: Option<(&Info, Timestamp)> = None;
    for info in series {
        let Some(taken) = info.taken[step] else { continue };
        match best {
            Some((other, timestamp)) if timestamp == taken => {
                let (first, second) = (braced(&other.labels), braced(&info.labels));
                return Err(DataError::DuplicateInfo { first, second, timestamp }.into());
            }
            Some((_, newer)) if newer > taken => {}
            _ => best = Some((info, taken)),
        }
    }
    Ok(best.map(|(info, _)| info))
}
