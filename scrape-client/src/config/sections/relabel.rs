//! Relabeling rules.

use metrics_core::NameScheme;
use metrics_core::relabel::{Action, Pattern, Rule};

use super::super::schema::{Kind, Section};
use super::super::table::Table;
use super::super::value::Val;
use super::super::yaml::YamlError;
use super::field;

pub(crate) static RELABEL: Section = Section::new(
    "relabel.plain",
    &[
        field("source_labels", Kind::FlowList(&Kind::Text)),
        field("separator", Kind::Text).or(";").always(),
        field("regex", Kind::Pattern),
        field("modulus", Kind::Uint),
        field("target_label", Kind::Text),
        field("replacement", Kind::Text).or("$1").always(),
        field("action", Kind::Word(action)).or("replace"),
    ],
)
.check(|t| {
    let lower = t.text("action").to_ascii_lowercase();
    t.set("action", Val::Text(lower));
    Ok(())
});

/// The kind of a key that holds a list of rules.
pub(crate) const RULES: Kind = Kind::List(&Kind::Maybe(&RELABEL));

fn action(text: &str) -> Result<(), String> {
    match Action::from_name(text) {
        Some(_) => Ok(()),
        None => Err(format!("unknown relabel action {text:?}")),
    }
}

/// The rules of a key; items that are null have been refused before.
pub(crate) fn rules(t: &Table, key: &str, names: NameScheme) -> Result<Vec<Rule>, YamlError> {
    t.sections(key).map(|section| rule(section, names)).collect()
}

fn rule(t: &Table, names: NameScheme) -> Result<Rule, YamlError> {
    let fail = |message: String| YamlError { at: t.at, message };
    let Some(action) = Action::from_name(t.text("action")) else {
        return Err(fail("relabel action cannot be empty".to_owned()));
    };
    let rule = Rule {
        source_labels: t.texts("source_labels"),
        separator: t.text("separator").to_owned(),
        pattern: match t.get("regex") {
            Val::Pattern(pattern) => pattern.clone(),
            _ => Pattern::default(),
        },
        modulus: t.uint("modulus"),
        target_label: t.text("target_label").to_owned(),
        replacement: t.text("replacement").to_owned(),
        action,
        names,
    };
    rule.validate().map_err(|e| fail(e.to_string()))?;
    Ok(rule)
}
