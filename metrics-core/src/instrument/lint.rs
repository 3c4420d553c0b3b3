//! Whether metrics are named as the field names them, callable from tests.
//!
//! Source: the rules that `promtool check metrics` applies, and its words.

use std::collections::HashSet;
use std::fmt;

use crate::MetricType;
use crate::family::MetricFamily;

/// Checks families by the rules of `promtool check metrics`, in the order of the families.
///
/// ```
/// use metrics_core::instrument::{Registry, lint};
/// let registry = Registry::new();
/// registry.gauge("queueAge_minutes", "Age of the oldest job.").unwrap();
/// let found: Vec<String> = lint(&registry.gather().families).iter().map(ToString::to_string).collect();
/// assert_eq!(
///     found,
///     [
///         r#"queueAge_minutes use base unit "seconds" instead of "minutes""#,
///         "queueAge_minutes metric names should be written in 'snake_case' not 'camelCase'",
///     ]
/// );
/// ```
pub fn lint(families: &[MetricFamily]) -> Vec<Finding> {
    families
        .iter()
        .flat_map(|family| rules_broken(family).into_iter().map(|rule| Finding::of(family, rule)))
        .collect()
}

/// A metric that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The metric's name.
    pub metric: String,
    /// The rule that it breaks.
    pub rule: Rule,
}

impl Finding {
    fn of(family: &MetricFamily, rule: Rule) -> Self {
        Self { metric: family.name.clone(), rule }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric, self.rule)
    }
}

/// A rule of good metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// A metric says what it means.
    Help,
    /// Units are base units.
    BaseUnit {
        /// The unit in the name.
        found: Unit,
    },
    /// Counters end in `_total`.
    CounterSuffix,
    /// Only counters end in `_total`.
    NonCounterSuffix,
    /// Only histograms end in `_bucket`.
    BucketSuffix,
    /// Only histograms and summaries end in `_count`.
    CountSuffix,
    /// Only histograms and summaries end in `_sum`.
    SumSuffix,
    /// Only histograms have the label `le`.
    LeLabel,
    /// Only summaries have the label `quantile`.
    QuantileLabel,
    /// The name does not repeat the type.
    TypeInName(MetricType),
    /// Colons are for recording rules.
    Colon,
    /// Metric names are in snake case.
    MetricCamelCase,
    /// Label names are in snake case.
    LabelCamelCase,
    /// Units are spelled out.
    Abbreviation,
    /// No two members have the same labels.
    NotUnique,
}

/// A unit that is not a base unit, with what to use in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    prefix: &'static str,
    unit: &'static str,
    base: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::BaseUnit { found: Unit { prefix, unit, base } } => {
                return write!(f, "use base unit {base:?} instead of \"{prefix}{unit}\"");
            }
            Self::TypeInName(metric_type) => {
                return write!(f, "metric name should not include type '{}'", word(*metric_type));
            }
            Self::Help => "no help text",
            Self::CounterSuffix => "counter metrics should have \"_total\" suffix",
            Self::NonCounterSuffix => "non-counter metrics should not have \"_total\" suffix",
            Self::BucketSuffix => "non-histogram metrics should not have \"_bucket\" suffix",
            Self::CountSuffix => "non-histogram and non-summary metrics should not have \"_count\" suffix",
            Self::SumSuffix => "non-histogram and non-summary metrics should not have \"_sum\" suffix",
            Self::LeLabel => "non-histogram metrics should not have \"le\" label",
            Self::QuantileLabel => "non-summary metrics should not have \"quantile\" label",
            Self::Colon => "metric names should not contain ':'",
            Self::MetricCamelCase => "metric names should be written in 'snake_case' not 'camelCase'",
            Self::LabelCamelCase => "label names should be written in 'snake_case' not 'camelCase'",
            Self::Abbreviation => "metric names should not contain abbreviated units",
            Self::NotUnique => "metric not unique",
        };
        f.write_str(words)
    }
}

/// The type as classic text knows it.
fn word(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Unknown => "untyped",
        MetricType::GaugeHistogram => "gauge_histogram",
        MetricType::Info | MetricType::StateSet => "gauge",
        known => known.as_str(),
    }
}

fn rules_broken(family: &MetricFamily) -> Vec<Rule> {
    let mut broken = Vec::new();
    let mut rule = |holds: bool, rule: Rule| {
        if !holds {
            broken.push(rule);
        }
    };
    let name = family.name.as_str();
    let kind = family.metric_type;
    let untyped = kind == MetricType::Unknown;
    let counter = kind == MetricType::Counter;
    let histogram = kind == MetricType::Histogram;
    let summary = kind == MetricType::Summary;
    let label_names = || family.metrics.iter().flat_map(|m| m.labels.iter().map(|(label, _)| label));

    rule(!family.help.is_empty(), Rule::Help);
    if let Some(found) = unit(name).filter(|u| !u.prefix.is_empty() || u.unit != u.base) {
        rule(false, Rule::BaseUnit { found });
    }
    rule(!counter || name.ends_with("_total"), Rule::CounterSuffix);
    rule(counter || untyped || !name.ends_with("_total"), Rule::NonCounterSuffix);
    if !untyped {
        rule(histogram || !name.ends_with("_bucket"), Rule::BucketSuffix);
        rule(histogram || summary || !name.ends_with("_count"), Rule::CountSuffix);
        rule(histogram || summary || !name.ends_with("_sum"), Rule::SumSuffix);
        for label in label_names() {
            rule(histogram || label != "le", Rule::LeLabel);
            rule(summary || label != "quantile", Rule::QuantileLabel);
        }
        rule(!has_word(name, word(kind)), Rule::TypeInName(kind));
    }
    rule(!name.contains(':'), Rule::Colon);
    rule(!is_camel_case(name), Rule::MetricCamelCase);
    for label in label_names() {
        rule(!is_camel_case(label), Rule::LabelCamelCase);
    }
    for abbreviation in ABBREVIATIONS {
        rule(!has_word(name, abbreviation), Rule::Abbreviation);
    }
    let mut later = HashSet::new();
    for metric in family.metrics.iter().rev() {
        rule(later.insert(&metric.labels), Rule::NotUnique);
    }
    broken
}

/// Whether a name has a word, other than at its beginning.
fn has_word(name: &str, word: &str) -> bool {
    name.to_lowercase().split('_').skip(1).any(|part| part == word)
}

fn is_camel_case(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// The first unit that a name has.
fn unit(name: &str) -> Option<Unit> {
    let known = |word: &str| UNITS.iter().find(|(unit, _)| *unit == word);
    name.split('_').find_map(|word| {
        if let Some((unit, base)) = known(word) {
            return Some(Unit { prefix: "", unit, base });
        }
        PREFIXES.iter().find_map(|prefix| {
            let (unit, base) = known(word.strip_prefix(prefix)?)?;
            Some(Unit { prefix, unit, base })
        })
    })
}

/// Units with their base units.
const UNITS: [(&str, &str); 24] = [
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];

/// Multiples that make a base unit something else.
const PREFIXES: [&str; 18] = [
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mibi",
    "giga", "gibi", "tera", "tebi", "peta", "pebi",
];

/// Units cut short.
const ABBREVIATIONS: [&str; 14] =
    ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabelSet;
    use crate::family::MetricValue;

    fn family(name: &str, metric_type: MetricType, labels: &[&[(&str, &str)]]) -> MetricFamily {
        let mut family = MetricFamily::new(name, "Help.", metric_type);
        for set in labels {
            family.push(LabelSet::from_pairs(set.iter().copied()), MetricValue::Unknown(1.0));
        }
        family
    }

    /// Name, type and labels of the members, and what is said of them.
    type Case<'a> = (&'a str, MetricType, &'a [&'a [(&'a str, &'a str)]], &'a [&'a str]);

    #[test]
    fn each_rule_in_the_words_of_promtool() {
        use MetricType::{Counter, Gauge, Histogram, Summary, Unknown};
        let cases: [Case<'_>; 16] = [
            ("a_seconds_total", Counter, &[], &[]),
            ("a", Counter, &[], &["counter metrics should have \"_total\" suffix"]),
            ("a_total", Gauge, &[], &["non-counter metrics should not have \"_total\" suffix"]),
            ("a_total", Unknown, &[], &[]),
            ("a_bucket", Gauge, &[], &["non-histogram metrics should not have \"_bucket\" suffix"]),
            (
                "a_count",
                Gauge,
                &[],
                &["non-histogram and non-summary metrics should not have \"_count\" suffix"],
            ),
            ("a_sum", Summary, &[], &[]),
            ("a", Summary, &[&[("le", "1")]], &["non-histogram metrics should not have \"le\" label"]),
            (
                "a",
                Histogram,
                &[&[("quantile", "1")]],
                &["non-summary metrics should not have \"quantile\" label"],
            ),
            ("a_gauge_x", Gauge, &[], &["metric name should not include type 'gauge'"]),
            ("gauge_x", Gauge, &[], &[]),
            ("job:a", Gauge, &[], &["metric names should not contain ':'"]),
            (
                "a",
                Gauge,
                &[&[("someLabel", "")], &[("someLabel", "1")]],
                &["label names should be written in 'snake_case' not 'camelCase'"],
            ),
            ("a_kilobits", Gauge, &[], &["use base unit \"bytes\" instead of \"kilobits\""]),
            ("a_ms", Gauge, &[], &["metric names should not contain abbreviated units"]),
            ("a", Gauge, &[&[("k", "v")], &[("k", "v")]], &["metric not unique"]),
        ];
        for (name, metric_type, labels, expected) in cases {
            let found: Vec<String> =
                lint(&[family(name, metric_type, labels)]).iter().map(|f| f.rule.to_string()).collect();
            assert_eq!(found, expected, "{name}");
        }
        let mute = MetricFamily::new("a", "", Gauge);
        assert_eq!(lint(&[mute])[0].to_string(), "a no help text");
    }
}
