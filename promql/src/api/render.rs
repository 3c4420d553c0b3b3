//! Values of queries as JSON, in the very digits of the original.

use std::fmt::Write;

use metrics_core::number::format_decimal;
use metrics_core::{Exemplar, FloatHistogram, LabelSet, Timestamp};

use crate::json::{push_string, push_texts};
use crate::{MatrixSeries, Point, Scalar, Text, VectorSample};

/// Seconds: an integer, or exactly three decimals.
pub(super) fn push_timestamp(out: &mut String, at: Timestamp) {
    if at < 0 {
        out.push('-');
    }
    let (seconds, millis) = (at.unsigned_abs() / 1000, at.unsigned_abs() % 1000);
    out.push_str(itoa::Buffer::new().format(seconds));
    if millis > 0 {
        let _ = write!(out, ".{millis:03}");
    }
}

/// A float between quotes, with an exponent below 1e-6 and from 1e21.
pub(super) fn push_float(out: &mut String, value: f64) {
    out.push('"');
    push_bare_float(out, value);
    out.push('"');
}

fn push_bare_float(out: &mut String, value: f64) {
    let magnitude = value.abs();
    if value == value.trunc() && magnitude < 9e15 {
        if value == 0.0 && value.is_sign_negative() {
            out.push('-');
        }
        out.push_str(itoa::Buffer::new().format(value as i64));
    } else if !value.is_finite() {
        out.push_str(&format_decimal(value));
    } else if (1e-6..1e21).contains(&magnitude) {
        let mut buffer = ryu::Buffer::new();
        match buffer.format_finite(value) {
            text if text.contains('e') => {
                let _ = write!(out, "{value}");
            }
            text => out.push_str(text.strip_suffix(".0").unwrap_or(text)),
        }
    } else {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
    }
}

/// A histogram: count, sum, and the buckets that are not empty with the rule of their bounds.
fn push_histogram(out: &mut String, h: &FloatHistogram) {
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

pub(super) fn push_series(out: &mut String, series: &MatrixSeries) {
    out.push_str("{\"metric\":");
    push_texts(out, &series.labels);
    for (i, (at, value)) in series.floats.timestamps.iter().zip(&series.floats.values).enumerate() {
        out.push_str(if i == 0 { ",\"values\":[[" } else { ",[" });
        push_timestamp(out, *at);
        out.push(',');
        push_float(out, *value);
        out.push(']');
    }
    if !series.floats.timestamps.is_empty() {
        out.push(']');
    }
    for (i, (at, h)) in series.histograms.timestamps.iter().zip(&series.histograms.values).enumerate() {
        out.push_str(if i == 0 { ",\"histograms\":[[" } else { ",[" });
        push_timestamp(out, *at);
        out.push(',');
        push_histogram(out, h);
        out.push(']');
    }
    if !series.histograms.timestamps.is_empty() {
        out.push(']');
    }
    out.push('}');
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

    fn float(value: f64) -> String {
        let mut out = String::new();
        push_bare_float(&mut out, value);
        out
    }

    #[test]
    fn floats_as_the_original_prints_them() {
        for (value, text) in [
            (1e-7, "1e-07"),
            (1e-6, "0.000001"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (123_456_789.125, "123456789.125"),
            (1e16, "10000000000000000"),
            (-0.0, "-0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (0.1 + 0.2, "0.30000000000000004"),
            (5e-324, "5e-324"),
            (9.007_199_254_740_993e15, "9007199254740992"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn timestamps_have_no_or_three_decimals() {
        for (at, text) in [(0, "0"), (1000, "1"), (-1, "-0.001"), (123_400, "123.400"), (10, "0.010")] {
            let mut out = String::new();
            push_timestamp(&mut out, at);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn html_is_escaped_outside_labels() {
        let mut out = String::new();
        push_escaped(&mut out, "a < b & c");
        assert_eq!(out, r#""a \u003c b \u0026 c""#);
    }

    proptest::proptest! {
        #[test]
        fn floats_read_back_the_same(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = float(value).parse().unwrap();
            proptest::prop_assert!(back.to_bits() == value.to_bits() || value.is_nan() && back.is_nan());
        }
    }
}
