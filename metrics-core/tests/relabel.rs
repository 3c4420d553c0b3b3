//! Relabeling against the cases that the field itself wrote.
#![cfg(feature = "matcher")]
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test target; the lints see only #[test] functions as tests

use std::path::PathBuf;

use metrics_core::relabel::{Action, Pattern, Rule, relabel};
use metrics_core::{LabelSet, NameScheme};
use serde_json::Value as Json;

/// The file of a conformance folder, or `None` (said aloud) where the corpus is not there.
fn corpus(variable: &str, folder: &str, file: &str) -> Option<Json> {
    let dir = std::env::var_os(variable).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance").join(folder),
        PathBuf::from,
    );
    match std::fs::read(dir.join(file)) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            println!("skipped: {}: {error}", dir.join(file).display());
            None
        }
    }
}

fn text(json: &Json) -> Option<&str> {
    json.as_str().filter(|s| !s.is_empty())
}

/// A rule from JSON whose keys are spelt as in YAML or as in Go.
fn rule(json: &Json) -> Option<Rule> {
    let get = |yaml: &str, go: &str| json.get(yaml).or_else(|| json.get(go)).cloned().unwrap_or(Json::Null);
    let mut rule = Rule::new(Action::from_name(text(&get("action", "Action"))?)?);
    if let Some(pattern) = get("regex", "Regex").as_str() {
        rule.pattern = Pattern::new(pattern).unwrap();
    }
    if let Some(separator) = text(&get("separator", "Separator")) {
        rule.separator = separator.to_owned();
    }
    // The tables leave fields zero where the original fills in defaults; `replacement` may be empty on purpose.
    match (json.get("replacement"), text(&get("replacement", "Replacement"))) {
        (_, Some(replacement)) => rule.replacement = replacement.to_owned(),
        (Some(_), None) => rule.replacement = String::new(),
        _ => {}
    }
    rule.modulus = get("modulus", "Modulus").as_u64().unwrap_or(0);
    rule.target_label = get("target_label", "TargetLabel").as_str().unwrap_or("").to_owned();
    if let Some(names) = get("source_labels", "SourceLabels").as_array() {
        rule.source_labels = names.iter().map(|n| n.as_str().unwrap().to_owned()).collect();
    }
    Some(rule)
}

fn label_set(json: &Json) -> LabelSet {
    let map = json.as_object().cloned().unwrap_or_default();
    LabelSet::from_pairs(map.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())))
}

fn run(name: &str, cases: &Json, rules_key: &str) {
    let cases = cases.as_array().unwrap();
    let mut agree = 0;
    for case in cases {
        let rules: Vec<Rule> = case[rules_key].as_array().unwrap().iter().map(|r| rule(r).unwrap()).collect();
        let expected = (!case["drop"].as_bool().unwrap()).then(|| label_set(&case["output"]));
        let got = relabel(&label_set(&case["input"]), &rules);
        if got == expected {
            agree += 1;
        } else {
            println!("differs: {case}\n  got {got:?}");
        }
    }
    println!("{name}: {agree} of {} cases agree", cases.len());
    assert_eq!(agree, cases.len());
}

#[test]
fn conformance_relabel() {
    if let Some(cases) = corpus("CONFORMANCE_RELABEL", "relabel", "cases.json") {
        run("CONFORMANCE_RELABEL", &cases, "relabel_configs");
    }
}

#[test]
fn conformance_gotables_relabel() {
    let Some(tables) = corpus("CONFORMANCE_GOTABLES", "gotables", "prometheus_model_relabel.json") else {
        return;
    };
    run("CONFORMANCE_GOTABLES relabel", &tables["TestRelabel"], "relabel");

    let validate = tables["TestRelabelValidate"].as_array().unwrap();
    for case in validate {
        let expected = case["expected"].as_str().unwrap();
        let error = match rule(&case["config"]) {
            Some(rule) => rule.validate().err().map(|e| e.to_string()),
            None => Some("relabel action cannot be empty".to_owned()),
        };
        match error {
            Some(error) => assert!(!expected.is_empty() && error.contains(expected), "{case}: {error}"),
            None => assert_eq!(expected, "", "{case}"),
        }
    }
    let legacy = tables["TestTargetLabelLegacyValidity"].as_array().unwrap();
    for case in legacy {
        let replacement = case["str"].as_str().unwrap().to_owned();
        let rule = Rule { replacement, names: NameScheme::Legacy, ..Rule::new(Action::LabelMap) };
        assert_eq!(rule.validate().is_ok(), case["valid"].as_bool().unwrap(), "{case}");
    }
    let checks = validate.len() + legacy.len();
    println!("CONFORMANCE_GOTABLES relabel validation: {checks} of {checks} cases agree");
}
