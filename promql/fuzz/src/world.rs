//! What queries without sense are asked of.

use metrics_core::histogram::Span;
use metrics_core::{Append, FloatHistogram, LabelSet, MemStore, SeriesRef, Value};
use promql::parser::ParserOptions;
use promql::{Engine, Options};

/// An engine that understands everything and may hold few samples.
pub fn engine(max_samples: usize) -> Engine {
    let mut options = Options::default();
    options.parser = ParserOptions::all();
    options.max_samples = max_samples;
    options.threads = 1;
    Engine::new(options)
}

/// Counters, gauges with odd values, classic and native histograms, an info metric.
pub fn store() -> MemStore {
    let store = MemStore::default();
    let mut batch = store.batch();
    for minute in 0..20i64 {
        let mut put = |labels: &[(&str, &str)], value: Value| {
            let labels = LabelSet::from_pairs(labels.iter().copied());
            let put = batch.append(SeriesRef::UNKNOWN, &labels, minute * 60_000, &value);
            put.expect("a new time");
        };
        for job in ["a", "b"] {
            put(&[("__name__", "c_total"), ("job", job)], Value::Float(minute as f64 % 7.0));
            for le in ["1", "2", "+Inf"] {
                put(&[("__name__", "h_bucket"), ("job", job), ("le", le)], Value::Float(minute as f64));
            }
        }
        let odd = [f64::NAN, f64::INFINITY, -0.0, 1e308, -1e308][minute as usize % 5];
        put(&[("__name__", "g"), ("job", "a")], Value::Float(odd));
        put(&[("__name__", "target_info"), ("job", "a"), ("version", "1")], Value::Float(1.0));
        let native = FloatHistogram {
            schema: (minute % 3) as i32,
            count: minute as f64 * 3.0,
            sum: odd,
            zero_threshold: 0.001,
            positive_spans: vec![Span { offset: -1, length: 2 }],
            positive_buckets: vec![minute as f64, minute as f64 * 2.0],
            ..FloatHistogram::default()
        };
        put(&[("__name__", "n"), ("job", "b")], Value::FloatHistogram(native.into()));
    }
    batch.commit().expect("a store in memory");
    store
}
