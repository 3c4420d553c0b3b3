//! Remote write 2.0 messages out of the tables, field by field: also such as no sender of ours would write.
//!
//! Source of the numbers: `io.prometheus.write.v2.Request` of the remote write 2.0 specification.

use serde_json::Value;

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unsigned(out: &mut Vec<u8>, field: u64, number: u64) {
    varint(out, field << 3);
    varint(out, number);
}

fn double(out: &mut Vec<u8>, field: u64, number: f64) {
    varint(out, field << 3 | 1);
    out.extend_from_slice(&number.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn int(number: &Value) -> i64 {
    number.as_i64().unwrap()
}

/// A repeated field of numbers, packed.
fn packed(out: &mut Vec<u8>, field: u64, list: &Value, write: impl Fn(&mut Vec<u8>, &Value)) {
    let mut content = Vec::new();
    each(list).for_each(|number| write(&mut content, number));
    if !content.is_empty() {
        bytes(out, field, &content);
    }
}

fn references(out: &mut Vec<u8>, list: &Value) {
    packed(out, 1, list, |out, number| varint(out, number.as_u64().unwrap()));
}

fn sample(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    double(&mut out, 1, json["Value"].as_f64().unwrap());
    unsigned(&mut out, 2, int(&json["Timestamp"]) as u64);
    out
}

fn exemplar(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    references(&mut out, &json["LabelsRefs"]);
    double(&mut out, 2, json["Value"].as_f64().unwrap());
    unsigned(&mut out, 3, int(&json["Timestamp"]) as u64);
    out
}

fn metadata(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    for (field, name) in [(1, "Type"), (3, "HelpRef"), (4, "UnitRef")] {
        unsigned(&mut out, field, int(&json[name]) as u64);
    }
    out
}

fn span(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    unsigned(&mut out, 1, zigzag(int(&json["Offset"])));
    unsigned(&mut out, 2, int(&json["Length"]) as u64);
    out
}

fn histogram(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    for (field, part, name) in [(1, "Count", "CountInt"), (6, "ZeroCount", "ZeroCountInt")] {
        json[part][name].as_u64().into_iter().for_each(|n| unsigned(&mut out, field, n));
    }
    for (field, part, name) in [(2, "Count", "CountFloat"), (7, "ZeroCount", "ZeroCountFloat")] {
        json[part][name].as_f64().into_iter().for_each(|n| double(&mut out, field, n));
    }
    double(&mut out, 3, json["Sum"].as_f64().unwrap());
    unsigned(&mut out, 4, zigzag(int(&json["Schema"])));
    double(&mut out, 5, json["ZeroThreshold"].as_f64().unwrap());
    for (first, side) in [(8, "Negative"), (11, "Positive")] {
        each(&json[format!("{side}Spans")]).for_each(|s| bytes(&mut out, first, &span(s)));
        let deltas = &json[format!("{side}Deltas")];
        packed(&mut out, first + 1, deltas, |out, n| varint(out, zigzag(int(n))));
        packed(&mut out, first + 2, &json[format!("{side}Counts")], float);
    }
    unsigned(&mut out, 14, int(&json["ResetHint"]) as u64);
    unsigned(&mut out, 15, int(&json["Timestamp"]) as u64);
    packed(&mut out, 16, &json["CustomValues"], float);
    out
}

fn float(out: &mut Vec<u8>, number: &Value) {
    out.extend_from_slice(&number.as_f64().unwrap().to_le_bytes());
}

fn series(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    references(&mut out, &json["LabelsRefs"]);
    each(&json["Samples"]).for_each(|s| bytes(&mut out, 2, &sample(s)));
    each(&json["Histograms"]).for_each(|h| bytes(&mut out, 3, &histogram(h)));
    each(&json["Exemplars"]).for_each(|e| bytes(&mut out, 4, &exemplar(e)));
    bytes(&mut out, 5, &metadata(&json["Metadata"]));
    out
}

/// A message with these symbols and the series of a case.
pub(crate) fn write_request(symbols: &[&str], all: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    symbols.iter().for_each(|symbol| bytes(&mut out, 4, symbol.as_bytes()));
    each(all).for_each(|one| bytes(&mut out, 5, &series(one)));
    out
}
