//! The protocol buffers format against the parser of Prometheus.

use expo_format::{Event, ExemplarRef, protobuf};
use metrics_core::{Exemplar, LabelSet, METRIC_NAME, Value};
use serde_json::Value as Json;

use crate::corpus::{Tally, bytes, float, go_tables, same};

/// Entry by entry what the real parser made of a page with every kind of metric.
#[test]
fn conformance_gotables_protobuf() {
    let Some(tables) = go_tables("prometheus_model_textparse.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES protobuf");
    for case in tables["TestProtobufParse"].as_array().unwrap() {
        let options = &case["parser"];
        if options["enableTypeAndUnitLabels"] == true {
            // Type and unit as labels are the business of who appends the samples.
            continue;
        }
        let page = bytes(&options["dec"]["in"]);
        let mut parser = protobuf::Parser::new(&page);
        if options["parseClassicHistograms"] == true {
            parser = parser.keep_classic();
        }
        for entry in case["expected"].as_array().unwrap() {
            let found = match parser.next_event() {
                Ok(Some(event)) => check(&event, entry),
                other => Err(format!("{other:?}")),
            };
            tally.case(&entry["m"], found);
        }
    }
    tally.finish();
}

fn check(event: &Event<'_>, entry: &Json) -> Result<(), String> {
    let agrees = match event {
        Event::Help { name, help } => entry["m"] == **name && entry["help"] == **help,
        Event::Type { name, metric_type } => entry["m"] == **name && entry["typ"] == metric_type.as_str(),
        Event::Unit { name, unit } => entry["m"] == **name && entry["unit"] == **unit,
        Event::Sample(sample) => {
            sample.series.label_set() == Ok(labels(&entry["lset"]))
                && same(sample.value, float(&entry["v"]))
                && sample.timestamp == entry["t"].as_i64()
                && sample.created.unwrap_or(0) == entry["ct"].as_i64().unwrap()
                && sample.exemplar.as_ref().map(ExemplarRef::to_exemplar).into_iter().eq(exemplars(entry))
        }
        Event::Histogram(histogram) => {
            let (text, kind) = match &histogram.value {
                Value::Histogram(h) => (h.to_string(), "shs"),
                Value::FloatHistogram(h) => (h.to_string(), "fhs"),
                other => return Err(format!("{other:?}")),
            };
            histogram.series.label_set() == Ok(labels(&entry["lset"]))
                && entry[kind] == text
                && histogram.timestamp == entry["t"].as_i64()
                && histogram.created.unwrap_or(0) == entry["ct"].as_i64().unwrap()
                && histogram.exemplars.iter().cloned().eq(exemplars(entry))
        }
        _ => false,
    };
    if agrees { Ok(()) } else { Err(format!("{event:?} is not {entry}")) }
}

fn labels(json: &Json) -> LabelSet {
    json.as_object().unwrap().iter().map(|(n, v)| (n.as_str(), v.as_str().unwrap())).collect()
}

fn exemplars(entry: &Json) -> impl Iterator<Item = Exemplar> {
    entry["es"].as_array().into_iter().flatten().map(|e| {
        let labels = labels(&e["Labels"]);
        assert_eq!(labels.get(METRIC_NAME), None);
        let timestamp = (e["HasTs"] == true).then(|| e["Ts"].as_i64().unwrap());
        Exemplar { labels, value: float(&e["Value"]), timestamp }
    })
}
