//! Test files: which rules, which series, and what must come of them.
//!
//! Source: Prometheus' documentation of unit tests for rules.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use metrics_core::Timestamp;
use metrics_core::time::parse_duration;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    #[serde(default)]
    pub(super) rule_files: Vec<String>,
    #[serde(default)]
    pub(super) evaluation_interval: Length,
    #[serde(default)]
    pub(super) group_eval_order: Vec<String>,
    #[serde(default)]
    pub(super) tests: Vec<Test>,
    #[serde(default)]
    pub(super) fuzzy_compare: bool,
}

/// Series and what must come of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    #[serde(default)]
    pub(super) interval: Length,
    #[serde(default)]
    pub(super) input_series: Vec<InputSeries>,
    #[serde(default)]
    pub(super) alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub(super) promql_expr_test: Vec<ExprTest>,
    #[serde(default)]
    pub(super) external_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) external_url: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) start_timestamp: Start,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputSeries {
    #[serde(default)]
    pub(super) series: String,
    #[serde(default)]
    pub(super) values: String,
}

/// The alerts of a name that must fire at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    #[serde(default)]
    pub(super) eval_time: Length,
    #[serde(default)]
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Option<Vec<ExpectedAlert>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAlert {
    #[serde(default)]
    pub(super) exp_labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) exp_annotations: Option<BTreeMap<String, String>>,
}

/// What a query must yield at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExprTest {
    #[serde(default)]
    pub(super) expr: String,
    #[serde(default)]
    pub(super) eval_time: Length,
    #[serde(default)]
    pub(super) exp_samples: Option<Vec<ExpectedSample>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedSample {
    #[serde(default)]
    pub(super) labels: String,
    #[serde(default)]
    pub(super) value: f64,
    /// If not empty, the value does not count.
    #[serde(default)]
    pub(super) histogram: String,
}

/// A duration such as `5m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Length(pub(super) Duration);

impl Length {
    pub(super) fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text)
            .map(Self)
            .map_err(|_| D::Error::custom(format!("not a valid duration string: {text:?}")))
    }
}

/// When a test begins, in milliseconds since 1970: RFC 3339 or seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Start(pub(super) Timestamp);

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StartVisitor)
    }
}

struct StartVisitor;

impl Visitor<'_> for StartVisitor {
    type Value = Start;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in RFC 3339 or in seconds")
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Start, E> {
        Ok(Start((seconds * 1000.0).round() as i64))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Start, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Start, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Start, E> {
        if let Ok(seconds) = text.parse() {
            return self.visit_f64(seconds);
        }
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Start(time.as_millisecond())),
            Err(_) => Err(E::custom(format!("cannot parse {text:?} to a valid timestamp"))),
        }
    }
}
