//! The original projects' own tables for labels, matchers, names, durations and native histograms.
//!
//! Tables of how the original stores or speeds up what it does are not run: they name its types.
//!
//! Of the histograms' tables these are not run:
//! - those that give histograms only as printed text, from which schema and spans cannot be had back:
//!   `TestFloatHistogram` `Mul`, `Copy`, `CopyTo`, `Div`, `DetectReset`, `Compact`, `Add`, `Sub`, `CopyToSchema`, `String`, and
//!   `TestHistogram` `Copy`, `CopyTo`, `Compact`, `ReduceResolution`, `Validation`;
//! - `TestHistogramToFloat`, `TestCustomBucketsHistogramToFloat`, `TestFloatHistogramReduceResolution`: no case in them holds a
//!   result;
//! - `TestAllFloatBucketIterator`, `TestAllReverseFloatBucketIterator`: they hold no results; both of
//!   `TestFloatBucketIteratorTargetSchema` hold nothing else;
//! - `TestCumulativeBucketIterator`, `TestReduceResolutionHistogram`: of iterators and integer counts that are not used here;
//! - `TestFloatHistogramSize`: bytes of the original's types.
#![cfg(feature = "matcher")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test")]

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use metrics_core::histogram::{Bucket, FloatHistogram, Histogram, Span, upper_bound};
use metrics_core::time::{format_duration, parse_duration};
use metrics_core::{LabelSet, MatchOp, Matcher, is_legacy_label_name, is_legacy_metric_name};
use metrics_core::{is_valid_label_name, is_valid_metric_name};
use serde_json::Value;

/// A file of tables, if it is there.
fn tables(file: &str) -> Option<Value> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/gotables");
    let folder = std::env::var_os("CONFORMANCE_GOTABLES").map_or(beside, PathBuf::from);
    let Ok(bytes) = std::fs::read(folder.join(file)) else {
        println!("skipped: no {file} in {}", folder.display());
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// Counts what agrees, and prints what does not.
#[derive(Default)]
struct Tally {
    agree: usize,
    all: usize,
}

impl Tally {
    fn judge(&mut self, agrees: bool, table: &str, case: &Value) {
        self.all += 1;
        self.agree += usize::from(agrees);
        if !agrees {
            println!("differs: {table} {case}");
        }
    }

    /// Judges every case of a table.
    fn table(&mut self, tables: &Value, name: &str, agrees: impl Fn(&Value) -> bool) {
        let cases = tables[name].as_array().unwrap_or_else(|| panic!("no table {name}"));
        cases.iter().for_each(|case| self.judge(agrees(case), name, case));
    }

    fn finish(self, name: &str) {
        println!("CONFORMANCE_GOTABLES {name}: {} of {} cases agree", self.agree, self.all);
        assert_eq!(self.agree, self.all);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
}

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    value.as_object().map(|map| map.iter().map(|(n, v)| (n.as_str(), text(v))).collect()).unwrap_or_default()
}

fn label_set(value: &Value) -> LabelSet {
    LabelSet::from_pairs(pairs(value))
}

/// A list of `{Name, Value}`.
fn list(value: &Value) -> Vec<(&str, &str)> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|pair| (text(&pair["Name"]), text(&pair["Value"]))).collect()
}

/// A float, some of which JSON cannot write.
fn float(value: &Value) -> f64 {
    match value["$f64"].as_str() {
        Some(special) => special.parse().unwrap(),
        None => value.as_f64().unwrap(),
    }
}

fn matcher(written: &str) -> Option<Matcher> {
    let (name, rest) = written.split_at(written.find(['=', '!'])?);
    let (op, rest) = rest.split_at(rest.find('"')?);
    let op = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]
        .into_iter()
        .find(|o| o.as_str() == op)?;
    Matcher::new(name, op, serde_json::from_str::<String>(rest).ok()?).ok()
}

#[test]
fn conformance_gotables_labels() {
    let Some(tables) = tables("prometheus_model_labels.json") else { return };
    let mut tally = Tally::default();
    tally.table(&tables, "TestLabels_String", |case| {
        label_set(&case["labels"]).to_string() == text(&case["expected"])
    });
    tally.table(&tables, "TestLabels_WithoutEmpty", |case| {
        label_set(&case["input"]).iter().collect::<Vec<_>>() == pairs(&case["expected"])
    });
    tally.table(&tables, "TestLabels_IsValid", |case| {
        let valid = |(name, value): (&String, &Value)| {
            value.is_string()
                && match name.as_str() {
                    "__name__" => is_legacy_metric_name(text(value)),
                    name => is_legacy_label_name(name),
                }
        };
        case["input"].as_object().unwrap().iter().all(valid) == case["expected"]
    });
    let base = LabelSet::from_pairs([("aaa", "111"), ("bbb", "222")]);
    tally.table(&tables, "TestLabels_Compare", |case| {
        let sign = match base.cmp(&label_set(&case["compared"])) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        };
        case["expected"].as_i64().unwrap().signum() == sign
    });
    tally.table(&tables, "TestLabels_Equal", |case| {
        (base == label_set(&case["compared"])) == case["expected"]
    });
    tally.table(&tables, "TestBuilder", |case| {
        let mut builder = label_set(&case["base"]).to_builder();
        if case["keep"].is_array() {
            let keep = texts(&case["keep"]);
            builder.retain(|name, _| keep.contains(&name));
        }
        for (name, value) in list(&case["set"]) {
            builder.set(name, value);
        }
        for name in texts(&case["del"]) {
            builder.remove(name);
        }
        builder.build() == label_set(&case["want"])
    });
    tally.table(&tables, "TestScratchBuilder", |case| {
        LabelSet::from_pairs(list(&case["add"])) == label_set(&case["want"])
    });
    tally.finish("labels");
}

#[test]
fn conformance_gotables_matchers() {
    let Some(tables) = tables("prometheus_model_labels.json") else { return };
    let mut tally = Tally::default();
    tally.table(&tables, "TestMatcher", |case| {
        let matcher = matcher(text(&case["matcher"])).unwrap();
        matcher.matches(text(&case["value"])) == case["match"]
    });
    for table in [
        "TestStringMatcherFromRegexp_LiteralPrefix",
        "TestStringMatcherFromRegexp_LiteralSuffix",
        "TestStringMatcherFromRegexp_Quest",
    ] {
        tally.table(&tables, table, |case| {
            let matcher = Matcher::new("x", MatchOp::Regex, text(&case["pattern"])).unwrap();
            let matches = |value: &&str| matcher.matches(value);
            texts(&case["expectedMatches"]).iter().all(matches)
                && !texts(&case["expectedNotMatches"]).iter().any(matches)
        });
    }
    tally.table(&tables, "TestFindSetMatches", |case| {
        let matcher = Matcher::new("x", MatchOp::Regex, text(&case["pattern"])).unwrap();
        texts(&case["expMatches"]).iter().all(|value| matcher.matches(value))
    });
    tally.table(&tables, "TestFastRegexMatcher_MatchString", |case| {
        Matcher::new("x", MatchOp::Regex, text(case)).is_ok()
    });
    tally.finish("matchers");
}

#[test]
fn conformance_gotables_names_and_durations() {
    let Some(tables) = tables("common_model.json") else { return };
    let mut tally = Tally::default();
    let judge = |case: &Value, key: &str, legacy: fn(&str) -> bool, utf8: fn(&str) -> bool| {
        // What is no UTF-8 cannot be a name here in the first place.
        let name = case[key].as_str();
        let is = |valid: fn(&str) -> bool| Value::from(name.is_some_and(valid));
        is(legacy) == case["legacyValid"] && is(utf8) == case["utf8Valid"]
    };
    tally.table(&tables, "TestValidationScheme_IsLabelNameValid", |case| {
        judge(case, "ln", is_legacy_label_name, is_valid_label_name)
    });
    tally.table(&tables, "TestValidationScheme_IsMetricNameValid", |case| {
        judge(case, "mn", is_legacy_metric_name, is_valid_metric_name)
    });
    tally.table(&tables, "TestParseDuration", |case| {
        let written = text(&case["in"]);
        let expected = Some(text(&case["expectedString"])).filter(|e| !e.is_empty()).unwrap_or(written);
        parse_duration(written).is_ok_and(|duration| format_duration(duration) == expected)
    });
    tally.table(&tables, "TestParseBadDuration", |case| parse_duration(text(case)).is_err());
    tally.finish("names and durations");
}

fn spans(value: &Value) -> Vec<Span> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |value: &Value| value.as_i64().unwrap();
    list.iter()
        .map(|s| Span { offset: number(&s["Offset"]) as i32, length: number(&s["Length"]) as u32 })
        .collect()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().map(|list| list.iter().map(float).collect()).unwrap_or_default()
}

fn integers(value: &Value) -> Vec<i64> {
    value.as_array().map(|list| list.iter().map(|n| n.as_i64().unwrap()).collect()).unwrap_or_default()
}

fn float_histogram(value: &Value) -> FloatHistogram {
    FloatHistogram {
        schema: value["Schema"].as_i64().unwrap() as i32,
        zero_threshold: float(&value["ZeroThreshold"]),
        zero_count: float(&value["ZeroCount"]),
        count: float(&value["Count"]),
        sum: float(&value["Sum"]),
        positive_spans: spans(&value["PositiveSpans"]),
        negative_spans: spans(&value["NegativeSpans"]),
        positive_buckets: floats(&value["PositiveBuckets"]),
        negative_buckets: floats(&value["NegativeBuckets"]),
        custom_values: floats(&value["CustomValues"]),
        ..FloatHistogram::default()
    }
}

fn histogram(value: &Value) -> Histogram {
    Histogram {
        schema: value["Schema"].as_i64().unwrap() as i32,
        zero_threshold: float(&value["ZeroThreshold"]),
        zero_count: value["ZeroCount"].as_u64().unwrap(),
        count: value["Count"].as_u64().unwrap(),
        sum: float(&value["Sum"]),
        positive_spans: spans(&value["PositiveSpans"]),
        negative_spans: spans(&value["NegativeSpans"]),
        positive_buckets: integers(&value["PositiveBuckets"]),
        negative_buckets: integers(&value["NegativeBuckets"]),
        custom_values: floats(&value["CustomValues"]),
        ..Histogram::default()
    }
}

fn bucket(value: &Value) -> Bucket {
    Bucket {
        lower: float(&value["Lower"]),
        upper: float(&value["Upper"]),
        lower_inclusive: value["LowerInclusive"] == true,
        upper_inclusive: value["UpperInclusive"] == true,
        count: float(&value["Count"]),
        index: value["Index"].as_i64().unwrap() as i32,
    }
}

fn buckets(value: &Value) -> Vec<Bucket> {
    value.as_array().map(|list| list.iter().map(bucket).collect()).unwrap_or_default()
}

#[test]
fn conformance_gotables_histograms() {
    let Some(tables) = tables("prometheus_model_histogram.json") else { return };
    let mut tally = Tally::default();
    tally.table(&tables, "TestGetBoundExponential", |case| {
        let number = |key: &str| case[key].as_i64().unwrap() as i32;
        upper_bound(number("idx"), number("schema"), &[]) == float(&case["want"])
    });
    tally.table(&tables, "TestRegularBucketIterator", |case| {
        let histogram = histogram(&case["histogram"]).to_float();
        histogram.positive().collect::<Vec<_>>() == buckets(&case["expectedPositiveBuckets"])
            && histogram.negative().collect::<Vec<_>>() == buckets(&case["expectedNegativeBuckets"])
    });
    tally.table(&tables, "TestFloatCustomBucketsIterators", |case| {
        let histogram = float_histogram(&case["h"]);
        histogram.positive().collect::<Vec<_>>() == buckets(&case["expPositiveBuckets"])
    });
    tally.table(&tables, "TestHistogramString", |case| {
        histogram(&case["histogram"]).to_float().to_string() == text(&case["expectedString"])
    });
    tally.table(&tables, "TestReduceResolutionFloatHistogram", |case| {
        let mut histogram = FloatHistogram {
            schema: case["schema"].as_i64().unwrap() as i32,
            positive_spans: spans(&case["spans"]),
            positive_buckets: floats(&case["buckets"]),
            ..FloatHistogram::default()
        };
        histogram.reduce_resolution(case["targetSchema"].as_i64().unwrap() as i32)
            && histogram.positive_buckets == floats(&case["expectedBuckets"])
            && histogram.positive_spans == spans(&case["expectedSpans"])
    });
    tally.finish("histograms");
}
