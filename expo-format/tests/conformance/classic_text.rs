//! The classic text format against the parser of Prometheus.

use std::fs;

use expo_format::{Event, text};
use metrics_core::{LabelSet, METRIC_NAME};
use serde_json::Value as Json;

use crate::corpus::{Tally, bytes, float, folder, go_tables, same};

/// Entry by entry what the real parser made of each page, or that it refused it.
#[test]
fn conformance_textparse() {
    let Some(folder) = folder("CONFORMANCE_TEXTPARSE", "textparse-data") else { return };
    let list = fs::read_to_string(folder.join("prometheus-3.5.3-text-parse.jsonl")).unwrap();
    let mut tally = Tally::new("CONFORMANCE_TEXTPARSE");
    let mut absent = 0;
    for line in list.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let file = case["file"].as_str().unwrap();
        // Pages live in the sister folders of the corpus, of which some are thinned out.
        let Ok(page) = fs::read(folder.join("..").join(file)) else {
            absent += 1;
            continue;
        };
        tally.case(file, compare(&page, &case));
    }
    println!("CONFORMANCE_TEXTPARSE: {absent} pages are not in the corpus");
    tally.finish();
}

fn compare(page: &[u8], case: &Json) -> Result<(), String> {
    let mut expected = case["entries"].as_array().into_iter().flatten();
    for event in text::Parser::new(page) {
        match event {
            Ok(event) => {
                let Some(entry) = expected.next() else {
                    return if case["ok"] == true { Err(format!("one too many: {event:?}")) } else { Ok(()) };
                };
                check_entry(&event, entry)?;
            }
            Err(e) if case["ok"] == true => return Err(format!("refused: {e}")),
            Err(_) => return Ok(()),
        }
    }
    match (expected.next(), case["ok"] == true) {
        (Some(entry), _) => Err(format!("missing: {entry}")),
        (None, false) => Err(format!("accepted in spite of {}", case["error"])),
        (None, true) => Ok(()),
    }
}

fn check_entry(event: &Event<'_>, entry: &Json) -> Result<(), String> {
    let agrees = match event {
        Event::Help { name, help } => {
            entry["kind"] == "help" && entry["name"] == **name && entry["help"] == **help
        }
        Event::Type { name, metric_type } => {
            entry["kind"] == "type" && entry["name"] == **name && entry["type"] == metric_type.as_str()
        }
        Event::Comment(text) => entry["kind"] == "comment" && bytes(&entry["text"]) == *text,
        Event::Sample(sample) => {
            let labels = entry["labels"].as_object().ok_or_else(|| format!("not a sample: {entry}"))?;
            let labels: LabelSet = labels.iter().map(|(n, v)| (n.as_str(), v.as_str().unwrap())).collect();
            // The list keeps one of two labels of the same name; that they are two is for the caller to refuse.
            let found = sample.series.label_set().unwrap_or_else(|_| sample.series.labels().collect());
            let found =
                if found.metric_name().is_some() { found } else { named(&found, &sample.series.name()) };
            found == labels
                && same(sample.value, float(&entry["value"]))
                && sample.timestamp == entry["ts_ms"].as_i64()
        }
        _ => false,
    };
    if agrees { Ok(()) } else { Err(format!("{event:?} is not {entry}")) }
}

fn named(labels: &LabelSet, name: &str) -> LabelSet {
    let mut builder = labels.to_builder();
    builder.set(METRIC_NAME, name);
    builder.build()
}

/// Pages that the original's tests call bad, and pages with zero bytes.
#[test]
fn conformance_gotables_text_errors() {
    let Some(tables) = go_tables("prometheus_model_textparse.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES text errors");
    for table in ["TestPromParseErrors", "TestPromNullByteHandling"] {
        for case in tables[table].as_array().unwrap() {
            let page = bytes(&case["input"]);
            let found = text::Parser::new(&page).find_map(Result::err);
            let wanted = case["err"] != "";
            let label = format!("{table} {:?}", String::from_utf8_lossy(&page));
            tally.case(label, if found.is_some() == wanted { Ok(()) } else { Err(format!("{found:?}")) });
        }
    }
    tally.finish();
}
