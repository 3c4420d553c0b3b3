//! Pages written from families, against those that the original's writers make of them.

use expo_format::{WriteOptions, openmetrics, text};
use metrics_core::family::{Bucket, HistogramValue, Metric, MetricFamily, MetricValue};
use metrics_core::{Exemplar, LabelSet, MetricType};
use serde_json::Value as Json;

use crate::corpus::{Tally, float, go_tables};

/// The original writes a unit that does not end the name, which every strict reader refuses; this crate does not.
const UNIT_WITHOUT_SUFFIX: &str = "# UNIT some_measure seconds";

#[test]
fn conformance_gotables_written_pages() {
    let Some(tables) = go_tables("common_expfmt.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES written pages");
    for (table, is_text) in [("TestCreate", true), ("TestCreateOpenMetrics", false)] {
        for (at, case) in tables[table].as_array().unwrap().iter().enumerate() {
            // Parts that lie too deep are left out of the tables, so that one case says too little.
            if case["in"].to_string().contains("<deep>") {
                continue;
            }
            let family = family(&case["in"]);
            let mut page = Vec::new();
            if is_text {
                text::write_family(&mut page, &family, WriteOptions::default());
            } else {
                let created = !case["options"].is_null();
                openmetrics::write_family(&mut page, &family, WriteOptions::default().created_lines(created));
            }
            let found = normal(std::str::from_utf8(&page).unwrap());
            let mut wanted = normal(case["out"].as_str().unwrap());
            wanted.retain(|line| line != UNIT_WITHOUT_SUFFIX);
            let agrees = if found == wanted { Ok(()) } else { Err(format!("{found:#?} is not {wanted:#?}")) };
            tally.case(format!("{table} {at}"), agrees);
        }
    }
    tally.finish();
}

/// The lines of a page with the labels of each sample sorted: a label set has no other order.
fn normal(page: &str) -> Vec<String> {
    page.lines()
        .map(|line| {
            let open = line.find('{').filter(|_| !line.starts_with('#'));
            let Some((open, close)) = open.and_then(|open| Some((open, open + line[open..].find("} ")?)))
            else {
                return line.to_owned();
            };
            let mut labels: Vec<&str> = split_labels(&line[open + 1..close]);
            labels.sort_unstable();
            format!("{}{{{}{}", &line[..open], labels.join(","), &line[close..])
        })
        .collect()
}

fn split_labels(inside: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&inside[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[from..]);
    parts
}

fn family(json: &Json) -> MetricFamily {
    let metric_type = match json["Type"].as_i64() {
        Some(0) | None => MetricType::Counter,
        Some(1) => MetricType::Gauge,
        Some(2) => MetricType::Summary,
        Some(4) => MetricType::Histogram,
        Some(5) => MetricType::GaugeHistogram,
        _ => MetricType::Unknown,
    };
    let text = |field: &str| json[field].as_str().unwrap_or_default().to_owned();
    let mut family = MetricFamily::new(text("Name"), text("Help"), metric_type);
    family.unit = text("Unit");
    family.metrics = json["Metric"].as_array().unwrap().iter().map(metric).collect();
    family
}

fn metric(json: &Json) -> Metric {
    let (value, about) = match () {
        () if json["Counter"].is_object() => {
            let about = &json["Counter"];
            (
                MetricValue::Counter {
                    total: number(&about["Value"]),
                    exemplar: exemplar(&about["Exemplar"]),
                },
                about,
            )
        }
        () if json["Gauge"].is_object() => {
            (MetricValue::Gauge(number(&json["Gauge"]["Value"])), &json["Gauge"])
        }
        () if json["Untyped"].is_object() => {
            (MetricValue::Unknown(number(&json["Untyped"]["Value"])), &json["Untyped"])
        }
        () if json["Summary"].is_object() => (summary(&json["Summary"]), &json["Summary"]),
        () => (histogram(&json["Histogram"]), &json["Histogram"]),
    };
    Metric {
        labels: labels(&json["Label"]),
        value,
        timestamp: json["TimestampMs"].as_i64(),
        created: time(&about["CreatedTimestamp"]),
    }
}

fn summary(json: &Json) -> MetricValue {
    let quantiles = list(&json["Quantile"]).map(|q| (number(&q["Quantile"]), number(&q["Value"]))).collect();
    MetricValue::Summary {
        quantiles,
        sum: number(&json["SampleSum"]),
        count: json["SampleCount"].as_u64().unwrap_or(0),
    }
}

fn histogram(json: &Json) -> MetricValue {
    let count = |json: &Json, whole: &str, fraction: &str| match json[fraction].as_f64() {
        Some(count) if count > 0.0 => count,
        _ => json[whole].as_f64().unwrap_or(0.0),
    };
    let buckets = list(&json["Bucket"])
        .map(|b| Bucket {
            upper_bound: number(&b["UpperBound"]),
            cumulative_count: count(b, "CumulativeCount", "CumulativeCountFloat"),
            exemplar: exemplar(&b["Exemplar"]),
        })
        .collect();
    MetricValue::Histogram(HistogramValue {
        buckets,
        sum: number(&json["SampleSum"]),
        count: count(json, "SampleCount", "SampleCountFloat"),
        ..HistogramValue::default()
    })
}

/// A number that is zero where it is not given.
fn number(json: &Json) -> f64 {
    if json.is_null() { 0.0 } else { float(json) }
}

fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn labels(json: &Json) -> LabelSet {
    list(json).map(|l| (l["Name"].as_str().unwrap_or(""), l["Value"].as_str().unwrap_or(""))).collect()
}

fn exemplar(json: &Json) -> Option<Exemplar> {
    let value = number(json.get("Value")?);
    Some(Exemplar { labels: labels(&json["Label"]), value, timestamp: time(&json["Timestamp"]) })
}

fn time(json: &Json) -> Option<i64> {
    if !json.is_object() {
        return None;
    }
    let part = |lower: &str, upper: &str| json[lower].as_i64().or(json[upper].as_i64()).unwrap_or(0);
    Some(part("seconds", "Seconds") * 1000 + part("nanos", "Nanos") / 1_000_000)
}
