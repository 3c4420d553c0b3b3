//! A page of classic text as families.

use expo_format::Event;
use expo_format::text::Parser;
use metrics_core::family::{Bucket, HistogramValue, MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};

use super::NodeError;

/// A family as its lines stand in a page.
#[derive(Debug)]
pub(super) struct TextFamily {
    pub(super) name: String,
    pub(super) help: Option<String>,
    pub(super) metric_type: MetricType,
    /// Name, labels and value of each line.
    pub(super) lines: Vec<(String, LabelSet, f64)>,
}

const PAGE: &str = "text file";

/// The families of a page in the order of their names' first appearance.
pub(super) fn read_page(page: &[u8]) -> Result<Vec<TextFamily>, NodeError> {
    let mut families: Vec<TextFamily> = Vec::new();
    let mut parser = Parser::new(page);
    let malformed = |found: &dyn std::fmt::Display| {
        NodeError::malformed(PAGE, "a page of the text format", &found.to_string())
    };
    while let Some(event) = parser.next_event().map_err(|error| malformed(&error))? {
        match event {
            Event::Help { name, help } => entry(&mut families, &name).help = Some(help.into_owned()),
            Event::Type { name, metric_type } => entry(&mut families, &name).metric_type = metric_type,
            Event::Sample(sample) => {
                if sample.timestamp.is_some() {
                    return Err(malformed(&"a sample with a time"));
                }
                let name = sample.series.name().into_owned();
                let labels = sample.series.label_set().map_err(|error| malformed(&error))?;
                let family = family_of(&families, &name).unwrap_or(&name).to_owned();
                let line = (name, labels.without_metric_name(), sample.value);
                entry(&mut families, &family).lines.push(line);
            }
            _ => {}
        }
    }
    families.retain(|family| !family.lines.is_empty());
    Ok(families)
}

fn entry<'a>(families: &'a mut Vec<TextFamily>, name: &str) -> &'a mut TextFamily {
    let at = families.iter().rposition(|family| family.name == name).unwrap_or_else(|| {
        let (name, metric_type) = (name.to_owned(), MetricType::Unknown);
        families.push(TextFamily { name, help: None, metric_type, lines: Vec::new() });
        families.len() - 1
    });
    &mut families[at]
}

/// The histogram or summary to which a line such as `x_bucket` or `x_sum` belongs.
fn family_of<'a>(families: &'a [TextFamily], line: &str) -> Option<&'a str> {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| line.strip_suffix(suffix))?;
    let is_composed = |f: &&TextFamily| matches!(f.metric_type, MetricType::Histogram | MetricType::Summary);
    families.iter().filter(is_composed).find(|f| f.name == base).map(|f| f.name.as_str())
}

impl TextFamily {
    /// The family as the rest of the program knows it; its help text, if the page has none, from a function.
    pub(super) fn into_family(self, default_help: impl FnOnce() -> String) -> MetricFamily {
        let help = self.help.unwrap_or_else(default_help);
        let mut family = MetricFamily::new(self.name, help, self.metric_type);
        match self.metric_type {
            MetricType::Histogram | MetricType::Summary => compose(&mut family, &self.lines),
            _ => {
                // Every series gets every label of the family, empty where it has it not.
                let names: Vec<&str> = {
                    let mut names: Vec<&str> =
                        self.lines.iter().flat_map(|(_, labels, _)| labels.iter().map(|(n, _)| n)).collect();
                    names.sort_unstable();
                    names.dedup();
                    names
                };
                for (_, labels, value) in &self.lines {
                    let labels = LabelSet::shown(names.iter().map(|name| (*name, labels.value(name))));
                    let value = match self.metric_type {
                        MetricType::Counter => MetricValue::Counter { total: *value, exemplar: None },
                        MetricType::Gauge => MetricValue::Gauge(*value),
                        _ => MetricValue::Unknown(*value),
                    };
                    family.push(labels, value);
                }
            }
        }
        family
    }
}

/// Puts the lines of histograms or summaries together, one per set of labels but `le` and `quantile`.
fn compose(family: &mut MetricFamily, lines: &[(String, LabelSet, f64)]) {
    /// Labels, the parts of a histogram, and quantiles with their values.
    type Group = (LabelSet, HistogramValue, Vec<(f64, f64)>);
    let mut groups: Vec<Group> = Vec::new();
    for (name, labels, value) in lines {
        let own = labels.without(&["le", "quantile"]);
        let at = groups.iter().position(|(labels, ..)| *labels == own).unwrap_or_else(|| {
            groups.push((own, HistogramValue::default(), Vec::new()));
            groups.len() - 1
        });
        let (_, parts, quantiles) = &mut groups[at];
        let bound = |label: &str| labels.value(label).parse::<f64>().unwrap_or(f64::INFINITY);
        match &name[family.name.len().min(name.len())..] {
            "_sum" => parts.sum = *value,
            "_count" => parts.count = *value,
            "_bucket" => {
                let upper_bound = bound("le");
                parts.buckets.push(Bucket { upper_bound, cumulative_count: *value, exemplar: None });
            }
            _ => quantiles.push((bound("quantile"), *value)),
        }
    }
    for (labels, mut parts, mut quantiles) in groups {
        parts.buckets.sort_by(|a, b| a.upper_bound.total_cmp(&b.upper_bound));
        quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
        let value = if family.metric_type == MetricType::Summary {
            MetricValue::Summary { quantiles, sum: parts.sum, count: parts.count as u64 }
        } else {
            MetricValue::Histogram(parts)
        };
        family.push(labels, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_comes_back_as_it_was_written() {
        let page = "# HELP d Duration.\n# TYPE d histogram\nd_bucket{le=\"0.5\"} 1\nd_bucket{le=\"+Inf\"} 2\n\
                    d_sum 3.5\nd_count 2\n# HELP s S.\n# TYPE s summary\ns{a=\"x\",quantile=\"0.5\"} 7\n\
                    s_sum{a=\"x\"} 9\ns_count{a=\"x\"} 4\n";
        let families: Vec<_> =
            read_page(page.as_bytes()).unwrap().into_iter().map(|f| f.into_family(String::new)).collect();
        let mut written = Vec::new();
        expo_format::text::write(&mut written, &families, expo_format::WriteOptions::default());
        assert_eq!(String::from_utf8(written).unwrap(), page);
    }
}
