//! Single numbers out of a registry, for tests that assert on them.

use super::gather::Gathered;
use super::registry::Registry;
use crate::family::{Metric, MetricFamily, MetricValue};
use crate::number::format_general;

impl Gathered {
    /// The value of a sample as the classic text page shows it: `requests_total`, `latency_count`,
    /// `latency_bucket` with `le`; nothing if there is no such sample. All labels must be given, in any order.
    ///
    /// ```
    /// use metrics_core::instrument::{Buckets, Registry};
    /// let registry = Registry::new();
    /// let latency = registry.histogram("latency", "Latency.", Buckets::new([0.5, 1.0])?)?;
    /// latency.observe(0.7);
    /// let page = registry.gather();
    /// assert_eq!(page.value("latency_bucket", &[("le", "1")]), Some(1.0));
    /// assert_eq!(page.value("latency_bucket", &[("le", "2")]), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value(&self, sample: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let families = self.families.iter().filter(|family| sample.starts_with(family.name.as_str()));
        families.flat_map(|family| family.metrics.iter().map(move |m| (family, m))).find_map(
            |(family, metric)| {
                let suffix = &sample[family.name.len()..];
                value_of(family, metric, suffix, labels)
            },
        )
    }
}

impl Registry {
    /// The value of a sample now; see [`Gathered::value`].
    pub fn value(&self, sample: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.gather().value(sample, labels)
    }

    /// By how much a sample rises while `block` runs; a sample that is not there counts as 0.
    ///
    /// ```
    /// use metrics_core::instrument::Registry;
    /// let registry = Registry::new();
    /// let orders = registry.counter_family("orders", "Orders.", ["country"])?;
    /// let rise = registry.rise("orders_total", &[("country", "fr")], || orders.add(["fr"], 3));
    /// assert_eq!(rise, 3.0);
    /// # Ok::<(), metrics_core::instrument::RegisterError>(())
    /// ```
    pub fn rise<R>(&self, sample: &str, labels: &[(&str, &str)], block: impl FnOnce() -> R) -> f64 {
        let before = self.value(sample, labels).unwrap_or(0.0);
        block();
        self.value(sample, labels).unwrap_or(0.0) - before
    }
}

/// The sample of a member that has this suffix and exactly these labels.
fn value_of(family: &MetricFamily, metric: &Metric, suffix: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let own = |extra: Option<(&str, &str)>| has_labels(metric, extra, labels);
    match (&metric.value, suffix) {
        (MetricValue::Unknown(value) | MetricValue::Gauge(value), "") => own(None).then_some(*value),
        (MetricValue::Counter { total, .. }, "") => own(None).then_some(*total),
        (MetricValue::Histogram(h), "_count") => own(None).then_some(h.count),
        (MetricValue::Histogram(h), "_sum") => own(None).then_some(h.sum),
        (MetricValue::Histogram(h), "_bucket") => {
            let is = |bound: f64| own(Some(("le", &format_general(bound))));
            h.buckets.iter().find(|b| is(b.upper_bound)).map(|b| b.cumulative_count)
        }
        (MetricValue::Summary { count, .. }, "_count") => own(None).then_some(*count as f64),
        (MetricValue::Summary { sum, .. }, "_sum") => own(None).then_some(*sum),
        (MetricValue::Summary { quantiles, .. }, "") => {
            let is = |quantile: f64| own(Some(("quantile", &format_general(quantile))));
            quantiles.iter().find(|(q, _)| is(*q)).map(|(_, value)| *value)
        }
        (MetricValue::Info(info), "_info") => {
            let all = metric.labels.iter().chain(info.iter());
            (all.clone().count() == labels.len() && all.into_iter().all(|l| labels.contains(&l)))
                .then_some(1.0)
        }
        (MetricValue::StateSet(states), "") => {
            let on = states.iter().find(|(state, _)| own(Some((&family.name, state))));
            on.map(|(_, on)| f64::from(u8::from(*on)))
        }
        _ => None,
    }
}

fn has_labels(metric: &Metric, extra: Option<(&str, &str)>, wanted: &[(&str, &str)]) -> bool {
    let mut all = metric.labels.iter().chain(extra);
    all.clone().count() == wanted.len() && all.all(|label| wanted.contains(&label))
}

#[cfg(test)]
mod tests {
    use super::super::{Info, StateSet, Summary};
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_kind_of_sample_is_found() {
        let registry = Registry::new().const_label("zone", "eu");
        let z = ("zone", "eu");
        registry.gauge("g", "G.").unwrap().set(2.0);
        let summary = Summary::with_quantiles([0.5], Duration::from_secs(60), || 0);
        summary.observe(0.0);
        registry.register(("s", "S."), summary).unwrap();
        registry.register(("i", "I."), Info::new([("version", "1")])).unwrap();
        let states = StateSet::new(["on", "off"]);
        states.only("on");
        registry.register(("t", "T."), states).unwrap();
        let page = registry.gather();
        assert_eq!(page.value("g", &[z]), Some(2.0));
        assert_eq!(page.value("g", &[]), None);
        assert_eq!(page.value("s", &[("quantile", "0.5"), z]), Some(0.0));
        assert_eq!((page.value("s_count", &[z]), page.value("s_sum", &[z])), (Some(1.0), Some(0.0)));
        assert_eq!(page.value("i_info", &[("version", "1"), z]), Some(1.0));
        assert_eq!(
            (page.value("t", &[z, ("t", "on")]), page.value("t", &[z, ("t", "off")])),
            (Some(1.0), Some(0.0))
        );
        assert_eq!(page.value("nothing", &[]), None);
    }
}
