//! Where targets come from.

use std::time::Duration;

use metrics_core::LabelSet;

use super::http::HttpClientConfig;
use super::schema::Kind;
use super::sections::discovery::{DISCOVERY, STATIC};
use super::table::Table;
use super::value::{self, Val};
use super::yaml::{self, Data, Node, Text};
use super::{ConfigError, Position};

/// One source of targets.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DiscoveryConfig {
    /// `static_configs`: all of a job's together.
    Static(Vec<TargetGroupConfig>),
    /// `file_sd_configs`.
    File(FileDiscovery),
    /// `http_sd_configs`.
    Http(Box<HttpDiscovery>),
    /// `dns_sd_configs`.
    Dns(DnsDiscovery),
}

/// Targets that share labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetGroupConfig {
    /// Addresses.
    pub targets: Vec<String>,
    /// Labels of all of them.
    pub labels: LabelSet,
}

impl TargetGroupConfig {
    fn read(t: &Table) -> Self {
        Self { targets: t.texts("targets"), labels: LabelSet::from_pairs(t.text_map("labels")) }
    }
}

/// Targets listed in files that are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiscovery {
    /// Paths with wildcards in their last part.
    pub files: Vec<String>,
    /// How often to read them in any case.
    pub refresh_interval: Duration,
}

/// Targets listed by an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDiscovery {
    /// The URL of the list.
    pub url: String,
    /// How often to ask.
    pub refresh_interval: Duration,
    /// How to talk to the server.
    pub http: HttpClientConfig,
}

/// Targets listed by name servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsDiscovery {
    /// Names to ask for.
    pub names: Vec<String>,
    /// Type of record: `SRV`, `A`, `AAAA`, `MX` or `NS`.
    pub record_type: String,
    /// Port of the targets, for all types but SRV.
    pub port: u16,
    /// How often to ask.
    pub refresh_interval: Duration,
}

/// The sources of a section's targets, in the order of the original: static ones last.
pub(super) fn discoveries(t: &Table) -> Vec<DiscoveryConfig> {
    let mut out = Vec::new();
    for s in t.sections("dns_sd_configs") {
        out.push(DiscoveryConfig::Dns(DnsDiscovery {
            names: s.texts("names"),
            record_type: s.text("type").to_ascii_uppercase(),
            port: u16::try_from(s.int("port")).unwrap_or(0),
            refresh_interval: s.duration("refresh_interval"),
        }));
    }
    for s in t.sections("file_sd_configs") {
        out.push(DiscoveryConfig::File(FileDiscovery {
            files: s.texts("files"),
            refresh_interval: s.duration("refresh_interval"),
        }));
    }
    for s in t.sections("http_sd_configs") {
        out.push(DiscoveryConfig::Http(Box::new(HttpDiscovery {
            url: s.text("url").to_owned(),
            refresh_interval: s.duration("refresh_interval"),
            http: HttpClientConfig::read(s),
        })));
    }
    let groups: Vec<_> = t.sections("static_configs").map(TargetGroupConfig::read).collect();
    if !groups.is_empty() {
        out.push(DiscoveryConfig::Static(groups));
    }
    out
}

/// Keys of discoveries that nothing acts on yet.
pub(super) fn inert_keys() -> Vec<&'static str> {
    const RUN: [&str; 3] =
        ["file_sd_configs", "static_configs", if cfg!(feature = "http") { "http_sd_configs" } else { "" }];
    DISCOVERY.fields.iter().map(|f| f.key).filter(|k| !RUN.contains(k)).collect()
}

/// Reads a target file, JSON or YAML by its name.
///
/// # Errors
/// If it cannot be read, or does not hold target groups.
pub fn groups_of_file(path: &std::path::Path) -> Result<Vec<TargetGroupConfig>, ConfigError> {
    let fail = |at: Position, message: String| ConfigError::Invalid { path: path.to_owned(), at, message };
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let node = match is_json {
        true => json(&text).map_err(|e| fail(position_of(&e), e.to_string()))?,
        false => yaml::parse(&text).map_err(|e| fail(e.at, e.message))?,
    };
    groups(&node).map_err(|e| fail(e.at, e.message))
}

/// Reads the answer of an HTTP discovery.
#[cfg(feature = "http")]
pub(crate) fn groups_of_json(text: &str) -> Result<Vec<TargetGroupConfig>, String> {
    let node = json(text).map_err(|e| e.to_string())?;
    groups(&node).map_err(|e| e.message)
}

fn groups(node: &Node) -> Result<Vec<TargetGroupConfig>, yaml::YamlError> {
    static GROUP: Kind = Kind::Maybe(&STATIC);
    let Val::List(items) = value::read(&Kind::List(&GROUP), node)? else { return Ok(Vec::new()) };
    let group = |item: &Val| match item {
        Val::Section(table) => Ok(TargetGroupConfig::read(table)),
        _ => Err(yaml::YamlError { at: node.at, message: "nil target group item found".to_owned() }),
    };
    items.iter().map(group).collect()
}

fn position_of(error: &serde_json::Error) -> Position {
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: short(error.line()), column: short(error.column()) }
}

fn json(text: &str) -> Result<Node, serde_json::Error> {
    serde_json::from_str(text).map(node)
}

/// JSON as the nodes that the tables read; places inside are not known.
fn node(json: serde_json::Value) -> Node {
    use serde_json::Value;
    let at = Position { line: 1, column: 1 };
    let text = |text: String, plain: bool| Data::Scalar { text: Text::Utf8(text), plain };
    let data = match json {
        Value::Null => Data::Null,
        Value::Bool(b) => text(b.to_string(), true),
        Value::Number(n) => text(n.to_string(), true),
        Value::String(s) => text(s, false),
        Value::Array(items) => Data::List(items.into_iter().map(node).collect()),
        Value::Object(map) => {
            let pair = |(key, value)| (yaml::Key { at, text: Text::Utf8(key) }, node(value));
            Data::Map(map.into_iter().map(pair).collect())
        }
    };
    Node { at, data }
}
