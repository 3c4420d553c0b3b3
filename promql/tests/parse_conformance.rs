//! Cases of the field: what the original makes of queries, and queries of real rules and dashboards.

mod conformance;

use conformance::{Tally, folder, load};
use promql::parser::{ParserOptions, pretty};
use serde_json::Value;

/// Words that the 3.5 server behind the recorded answers did not know yet. Where the two differ the newer
/// language wins: these cases are checked against the newer original's own tests instead (`newer.rs`).
fn is_newer(input: &str) -> bool {
    let _ = input;
    false
}

#[test]
fn conformance_promql_parse() {
    let Some(folder) = folder("CONFORMANCE_PROMQL_PARSE", "promql-parse") else { return };
    let mut tally = Tally::new("CONFORMANCE_PROMQL_PARSE");
    let options =
        ParserOptions::default().with_flag("promql-experimental-functions").with_flag("promql-duration-expr");
    for case in load(&folder.join("cases.json")).as_array().expect("a list") {
        let input = case["input"].as_str().expect("a query");
        if is_newer(input) {
            continue;
        }
        let answer = match options.parse(input) {
            Ok(expr) => pretty(&expr),
            Err(error) => format!("invalid parameter \"query\": {error}"),
        };
        let wanted = match case["ok"] {
            Value::Bool(true) => &case["formatted"],
            _ => &case["error"],
        };
        tally.check(input, wanted.as_str().expect("an answer"), &answer);
    }
    tally.finish();
}
