//! Runs the enabled collectors and reports on each.

use std::time::Instant;

use metrics_core::family::MetricFamily;
use metrics_core::instrument::{Collect, CollectError};

use super::{Collector, NodeError, Page, SPECS, Settings};

/// The enabled collectors, ready to be asked any number of times.
#[derive(Debug)]
pub struct NodeCollectors {
    collectors: Vec<(&'static str, Box<dyn Collector>)>,
}

/// What became of one collector in one scrape.
#[derive(Debug)]
pub struct Outcome {
    /// The collector's name.
    pub collector: &'static str,
    /// Nothing, or why it failed.
    pub error: Option<NodeError>,
}

impl NodeCollectors {
    /// Builds the enabled collectors.
    ///
    /// # Errors
    /// An option cannot be used, such as a pattern that is no regular expression.
    pub fn new(settings: &Settings) -> Result<Self, NodeError> {
        let enabled = SPECS.iter().filter(|spec| settings.is_enabled(spec.name));
        let collectors = enabled.map(|spec| Ok((spec.name, spec.build(settings)?)));
        Ok(Self { collectors: collectors.collect::<Result<_, NodeError>>()? })
    }

    /// The names of the enabled collectors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.collectors.iter().map(|(name, _)| *name)
    }

    /// Asks every collector and returns families sorted by name, their series sorted by labels.
    pub fn families(&self) -> Vec<MetricFamily> {
        self.scrape(|_| true).0
    }

    /// As [`families`](Self::families), of the collectors for which `wanted(name)` holds, and with what became of
    /// each.
    pub fn scrape(&self, wanted: impl Fn(&str) -> bool) -> (Vec<MetricFamily>, Vec<Outcome>) {
        let mut page = Page::default();
        let mut outcomes = Vec::with_capacity(self.collectors.len());
        for (name, collector) in self.collectors.iter().filter(|(name, _)| wanted(name)) {
            let begin = Instant::now();
            let error = collector.update(&mut page).err();
            let labels = [("collector", *name)];
            page.gauge(
                "node_scrape_collector_duration_seconds",
                "node_exporter: Duration of a collector scrape.",
                &labels,
                begin.elapsed().as_secs_f64(),
            );
            page.gauge(
                "node_scrape_collector_success",
                "node_exporter: Whether a collector succeeded.",
                &labels,
                f64::from(u8::from(error.is_none())),
            );
            outcomes.push(Outcome { collector: name, error });
        }
        (page.into_families(), outcomes)
    }
}

impl Collect for NodeCollectors {
    /// Never fails as a whole: a collector that fails says so in `node_scrape_collector_success`.
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        families.extend(self.families());
        Ok(())
    }
}
