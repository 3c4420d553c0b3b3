//! `global` and `scrape_configs`.

use super::super::schema::{Kind, Section};
use super::super::table::Table;
use super::discovery::{DISCOVERY, check_discovery};
use super::http::{HTTP_FIELDS, check_http};
use super::relabel::RULES;
use super::{fail, field};

pub(crate) static GLOBAL: Section = Section::new(
    "config.plain",
    &[
        field("scrape_interval", Kind::Duration),
        field("scrape_timeout", Kind::Duration),
        field("scrape_protocols", Kind::List(&Kind::Text)),
        field("evaluation_interval", Kind::Duration),
        field("rule_query_offset", Kind::Duration),
        field("query_log_file", Kind::Path),
        field("scrape_failure_log_file", Kind::Path),
        field("external_labels", Kind::Labels),
        field("body_size_limit", Kind::Size),
        field("sample_limit", Kind::Uint),
        field("target_limit", Kind::Uint),
        field("label_limit", Kind::Uint),
        field("label_name_length_limit", Kind::Uint),
        field("label_value_length_limit", Kind::Uint),
        field("keep_dropped_targets", Kind::Uint),
        field("metric_name_validation_scheme", Kind::Word(name_scheme)),
        field("metric_name_escaping_scheme", Kind::Text),
        field("scrape_native_histograms", Kind::MaybeBool),
        field("convert_classic_histograms_to_nhcb", Kind::Bool),
        field("always_scrape_classic_histograms", Kind::Bool),
        field("extra_scrape_metrics", Kind::MaybeBool),
    ],
);

pub(crate) static SCRAPE: Section = Section::new(
    "config.ScrapeConfig",
    &[
        field("job_name", Kind::Text).always(),
        field("honor_labels", Kind::Bool),
        field("honor_timestamps", Kind::Bool).or("true").always(),
        field("track_timestamps_staleness", Kind::Bool).always(),
        field("params", Kind::Map(&Kind::List(&Kind::Text))),
        field("scrape_interval", Kind::Duration),
        field("scrape_timeout", Kind::Duration),
        field("scrape_protocols", Kind::List(&Kind::Text)),
        field("fallback_scrape_protocol", Kind::Text),
        field("scrape_native_histograms", Kind::MaybeBool),
        field("always_scrape_classic_histograms", Kind::MaybeBool),
        field("convert_classic_histograms_to_nhcb", Kind::MaybeBool),
        field("scrape_failure_log_file", Kind::Path),
        field("metrics_path", Kind::Text).or("/metrics"),
        field("scheme", Kind::Text).or("http"),
        field("enable_compression", Kind::Bool).or("true").always(),
        field("body_size_limit", Kind::Size),
        field("sample_limit", Kind::Uint),
        field("target_limit", Kind::Uint),
        field("label_limit", Kind::Uint),
        field("label_name_length_limit", Kind::Uint),
        field("label_value_length_limit", Kind::Uint),
        field("native_histogram_bucket_limit", Kind::Uint),
        field("native_histogram_min_bucket_factor", Kind::Float),
        field("keep_dropped_targets", Kind::Uint),
        field("metric_name_validation_scheme", Kind::Word(name_scheme)),
        field("metric_name_escaping_scheme", Kind::Text),
        field("extra_scrape_metrics", Kind::MaybeBool),
        HTTP_FIELDS,
        field("relabel_configs", RULES),
        field("metric_relabel_configs", RULES),
        field("", Kind::Inline(&DISCOVERY)),
    ],
)
.check(check);

fn name_scheme(text: &str) -> Result<(), String> {
    match text {
        "" | "utf8" | "legacy" => Ok(()),
        _ => Err(format!("unrecognized ValidationScheme: {text:?}, must be either 'legacy' or 'utf8'")),
    }
}

fn check(t: &mut Table) -> Result<(), String> {
    if !t.has_text("job_name") {
        return fail("job_name is empty");
    }
    check_http(t)?;
    check_discovery(t)?;
    if t.has_null("relabel_configs") {
        return fail("empty or null target relabeling rule in scrape config");
    }
    if t.has_null("metric_relabel_configs") {
        return fail("empty or null metric relabeling rule in scrape config");
    }
    Ok(())
}
