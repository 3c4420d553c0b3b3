//! Native histograms made coarser until they fit a job's limits.

use std::borrow::Cow;
use std::sync::Arc;

use metrics_core::Value;
use metrics_core::histogram::{MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA};

use crate::config::ScrapeConfig;

/// A histogram that fits; `None` if none so coarse would.
pub(super) fn fit<'a>(value: &'a Value, job: &ScrapeConfig) -> Option<Cow<'a, Value>> {
    let limit = match usize::try_from(job.native_histogram_bucket_limit) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let finest = schema_of(job.native_histogram_min_bucket_factor);
    if fits(value, limit, finest) {
        return Some(Cow::Borrowed(value));
    }
    if is_custom(value) {
        return None;
    }
    let mut schema = schema(value).min(finest);
    loop {
        let coarser = at_schema(value, schema);
        if fits(&coarser, limit, finest) {
            return Some(Cow::Owned(coarser));
        }
        schema -= 1;
        if schema < MIN_EXPONENTIAL_SCHEMA {
            return None;
        }
    }
}

fn fits(value: &Value, limit: usize, finest: i32) -> bool {
    buckets(value) <= limit && (is_custom(value) || schema(value) <= finest)
}

fn buckets(value: &Value) -> usize {
    match value {
        Value::Histogram(h) => h.positive_buckets.len() + h.negative_buckets.len(),
        Value::FloatHistogram(h) => h.positive_buckets.len() + h.negative_buckets.len(),
        _ => 0,
    }
}

fn schema(value: &Value) -> i32 {
    match value {
        Value::Histogram(h) => h.schema,
        Value::FloatHistogram(h) => h.schema,
        _ => 0,
    }
}

fn is_custom(value: &Value) -> bool {
    match value {
        Value::Histogram(h) => h.has_custom_buckets(),
        Value::FloatHistogram(h) => h.has_custom_buckets(),
        _ => false,
    }
}

/// The histogram at a coarser schema. Integer counts become float counts, which count the same.
fn at_schema(value: &Value, schema: i32) -> Value {
    let float = match value {
        Value::Histogram(h) => h.to_float(),
        Value::FloatHistogram(h) => (**h).clone(),
        other => return other.clone(),
    };
    let mut coarser = float;
    coarser.reduce_resolution(schema);
    Value::FloatHistogram(Arc::new(coarser))
}

/// The finest schema whose buckets grow at least by a factor; factors up to 1 ask for nothing.
fn schema_of(factor: f64) -> i32 {
    if factor <= 1.0 {
        return MAX_EXPONENTIAL_SCHEMA;
    }
    let schema = (-factor.log2().log2()).floor();
    schema.clamp(f64::from(MIN_EXPONENTIAL_SCHEMA), f64::from(MAX_EXPONENTIAL_SCHEMA)) as i32
}

#[cfg(test)]
mod tests {
    use metrics_core::{FloatHistogram, Span};

    use super::*;
    use crate::config::Config;

    fn job(options: &str) -> Arc<ScrapeConfig> {
        let text = format!("scrape_configs: [{{job_name: a, {options}}}]");
        Config::parse(&text, "t.yml", &|_| None).unwrap().scrape_configs[0].clone()
    }

    fn histogram(schema: i32, count: u32) -> Value {
        Value::FloatHistogram(Arc::new(FloatHistogram {
            schema,
            positive_spans: vec![Span { offset: 1, length: count }],
            positive_buckets: vec![1.0; count as usize],
            count: f64::from(count),
            ..FloatHistogram::default()
        }))
    }

    #[test]
    fn buckets_are_merged_until_they_fit() {
        let value = histogram(3, 16);
        let fitting = fit(&value, &job("native_histogram_bucket_limit: 5")).unwrap();
        assert_eq!((schema(&fitting), buckets(&fitting)), (1, 4));
        assert_eq!(*fit(&value, &job("native_histogram_bucket_limit: 16")).unwrap(), value);
        assert!(fit(&histogram(-53, 16), &job("native_histogram_bucket_limit: 5")).is_none());
    }

    #[test]
    fn a_factor_limits_the_schema() {
        let fitting =
            fit(&histogram(8, 2), &job("native_histogram_min_bucket_factor: 1.1")).unwrap().into_owned();
        assert_eq!(schema(&fitting), 2);
        assert_eq!((schema_of(0.0), schema_of(2.0), schema_of(1e9)), (8, 0, -4));
    }
}
