//! Rule files, good and bad, with what the original's checker says of them.

use promql::rules::{RuleFileOptions, parse_rules};

use super::tally::{Tally, folder, load};

#[test]
fn conformance_rulefmt() {
    let Some(promtool) = folder("CONFORMANCE_PROMTOOL", "promtool") else { return };
    let mut tally = Tally::new("CONFORMANCE_RULEFMT");
    for case in load(&promtool.join("expected-promtool-3.5.3.json")).as_array().expect("cases") {
        if case["kind"] != "check rules" {
            continue;
        }
        let name = case["file"].as_str().expect("a file");
        // Files of the checker's own folder stand in `testdata`, the others beside it.
        let path = match name.strip_prefix("../") {
            Some(beside) => promtool.join("..").join(beside),
            None => promtool.join("testdata").join(name),
        };
        let Ok(text) = std::fs::read_to_string(&path) else {
            tally.fault(name, "cannot be read");
            continue;
        };
        let output = case["out"].as_str().expect("an output");
        // Duplicate rules are a matter of the checker's lint.
        let good = case["rc"] == 0;
        let shown = match name.strip_prefix("../") {
            Some(beside) => beside.to_owned(),
            None => format!("promtool/testdata/{name}"),
        };
        match parse_rules(&text, &RuleFileOptions::default()) {
            Ok(_) => tally.check(name, &true, &good),
            Err(errors) => {
                let lines: String = errors.iter().map(|e| format!("{shown}: {e}\n")).collect();
                let found = format!("Checking {shown}\n  FAILED:\n{lines}");
                tally.check(name, output, found.as_str())
            }
        };
    }
    tally.finish();
}
