//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`, of classic and native histograms.

use std::collections::HashMap;
use std::sync::Arc;

use metrics_core::number::format_general;
use metrics_core::{FloatHistogram, LabelSet, Timestamp};

use super::build;
use super::call::text;
use super::grid::Grid;
use super::labels::{joined, nameless};
use super::matrix::Matrix;
use super::operator::{Operator, SeriesMeta};
use super::row::{Row, is_absent, present};
use super::{Context, Monotonicity, Note, Notes, QueryError};
use crate::functions::{
    ClassicBucket, Straightened, classic_fraction, classic_quantile, native_fraction, native_quantile,
};
use crate::plan::CallNode;

/// What is asked of each histogram: one result per entry.
enum Question {
    /// The quantile of each step, and the label that tells it.
    Quantile(Vec<f64>, Option<(String, String)>),
    /// The fraction between two bounds, step by step.
    Fraction(Vec<f64>, Vec<f64>),
}

pub(crate) fn build<'a>(
    call: &'a CallNode,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let scalar = |i: usize| build::scalar(&call.args[i].node, grid, context);
    let mut questions = Vec::new();
    let vector = match call.name {
        "histogram_quantile" => {
            questions.push(Question::Quantile(scalar(0)?, None));
            check_quantiles(&questions, context.notes(call.args[0].span));
            1
        }
        "histogram_quantiles" => {
            let label = text(call, 1);
            for i in 2..call.args.len() {
                let quantiles = scalar(i)?;
                let name = quantiles.first().map_or_else(String::new, |q| open_metrics_float(*q));
                let question = Question::Quantile(quantiles, Some((label.to_owned(), name)));
                check_quantiles(std::slice::from_ref(&question), context.notes(call.args[i].span));
                questions.push(question);
            }
            0
        }
        _ => {
            questions.push(Question::Fraction(scalar(0)?, scalar(1)?));
            2
        }
    };
    let arg = &call.args[vector];
    let matrix = build::vector(&arg.node, grid, context)?.into_matrix(context)?;
    let notes = context.notes(arg.span);
    let histograms = group(&matrix, notes, context);
    let mut answers = Matrix::new(context)?;
    for question in &questions {
        for histogram in &histograms {
            histogram.answer(question, &matrix, grid, notes, context, &mut answers)?;
        }
    }
    joined(Box::new(answers), context)
}

fn check_quantiles(questions: &[Question], notes: Notes<'_>) {
    for question in questions {
        if let Question::Quantile(quantiles, _) = question {
            quantiles.iter().filter(|q| !(0.0..=1.0).contains(*q)).for_each(|q| {
                notes.add(Note::InvalidQuantile(*q));
            });
        }
    }
}

/// As OpenMetrics writes label values: whole numbers with `.0`.
fn open_metrics_float(value: f64) -> String {
    let text = format_general(value);
    let plain = value.is_finite() && !text.contains(['.', 'e']);
    if plain { format!("{text}.0") } else { text }
}

/// One histogram: the series of its classic buckets, and that of its native form.
#[derive(Debug)]
struct Histogram {
    meta: SeriesMeta,
    /// Name of the metric for annotations about classic buckets.
    name: String,
    /// `(upper bound, position of the series)`
    buckets: Vec<(f64, usize)>,
    native: Option<usize>,
}

/// Puts series that differ in `le` alone together. Native ones come first, in order of their series.
fn group(matrix: &Matrix<'_>, notes: Notes<'_>, context: &Context<'_>) -> Vec<Histogram> {
    let mut histograms: Vec<Histogram> = Vec::new();
    let mut known: HashMap<LabelSet, usize> = HashMap::new();
    let mut find = |labels: LabelSet, meta: &SeriesMeta, histograms: &mut Vec<Histogram>| {
        *known.entry(labels.clone()).or_insert_with(|| {
            let meta = nameless(&SeriesMeta { labels: labels.clone(), drop_name: meta.drop_name }, context);
            let name = labels.metric_name().unwrap_or("").to_owned();
            histograms.push(Histogram { meta, name, buckets: Vec::new(), native: None });
            histograms.len() - 1
        })
    };
    for (i, (meta, row)) in matrix.metas().iter().zip(matrix.rows()).enumerate() {
        if row.has_histograms() {
            let at = find(meta.labels.clone(), meta, &mut histograms);
            histograms[at].native = Some(i);
        }
    }
    for (i, (meta, row)) in matrix.metas().iter().zip(matrix.rows()).enumerate() {
        if row.floats.iter().all(|v| is_absent(*v)) {
            continue;
        }
        let le = meta.labels.value("le");
        let Some(bound) = parse_bound(le) else {
            let metric = if context.keeps_names() { meta.labels.metric_name().unwrap_or("") } else { "" };
            notes.add(Note::BadBucketLabel { metric, label: le });
            continue;
        };
        let at = find(meta.labels.without(&["le"]), meta, &mut histograms);
        histograms[at].buckets.push((bound, i));
    }
    histograms
}

/// The number that a `le` label tells.
fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok()
}

impl Histogram {
    fn answer(
        &self,
        question: &Question,
        matrix: &Matrix<'_>,
        grid: Grid,
        notes: Notes<'_>,
        context: &Context<'_>,
        answers: &mut Matrix<'_>,
    ) -> Result<(), QueryError> {
        let mut row = Row::empty(grid.count);
        let mut buckets = Vec::with_capacity(self.buckets.len());
        let metric = if context.keeps_names() { self.name.as_str() } else { "" };
        context.check()?;
        for step in 0..grid.count {
            let native = self.native.and_then(|i| matrix.rows()[i].histogram(step));
            buckets.clear();
            for (upper_bound, series) in &self.buckets {
                let count = matrix.rows()[*series].floats[step];
                if !is_absent(count) {
                    buckets.push(ClassicBucket { upper_bound: *upper_bound, count });
                }
            }
            row.floats[step] = match (native, buckets.is_empty()) {
                (Some(_), false) => {
                    notes.add(Note::MixedClassicNative { metric });
                    continue;
                }
                (Some(native), true) => present(self.ask_native(question, step, native, notes, context)),
                (None, false) => {
                    let (value, straightened) = ask_classic(question, step, &mut buckets);
                    if let Some(found) = straightened {
                        let detail = monotonicity(&found, grid.at(step));
                        notes.add(Note::ForcedMonotonicity { metric, detail });
                    }
                    present(value)
                }
                (None, true) => continue,
            };
        }
        if row.is_vacant() {
            return Ok(());
        }
        let mut meta = self.meta.clone();
        if let Question::Quantile(_, Some((label, value))) = question {
            let mut labels = meta.labels.to_builder();
            labels.set(label, value.clone());
            meta.labels = labels.build();
        }
        answers.push(meta, row)
    }

    fn ask_native(
        &self,
        question: &Question,
        step: usize,
        histogram: &Arc<FloatHistogram>,
        notes: Notes<'_>,
        context: &Context<'_>,
    ) -> f64 {
        // Without delayed removal the name is gone before it could be told.
        let metric = if context.keeps_names() { self.name.as_str() } else { "" };
        match question {
            Question::Quantile(q, _) => native_quantile(q[step], histogram, metric, &notes),
            Question::Fraction(lower, upper) => {
                native_fraction(lower[step], upper[step], histogram, metric, &notes)
            }
        }
    }
}

fn ask_classic(
    question: &Question,
    step: usize,
    buckets: &mut Vec<ClassicBucket>,
) -> (f64, Option<Straightened>) {
    match question {
        Question::Quantile(q, _) => classic_quantile(q[step], buckets),
        Question::Fraction(lower, upper) => (classic_fraction(lower[step], upper[step], buckets), None),
    }
}

fn monotonicity(found: &Straightened, time: Timestamp) -> Monotonicity {
    Monotonicity {
        first: time,
        last: time,
        lowest: found.lowest,
        highest: found.highest,
        difference: found.difference,
        count: 1,
    }
}
