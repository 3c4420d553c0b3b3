//! The original's own tables of parser tests (3.5).

use metrics_core::{LabelSet, is_stale};
use promql::parser::{ParserOptions, SeriesValue, parse_series, pretty_within};
use serde_json::Value;

use super::tally::{Tally, folder, load};

fn text(case: &Value, field: &str) -> String {
    case[field].as_str().map(str::to_owned).unwrap_or_default()
}

/// Input that is given as bytes is not UTF-8; queries are text here, so that stray bytes arrive replaced.
fn input(case: &Value, field: &str) -> String {
    match case[field]["$bytes_hex"].as_str() {
        Some(hex) => {
            let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex");
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        None => text(case, field),
    }
}

fn labels(json: &Value) -> LabelSet {
    let entries = json.as_object().expect("labels");
    entries.iter().map(|(n, v)| (n.as_str(), v.as_str().expect("a text"))).collect()
}

fn float(json: &Value) -> f64 {
    match json["$f64"].as_str() {
        Some(text) => text.parse().expect("a float"),
        None => json.as_f64().expect("a float"),
    }
}

#[test]
fn conformance_gotables() {
    let Some(folder) = folder("CONFORMANCE_GOTABLES", "gotables") else { return };
    let tables = load(&folder.join("prometheus_promql_parser.json"));
    let mut tally = Tally::new("CONFORMANCE_GOTABLES");
    let cases = |name: &str| tables[name].as_array().cloned().unwrap_or_default();
    for case in cases("TestParseExpressions") {
        expression(&mut tally, &case);
    }
    for case in cases("TestParseSeries") {
        let input = text(&case, "input");
        let found = parse_series(&input);
        let wanted = case["fail"] != Value::Bool(true);
        if tally.check(&input, &wanted, &found.is_ok())
            && let Ok((found_labels, values)) = found
        {
            tally.check(&input, &labels(&case["expectedMetric"]), &found_labels);
            series_values(&mut tally, &input, &case["expectedValues"], &values);
        }
    }
    for case in cases("TestParseSeriesDesc") {
        let input = text(&case, "input");
        let wanted = text(&case, "expectError");
        match parse_series(&input) {
            Ok((found_labels, values)) => {
                tally.check(&input, "", wanted.as_str());
                tally.check(&input, &labels(&case["expectedLabels"]), &found_labels);
                series_values(&mut tally, &input, &case["expectedValues"], &values);
            }
            Err(error) => {
                let agrees = !wanted.is_empty() && error.to_string().contains(&wanted);
                tally.check(&input, "", if agrees { "" } else { error.message() });
            }
        }
    }
    for case in cases("TestParseHistogramSeries") {
        histograms(&mut tally, &case);
    }
    for (table, width) in [
        ("TestAggregateExprPretty", 10),
        ("TestBinaryExprPretty", 10),
        ("TestCallExprPretty", 10),
        ("TestParenExprPretty", 10),
        ("TestStepInvariantExpr", 10),
        ("TestExprPretty", 10),
        ("TestUnaryPretty", 10),
        ("TestDurationExprPretty", 10),
    ] {
        for case in cases(table) {
            let input = text(&case, "in");
            let found = match ParserOptions::all().parse(&input) {
                Ok(expr) => pretty_within(&expr, width),
                Err(error) => error.to_string(),
            };
            tally.check(&input, &text(&case, "out"), &found);
        }
    }
    for case in cases("TestExprString") {
        let input = text(&case, "in");
        let wanted = match text(&case, "out") {
            out if out.is_empty() => input.clone(),
            out => out,
        };
        let found = ParserOptions::all().parse(&input).map(|e| e.to_string()).unwrap_or_default();
        tally.check(&input, &wanted, &found);
    }
    tally.finish();
}

fn expression(tally: &mut Tally, case: &Value) {
    let input = input(case, "input");
    let found = ParserOptions::all().parse(&input);
    if case["fail"] != Value::Bool(true) {
        tally.check(&input, "", found.err().map(|e| e.to_string()).unwrap_or_default().as_str());
        return;
    }
    let wanted = text(case, "errMsg");
    match found {
        Err(error) if error.to_string().contains(&wanted) => {
            tally.check(&input, "", "");
        }
        Err(error) if wanted.contains("expected number or duration") => {
            tally.excuse(&input, &format!("the message names the newer words: {error}"));
        }
        Err(error) if error.message().starts_with("query is nested deeper") => {
            tally.excuse(&input, "nesting is limited");
        }
        Ok(_) if matches!(input.as_str(), "start()" | "end()") => {
            tally.excuse(&input, "functions since");
        }
        other => {
            let found = other.map(|e| e.to_string()).map_err(|e| e.to_string());
            tally.check(&input, &Err(wanted), &found);
        }
    }
}

fn series_values(tally: &mut Tally, input: &str, wanted: &Value, found: &[SeriesValue]) {
    let wanted = wanted.as_array().cloned().unwrap_or_default();
    let same = wanted.len() == found.len()
        && wanted.iter().zip(found).all(|(wanted, found)| match found {
            SeriesValue::Omitted => wanted["Omitted"] == Value::Bool(true),
            SeriesValue::Float(v) => {
                let wanted = float(&wanted["Value"]);
                wanted == *v || wanted.is_nan() && is_stale(*v)
            }
            SeriesValue::Histogram { .. } => !wanted["Histogram"].is_null(),
        });
    tally.check(input, &true, &same);
}

fn histograms(tally: &mut Tally, case: &Value) {
    let input = text(case, "input");
    let wanted_error = text(case, "expectedError");
    let values = match parse_series(&input) {
        Ok((_, values)) => values,
        Err(error) => {
            tally.check(&input, wanted_error.as_str(), error.to_string().as_str());
            return;
        }
    };
    tally.check(&input, "", wanted_error.as_str());
    let wanted = case["expected"].as_array().cloned().unwrap_or_default();
    let floats = |json: &Value| -> Vec<f64> { json.as_array().into_iter().flatten().map(float).collect() };
    let spans = |json: &Value| -> Vec<(i64, u64)> {
        let pair =
            |s: &Value| (s["Offset"].as_i64().expect("an offset"), s["Length"].as_u64().expect("a length"));
        json.as_array().into_iter().flatten().map(pair).collect()
    };
    let mut same = wanted.len() == values.len();
    for (wanted, found) in wanted.iter().zip(&values) {
        let SeriesValue::Histogram { histogram: h, .. } = found else {
            same = false;
            continue;
        };
        let own = |spans: &[metrics_core::Span]| -> Vec<(i64, u64)> {
            spans.iter().map(|s| (i64::from(s.offset), u64::from(s.length))).collect()
        };
        same &= i64::from(h.schema) == wanted["Schema"].as_i64().unwrap_or_default()
            && h.count == float(&wanted["Count"])
            && h.sum == float(&wanted["Sum"])
            && h.zero_count == float(&wanted["ZeroCount"])
            && h.zero_threshold == float(&wanted["ZeroThreshold"])
            && h.positive_buckets == floats(&wanted["PositiveBuckets"])
            && h.negative_buckets == floats(&wanted["NegativeBuckets"])
            && own(&h.positive_spans) == spans(&wanted["PositiveSpans"])
            && own(&h.negative_spans) == spans(&wanted["NegativeSpans"])
            && h.custom_values == floats(&wanted["CustomValues"]);
    }
    tally.check(&input, &true, &same);
}
