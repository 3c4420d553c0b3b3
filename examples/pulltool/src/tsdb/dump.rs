//! All samples of a database as text.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use ::tsdb::{Db, Options};
use metrics_core::number::format_general;
use metrics_core::{
    Columns, FloatHistogram, LabelSet, METRIC_NAME, Matcher, Select, SelectRequest, TimeRange,
};
use promql::parser::{parse_selector, quote};

use super::InspectError;

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DumpFormat {
    /// Labels, value and milliseconds.
    #[default]
    Prom,
    /// The labels of each series as JSON, without samples.
    Seriesjson,
    /// OpenMetrics text, without native histograms.
    #[value(skip)]
    OpenMetrics,
}

/// Which samples to write, and how.
#[derive(Debug, Clone)]
pub struct DumpOptions {
    /// First and last time in milliseconds.
    pub range: TimeRange,
    /// Series that any of these selectors matches; all if there is none.
    pub selectors: Vec<String>,
    /// How they are written.
    pub format: DumpFormat,
}

/// Writes the samples of a database, blocks and log, series by series in order of their labels.
///
/// # Errors
/// If the database cannot be read or a selector is not PromQL.
pub fn dump(path: &Path, options: &DumpOptions, out: &mut impl Write) -> Result<(), InspectError> {
    if !path.is_dir() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(InspectError::Directory { path: path.to_owned(), source });
    }
    let mut selectors = Vec::new();
    for selector in &options.selectors {
        selectors.push(parse_selector(selector)?);
    }
    if selectors.is_empty() {
        // Nothing to match is to match everything.
        selectors.push(Vec::new());
    }
    let db = Db::open_read_only(path, Options::default())?;
    let found = selectors.iter().map(|m| select(&db, m, options.range)).collect::<Result<Vec<_>, _>>()?;
    // A series that several selectors found has the same samples each time.
    let mut series: BTreeMap<LabelSet, (usize, usize)> = BTreeMap::new();
    for (set, found) in found.iter().enumerate() {
        series.extend((0..found.len()).map(|i| (found.labels(i).clone(), (set, i))));
    }
    let mut float_histograms = BTreeMap::new();
    if options.format == DumpFormat::Prom {
        for matchers in &selectors {
            float_histograms.extend(db.float_histograms(matchers, options.range)?);
        }
    }
    let mut columns = Columns::default();
    for (labels, (set, i)) in series {
        if options.format == DumpFormat::Seriesjson {
            writeln!(out, "{}", json(&labels))?;
            continue;
        }
        found[set].read(i, &mut columns)?;
        let of_floats = float_histograms.get(&labels).map_or(&[][..], Vec::as_slice);
        match options.format {
            DumpFormat::OpenMetrics => write_open_metrics(&labels, &columns, out)?,
            _ => write_samples(&labels, &columns, of_floats, out)?,
        }
    }
    if options.format == DumpFormat::OpenMetrics {
        writeln!(out, "# EOF")?;
    }
    Ok(())
}

fn select<'a>(
    db: &'a Db,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<Box<dyn metrics_core::SeriesSet + 'a>, InspectError> {
    Ok(db.select(&SelectRequest { matchers, range, hints: Default::default() })?)
}

/// Floats and histograms of a series, in order of time. Histograms have float counts at some times, and integers at others.
fn write_samples(
    labels: &LabelSet,
    columns: &Columns,
    float_histograms: &[TimeRange],
    out: &mut impl Write,
) -> Result<(), InspectError> {
    let name = braced(labels.iter(), ", ");
    let histogram = |t: i64, h: &FloatHistogram| {
        if float_histograms.iter().any(|times| times.contains(t)) {
            h.to_string()
        } else {
            h.with_integers().to_string()
        }
    };
    let mut histograms = columns.histograms.timestamps.iter().zip(&columns.histograms.values).peekable();
    for (t, value) in columns.floats.timestamps.iter().zip(&columns.floats.values) {
        while let Some((t, h)) = histograms.next_if(|(before, _)| *before < t) {
            writeln!(out, "{name} {} {t}", histogram(*t, h))?;
        }
        writeln!(out, "{name} {} {t}", format_general(*value))?;
    }
    for (t, h) in histograms {
        writeln!(out, "{name} {} {t}", histogram(*t, h))?;
    }
    Ok(())
}

fn write_open_metrics(
    labels: &LabelSet,
    columns: &Columns,
    out: &mut impl Write,
) -> Result<(), InspectError> {
    let metric = labels.metric_name().unwrap_or("");
    let name = format!("{metric}{}", braced(labels.iter().filter(|(n, _)| *n != METRIC_NAME), ","));
    for (t, value) in columns.floats.timestamps.iter().zip(&columns.floats.values) {
        writeln!(out, "{name} {} {:.3}", format_general(*value), *t as f64 / 1000.0)?;
    }
    Ok(())
}

fn braced<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>, separator: &str) -> String {
    let pair = |(name, value): (&str, &str)| {
        let value = quote(value);
        if metrics_core::is_legacy_label_name(name) {
            format!("{name}={value}")
        } else {
            format!("{}={value}", quote(name))
        }
    };
    format!("{{{}}}", labels.map(pair).collect::<Vec<_>>().join(separator))
}

/// Labels as Go writes them, with the characters that HTML minds escaped.
fn json(labels: &LabelSet) -> String {
    let pairs: serde_json::Map<String, serde_json::Value> =
        labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let text = serde_json::Value::Object(pairs).to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
