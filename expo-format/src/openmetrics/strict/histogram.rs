//! What the samples of one histogram must be to each other.

use metrics_core::Timestamp;

use super::Rule;

#[derive(Debug, Default)]
pub(super) struct HistogramCheck {
    point: Option<Point>,
}

/// The samples of one metric at one time.
#[derive(Debug, Default)]
struct Point {
    labels: Vec<(String, String)>,
    timestamp: Option<Timestamp>,
    last_bound: Option<f64>,
    last_value: f64,
    count: Option<f64>,
    sum: Option<f64>,
    gauge_sum: Option<f64>,
    has_negative_bounds: bool,
}

impl HistogramCheck {
    pub(super) fn sample(
        &mut self,
        labels: &[(String, String)],
        timestamp: Option<Timestamp>,
        suffix: &str,
        bound: Option<f64>,
        value: f64,
    ) -> Result<(), Rule> {
        let is_same = self.point.as_ref().is_some_and(|p| p.labels == labels && p.timestamp == timestamp);
        if !is_same {
            self.finish()?;
        }
        let start = || Point { labels: labels.to_vec(), timestamp, ..Point::default() };
        let point = self.point.get_or_insert_with(start);
        match (suffix, bound) {
            ("_bucket", Some(bound)) => {
                if point.last_bound.is_some_and(|last| bound <= last) {
                    return Err("buckets out of order");
                }
                if value < point.last_value {
                    return Err("bucket values out of order");
                }
                point.has_negative_bounds |= bound < 0.0;
                (point.last_bound, point.last_value) = (Some(bound), value);
            }
            ("_count" | "_gcount", _) => point.count = Some(value),
            ("_sum", _) => point.sum = Some(value),
            ("_gsum", _) => point.gauge_sum = Some(value),
            _ => {}
        }
        Ok(())
    }

    /// Checks the point that is over.
    pub(super) fn finish(&mut self) -> Result<(), Rule> {
        let Some(point) = self.point.take() else { return Ok(()) };
        let has_any_sum = point.sum.is_some() || point.gauge_sum.is_some();
        if point.last_bound != Some(f64::INFINITY) {
            return Err("+Inf bucket missing");
        }
        match point.count {
            Some(count) if count != point.last_value => Err("count does not match the +Inf bucket"),
            Some(_) if !has_any_sum => Err("count without sum"),
            None if has_any_sum => Err("sum without count"),
            _ if point.has_negative_bounds && point.sum.is_some() => Err("sum in spite of negative buckets"),
            _ if !point.has_negative_bounds && point.gauge_sum.is_some_and(|sum| sum < 0.0) => {
                Err("negative sum without negative buckets")
            }
            _ => Ok(()),
        }
    }
}
