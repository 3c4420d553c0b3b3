//! Label sets against the cases that the field itself wrote.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test target; the lints see only #[test] functions as tests

use std::cmp::Ordering;
use std::path::PathBuf;

use metrics_core::{LabelSet, NameScheme};
use proptest::prelude::*;
use serde_json::Value as Json;

fn tables() -> Option<Json> {
    let dir = std::env::var_os("CONFORMANCE_GOTABLES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/gotables"),
        PathBuf::from,
    );
    match std::fs::read(dir.join("prometheus_model_labels.json")) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            println!("skipped: {}: {error}", dir.display());
            None
        }
    }
}

fn label_set(json: &Json) -> LabelSet {
    let map = json.as_object().cloned().unwrap_or_default();
    LabelSet::from_pairs(map.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())))
}

/// The set that the original's tests compare with others.
fn base() -> LabelSet {
    LabelSet::from_pairs([("aaa", "111"), ("bbb", "222")])
}

fn is_valid(labels: &LabelSet) -> bool {
    let name = labels.metric_name();
    name.is_none_or(|n| NameScheme::Legacy.allows_metric(n))
        && labels.iter().all(|(n, _)| NameScheme::Legacy.allows_label(n))
}

#[test]
fn conformance_gotables_labels() {
    let Some(tables) = tables() else { return };
    let (mut agree, mut all) = (0, 0);
    // Labels are text here: those with other bytes cannot be made.
    let mut run = |table: &str, test: &dyn Fn(&Json) -> bool| {
        let cases = tables[table].as_array().unwrap();
        for case in cases.iter().filter(|c| !c.to_string().contains("$bytes_hex")) {
            all += 1;
            match test(case) {
                true => agree += 1,
                false => println!("{table} differs: {case}"),
            }
        }
    };
    run("TestLabels_String", &|c| label_set(&c["labels"]).to_string() == c["expected"]);
    run("TestLabels_WithoutEmpty", &|c| label_set(&c["input"]) == label_set(&c["expected"]));
    run("TestLabels_Equal", &|c| (label_set(&c["compared"]) == base()) == c["expected"].as_bool().unwrap());
    run("TestLabels_Has", &|c| {
        let labels = LabelSet::from_pairs([("aaa", "111"), ("bbb", "222")]);
        labels.get(c["input"].as_str().unwrap()).is_some() == c["expected"].as_bool().unwrap()
    });
    run("TestLabels_Compare", &|c| {
        let wanted = match c["expected"].as_i64().unwrap() {
            0 => Ordering::Equal,
            n if n < 0 => Ordering::Less,
            _ => Ordering::Greater,
        };
        base().cmp(&label_set(&c["compared"])) == wanted
    });
    run("TestLabels_IsValid", &|c| is_valid(&label_set(&c["input"])) == c["expected"].as_bool().unwrap());
    println!("CONFORMANCE_GOTABLES labels: {agree} of {all} cases agree");
    assert_eq!(agree, all);
}

proptest! {
    /// Whatever the bytes are, what is made of them is a set, and the one that they spell.
    #[test]
    fn prefixed_bytes_are_taken_only_where_they_are_a_set(
        count in 0usize..4,
        bytes in prop_oneof![
            proptest::collection::vec(prop_oneof![Just(1u8), Just(2u8), any::<u8>()], 0..40),
            proptest::collection::btree_map("[a-cü]{1,3}", "[xyü]{1,3}", 0..5).prop_map(|pairs| {
                LabelSet::from_iter(pairs).as_prefixed().map_or_else(Vec::new, |(_, bytes)| bytes.to_vec())
            }),
        ],
    ) {
        if let Some((set, len)) = LabelSet::from_prefixed(count, &bytes) {
            prop_assert_eq!(&LabelSet::from_pairs(&set), &set);
            prop_assert_eq!(set.as_prefixed(), Some((count, &bytes[..len])));
        }
        let set = LabelSet::from_pairs((0..count).map(|i| (format!("n{i}"), format!("v{i}"))));
        let (n, prefixed) = set.as_prefixed().expect("short strings");
        prop_assert_eq!(LabelSet::from_prefixed(n, prefixed), Some((set.clone(), prefixed.len())));
    }
}
