//! The bridge from the `metrics` facade: what its macros record is shown by a registry.

mod handles;
mod known;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use metrics::{Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString, Unit};
use metrics_core::LabelSet;
use metrics_core::family::MetricFamily;
use metrics_core::instrument::{
    Buckets, Collect, CollectError, Counter, Desc, Gauge, Histogram, Instrument, Native, RegisterError,
    Registry,
};
use parking_lot::RwLock;

use self::handles::{BridgedCounter, BridgedGauge, BridgedHistogram};
use self::known::{Bridged, Known};

/// Lets code that is instrumented with the [`metrics`] facade record into a registry, beside what is registered there.
///
/// The macros of the facade look their metric up at every call; the bridge finds it in what the calling thread remembers,
/// without a lock that others hold. Names stay as they are but for the `_total` of counters; dots in them are for the
/// scraper to take or to have replaced. Units are not made part of names, since values are not converted.
///
/// ```
/// use exporter_kit::MetricsBridge;
/// use exporter_kit::instrument::Registry;
///
/// let registry = Registry::new();
/// let bridge = MetricsBridge::new(&registry)?;
/// // In a program: bridge.install()?;
/// metrics::with_local_recorder(&bridge, || {
///     metrics::describe_counter!("orders", "Orders taken.");
///     metrics::counter!("orders", "country" => "fr").increment(2);
/// });
/// assert_eq!(registry.value("orders_total", &[("country", "fr")]), Some(2.0));
/// # Ok::<(), exporter_kit::instrument::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct MetricsBridge(Arc<Shared>);

struct Shared {
    counters: Known<BridgedCounter>,
    gauges: Known<BridgedGauge>,
    histograms: Known<BridgedHistogram>,
    /// Name to description.
    help: RwLock<HashMap<String, String>>,
    make: Box<dyn Fn(&str) -> Histogram + Send + Sync>,
}

impl MetricsBridge {
    /// A bridge into this registry, through this door's prefix and constant labels. Histograms have the usual classic
    /// buckets and native ones.
    ///
    /// # Errors
    /// [`RegisterError`] if there is a bridge into the registry already.
    pub fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Self::with_histograms(registry, |_| Histogram::with_native(Buckets::default(), Native::new(1.1)))
    }

    /// As [`MetricsBridge::new`], with histograms that `make` makes for their names.
    ///
    /// # Errors
    /// [`RegisterError`] if there is a bridge into the registry already.
    pub fn with_histograms(
        registry: &Registry,
        make: impl Fn(&str) -> Histogram + Send + Sync + 'static,
    ) -> Result<Self, RegisterError> {
        let bridge = Self(Arc::new(Shared {
            counters: Known::new(),
            gauges: Known::new(),
            histograms: Known::new(),
            help: RwLock::default(),
            make: Box::new(make),
        }));
        registry.register_collector("metrics bridge", bridge.clone())?;
        Ok(bridge)
    }

    /// Makes this the recorder of the whole program.
    ///
    /// # Errors
    /// If the program has one already.
    pub fn install(self) -> Result<(), SetRecorderError<Self>> {
        metrics::set_global_recorder(self)
    }

    fn describe(&self, name: KeyName, description: SharedString) {
        self.0.help.write().insert(name.as_str().to_owned(), description.into_owned());
    }

    /// Appends the families of one kind, in the order of their names.
    fn show<B: Bridged>(&self, known: &Known<B>, families: &mut Vec<MetricFamily>) {
        let help = self.0.help.read();
        let mut all = known.all();
        all.sort_by(|(a, _), (b, _)| a.name().cmp(b.name()));
        for group in all.chunk_by(|(a, _), (b, _)| a.name() == b.name()) {
            let Some((first, _)) = group.first() else { continue };
            let metric_type = <B::Instrument as Instrument>::TYPE;
            let desc = Desc::new(first.name(), "");
            let text = help.get(first.name()).map_or("", String::as_str);
            let mut family = MetricFamily::new(desc.full_name("", metric_type), text, metric_type);
            for (key, bridged) in group {
                let labels = LabelSet::from_pairs(key.labels().map(|l| (l.key(), l.value())));
                family.push(labels, bridged.instrument().read());
            }
            families.push(family);
        }
    }
}

impl Recorder for MetricsBridge {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(name, description);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(name, description);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(name, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let make = || BridgedCounter::new(Counter::new());
        self.0.counters.get(key, make, metrics::Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        self.0.gauges.get(key, || BridgedGauge(Gauge::new()), metrics::Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let make = || BridgedHistogram((self.0.make)(key.name()));
        self.0.histograms.get(key, make, metrics::Histogram::from_arc)
    }
}

impl Collect for MetricsBridge {
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        self.show(&self.0.counters, families);
        self.show(&self.0.gauges, families);
        self.show(&self.0.histograms, families);
        Ok(())
    }
}

impl fmt::Debug for MetricsBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsBridge")
    }
}

#[cfg(test)]
mod tests {
    use metrics_core::MetricType;

    use super::*;

    #[test]
    fn all_kinds_are_shown_with_their_descriptions_and_labels() {
        let registry = Registry::new();
        let door = registry.with_prefix("app").const_label("zone", "eu");
        let bridge = MetricsBridge::with_histograms(&door, |name| {
            assert_eq!(name, "wait");
            Histogram::new(Buckets::new([1.0]).unwrap())
        })
        .unwrap();
        assert!(MetricsBridge::new(&door).is_err(), "one bridge is enough");
        metrics::with_local_recorder(&bridge, || {
            metrics::describe_gauge!("queue.length", Unit::Count, "Waiting.");
            for n in 0..3u32 {
                metrics::counter!("sent", "to" => n.to_string()).increment(u64::from(n));
                metrics::counter!("sent").increment(1);
            }
            metrics::gauge!("queue.length").set(5.0);
            metrics::gauge!("queue.length").decrement(1.5);
            metrics::histogram!("wait").record(0.5);
            metrics::histogram!("wait").record_many(2.0, 3);
            metrics::counter!("seen").absolute(7);
            metrics::counter!("seen").absolute(5);
        });
        let page = registry.gather();
        let zone = ("zone", "eu");
        assert_eq!(page.value("app_sent_total", &[zone]), Some(3.0));
        assert_eq!(page.value("app_sent_total", &[zone, ("to", "2")]), Some(2.0));
        assert_eq!(page.value("app_queue.length", &[zone]), Some(3.5));
        assert_eq!(page.value("app_wait_bucket", &[zone, ("le", "1")]), Some(1.0));
        assert_eq!(page.value("app_wait_sum", &[zone]), Some(6.5));
        assert_eq!(page.value("app_seen_total", &[zone]), Some(7.0));
        let length = page.families.iter().find(|f| f.name == "app_queue.length").unwrap();
        assert_eq!((length.help.as_str(), length.metric_type), ("Waiting.", MetricType::Gauge));
        assert!(page.errors.is_empty());
    }

    #[test]
    fn threads_share_what_each_remembers() {
        let registry = Registry::new();
        let bridge = MetricsBridge::new(&registry).unwrap();
        let other = Registry::new();
        let beside = MetricsBridge::new(&other).unwrap();
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for n in 0..6000 {
                        let recorder = if n % 2 == 0 { &bridge } else { &beside };
                        metrics::with_local_recorder(recorder, || {
                            metrics::counter!("n", "n" => (n / 2 % 3000).to_string()).increment(1);
                        });
                    }
                });
            }
        });
        for registry in [&registry, &other] {
            let families = registry.gather().families;
            assert_eq!(families[0].metrics.len(), 3000);
            assert_eq!(registry.value("n_total", &[("n", "17")]), Some(4.0));
        }
    }
}
