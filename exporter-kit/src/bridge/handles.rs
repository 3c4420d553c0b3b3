//! Our instruments as the facade wants them.

use std::thread::LocalKey;

use metrics::{CounterFn, GaugeFn, HistogramFn};
use metrics_core::instrument::{Counter, Gauge, Histogram};
use parking_lot::Mutex;

use super::known::{Bridged, Memory};

pub(super) struct BridgedCounter {
    counter: Counter,
    /// Held while the total is raised to a given one, which is a look and a step.
    raising: Mutex<()>,
}

impl BridgedCounter {
    pub(super) fn new(counter: Counter) -> Self {
        Self { counter, raising: Mutex::new(()) }
    }
}

impl CounterFn for BridgedCounter {
    fn increment(&self, value: u64) {
        self.counter.add(value);
    }

    fn absolute(&self, value: u64) {
        let _raising = self.raising.lock();
        // Totals beyond 2^53 are floats on every page anyway.
        let missing = value.saturating_sub(self.counter.value() as u64);
        self.counter.add(missing);
    }
}

pub(super) struct BridgedGauge(pub(super) Gauge);

impl GaugeFn for BridgedGauge {
    fn increment(&self, value: f64) {
        self.0.add(value);
    }

    fn decrement(&self, value: f64) {
        self.0.sub(value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

pub(super) struct BridgedHistogram(pub(super) Histogram);

impl HistogramFn for BridgedHistogram {
    fn record(&self, value: f64) {
        self.0.observe(value);
    }
}

impl Bridged for BridgedCounter {
    type Instrument = Counter;
    type Handle = metrics::Counter;

    fn instrument(&self) -> &Counter {
        &self.counter
    }

    fn remembered() -> &'static LocalKey<Memory<Self::Handle>> {
        thread_local!(static MEMORY: Memory<metrics::Counter> = Memory::default());
        &MEMORY
    }
}

impl Bridged for BridgedGauge {
    type Instrument = Gauge;
    type Handle = metrics::Gauge;

    fn instrument(&self) -> &Gauge {
        &self.0
    }

    fn remembered() -> &'static LocalKey<Memory<Self::Handle>> {
        thread_local!(static MEMORY: Memory<metrics::Gauge> = Memory::default());
        &MEMORY
    }
}

impl Bridged for BridgedHistogram {
    type Instrument = Histogram;
    type Handle = metrics::Histogram;

    fn instrument(&self) -> &Histogram {
        &self.0
    }

    fn remembered() -> &'static LocalKey<Memory<Self::Handle>> {
        thread_local!(static MEMORY: Memory<metrics::Histogram> = Memory::default());
        &MEMORY
    }
}
