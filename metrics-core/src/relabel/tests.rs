use super::validate::is_name_template;
use super::*;

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    LabelSet::from_pairs(pairs.iter().copied())
}

#[test]
fn rules_act_in_order_and_stop_at_a_drop() {
    let rules = [
        Rule {
            source_labels: vec!["a".into()],
            target_label: "b".into(),
            replacement: "x-$1".into(),
            ..Rule::new(Action::Replace)
        },
        Rule { source_labels: vec!["b".into()], pattern: "x-1".parse().unwrap(), ..Rule::new(Action::Drop) },
    ];
    assert_eq!(relabel(&labels(&[("a", "1")]), &rules), None);
    assert_eq!(relabel(&labels(&[("a", "2")]), &rules), Some(labels(&[("a", "2"), ("b", "x-2")])));
}

#[test]
fn an_empty_replacement_removes_the_label() {
    let rule = Rule { target_label: "a".into(), replacement: String::new(), ..Rule::new(Action::Replace) };
    assert_eq!(relabel(&labels(&[("a", "1"), ("b", "2")]), &[rule]), Some(labels(&[("b", "2")])));
}

#[test]
fn case_is_mapped_character_by_character() {
    let rule =
        |action| Rule { source_labels: vec!["a".into()], target_label: "a".into(), ..Rule::new(action) };
    let upper = relabel(&labels(&[("a", "straße Éa")]), &[rule(Action::Uppercase)]);
    assert_eq!(upper, Some(labels(&[("a", "STRAßE ÉA")])));
    let lower = relabel(&labels(&[("a", "ABC")]), &[rule(Action::Lowercase)]);
    assert_eq!(lower, Some(labels(&[("a", "abc")])));
}

#[test]
fn dollars_that_refer_to_nothing_stay() {
    let rule = Rule {
        source_labels: vec!["a".into()],
        target_label: "b".into(),
        replacement: "$$ $- ${ ${1x $1x|${1}".into(),
        ..Rule::new(Action::Replace)
    };
    let out = relabel(&labels(&[("a", "v")]), &[rule]).unwrap();
    assert_eq!(out.get("b"), Some("$ $- ${ ${1x |v"));
}

#[test]
fn legacy_name_templates() {
    for (text, valid) in
        [("a${1}", true), ("$1", true), ("1a", false), ("${1}a2", true), ("${", false), ("", false)]
    {
        assert_eq!(is_name_template(text, NameScheme::Legacy), valid, "{text}");
    }
}
