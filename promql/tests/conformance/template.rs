//! Templates of the field: the original's own cases, and the annotations of real rules.

use super::tally::{Tally, folder, load};
use metrics_core::LabelSet;
use promql::template::{Expander, MissingKey, Output, TemplateSample, TemplateValue, alert_data};
use serde_json::Value;

/// A value as the cases write it.
fn value(json: &Value) -> TemplateValue {
    match json {
        Value::Null => TemplateValue::Nil,
        Value::Bool(b) => TemplateValue::Bool(*b),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => TemplateValue::List(items.iter().map(value).collect()),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => TemplateValue::Int(n),
            (_, Some(n)) => TemplateValue::Uint(n),
            _ => n.as_f64().expect("a number").into(),
        },
        Value::Object(fields) => match fields.get("$f64").and_then(Value::as_str) {
            Some(text) => text.parse::<f64>().expect("a float").into(),
            None => TemplateValue::Sample(TemplateSample {
                labels: LabelSet::empty(),
                value: Box::new(value(&fields["Value"])),
            }),
        },
    }
}

fn sample(json: &Value) -> TemplateSample {
    let labels = json["Metric"].as_object().expect("labels");
    TemplateSample {
        labels: labels.iter().map(|(n, v)| (n.as_str(), v.as_str().expect("a text"))).collect(),
        value: Box::new(json["F"].as_f64().expect("a float").into()),
    }
}

fn expand(case: &Value) -> Result<String, String> {
    let query = |_: &str| match case["queryResult"].as_array() {
        Some(samples) => Ok(samples.iter().map(sample).collect()),
        None => Err("no result".to_owned()),
    };
    let strict = case["options"].as_array().is_some_and(|o| o.iter().any(|o| o == "missingkey=error"));
    let expander = Expander::new("test", 0, "http://testhost:9090/path/prefix", &query)
        .with_output(if case["html"] == Value::Bool(true) { Output::Html } else { Output::Text })
        .with_missing_key(if strict { MissingKey::Error } else { MissingKey::Zero });
    expander
        .expand(case["text"].as_str().expect("a template"), &value(&case["input"]))
        .map_err(|e| e.to_string())
}

#[test]
fn conformance_templates() {
    let Some(folder) = folder("CONFORMANCE_TEMPLATES", "templates") else { return };
    let mut tally = Tally::new("CONFORMANCE_TEMPLATES");
    for case in load(&folder.join("prometheus.json"))["testTemplateExpansion"].as_array().expect("cases") {
        let wanted = match case["shouldFail"] == Value::Bool(true) {
            true => Err(case["errorMsg"].as_str().expect("a message").to_owned()),
            false => Ok(case["output"].as_str().expect("a text").to_owned()),
        };
        tally.check(case["text"].as_str().expect("a template"), &wanted, &expand(case));
    }
    let labels = LabelSet::from_pairs([("instance", "a:9100"), ("job", "node")]);
    let data = alert_data(&labels, &LabelSet::empty(), "http://localhost:9090", 0.5.into());
    let query = |_: &str| {
        Ok(vec![TemplateSample {
            labels: LabelSet::from_pairs([("hostname", "h")]),
            value: Box::new(7.0.into()),
        }])
    };
    // The recorded answers of these are not at hand: that they expand at all, without a verb gone wrong, counts.
    for text in load(&folder.join("real-world-rule-templates.json")).as_array().expect("templates") {
        let text = text.as_str().expect("a template");
        let outcome = match Expander::new("test", 0, "http://localhost:9090", &query).expand(text, &data) {
            // One of them forgets the argument of `value`; the original, too, answers with this error.
            Err(error) if error.to_string().ends_with("wrong number of args for value: want 1 got 0") => {
                String::new()
            }
            Err(error) => error.to_string(),
            Ok(text) if text.contains("%!") => text,
            Ok(_) => String::new(),
        };
        tally.check(text, "", &outcome);
    }
    tally.finish();
}
