//! The samples of one scrape on their way to becoming families.

use std::cmp::Ordering;

use metrics_core::family::{Metric, MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};

/// A metric that a collector shows: its name, what it means, and its kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Desc {
    pub(super) name: &'static str,
    help: &'static str,
    kind: MetricType,
}

impl Desc {
    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Gauge }
    }

    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Counter }
    }
}

/// Collects samples in any order, and hands them out as sorted families.
///
/// Labels with empty values are kept, because the original shows them.
#[derive(Debug, Default)]
pub struct Page {
    families: Vec<MetricFamily>,
    // Where the last sample went. Collectors go round the same families once per device, so the next sample
    // belongs to this family or to the one after it, and a search is rare.
    last: usize,
}

impl Page {
    /// Puts a gauge on the page.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, help, MetricType::Gauge, labels, MetricValue::Gauge(value));
    }

    /// Puts a counter on the page.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], total: f64) {
        self.add(name, help, MetricType::Counter, labels, MetricValue::Counter { total, exemplar: None });
    }

    /// Puts a sample of unknown type on the page.
    pub fn untyped(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, help, MetricType::Unknown, labels, MetricValue::Unknown(value));
    }

    pub(super) fn put(&mut self, desc: &Desc, labels: &[(&str, &str)], value: f64) {
        match desc.kind {
            MetricType::Counter => self.counter(desc.name, desc.help, labels, value),
            _ => self.gauge(desc.name, desc.help, labels, value),
        }
    }

    fn add(
        &mut self,
        name: &str,
        help: &str,
        metric_type: MetricType,
        labels: &[(&str, &str)],
        value: MetricValue,
    ) {
        let at = self.find(name).unwrap_or_else(|| {
            self.families.push(MetricFamily::new(name, help, metric_type));
            self.families.len() - 1
        });
        self.last = at;
        self.families[at].push(LabelSet::shown(labels.iter().copied()), value);
    }

    fn find(&self, name: &str) -> Option<usize> {
        let is_at = |at: usize| self.families.get(at).is_some_and(|f| f.name == name);
        [self.last, self.last + 1]
            .into_iter()
            .find(|at| is_at(*at))
            .or_else(|| self.families.iter().rposition(|f| f.name == name))
    }

    /// Puts a whole family on the page; its samples join those of a family of the same name.
    pub fn family(&mut self, family: MetricFamily) {
        match self.find(&family.name) {
            Some(at) => self.families[at].metrics.extend(family.metrics),
            None => self.families.push(family),
        }
    }

    /// The families by name, their series by label values, as the original orders them.
    pub fn into_families(mut self) -> Vec<MetricFamily> {
        self.families.sort_by(|a, b| a.name.cmp(&b.name));
        for family in &mut self.families {
            family.metrics.sort_by(by_label_values);
        }
        self.families
    }
}

/// Fewer labels first, then by the values alone.
fn by_label_values(a: &Metric, b: &Metric) -> Ordering {
    let by_count = a.labels.len().cmp(&b.labels.len());
    by_count.then_with(|| a.labels.iter().map(|(_, v)| v).cmp(b.labels.iter().map(|(_, v)| v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_gather_by_name_and_sort() {
        let mut page = Page::default();
        for device in ["sdb", "sda"] {
            page.gauge("node_b", "B.", &[("device", device)], 1.0);
            page.counter("node_a_total", "A.", &[("device", device), ("empty", "")], 2.0);
        }
        let families = page.into_families();
        assert_eq!(families.len(), 2);
        assert_eq!(families[0].name, "node_a_total");
        let shown: Vec<_> = families[0].metrics.iter().map(|m| m.labels.to_string()).collect();
        assert_eq!(shown, [r#"{device="sda", empty=""}"#, r#"{device="sdb", empty=""}"#]);
    }
}
