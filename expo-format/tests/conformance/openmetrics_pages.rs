//! OpenMetrics pages, good and bad.

use std::fs;

use expo_format::{Event, openmetrics};
use serde_json::Value as Json;

use crate::corpus::{Tally, bytes, folder, go_tables};

/// All good pages are accepted and all bad ones refused in strict mode; the lenient mode accepts all good ones.
#[test]
fn conformance_openmetrics() {
    let Some(folder) = folder("CONFORMANCE_OPENMETRICS", "openmetrics-parsers") else { return };
    let mut tally = Tally::new("CONFORMANCE_OPENMETRICS");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    for case in cases.iter().filter(|path| path.is_dir()) {
        let page = fs::read(case.join("metrics")).unwrap();
        let about: Json = serde_json::from_slice(&fs::read(case.join("test.json")).unwrap()).unwrap();
        let is_good = about["shouldParse"].as_bool().unwrap();
        let strict = openmetrics::StrictParser::new(&page).find_map(Result::err);
        let lenient = openmetrics::Parser::new(&page).find_map(Result::err);
        let found = match (is_good, strict, lenient) {
            (true, Some(e), _) => Err(format!("refused: {e}")),
            (true, None, Some(e)) => Err(format!("refused even in lenient mode: {e}")),
            (false, None, _) => Err("accepted".to_owned()),
            (true, None, None) | (false, Some(_), _) => Ok(()),
        };
        tally.case(case.file_name().unwrap().display(), found);
    }
    tally.finish();
}

/// What the parser of Prometheus 3.5.3 makes of each page: how many samples, or that it refuses it.
const PROMETHEUS: &str = include_str!("openmetrics_prometheus.txt");

/// The lenient mode takes the pages that the real Prometheus takes, with as many samples, and refuses the others.
#[test]
fn conformance_openmetrics_lenient() {
    let Some(folder) = folder("CONFORMANCE_OPENMETRICS", "openmetrics-parsers") else { return };
    let mut tally = Tally::new("CONFORMANCE_OPENMETRICS lenient");
    for (case, verdict) in PROMETHEUS.lines().filter_map(|line| line.split_once(' ')) {
        let Ok(page) = fs::read(folder.join(case).join("metrics")) else { continue };
        let events: Result<Vec<_>, _> = openmetrics::Parser::new(&page).collect();
        let is_sample = |event: &&Event<'_>| matches!(event, Event::Sample(_));
        let found = match &events {
            Ok(events) => events.iter().filter(is_sample).count().to_string(),
            Err(_) => "refused".to_owned(),
        };
        let agrees = if found == verdict { Ok(()) } else { Err(format!("{events:?}, not {verdict}")) };
        tally.case(case, agrees);
    }
    tally.finish();
}

/// Pages that the real Prometheus refuses, and pages with zero bytes.
#[test]
fn conformance_gotables_openmetrics_errors() {
    let Some(tables) = go_tables("prometheus_model_textparse.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES openmetrics errors");
    for table in ["TestOpenMetricsParseErrors", "TestOMNullByteHandling"] {
        for case in tables[table].as_array().unwrap() {
            let page = bytes(&case["input"]);
            let found = openmetrics::Parser::new(&page).find_map(Result::err);
            let wanted = case["err"] != "" && case["err"] != "EOF";
            let label = format!("{table} {:?}", String::from_utf8_lossy(&page));
            tally.case(
                label,
                if found.is_some() == wanted { Ok(()) } else { Err(format!("{found:?}, not {case}")) },
            );
        }
    }
    tally.finish();
}
