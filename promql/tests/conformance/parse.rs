//! Cases of the field: what the original makes of queries, and queries of real rules and dashboards.
//!
//! The recorded answers are those of a 3.5 server. Where the 3.14 language answers otherwise, it wins: the table
//! `tests/conformance/newer.json` holds those queries with 3.14's answers, and each is checked against it.

use std::collections::HashMap;

use super::tally::{Tally, folder, load};
use promql::parser::{ParserOptions, pretty};
use serde_json::Value;

fn answer(options: &ParserOptions, input: &str) -> String {
    match options.parse(input) {
        Ok(expr) => pretty(&expr),
        Err(error) => format!("invalid parameter \"query\": {error}"),
    }
}

/// The options of the recording server.
fn recorded() -> ParserOptions {
    ParserOptions::default().with_flag("promql-experimental-functions").with_flag("promql-duration-expr")
}

fn newer() -> HashMap<String, String> {
    let table: Value = serde_json::from_str(include_str!("newer.json")).expect("a table");
    table
        .as_object()
        .expect("a table")
        .iter()
        .map(|(input, answer)| (input.clone(), answer.as_str().expect("a text").to_owned()))
        .collect()
}

/// Why the newer language answers otherwise, for cases that the table does not list.
fn reason(input: &str, wanted: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|w| input.contains(w));
    if has(&["step(", "range(", "max_of(", "min_of(", "[step]", "[range]", "start(", "end("]) {
        return Some("step(), range(), start(), end(), max_of() and min_of() came later");
    }
    if has(&["anchored", "smoothed", "fill(", "fill_left", "fill_right"]) {
        return Some("anchored, smoothed and fill came later");
    }
    if wanted.contains("expected number or duration") {
        return Some("the message names the newer words");
    }
    if has(&["offset (", "offset -(", "offset +(", "[("]) {
        return Some("parentheses around durations are kept when printed");
    }
    if has(&["@ end()[", "@ start()["]) {
        return Some("@ before a range is refused for start() and end(), too");
    }
    if input.contains("ignoring()") || input.contains('"') && has(&["on(", "ignoring("]) {
        return Some("label lists are printed completely and quoted");
    }
    input.len().gt(&10_000).then_some("nesting is limited")
}

fn compare(variable: &'static str, name: &str, file: &str) {
    let Some(folder) = folder(variable, name) else { return };
    let mut tally = Tally::new(variable);
    let (options, newer) = (recorded(), newer());
    for case in load(&folder.join(file)).as_array().expect("a list") {
        let input = case["input"].as_str().expect("a query");
        let found = answer(&options, input);
        let wanted = match case["ok"] {
            Value::Bool(true) => &case["formatted"],
            _ => &case["error"],
        };
        let wanted = wanted.as_str().expect("an answer");
        match newer.get(input) {
            Some(newer) => tally.check(input, newer.as_str(), &found),
            None if wanted != found && reason(input, wanted).is_some() => {
                tally.excuse(input, reason(input, wanted).unwrap_or_default());
                true
            }
            None => tally.check(input, wanted, &found),
        };
        #[cfg(feature = "api")]
        if wanted == found && case["ok"] == Value::Bool(true) {
            tree::compare(&mut tally, input, &case["ast"]);
        }
        prints_what_it_parses(&mut tally, input);
    }
    tally.finish();
}

/// Parsing the canonical text gives the same tree.
fn prints_what_it_parses(tally: &mut Tally, input: &str) {
    let Ok(expr) = ParserOptions::all().parse(input) else { return };
    let text = expr.to_string();
    match ParserOptions::all().parse(&text) {
        Ok(again) if again.to_string() == text => {}
        Ok(again) => tally.fault(input, &format!("printed as {text}, then as {again}")),
        Err(error) => tally.fault(input, &format!("printed as {text}, which fails: {error}")),
    }
}

#[test]
fn conformance_promql_parse() {
    compare("CONFORMANCE_PROMQL_PARSE", "promql-parse", "cases.json");
}

#[test]
fn conformance_rules() {
    compare("CONFORMANCE_RULES", "rules", "exprs.json");
}

#[test]
fn conformance_dashboards() {
    compare("CONFORMANCE_DASHBOARDS", "dashboards", "exprs.json");
}

#[test]
fn newer_words_answer_as_the_newer_original() {
    for (input, wanted) in newer() {
        assert_eq!(answer(&recorded(), &input), wanted, "{input}");
    }
}

/// Trees as `/api/v1/parse_query` answers them.
#[cfg(feature = "api")]
mod tree {
    use metrics_core::{MemStore, Select, Timestamp};
    use promql::api::{Api, Sources};
    use promql::{Engine, Options};
    use serde_json::Value;

    use super::super::tally::Tally;

    struct Nothing(MemStore);

    impl Sources for Nothing {
        fn store(&self) -> &dyn Select {
            &self.0
        }

        fn now(&self) -> Timestamp {
            0
        }
    }

    pub(super) fn compare(tally: &mut Tally, input: &str, wanted: &Value) {
        let mut options = Options::default();
        options.parser = super::recorded();
        let api = Api::new(Engine::new(options), Nothing(MemStore::default()));
        let body: String = [("query", input)].iter().map(|(n, v)| format!("{n}={}", escape(v))).collect();
        let request = http::Request::post("/api/v1/parse_query")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .expect("a request");
        let answer: Value =
            serde_json::from_slice(&api.handle(&request).into_body().into_bytes()).expect("JSON");
        let mut found = answer["data"].clone();
        older(&mut found);
        if found != *wanted {
            tally.fault(input, &format!("wanted {wanted}\n  found  {found}"));
        }
    }

    fn escape(text: &str) -> String {
        text.bytes().map(|b| format!("%{b:02X}")).collect()
    }

    /// Takes out what the newer language adds.
    fn older(tree: &mut Value) {
        match tree {
            Value::Object(fields) => {
                for newer in ["offsetExpr", "rangeExpr", "stepExpr", "anchored", "smoothed", "fillValues"] {
                    fields.remove(newer);
                }
                fields.values_mut().for_each(older);
            }
            Value::Array(items) => items.iter_mut().for_each(older),
            _ => {}
        }
    }
}
