//! Content negotiation against the original's tables.

use expo_format::{Escaping, Format, negotiate};

use crate::corpus::{Tally, go_tables};

/// Formats of the original that this crate does not offer: debugging forms of protocol buffers.
const NOT_OFFERED: [&str; 2] = ["encoding=text", "encoding=compact-text"];

#[test]
fn conformance_gotables_negotiation() {
    let Some(tables) = go_tables("common_expfmt.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES negotiation");
    let classic = [Format::Protobuf, Format::Text];
    // The tables fix the default scheme for peers that name none; each does so its own way.
    for (table, offered) in
        [("TestNegotiate", &classic[..]), ("TestNegotiateIncludingOpenMetrics", &Format::OFFERED)]
    {
        for case in tables[table].as_array().unwrap() {
            let accept = case["acceptHeaderValue"].as_str().unwrap();
            let wanted = case["expectedFmt"].as_str().unwrap();
            if NOT_OFFERED.iter().any(|form| wanted.contains(form)) {
                continue;
            }
            let names_scheme = accept.contains("escaping=");
            let mut found = negotiate(accept, offered);
            if !names_scheme {
                let scheme = wanted.rsplit("escaping=").next().and_then(Escaping::from_name).unwrap();
                found.escaping = scheme;
            }
            let found = found.to_string();
            let label = format!("{table} {}", case["name"]);
            tally.case(label, if found == wanted { Ok(()) } else { Err(format!("{found} is not {wanted}")) });
        }
    }
    tally.finish();
}

#[test]
fn conformance_gotables_content_types() {
    let Some(tables) = go_tables("prometheus_model_textparse.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES content types");
    for entry in tables["TestNewParser"].as_array().unwrap() {
        let case = &entry["$value"];
        let header = case["contentType"].as_str().unwrap();
        let found = Format::of_page(header);
        let agrees = found.is_err() == (case["err"] != "");
        tally.case(&entry["$key"], if agrees { Ok(()) } else { Err(format!("{header:?}: {found:?}")) });
    }
    tally.finish();
}

#[test]
fn conformance_gotables_name_escaping() {
    let Some(tables) = go_tables("common_model.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES name escaping");
    for case in tables["TestEscapeName"].as_array().unwrap() {
        let name = case["input"].as_str().unwrap();
        for (scheme, escaped, back) in [
            (Escaping::Underscores, "expectedUnderscores", None),
            (Escaping::Dots, "expectedDots", Some("expectedUnescapedDots")),
            (Escaping::Values, "expectedValue", Some("input")),
        ] {
            let found = scheme.escape(name);
            let mut agrees = case[escaped] == *found;
            if let Some(back) = back {
                agrees &= case[back] == *scheme.unescape(&found);
            }
            tally.case(name, if agrees { Ok(()) } else { Err(format!("{scheme:?}: {found} {case}")) });
        }
    }
    for case in tables["TestValueUnescapeErrors"].as_array().unwrap() {
        let found = Escaping::Values.unescape(case["input"].as_str().unwrap());
        tally.case(&case["name"], if case["expected"] == *found { Ok(()) } else { Err(found.into_owned()) });
    }
    tally.finish();
}
