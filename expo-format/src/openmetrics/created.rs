//! When counting began, from the `_created` lines that stand behind the samples they belong to.
//!
//! Source: OpenMetrics 1.0, "Counter", "Histogram" and "Summary"; which line belongs to which sample is decided as
//! Prometheus does: the next such line of the family must be of the same labels.

use std::borrow::Cow;

use metrics_core::{MetricType, Timestamp};

use super::Parser;
use crate::event::Event;
use crate::series::Series;

const SUFFIX: &str = "_created";

/// The `_created` line ahead. Every line is looked at once, however many samples ask.
#[derive(Debug, Clone, Default)]
pub(super) struct CreatedLines<'a> {
    /// What is known holds for all samples up to this place.
    known_to: usize,
    ahead: Option<CreatedLine<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct CreatedLine<'a> {
    series: Series<'a>,
    time: Timestamp,
}

/// Whether a series is one of those lines.
pub(super) fn is_created(series: &Series<'_>) -> bool {
    has_created(series.metric_type()) && series.name().ends_with(SUFFIX)
}

fn has_created(metric_type: MetricType) -> bool {
    matches!(metric_type, MetricType::Counter | MetricType::Histogram | MetricType::Summary)
}

impl<'a> CreatedLines<'a> {
    /// When counting began for a series whose line the parser has just read.
    pub(super) fn of(&mut self, series: &Series<'a>, parser: &Parser<'a>) -> Option<Timestamp> {
        if !has_created(series.metric_type()) {
            return None;
        }
        if parser.cursor.at > self.known_to {
            self.look_ahead(parser.clone());
        }
        self.ahead.filter(|line| belongs(&line.series, series)).map(|line| line.time)
    }

    fn look_ahead(&mut self, mut ahead: Parser<'a>) {
        loop {
            self.known_to = ahead.cursor.at;
            match ahead.next_event() {
                Ok(Some(Event::Sample(line))) if is_created(&line.series) => {
                    self.ahead =
                        Some(CreatedLine { series: line.series, time: (line.value * 1000.0) as i64 });
                    return;
                }
                Ok(Some(Event::Sample(_))) => {}
                _ => {
                    self.ahead = None;
                    return;
                }
            }
        }
    }
}

/// Whether the labels are the same, but for those that tell buckets or quantiles apart, and the names fit.
fn belongs(created: &Series<'_>, sample: &Series<'_>) -> bool {
    let telling = match sample.metric_type() {
        MetricType::Histogram => "le",
        MetricType::Summary => "quantile",
        _ => "",
    };
    let of_metric = |(name, _): &(Cow<'_, str>, Cow<'_, str>)| name != telling;
    let (created_name, name) = (created.name(), sample.name());
    let suffix = created_name.strip_suffix(SUFFIX).and_then(|family| name.strip_prefix(family));
    matches!(suffix, Some("" | "_total" | "_bucket" | "_count" | "_sum"))
        && created.labels().filter(of_metric).eq(sample.labels().filter(of_metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(page: &str) -> Vec<(String, Option<Timestamp>)> {
        let events = Parser::new(page.as_bytes()).read_created();
        let sample = |event: Result<Event<'_>, _>| match event.unwrap() {
            Event::Sample(sample) => Some((sample.series.to_string(), sample.created)),
            _ => None,
        };
        events.filter_map(sample).collect()
    }

    #[test]
    fn times_belong_to_the_lines_before_them() {
        let page = "# TYPE c counter
c_total{a=\"1\"} 1
c_created{a=\"1\"} 10.5
c_total{a=\"2\"} 1
c_total{a=\"3\"} 1
c_created{a=\"3\"} 11
# TYPE h histogram
h_bucket{a=\"1\",le=\"1\"} 1
h_bucket{a=\"1\",le=\"+Inf\"} 1
h_count{a=\"1\"} 1
h_created{a=\"1\"} 12
h_sum{a=\"1\"} 1
# TYPE g gauge
g_created 7
# TYPE d counter
d_total 1
# EOF
";
        let wanted = [
            ("c_total{a=\"1\"}", Some(10_500)),
            ("c_total{a=\"2\"}", None),
            ("c_total{a=\"3\"}", Some(11_000)),
            ("h_bucket{a=\"1\",le=\"1\"}", Some(12_000)),
            ("h_bucket{a=\"1\",le=\"+Inf\"}", Some(12_000)),
            ("h_count{a=\"1\"}", Some(12_000)),
            ("h_sum{a=\"1\"}", None),
            ("g_created", None),
            ("d_total", None),
        ];
        assert_eq!(created(page), wanted.map(|(series, time)| (series.to_owned(), time)));
    }
}
