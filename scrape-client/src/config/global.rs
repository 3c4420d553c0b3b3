//! `global`, with its defaults.

use std::time::Duration;

use metrics_core::{Escaping, LabelSet, NameScheme};

use super::scrape::{ScrapeProtocol, check_protocols, protocols};
use super::table::Table;
use super::value::Val;
use super::yaml::YamlError;

/// Values that the other sections start from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Global {
    /// How often targets are scraped.
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    pub scrape_timeout: Duration,
    /// Formats to ask targets for, most wanted first; `None` if the document does not say.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// How often rules are evaluated.
    pub evaluation_interval: Duration,
    /// How far into the past rules look.
    pub rule_query_offset: Duration,
    /// Where queries are logged; empty for nowhere.
    pub query_log_file: String,
    /// Labels of this server, added to everything that leaves it.
    pub external_labels: LabelSet,
    /// Which metric and label names are let through.
    pub metric_name_scheme: NameScheme,
    /// How names outside the classic alphabet are asked for.
    pub metric_name_escaping: Escaping,
    pub(super) table: Table,
}

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Global {
    pub(super) fn resolve(
        document: &mut Table,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, YamlError> {
        let Some(t) = document.section("global") else {
            return Err(document.error("global", "cannot unmarshal into config.plain"));
        };
        let mut t = t.clone();
        let names = match t.text("metric_name_validation_scheme") {
            "legacy" => NameScheme::Legacy,
            _ => NameScheme::Utf8,
        };
        let interval = non_zero(t.duration("scrape_interval")).unwrap_or(DEFAULT_INTERVAL);
        if t.duration("scrape_timeout") > interval {
            return Err(t.error("scrape_timeout", "global scrape timeout greater than scrape interval"));
        }
        let timeout = non_zero(t.duration("scrape_timeout")).unwrap_or(DEFAULT_TIMEOUT.min(interval));
        let evaluation = non_zero(t.duration("evaluation_interval")).unwrap_or(DEFAULT_INTERVAL);
        let scrape_protocols = match t.get("scrape_protocols") {
            Val::List(_) => {
                let list = t.texts("scrape_protocols");
                check_protocols(&list)
                    .map_err(|e| t.error("scrape_protocols", format!("{e} for global config")))?;
                Some(protocols(&list))
            }
            _ => None,
        };
        let escaping = match t.text("metric_name_escaping_scheme") {
            "" if names == NameScheme::Legacy => Escaping::Underscores,
            "" => Escaping::AllowUtf8,
            name => Escaping::from_name(name).ok_or_else(|| {
                let message = format!(
                    "unknown global name escaping method specified, must be one of 'allow-utf-8', 'underscores', \
                     'dots', or 'values', got {name:?}"
                );
                t.error("metric_name_escaping_scheme", message)
            })?,
        };
        let labels = external_labels(&t, names, environment)?;

        t.set("scrape_interval", Val::Duration(interval));
        t.set("scrape_timeout", Val::Duration(timeout));
        t.set("evaluation_interval", Val::Duration(evaluation));
        t.set("metric_name_validation_scheme", Val::Text(names.as_str().to_owned()));
        t.set("metric_name_escaping_scheme", Val::Text(escaping.as_str().to_owned()));
        for key in ["scrape_native_histograms", "extra_scrape_metrics"] {
            if t.maybe_bool(key).is_none() {
                t.set(key, Val::Bool(false));
            }
        }
        let pairs = labels.iter().map(|(n, v)| (n.clone(), Val::Text(v.clone()))).collect();
        t.set("external_labels", Val::Map(pairs));
        document.set("global", Val::Section(t.clone()));
        Ok(Self {
            scrape_interval: interval,
            scrape_timeout: timeout,
            scrape_protocols,
            evaluation_interval: evaluation,
            rule_query_offset: t.duration("rule_query_offset"),
            query_log_file: t.text("query_log_file").to_owned(),
            external_labels: LabelSet::from_pairs(labels),
            metric_name_scheme: names,
            metric_name_escaping: escaping,
            table: t,
        })
    }
}

pub(super) fn non_zero(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

fn external_labels(
    t: &Table,
    names: NameScheme,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, YamlError> {
    let mut labels = t.text_map("external_labels");
    for (name, value) in &mut labels {
        if !names.allows_label(name) {
            return Err(t.error("external_labels", format!("{name:?} is not a valid label name")));
        }
        *value = expand(value, environment);
    }
    Ok(labels)
}

/// Replaces `$NAME` and `${NAME}` by the environment; `$$` is a dollar, an unknown name nothing.
fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, tail) = shell_name(after);
        rest = tail;
        match name {
            "$" => out.push('$'),
            // A dollar before anything else stays; one before a broken `${` goes with it.
            "" if tail.len() == after.len() => out.push('$'),
            name => out.push_str(&environment(name).unwrap_or_default()),
        }
    }
    out.push_str(rest);
    out
}

/// Splits the name of a variable from what follows, by the rules of shells that the original uses.
fn shell_name(text: &str) -> (&str, &str) {
    let special = |c: char| "*#$@!?-0123456789".contains(c);
    if let Some(inner) = text.strip_prefix('{') {
        return match inner.find('}') {
            Some(end) => (&inner[..end], &inner[end + 1..]),
            None => ("", inner),
        };
    }
    match text.chars().next() {
        Some(c) if special(c) => text.split_at(1),
        _ => {
            let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
            text.split_at(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_is_expanded_as_in_shells() {
        let env = |name: &str| (name == "TEST").then(|| "v".to_owned());
        for (text, expected) in [
            ("${TEST}", "v"),
            ("a$TEST-b", "av-b"),
            ("foo$${TEST}", "foo${TEST}"),
            ("foo$$bar", "foo$bar"),
            ("${NONE}x", "x"),
            ("cost: $ 5 $", "cost: $ 5 $"),
            ("a${", "a"),
        ] {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
