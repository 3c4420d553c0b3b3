//! Values of queries as JSON, in the very digits of the original.

use std::fmt::Write;

use metrics_core::number::format_decimal;
use metrics_core::{Exemplar, FloatHistogram, LabelSet};

use super::number::{push_float, push_timestamp};
use crate::json::{push_string, push_texts};
use crate::{Point, Scalar, Text, VectorSample};

/// A histogram: count, sum, and the buckets that are not empty with the rule of their bounds.
pub(super) fn push_histogram(out: &mut String, h: &FloatHistogram) {
    out.push_str("{\"count\":");
    push_float(out, h.count);
    out.push_str(",\"sum\":");
    push_float(out, h.sum);
    let mut opened = false;
    for bucket in h.all_buckets().filter(|b| b.count != 0.0) {
        out.push_str(if opened { ",[" } else { ",\"buckets\":[[" });
        opened = true;
        out.push(match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => '0',
            (true, false) => '1',
            (false, false) => '2',
            (true, true) => '3',
        });
        for value in [bucket.lower, bucket.upper, bucket.count] {
            out.push(',');
            push_float(out, value);
        }
        out.push(']');
    }
    out.push_str(if opened { "]}" } else { "}" });
}

pub(super) fn push_sample(out: &mut String, sample: &VectorSample) {
    out.push_str("{\"metric\":");
    push_texts(out, &sample.labels);
    match &sample.value {
        Point::Float(v) => {
            out.push_str(",\"value\":[");
            push_timestamp(out, sample.timestamp);
            out.push(',');
            push_float(out, *v);
        }
        Point::Histogram(h) => {
            out.push_str(",\"histogram\":[");
            push_timestamp(out, sample.timestamp);
            out.push(',');
            push_histogram(out, h);
        }
    }
    out.push_str("]}");
}

/// `[time, "value"]`; here the time is a plain number and the value never has an exponent.
pub(super) fn push_scalar(out: &mut String, scalar: &Scalar) {
    let _ = write!(out, "[{},\"{}\"]", scalar.timestamp as f64 / 1000.0, format_decimal(scalar.value));
}

pub(super) fn push_text(out: &mut String, text: &Text) {
    let _ = write!(out, "[{},", text.timestamp as f64 / 1000.0);
    push_escaped(out, &text.value);
    out.push(']');
}

pub(super) fn push_exemplars(out: &mut String, labels: &LabelSet, exemplars: &[Exemplar]) {
    out.push_str("{\"seriesLabels\":");
    push_texts(out, labels);
    out.push_str(",\"exemplars\":[");
    for (i, exemplar) in exemplars.iter().enumerate() {
        out.push_str(if i == 0 { "{\"labels\":" } else { ",{\"labels\":" });
        push_texts(out, &exemplar.labels);
        out.push_str(",\"value\":");
        push_float(out, exemplar.value);
        out.push_str(",\"timestamp\":");
        push_timestamp(out, exemplar.timestamp.unwrap_or(0));
        out.push('}');
    }
    out.push_str("]}");
}

/// A text between quotes, safe inside HTML: `<`, `>` and `&` are escaped, as the original does everywhere but
/// in labels.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    let at = out.len();
    push_string(out, text);
    if out[at..].contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        let escaped = out[at..]
            .replace('&', "\\u0026")
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
        out.truncate(at);
        out.push_str(&escaped);
    }
}

/// A list of texts.
pub(super) fn push_list<T: AsRef<str>>(out: &mut String, texts: &[T]) {
    out.push('[');
    for (i, text) in texts.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_escaped(out, text.as_ref());
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped_outside_labels() {
        let mut out = String::new();
        push_escaped(&mut out, "a < b & c");
        assert_eq!(out, r#""a \u003c b \u0026 c""#);
    }
}
