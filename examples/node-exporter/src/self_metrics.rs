//! What the exporter says about itself.

use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};
use parking_lot::Mutex;

/// Scrapes, answered, refused and under way.
#[derive(Debug, Default)]
pub(crate) struct SelfMetrics(Mutex<Counts>);

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    answered: u64,
    refused: u64,
    in_flight: usize,
}

/// A scrape under way; it is counted as answered when this is dropped.
#[derive(Debug)]
pub(crate) struct Scrape<'a>(&'a SelfMetrics);

impl Drop for Scrape<'_> {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock();
        counts.in_flight -= 1;
        counts.answered += 1;
    }
}

impl SelfMetrics {
    /// Begins a scrape, unless as many as the limit are under way; a limit of 0 is none.
    pub(crate) fn begin(&self, limit: usize) -> Option<Scrape<'_>> {
        let mut counts = self.0.lock();
        if limit > 0 && counts.in_flight >= limit {
            counts.refused += 1;
            return None;
        }
        counts.in_flight += 1;
        Some(Scrape(self))
    }

    pub(crate) fn families(&self) -> [MetricFamily; 3] {
        let counts = *self.0.lock();
        let mut errors = MetricFamily::new(
            "promhttp_metric_handler_errors_total",
            "Total number of internal errors encountered by the promhttp metric handler.",
            MetricType::Counter,
        );
        let mut in_flight = MetricFamily::new(
            "promhttp_metric_handler_requests_in_flight",
            "Current number of scrapes being served.",
            MetricType::Gauge,
        );
        let mut requests = MetricFamily::new(
            "promhttp_metric_handler_requests_total",
            "Total number of scrapes by HTTP status code.",
            MetricType::Counter,
        );
        // Neither gathering nor encoding can fail here; the series are shown because dashboards ask for them.
        for cause in ["encoding", "gathering"] {
            errors.push(LabelSet::from_pairs([("cause", cause)]), counter(0));
        }
        in_flight.push(LabelSet::empty(), MetricValue::Gauge(counts.in_flight as f64));
        for (code, count) in [("200", counts.answered), ("500", 0), ("503", counts.refused)] {
            requests.push(LabelSet::from_pairs([("code", code)]), counter(count));
        }
        [errors, in_flight, requests]
    }

    /// Which program this is, under the original's name and labels; those that name a Go toolchain name this one's.
    pub(crate) fn build_info() -> MetricFamily {
        let mut info = MetricFamily::new(
            "node_exporter_build_info",
            "A metric with a constant '1' value labeled by version, revision, branch, goversion from which \
             node_exporter was built, and the goos and goarch for the build.",
            MetricType::Gauge,
        );
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let labels = [
            ("branch", ""),
            ("goarch", arch),
            ("goos", std::env::consts::OS),
            ("goversion", "none, pullstack"),
            ("revision", ""),
            ("tags", ""),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        info.push(LabelSet::shown(labels), MetricValue::Gauge(1.0));
        info
    }
}

fn counter(total: u64) -> MetricValue {
    MetricValue::Counter { total: total as f64, exemplar: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrapes_beyond_the_limit_are_refused_and_counted() {
        let own = SelfMetrics::default();
        let first = own.begin(1);
        assert!(first.is_some() && own.begin(1).is_none());
        drop(first);
        assert!(own.begin(1).is_some());
        let counts = *own.0.lock();
        assert_eq!((counts.answered, counts.refused, counts.in_flight), (2, 1, 0));
    }
}
