//! What makes a block large.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use ::tsdb::block::SeriesEntry;
use metrics_core::METRIC_NAME;
use promql::parser::parse_selector;

use super::fill::Fill;
use super::{InspectError, block, go_duration};

/// What to show of a block.
#[derive(Debug, Clone)]
pub struct AnalyzeOptions {
    /// Rows of each table.
    pub limit: usize,
    /// Whether to read all chunks and show how well they are filled.
    pub extended: bool,
    /// Only series that match; all if absent.
    pub selector: Option<String>,
}

/// Shows churn, label pairs, values and metric names of a block, most first. Equal counts are in order of
/// their names, where the original's order varies from run to run.
///
/// # Errors
/// If the block cannot be read or the selector is not PromQL.
pub fn analyze(
    path: &Path,
    name: Option<&str>,
    options: &AnalyzeOptions,
    out: &mut impl Write,
) -> Result<(), InspectError> {
    let matchers = options.selector.as_deref().map(parse_selector).transpose()?;
    let block = block(path, name)?;
    let meta = block.meta();
    let span = u64::try_from(meta.max_time - meta.min_time).unwrap_or(0);

    let mut ids = Vec::new();
    block.index().all_postings(&mut ids)?;
    let mut totals = Totals::default();
    let mut fill = options.extended.then(Fill::default);
    for id in ids {
        let series = block.index().series(id)?;
        if matchers.iter().flatten().any(|m| !m.matches_labels(&series.labels)) {
            continue;
        }
        totals.add(&series, span);
        if let Some(fill) = &mut fill {
            fill.add(&block, &series)?;
        }
    }

    writeln!(out, "Block ID: {}", meta.ulid)?;
    writeln!(out, "Duration: {}", go_duration(Duration::from_millis(span)))?;
    writeln!(out, "Total Series: {}", meta.stats.num_series)?;
    if let Some(selector) = &options.selector {
        writeln!(out, "Matcher: {selector}")?;
    }
    writeln!(out, "Label names: {}", totals.names.len())?;
    if options.selector.is_some() {
        writeln!(out, "Matched series: {}", totals.series)?;
    }
    totals.print(span, options.limit, out)?;
    if let Some(fill) = fill {
        fill.print(out)?;
    }
    Ok(())
}

/// Sums over all series, by label.
#[derive(Default)]
struct Totals {
    series: u64,
    entries: u64,
    // Series with the pair, and milliseconds of the block that they do not cover.
    pairs: BTreeMap<String, (u64, u64)>,
    names: BTreeMap<String, NameTotal>,
    metrics: BTreeMap<String, u64>,
}

#[derive(Default)]
struct NameTotal {
    uncovered: u64,
    values: BTreeSet<String>,
}

impl Totals {
    fn add(&mut self, series: &SeriesEntry, span: u64) {
        let covered = match (series.chunks.first(), series.chunks.last()) {
            (Some(first), Some(last)) => u64::try_from(last.max_time - first.min_time).unwrap_or(0),
            _ => 0,
        };
        let uncovered = span.saturating_sub(covered);
        self.series += 1;
        for (name, value) in &series.labels {
            self.entries += 1;
            let pair = self.pairs.entry(format!("{name}={value}")).or_default();
            pair.0 += 1;
            pair.1 += uncovered;
            if !self.names.contains_key(name) {
                self.names.insert(name.to_owned(), NameTotal::default());
            }
            if let Some(total) = self.names.get_mut(name) {
                total.uncovered += uncovered;
                if !total.values.contains(value) {
                    total.values.insert(value.to_owned());
                }
            }
            if name == METRIC_NAME {
                *self.metrics.entry(value.to_owned()).or_default() += 1;
            }
        }
    }

    fn print(&self, span: u64, limit: usize, out: &mut impl Write) -> Result<(), InspectError> {
        // In series: how many whole spans are uncovered.
        let churn = |uncovered: u64| (uncovered as f64 / span as f64) as u64;
        let length = |t: &NameTotal| t.values.iter().map(|v| v.len() as u64).sum();
        writeln!(out, "Postings (unique label pairs): {}", self.pairs.len())?;
        writeln!(out, "Postings entries (total label pairs): {}", self.entries)?;
        let tables: [(&str, Vec<(&str, u64)>); 6] = [
            (
                "Label pairs most involved in churning",
                self.pairs.iter().map(|(k, p)| (k.as_str(), churn(p.1))).collect(),
            ),
            (
                "Label names most involved in churning",
                self.names.iter().map(|(k, t)| (k.as_str(), churn(t.uncovered))).collect(),
            ),
            ("Most common label pairs", self.pairs.iter().map(|(k, p)| (k.as_str(), p.0)).collect()),
            (
                "Label names with highest cumulative label value length",
                self.names.iter().map(|(k, t)| (k.as_str(), length(t))).collect(),
            ),
            (
                "Highest cardinality labels",
                self.names.iter().map(|(k, t)| (k.as_str(), t.values.len() as u64)).collect(),
            ),
            (
                "Highest cardinality metric names",
                self.metrics.iter().map(|(k, n)| (k.as_str(), *n)).collect(),
            ),
        ];
        for (title, mut rows) in tables {
            rows.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
            writeln!(out, "\n{title}:")?;
            for (key, n) in rows.into_iter().take(limit) {
                writeln!(out, "{n} {key}")?;
            }
        }
        Ok(())
    }
}
