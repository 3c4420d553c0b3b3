//! `alerting`: where alerts go.

use super::super::schema::{Kind, Section};
use super::super::table::Table;
use super::discovery::{DISCOVERY, check_discovery};
use super::http::{HTTP_FIELDS, check_http};
use super::relabel::RULES;
use super::remote::SIGV4;
use super::{fail, field};

pub(crate) static ALERTING: Section = Section::new(
    "config.plain",
    &[field("alert_relabel_configs", RULES), field("alertmanagers", Kind::List(&Kind::Maybe(&ALERTMANAGER)))],
)
.check(|t| match t.has_null("alert_relabel_configs") {
    true => fail("empty or null alert relabeling rule"),
    false => Ok(()),
});

pub(crate) static ALERTMANAGER: Section = Section::new(
    "config.AlertmanagerConfig",
    &[
        HTTP_FIELDS,
        field("sigv4", Kind::Maybe(&SIGV4)),
        field("scheme", Kind::Text).or("http"),
        field("path_prefix", Kind::Text),
        field("timeout", Kind::Duration).or("10s"),
        field("api_version", Kind::Word(api_version)).or("v2").always(),
        field("relabel_configs", RULES),
        field("alert_relabel_configs", RULES),
        field("", Kind::Inline(&DISCOVERY)),
    ],
)
.check(check);

fn api_version(text: &str) -> Result<(), String> {
    match text {
        "v2" => Ok(()),
        _ => Err(format!("expected Alertmanager api version to be one of [v2] but got {text}")),
    }
}

fn check(t: &mut Table) -> Result<(), String> {
    check_http(t)?;
    let authenticated = ["basic_auth", "authorization", "oauth2"].iter().any(|k| t.section(k).is_some());
    if authenticated && t.section("sigv4").is_some() {
        return fail("at most one of basic_auth, authorization, oauth2, & sigv4 must be configured");
    }
    check_discovery(t)?;
    if t.has_null("relabel_configs") {
        return fail("empty or null Alertmanager target relabeling rule");
    }
    if t.has_null("alert_relabel_configs") {
        return fail("empty or null Alertmanager alert relabeling rule");
    }
    Ok(())
}
