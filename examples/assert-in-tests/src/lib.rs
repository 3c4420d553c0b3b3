//! Tests that assert on what a program measures: a sample, the change of one, or an expression over all of them.
//!
//! `cargo test -p assert-in-tests`; the tests are in `tests/shop.rs`. The first two kinds need `exporter-kit` alone.
//! Expressions need the engine and a store, which an exporter does not have: copy [`Observed`] into your own tests.

use std::error::Error;

use expo_format::{Event, Format, PageParser, WriteOptions};
use exporter_kit::instrument::{Counter, Family, Histogram, Metrics, Registry};
use metrics_core::{Append, MemStore, SeriesRef, Timestamp};
use promql::{Engine, Options, Point, QueryValue};

// 1. What is tested: a shop that counts its orders and how long they took.

/// What the shop measures.
#[derive(Metrics)]
#[metrics(prefix = "shop", crate = exporter_kit)]
pub struct Shop {
    /// Orders by outcome.
    orders: Family<Outcome, Counter>,
    /// How long orders took.
    #[metric(unit = "seconds", buckets = [0.1, 1.0])]
    duration: Histogram,
}

#[derive(exporter_kit::instrument::Labels)]
#[label(crate = exporter_kit)]
struct Outcome {
    delivered: bool,
}

impl Shop {
    /// Takes an order, which takes so many seconds; nothing can be delivered within none.
    pub fn order(&self, seconds: f64) {
        self.orders.inc(Outcome { delivered: seconds > 0.0 });
        self.duration.observe(seconds);
    }
}

// 2. What tests with: a registry that is scraped when the test says, and asked in PromQL.

/// A registry, and what it showed at the times of its scrapes.
pub struct Observed {
    registry: Registry,
    store: MemStore,
    engine: Engine,
}

impl Observed {
    /// Observes this registry; nothing is scraped yet.
    pub fn new(registry: &Registry) -> Self {
        let (store, engine) = (MemStore::default(), Engine::new(Options::default()));
        Self { registry: registry.clone(), store, engine }
    }

    /// Keeps what the registry shows, as of this time; times must rise.
    pub fn scrape(&self, now: Timestamp) -> Result<(), Box<dyn Error>> {
        let mut page = Vec::new();
        expo_format::write(
            &mut page,
            Format::Protobuf,
            &self.registry.gather().families,
            WriteOptions::default(),
        );
        let mut parser = PageParser::new(Format::Protobuf, &page).keep_classic();
        let mut batch = self.store.batch();
        while let Some(event) = parser.next_event()? {
            match event {
                Event::Sample(sample) => {
                    batch.append_float(SeriesRef::UNKNOWN, &sample.series.label_set()?, now, sample.value)?;
                }
                Event::Histogram(native) => {
                    batch.append(SeriesRef::UNKNOWN, &native.series.label_set()?, now, &native.value)?;
                }
                _ => {}
            }
        }
        Ok(batch.commit()?)
    }

    /// The number that the expression is at this time; nothing if it has no answer, or more than one.
    pub fn ask(&self, expression: &str, now: Timestamp) -> Result<Option<f64>, Box<dyn Error>> {
        Ok(match self.engine.instant(&self.store, expression, now)?.value {
            QueryValue::Scalar(scalar) => Some(scalar.value),
            QueryValue::Vector(samples) => match &samples[..] {
                [one] => match one.value {
                    Point::Float(value) => Some(value),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
    }
}

/// Asserts that an expression is true of a registry now: that it has an answer, as `shop_orders_total > 2` has if there
/// are more than two.
///
/// # Panics
/// If it is not, or makes no sense.
#[track_caller]
pub fn assert_promql(registry: &Registry, expression: &str) {
    let observed = Observed::new(registry);
    let answer =
        observed.scrape(0).and_then(|()| Ok(observed.engine.instant(&observed.store, expression, 0)?));
    match answer {
        Err(error) => panic!("{expression}: {error}"),
        Ok(answer) => match answer.value {
            QueryValue::Vector(samples) if !samples.is_empty() => {}
            other => panic!("{expression} is not true of the registry: {other:?}"),
        },
    }
}
