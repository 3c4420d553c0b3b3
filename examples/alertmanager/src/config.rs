//! `alertmanager.yml`: reading it, and refusing what cannot be honoured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics_core::time::parse_duration;
use metrics_core::{MatchOp, Matcher};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::inhibit::InhibitRule;
use crate::matchers::parse_matchers;
use crate::route::{GroupBy, Route, RouteOptions, route_key};

/// A configuration that holds together.
#[derive(Debug, Clone)]
pub struct Config {
    /// The text it was read from, with webhook addresses masked, as they often carry a token.
    pub original: String,
    /// How long an alert without an end lives after it was last heard of.
    pub resolve_timeout: Duration,
    /// The route tree.
    pub route: Route,
    /// Who can be notified, in order of the file.
    pub receivers: Vec<Receiver>,
    /// Which alerts silence which.
    pub inhibit_rules: Vec<InhibitRule>,
}

/// Somebody who is notified.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// The name that routes use.
    pub name: String,
    /// Where its notifications are posted.
    pub webhooks: Vec<Webhook>,
}

/// A URL that gets notifications as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// Whether it hears of alerts that have ended.
    pub send_resolved: bool,
    /// At most this many alerts in one message; 0 means all.
    pub max_alerts: usize,
    /// How long one attempt may take; zero means as long as the group's interval.
    pub timeout: Duration,
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The text is not the YAML that is expected.
    #[error("{}:{line}:{column}: {message}", .path.display())]
    Yaml {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// The parts contradict each other, or ask for what this program does not do.
    #[error("{}: {message}", .path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] with the file and, for YAML, the line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a text; `path` is for the error's words.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let file: File = serde_saphyr::from_str(text).map_err(|e| {
            let at = e.location();
            ConfigError::Yaml {
                path: path.to_owned(),
                line: at.map_or(0, |l| l.line()),
                column: at.map_or(0, |l| l.column()),
                message: e.without_snippet().to_string(),
            }
        })?;
        file.check(text).map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })
    }
}

// The file as written. Sections that are not supported are read as anything, so that refusing them can say so.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    global: Global,
    route: Option<RouteFile>,
    #[serde(default)]
    receivers: Vec<ReceiverFile>,
    #[serde(default)]
    inhibit_rules: Vec<InhibitFile>,
    // Nothing that is sent by webhook is templated.
    #[serde(default, rename = "templates")]
    _templates: Vec<String>,
    mute_time_intervals: Option<IgnoredAny>,
    time_intervals: Option<IgnoredAny>,
}

/// Settings of receivers other than webhooks are accepted here because they do nothing until one is used.
#[derive(Deserialize, Default)]
struct Global {
    resolve_timeout: Option<String>,
    http_config: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteFile {
    receiver: Option<String>,
    group_by: Option<Vec<String>>,
    #[serde(default, rename = "match")]
    equal: BTreeMap<String, String>,
    #[serde(default)]
    match_re: BTreeMap<String, String>,
    #[serde(default)]
    matchers: Vec<String>,
    #[serde(default, rename = "continue")]
    proceed: bool,
    #[serde(default)]
    routes: Vec<RouteFile>,
    group_wait: Option<String>,
    group_interval: Option<String>,
    repeat_interval: Option<String>,
    mute_time_intervals: Option<IgnoredAny>,
    active_time_intervals: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ReceiverFile {
    name: String,
    #[serde(default)]
    webhook_configs: Vec<WebhookFile>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookFile {
    url: Option<String>,
    url_file: Option<PathBuf>,
    send_resolved: Option<bool>,
    #[serde(default)]
    max_alerts: usize,
    timeout: Option<String>,
    http_config: Option<IgnoredAny>,
    payload: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InhibitFile {
    #[serde(default, rename = "name")]
    _name: String,
    #[serde(default)]
    source_match: BTreeMap<String, String>,
    #[serde(default)]
    source_match_re: BTreeMap<String, String>,
    #[serde(default)]
    source_matchers: Vec<String>,
    #[serde(default)]
    target_match: BTreeMap<String, String>,
    #[serde(default)]
    target_match_re: BTreeMap<String, String>,
    #[serde(default)]
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

impl File {
    fn check(self, text: &str) -> Result<Config, String> {
        unsupported("time_intervals", self.time_intervals.or(self.mute_time_intervals))?;
        unsupported("http_config", self.global.http_config)?;
        let mut names = BTreeSet::new();
        let mut receivers = Vec::new();
        for receiver in self.receivers {
            if !names.insert(receiver.name.clone()) {
                return Err(format!("notification config name {:?} is not unique", receiver.name));
            }
            receivers.push(receiver.check()?);
        }
        let root = self.route.ok_or("no routes provided")?;
        if root.receiver.as_deref().unwrap_or("").is_empty() {
            return Err("root route must specify a default receiver".to_owned());
        }
        if !(root.equal.is_empty() && root.match_re.is_empty() && root.matchers.is_empty()) {
            return Err("root route must not have any matchers".to_owned());
        }
        if root.proceed {
            return Err("cannot have continue in root route".to_owned());
        }
        let route = root.check(&RouteOptions::default(), None, &names)?;
        let inhibit_rules =
            self.inhibit_rules.into_iter().map(InhibitFile::check).collect::<Result<_, _>>()?;
        let resolve_timeout =
            duration(self.global.resolve_timeout.as_deref())?.unwrap_or(Duration::from_secs(300));
        let mut original = text.to_owned();
        for webhook in receivers.iter().flat_map(|r: &Receiver| &r.webhooks) {
            original = original.replace(&webhook.url, "<secret>");
        }
        Ok(Config { original, resolve_timeout, route, receivers, inhibit_rules })
    }
}

impl RouteFile {
    fn check(
        self,
        parent: &RouteOptions,
        parent_key: Option<&str>,
        receivers: &BTreeSet<String>,
    ) -> Result<Route, String> {
        unsupported("mute_time_intervals", self.mute_time_intervals)?;
        unsupported("active_time_intervals", self.active_time_intervals)?;
        let mut options = parent.clone();
        if let Some(receiver) = self.receiver.filter(|r| !r.is_empty()) {
            if !receivers.contains(&receiver) {
                return Err(format!("undefined receiver {receiver:?} used in route"));
            }
            options.receiver = receiver;
        }
        if let Some(labels) = self.group_by {
            options.group_by = group_by(labels)?;
        }
        for (text, target) in [
            (&self.group_wait, &mut options.group_wait),
            (&self.group_interval, &mut options.group_interval),
            (&self.repeat_interval, &mut options.repeat_interval),
        ] {
            if let Some(value) = duration(text.as_deref())? {
                *target = value;
            }
        }
        for (name, value) in
            [("group_interval", options.group_interval), ("repeat_interval", options.repeat_interval)]
        {
            if value.is_zero() {
                return Err(format!("{name} cannot be zero"));
            }
        }
        let matchers = matchers(self.equal, self.match_re, &self.matchers)?;
        let key = route_key(parent_key, &matchers);
        let routes = self
            .routes
            .into_iter()
            .map(|r| r.check(&options, Some(&key), receivers))
            .collect::<Result<_, _>>()?;
        Ok(Route { matchers, proceed: self.proceed, options, routes, key })
    }
}

impl ReceiverFile {
    fn check(self) -> Result<Receiver, String> {
        if self.name.is_empty() {
            return Err("missing name in receiver".to_owned());
        }
        if let Some(kind) = self.others.keys().next() {
            return Err(format!("receiver {:?}: {kind} is not supported; webhook_configs is", self.name));
        }
        let webhooks = self.webhook_configs.into_iter().map(WebhookFile::check).collect::<Result<_, _>>()?;
        Ok(Receiver { name: self.name, webhooks })
    }
}

impl WebhookFile {
    fn check(self) -> Result<Webhook, String> {
        unsupported("http_config", self.http_config)?;
        unsupported("payload", self.payload)?;
        let url = match (self.url, self.url_file) {
            (Some(_), Some(_)) => return Err("at most one of url & url_file must be configured".to_owned()),
            (None, None) => return Err("one of url or url_file must be configured".to_owned()),
            (Some(url), None) => url,
            (None, Some(path)) => std::fs::read_to_string(&path)
                .map_err(|e| format!("cannot read url_file {}: {e}", path.display()))?
                .trim()
                .to_owned(),
        };
        let usable = url.parse::<http::Uri>().is_ok_and(|u| matches!(u.scheme_str(), Some("http" | "https")));
        if !usable {
            return Err(format!("unsupported URL {url:?} for webhook: http or https is expected"));
        }
        Ok(Webhook {
            url,
            send_resolved: self.send_resolved.unwrap_or(true),
            max_alerts: self.max_alerts,
            timeout: duration(self.timeout.as_deref())?.unwrap_or(Duration::ZERO),
        })
    }
}

impl InhibitFile {
    fn check(self) -> Result<InhibitRule, String> {
        Ok(InhibitRule {
            source: matchers(self.source_match, self.source_match_re, &self.source_matchers)?,
            target: matchers(self.target_match, self.target_match_re, &self.target_matchers)?,
            equal: self.equal,
        })
    }
}

fn unsupported(what: &str, section: Option<IgnoredAny>) -> Result<(), String> {
    match section {
        Some(_) => Err(format!("{what} is not supported")),
        None => Ok(()),
    }
}

fn duration(text: Option<&str>) -> Result<Option<Duration>, String> {
    text.map(|t| parse_duration(t).map_err(|e| format!("{e}: {t:?}"))).transpose()
}

fn group_by(labels: Vec<String>) -> Result<GroupBy, String> {
    let all = labels.iter().any(|l| l == "...");
    if all && labels.len() > 1 {
        return Err("cannot have wildcard group_by (`...`) and other labels at the same time".to_owned());
    }
    if all {
        return Ok(GroupBy::All);
    }
    let mut names = BTreeSet::new();
    for label in labels {
        if label.is_empty() {
            return Err("invalid label name \"\" in group_by list".to_owned());
        }
        if names.contains(&label) {
            return Err(format!("duplicated label {label:?} in group_by"));
        }
        names.insert(label);
    }
    Ok(GroupBy::Labels(names))
}

/// The three ways to write matchers, in the order in which the original joins them.
fn matchers(
    equal: BTreeMap<String, String>,
    regex: BTreeMap<String, String>,
    texts: &[String],
) -> Result<Vec<Matcher>, String> {
    let mut all = Vec::new();
    for (name, value) in equal {
        all.push(Matcher::equal(name, value));
    }
    for (name, value) in regex {
        all.push(Matcher::new(name, MatchOp::Regex, value).map_err(|e| e.to_string())?);
    }
    for text in texts {
        all.extend(parse_matchers(text).map_err(|e| format!("bad matcher format {text:?}: {e}"))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("am.yml")).map_err(|e| e.to_string())
    }

    const RECEIVERS: &str = "receivers: [{name: a, webhook_configs: [{url: 'http://h/x'}]}, {name: b}]\n";

    #[test]
    fn children_inherit_what_they_do_not_set() {
        let config = parse(&format!(
            "route:\n  receiver: a\n  group_by: [x]\n  group_wait: 1s\n  routes:\n  - receiver: b\n    matchers: ['k=~\"v\"']\n{RECEIVERS}"
        ))
        .unwrap();
        let child = &config.route.routes[0];
        assert_eq!(child.options.group_wait, Duration::from_secs(1));
        assert_eq!(child.options.receiver, "b");
        assert_eq!(child.key, r#"{}/{k=~"v"}"#);
        assert_eq!(config.receivers[0].webhooks[0].url, "http://h/x");
        assert!(!config.original.contains("http://h/x"), "webhook addresses are secrets");
    }

    #[test]
    fn refusals_name_the_place() {
        let error = parse(&format!("route:\n  receiver: a\n  grup_by: [x]\n{RECEIVERS}")).unwrap_err();
        assert!(error.starts_with("am.yml:3:3: "), "{error}");
        for (route, words) in [
            ("{receiver: z}", "undefined receiver \"z\" used in route"),
            ("{}", "root route must specify a default receiver"),
            ("{receiver: a, match: {a: b}}", "root route must not have any matchers"),
            ("{receiver: a, group_interval: 0s}", "group_interval cannot be zero"),
            ("{receiver: a, group_by: ['...', x]}", "cannot have wildcard group_by"),
            ("{receiver: a, routes: [{matchers: ['a=~(']}]}", "bad matcher format"),
            (
                "{receiver: a, routes: [{active_time_intervals: [x]}]}",
                "active_time_intervals is not supported",
            ),
        ] {
            let error = parse(&format!("route: {route}\n{RECEIVERS}")).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let error =
            parse("route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: x}]}]").unwrap_err();
        assert!(error.contains("email_configs is not supported"), "{error}");
    }
}
