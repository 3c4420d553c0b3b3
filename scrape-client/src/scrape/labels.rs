//! The labels of a sample: those of its page, those of its target, and what relabel rules make of them.

use expo_format::Series;
use metrics_core::relabel::relabel_builder;
use metrics_core::{LabelSet, LabelSetBuilder};

use super::ScrapeError;
use crate::config::ScrapeConfig;

const EXPORTED: &str = "exported_";

/// Puts together the final labels; `None` if a rule drops the sample.
pub(super) fn sample_labels(
    series: &Series<'_>,
    unit: &str,
    target: &LabelSet,
    job: &ScrapeConfig,
) -> Result<Option<LabelSet>, ScrapeError> {
    let own = match job.type_and_unit_labels {
        true => series.typed_label_set(unit),
        false => series.label_set(),
    };
    let own = own.map_err(|e| ScrapeError::DuplicateLabel(e.name))?;
    let mut labels = own.to_builder();
    if job.honor_labels {
        for (name, value) in target {
            // A label that the page shows empty is meant to be so.
            if own.get(name).is_none() && !series.labels().any(|(n, _)| n == name) {
                labels.set(name, value);
            }
        }
    } else {
        overrule(&mut labels, &own, target);
    }
    Ok(relabel_builder(&mut labels, &job.metric_relabel_rules).then(|| labels.build()))
}

/// Sets the target's labels; what they displace moves to a name of its own, shortest names first.
fn overrule(labels: &mut LabelSetBuilder, own: &LabelSet, target: &LabelSet) {
    let mut displaced: Vec<(&str, &str)> = Vec::new();
    for (name, value) in target {
        if let Some(value) = own.get(name) {
            displaced.push((name, value));
        }
        labels.set(name, value);
    }
    displaced.sort_by_key(|(name, _)| name.len());
    for (name, value) in displaced {
        let mut name = format!("{EXPORTED}{name}");
        while labels.get(&name).is_some() {
            name.insert_str(0, EXPORTED);
        }
        labels.set(&name, value);
    }
}

/// Checks final labels against the job's limits and name scheme.
pub(super) fn check(labels: &LabelSet, job: &ScrapeConfig) -> Result<(), ScrapeError> {
    let name = labels.metric_name().ok_or(ScrapeError::NoName)?;
    let names = job.metric_name_scheme;
    if !names.allows_metric(name) || labels.iter().any(|(n, _)| !names.allows_label(n)) {
        return Err(ScrapeError::InvalidNames(labels.to_string()));
    }
    let metric = || short(name);
    let count = labels.len() as u64;
    if job.label_limit > 0 && count > job.label_limit {
        let limit = job.label_limit;
        return Err(ScrapeError::LabelLimit(format!(
            "label_limit exceeded (metric: {}, number of labels: {count}, limit: {limit})",
            metric()
        )));
    }
    for (label, value) in labels {
        let (length, limit) = (label.len() as u64, job.label_name_length_limit);
        if limit > 0 && length > limit {
            return Err(ScrapeError::LabelLimit(format!(
                "label_name_length_limit exceeded (metric: {}, label name: {}, length: {length}, limit: {limit})",
                metric(),
                short(label)
            )));
        }
        let (length, limit) = (value.len() as u64, job.label_value_length_limit);
        if limit > 0 && length > limit {
            return Err(ScrapeError::LabelLimit(format!(
                "label_value_length_limit exceeded (metric: {}, label name: {}, value: {:?}, length: {length}, \
                 limit: {limit})",
                metric(),
                short(label),
                short(value)
            )));
        }
    }
    Ok(())
}

/// The first fifty characters.
fn short(text: &str) -> &str {
    text.char_indices().nth(50).map_or(text, |(end, _)| &text[..end])
}
