//! Translation of OpenTelemetry's names against the original's tables.

use expo_format::otlp::{Kind, Naming, unit_name};

use crate::corpus::{Tally, go_tables};

#[test]
fn conformance_gotables_otlp_names() {
    let Some(tables) = go_tables("otlptranslator.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES otlp names");
    for case in tables["TestMetricNamer_Build"].as_array().unwrap() {
        let (metric, namer) = (&case["metric"], &case["namer"]);
        let naming = Naming {
            namespace: namer["Namespace"].as_str().unwrap().to_owned(),
            suffixes: namer["WithMetricSuffixes"] == true,
            utf8: namer["UTF8Allowed"] == true,
            ..Naming::default()
        };
        let kind = match metric["Type"].as_i64() {
            Some(2) => Kind::MonotonicSum,
            Some(3) => Kind::Gauge,
            _ => Kind::Other,
        };
        let unit = metric["Unit"].as_str().unwrap();
        let found = naming.metric(metric["Name"].as_str().unwrap(), unit, kind);
        let wants_error = case["wantError"] != "";
        let agrees = match &found {
            Ok(name) => {
                !wants_error && case["wantMetricName"] == **name && case["wantUnitName"] == *unit_name(unit)
            }
            Err(_) => wants_error,
        };
        tally.case(&case["name"], if agrees { Ok(()) } else { Err(format!("{found:?} is not {case}")) });
    }
    let classic = Naming::default();
    let keeping = Naming { keep_underscores: true, ..Naming::default() };
    let marking = Naming { mark_underscore: true, ..Naming::default() };
    let utf8 = Naming { utf8: true, ..Naming::default() };
    let wanted = |naming: &Naming, label: &str, wanted: &str| {
        let found = naming.label(label).unwrap_or_default();
        if found == wanted { Ok(()) } else { Err(format!("{label:?}: {found:?} is not {wanted:?}")) }
    };
    for case in tables["TestBuildLabel"].as_array().unwrap() {
        let text = |field: &str| case[field].as_str().unwrap();
        let label = text("label");
        tally.case(label, wanted(&classic, label, text("sanitized")));
        let kept = text("sanitizedMultipleUnderscores");
        tally.case(label, wanted(&keeping, label, if kept.is_empty() { text("sanitized") } else { kept }));
    }
    for case in tables["TestBuildLabel_UTF8Allowed"].as_array().unwrap() {
        let label = case["label"].as_str().unwrap();
        tally.case(label, wanted(&utf8, label, label));
    }
    for case in tables["TestBuildLabel_Underscores"].as_array().unwrap() {
        let text = |field: &str| case[field].as_str().unwrap();
        tally.case(&case["label"], wanted(&classic, text("label"), text("sanitized")));
        tally.case(&case["label"], wanted(&marking, text("label"), text("sanitizedUnderscores")));
    }
    for case in tables["TestBuildLabel_Errors"].as_array().unwrap() {
        let label = case["label"].as_str().unwrap();
        let agrees = (case["wantEscapeErr"] == true) == classic.label(label).is_err()
            && (case["wantUTF8err"] == true) == utf8.label(label).is_err();
        tally.case(label, if agrees { Ok(()) } else { Err(case.to_string()) });
    }
    tally.finish();
}
