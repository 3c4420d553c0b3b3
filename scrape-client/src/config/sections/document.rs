//! The whole document, and its sections that are about neither scraping nor remote ends.

use super::super::schema::{Kind, Section, TEXT_MAP, TEXTS};
use super::super::table::Table;
use super::super::value::Val;
use super::alerting::ALERTING;
use super::http::{TLS, is_reserved};
use super::remote::{REMOTE_READ, REMOTE_WRITE};
use super::scrape::{GLOBAL, SCRAPE};
use super::{fail, field};

pub(crate) static DOCUMENT: Section = Section::new(
    "config.plain",
    &[
        field("global", Kind::One(&GLOBAL)).always(),
        field("runtime", Kind::One(&RUNTIME)),
        field("alerting", Kind::One(&ALERTING)),
        field("rule_files", Kind::List(&Kind::Path)),
        field("scrape_config_files", Kind::List(&Kind::Path)),
        field("scrape_configs", Kind::List(&Kind::Maybe(&SCRAPE))),
        field("storage", Kind::One(&STORAGE)),
        field("tracing", Kind::Maybe(&TRACING)),
        field("remote_write", Kind::List(&Kind::Maybe(&REMOTE_WRITE))),
        field("remote_read", Kind::List(&Kind::Maybe(&REMOTE_READ))),
        field("otlp", Kind::One(&OTLP)),
    ],
)
.check(check_document);

/// Whether a path has wildcards in its last part only.
pub(crate) fn is_glob_of_files(path: &str) -> bool {
    path.split_once('*').is_none_or(|(_, rest)| !rest.contains('/'))
}

fn check_document(t: &mut Table) -> Result<(), String> {
    let bad = |key: &str| t.texts(key).into_iter().find(|path| !is_glob_of_files(path));
    if let Some(path) = bad("rule_files") {
        return Err(format!("invalid rule file path {path:?}"));
    }
    if let Some(path) = bad("scrape_config_files") {
        return Err(format!("invalid scrape config file path {path:?}"));
    }
    for (key, message) in [
        ("scrape_configs", "empty or null scrape config section"),
        ("remote_write", "empty or null remote write config section"),
        ("remote_read", "empty or null remote read config section"),
    ] {
        if t.has_null(key) {
            return fail(message);
        }
    }
    for (key, what) in [("remote_write", "write"), ("remote_read", "read")] {
        let names: Vec<&str> = t.sections(key).map(|s| s.text("name")).filter(|n| !n.is_empty()).collect();
        if let Some(i) = (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
            return Err(format!("found multiple remote {what} configs with job name {:?}", names[i]));
        }
    }
    let strategy = t.section("otlp").map_or("", |o| o.text("translation_strategy"));
    match strategy {
        "" | "UnderscoreEscapingWithSuffixes" | "UnderscoreEscapingWithoutSuffixes" => Ok(()),
        "NoTranslation" | "NoUTF8EscapingWithSuffixes" => {
            let scheme = t.section("global").map_or("", |g| g.text("metric_name_validation_scheme"));
            match scheme {
                "legacy" => Err(format!(
                    "OTLP translation strategy {strategy:?} is not allowed when UTF8 is disabled"
                )),
                _ => Ok(()),
            }
        }
        _ => Err(format!("unsupported OTLP translation strategy {strategy:?}")),
    }
}

/// A file that `scrape_config_files` names.
pub(crate) static SCRAPE_FILE: Section =
    Section::new("config.ScrapeConfigs", &[field("scrape_configs", Kind::List(&Kind::Maybe(&SCRAPE)))]);

static RUNTIME: Section = Section::new("config.RuntimeConfig", &[field("gogc", Kind::Int).or("75")]);

static STORAGE: Section = Section::new(
    "config.StorageConfig",
    &[field("tsdb", Kind::One(&TSDB)), field("exemplars", Kind::Maybe(&EXEMPLARS))],
);

static EXEMPLARS: Section = Section::new("config.ExemplarsConfig", &[field("max_exemplars", Kind::Int)]);

static TSDB: Section = Section::new(
    "config.plain",
    &[
        field("out_of_order_time_window", Kind::Duration),
        field("stale_series_compaction_threshold", Kind::Float),
        field("chunk_encoding", Kind::One(&CHUNK_ENCODING)),
        field("retention", Kind::One(&RETENTION)),
    ],
);

static CHUNK_ENCODING: Section =
    Section::new("config.ChunkEncodingConfig", &[field("floats", Kind::Word(float_encoding))]);

fn float_encoding(text: &str) -> Result<(), String> {
    match text {
        "" | "xor" | "xor2" => Ok(()),
        _ => Err(format!(
            "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, \
             got {text:?}"
        )),
    }
}

static RETENTION: Section = Section::new(
    "config.plain",
    &[field("time", Kind::Duration), field("size", Kind::Size), field("percentage", Kind::Float)],
)
.check(|t| match t.float("percentage") {
    p if (0.0..=100.0).contains(&p) => Ok(()),
    p => Err(format!("'storage.tsdb.retention.percentage' must be in the range [0, 100], got {p}")),
});

static TRACING: Section = Section::new(
    "config.plain",
    &[
        field("client_type", Kind::Word(client_type)).or("grpc"),
        field("endpoint", Kind::Text),
        field("sampling_fraction", Kind::Float),
        field("insecure", Kind::Bool),
        field("tls_config", Kind::One(&TLS)),
        field("headers", TEXT_MAP),
        field("compression", Kind::Text),
        field("timeout", Kind::Duration),
    ],
)
.check(check_tracing);

fn client_type(text: &str) -> Result<(), String> {
    match text {
        "http" | "grpc" => Ok(()),
        _ => Err(format!("expected tracing client type to be to be http or grpc, but got {text}")),
    }
}

fn check_tracing(t: &mut Table) -> Result<(), String> {
    for (name, _) in t.map("headers") {
        if name.eq_ignore_ascii_case("authorization") {
            return fail("custom authorization header configuration is not yet supported");
        }
        if is_reserved(name) {
            return Err(format!("{name} is a reserved header. It must not be changed"));
        }
    }
    if !t.has_text("endpoint") {
        return fail("tracing endpoint must be set");
    }
    match t.text("compression") {
        "" | "gzip" => Ok(()),
        other => Err(format!("invalid compression type {other} provided, valid options: gzip")),
    }
}

static OTLP: Section = Section::new(
    "config.plain",
    &[
        field("promote_all_resource_attributes", Kind::Bool),
        field("promote_resource_attributes", TEXTS),
        field("ignore_resource_attributes", TEXTS),
        field("translation_strategy", Kind::Text).or("UnderscoreEscapingWithSuffixes"),
        field("keep_identifying_resource_attributes", Kind::Bool),
        field("convert_histograms_to_nhcb", Kind::Bool),
        field("promote_scope_metadata", Kind::Bool),
        field("label_name_underscore_sanitization", Kind::Bool).or("true"),
        field("label_name_preserve_multiple_underscores", Kind::Bool).or("true"),
    ],
)
.check(check_otlp);

fn check_otlp(t: &mut Table) -> Result<(), String> {
    if t.bool("promote_all_resource_attributes") {
        if !t.list("promote_resource_attributes").is_empty() {
            return fail(
                "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured \
                 simultaneously",
            );
        }
        return clean_attributes(t, "ignore_resource_attributes", "ignored");
    }
    if !t.list("ignore_resource_attributes").is_empty() {
        return fail(
            "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true",
        );
    }
    clean_attributes(t, "promote_resource_attributes", "promoted")
}

/// Trims the attributes of a list and refuses empty and repeated ones.
fn clean_attributes(t: &mut Table, key: &str, adjective: &str) -> Result<(), String> {
    let (mut clean, mut errors) = (Vec::<String>::new(), Vec::new());
    for attribute in t.texts(key) {
        let attribute = attribute.trim();
        if attribute.is_empty() {
            errors.push(format!("empty {adjective} OTel resource attribute"));
        } else if clean.iter().any(|a| a == attribute) {
            errors.push(format!("duplicated {adjective} OTel resource attribute {attribute:?}"));
        } else {
            clean.push(attribute.to_owned());
        }
    }
    if !errors.is_empty() {
        return Err(format!("invalid '{key}': {}", errors.join("\n")));
    }
    if !clean.is_empty() {
        t.set(key, Val::List(clean.into_iter().map(Val::Text).collect()));
    }
    Ok(())
}
