//! Answers as people read them, in the original's form, or as JSON.

use std::cmp::Ordering;
use std::io::{self, Write};

use metrics_core::METRIC_NAME;
use metrics_core::number::format_general;
use promql::parser::quote;
use serde_json::{Map, Value};

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// A line per sample, series or value.
    #[default]
    Promql,
    /// JSON.
    Json,
}

/// Shows the value of an expression.
pub(super) fn value(data: &Value, format: Format, out: &mut impl Write) -> io::Result<()> {
    let (kind, result) = (data["resultType"].as_str().unwrap_or_default(), &data["result"]);
    if format == Format::Json {
        return json(&plain_numbers(result), out);
    }
    match kind {
        "scalar" => {
            let (value, time) = pair(result);
            writeln!(out, "scalar: {value} @[{time}]")
        }
        "string" => writeln!(out, "{}", result[1].as_str().unwrap_or_default()),
        "matrix" => {
            let mut series: Vec<&Value> = elements(result).collect();
            series.sort_by(|a, b| order(&a["metric"], &b["metric"]));
            lines(series.into_iter().map(stream), out)
        }
        _ => lines(elements(result).map(sample), out),
    }
}

/// Shows series.
pub(super) fn series(data: &Value, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => json(data, out),
        Format::Promql => {
            elements(data).try_for_each(|series| writeln!(out, "{{{}}}", labels(series, |_| true)))
        }
    }
}

/// Shows values of a label.
pub(super) fn texts(data: &Value, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => json(data, out),
        Format::Promql => {
            elements(data).try_for_each(|text| writeln!(out, "{}", text.as_str().unwrap_or_default()))
        }
    }
}

/// JSON as Go writes it, with the characters that HTML minds escaped.
fn json(value: &Value, out: &mut impl Write) -> io::Result<()> {
    let text = in_order(value);
    writeln!(out, "{}", text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// JSON with the keys of samples and histograms in the order of the client's library, and others by their names.
fn in_order(value: &Value) -> String {
    const FIRST: [&str; 4] = ["metric", "values", "count", "sum"];
    match value {
        Value::Array(all) => format!("[{}]", all.iter().map(in_order).collect::<Vec<_>>().join(",")),
        Value::Object(map) if map.contains_key("metric") || map.contains_key("buckets") => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by_key(|key| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
            let pair = |key: &String| format!("{}:{}", Value::from(key.as_str()), in_order(&map[key]));
            format!("{{{}}}", keys.into_iter().map(pair).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Lines, of which there is an empty one if there is none.
fn lines(all: impl Iterator<Item = String>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", all.collect::<Vec<_>>().join("\n"))
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn sample(sample: &Value) -> String {
    let value = match sample.get("histogram") {
        Some(histogram) => histogram_at(histogram),
        None => at(&sample["value"]),
    };
    format!("{} => {value}", metric(&sample["metric"]))
}

fn stream(series: &Value) -> String {
    let floats = elements(&series["values"]).map(at);
    let values: Vec<String> = floats.chain(elements(&series["histograms"]).map(histogram_at)).collect();
    format!("{} =>\n{}", metric(&series["metric"]), values.join("\n"))
}

/// A value and its time.
fn at(value: &Value) -> String {
    let (value, time) = pair(value);
    format!("{value} @[{time}]")
}

fn pair(value: &Value) -> (String, String) {
    (without_exponent(&value[1]), value[0].to_string())
}

fn histogram_at(value: &Value) -> String {
    let histogram = &value[1];
    let fixed = |key: &str| format!("{:.6}", number(&histogram[key]));
    let buckets: Vec<String> = elements(&histogram["buckets"]).map(bucket).collect();
    let (count, sum) = (fixed("count"), fixed("sum"));
    format!("Count: {count}, Sum: {sum}, Buckets: [{}] @[{}]", buckets.join(" "), value[0])
}

fn bucket(bucket: &Value) -> String {
    // Which of the bounds belong to the bucket.
    let (open, close) = match bucket[0].as_u64() {
        Some(0) => ('(', ']'),
        Some(1) => ('[', ')'),
        Some(3) => ('[', ']'),
        _ => ('(', ')'),
    };
    let [lower, upper] = [1, 2].map(|i| format_general(number(&bucket[i])));
    format!("{open}{lower},{upper}{close}:{}", without_exponent(&bucket[3]))
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// A number as the client's library prints it, whatever the server did.
fn without_exponent(value: &Value) -> String {
    match number(value) {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => number.to_string(),
    }
}

/// The value with all numbers in texts printed without exponents.
fn plain_numbers(value: &Value) -> Value {
    match value {
        Value::Array(all) => Value::Array(all.iter().map(plain_numbers).collect()),
        Value::Object(map) => {
            let plain = |(key, value): (&String, &Value)| {
                let is_text = key == "metric";
                (key.clone(), if is_text { value.clone() } else { plain_numbers(value) })
            };
            Value::Object(map.iter().map(plain).collect::<Map<_, _>>())
        }
        Value::String(text) if text.parse::<f64>().is_ok() => without_exponent(value).into(),
        other => other.clone(),
    }
}

/// A metric with its labels in order.
fn metric(metric: &Value) -> String {
    let name = metric[METRIC_NAME].as_str().unwrap_or_default();
    let labels = labels(metric, |label| label != METRIC_NAME);
    if labels.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") }
}

fn labels(metric: &Value, is_shown: impl Fn(&str) -> bool) -> String {
    let pairs = metric.as_object().into_iter().flatten().filter(|(name, _)| is_shown(name));
    let shown = pairs.map(|(name, value)| format!("{name}={}", quote(value.as_str().unwrap_or_default())));
    let mut shown: Vec<String> = shown.collect();
    shown.sort_unstable();
    shown.join(", ")
}

/// Fewer labels first, then by names and values.
fn order(a: &Value, b: &Value) -> Ordering {
    let empty = Map::new();
    let [a, b] = [a, b].map(|metric| metric.as_object().unwrap_or(&empty));
    let by_labels = || {
        let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
        names.sort_unstable();
        let differs = |name: &&String| a.get(*name) != b.get(*name);
        let Some(name) = names.into_iter().find(differs) else { return Ordering::Equal };
        match (a.get(name), b.get(name)) {
            (Some(a), Some(b)) => a.as_str().cmp(&b.as_str()),
            // Who lacks the label comes first.
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    };
    a.len().cmp(&b.len()).then_with(by_labels)
}
