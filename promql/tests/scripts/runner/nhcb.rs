//! Classic histograms as native ones with custom buckets, for `load_with_nhcb`.

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_core::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};
use metrics_core::{FloatHistogram, LabelSet, METRIC_NAME, Timestamp};
use promql::Point;

use super::store::Sample;

#[derive(Debug, Default)]
struct Classic {
    /// Cumulative counts by upper bound, in order of the bounds.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

pub(crate) fn convert(series: &[(LabelSet, Vec<Sample>)]) -> Vec<(LabelSet, Vec<Sample>)> {
    let mut found: BTreeMap<LabelSet, BTreeMap<Timestamp, Classic>> = BTreeMap::new();
    for (labels, samples) in series {
        let name = labels.metric_name().unwrap_or("");
        let Some((base, part)) = ["_bucket", "_count", "_sum"]
            .into_iter()
            .find_map(|suffix| name.strip_suffix(suffix).map(|base| (base, suffix)))
        else {
            continue;
        };
        let bound: Option<f64> = labels.value("le").parse().ok().filter(|b: &f64| !b.is_nan());
        if part == "_bucket" && bound.is_none() {
            continue;
        }
        let mut builder = labels.to_builder();
        builder.set(METRIC_NAME, base).remove("le");
        let by_time = found.entry(builder.build()).or_default();
        for sample in samples {
            let Point::Float(value) = sample.value else { continue };
            let classic = by_time.entry(sample.timestamp).or_default();
            match (part, bound) {
                ("_bucket", Some(bound)) => classic.buckets.push((bound, value)),
                ("_count", _) => classic.count = Some(value),
                _ => classic.sum = value,
            }
        }
    }
    let native = |(timestamp, classic): (Timestamp, Classic)| {
        let value = Point::Histogram(Arc::new(classic.into_native()));
        Sample { timestamp, value, start: 0 }
    };
    found.into_iter().map(|(l, by_time)| (l, by_time.into_iter().map(native).collect())).collect()
}

impl Classic {
    fn into_native(mut self) -> FloatHistogram {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.buckets.dedup_by(|a, b| a.0 == b.0);
        let count = self.count.or(self.buckets.last().map(|b| b.1)).unwrap_or(0.0);
        if self.buckets.last().is_none_or(|b| b.0 != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut below = 0.0;
        let buckets = self.buckets.iter().map(|(_, total)| total - std::mem::replace(&mut below, *total));
        let mut native = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: vec![Span { offset: 0, length: self.buckets.len() as u32 }],
            positive_buckets: buckets.collect(),
            custom_values: self.buckets.iter().map(|b| b.0).filter(|b| b.is_finite()).collect(),
            ..FloatHistogram::default()
        };
        native.compact();
        native
    }
}
