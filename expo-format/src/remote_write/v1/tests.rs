use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::{FloatHistogram, Histogram, STALE_NAN, Span, is_stale};

use super::*;
use crate::remote_write::{compress, decompress};
use metrics_core::{MetricType, Value};

fn labels() -> LabelSet {
    LabelSet::from_pairs([("__name__", "h"), ("job", "x")])
}

#[test]
fn everything_survives_the_round_trip() {
    let integer = Histogram {
        reset_hint: ResetHint::NotReset,
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: 2,
        count: 12,
        sum: -18.4,
        positive_spans: vec![Span { offset: -3, length: 2 }, Span { offset: 1, length: 1 }],
        negative_spans: vec![Span { offset: 0, length: 1 }],
        positive_buckets: vec![1, 2, -1],
        negative_buckets: vec![4],
        custom_values: vec![],
    };
    let mut custom = integer.to_float();
    custom.schema = -53;
    custom.zero_count = 0.0;
    custom.reset_hint = ResetHint::Gauge;
    custom.custom_values = vec![0.5, 1.0, 7.25];
    let empty = FloatHistogram::default();
    let histograms = [
        (5, Value::Histogram(Arc::new(integer))),
        (6, Value::FloatHistogram(Arc::new(custom))),
        (7, Value::FloatHistogram(Arc::new(empty))),
    ];
    let exemplar =
        Exemplar { labels: LabelSet::from_pairs([("trace_id", "abc")]), value: 0.25, timestamp: Some(-3) };
    let samples = [(-1, 0.0), (0, -0.0), (i64::MAX, f64::MAX), (4, STALE_NAN)];
    let metadata = Metadata {
        metric_type: MetricType::GaugeHistogram,
        help: "a\nb".to_owned(),
        unit: "seconds".to_owned(),
    };

    let labels = labels();
    let mut builder = RequestBuilder::default();
    builder.series(&Series {
        labels: &labels,
        samples: &samples,
        exemplars: std::slice::from_ref(&exemplar),
        histograms: &histograms,
    });
    builder.metadata("h", &metadata);
    let message = decompress(&compress(&builder.finish()), 10_000).unwrap();

    let request = Request::new(&message);
    request.check().unwrap();
    let series: Vec<_> = request.series().collect::<Result<_, _>>().unwrap();
    let [series] = series[..] else { panic!("{series:?}") };
    assert_eq!(series.label_set().unwrap(), labels);
    let read: Vec<_> = series.samples().map(Result::unwrap).collect();
    for (read, (timestamp, value)) in read.iter().zip(samples) {
        assert_eq!((read.timestamp, read.value.to_bits()), (timestamp, value.to_bits()));
    }
    assert!(is_stale(read[3].value));
    assert_eq!(series.exemplars().collect::<Result<Vec<_>, _>>().unwrap(), [exemplar]);
    let read: Vec<_> = series.histograms().map(|h| h.map(|h| (h.timestamp, h.value)).unwrap()).collect();
    assert_eq!(read, histograms);
    assert_eq!(request.metadata().map(Result::unwrap).collect::<Vec<_>>(), [("h", metadata)]);
}

#[test]
fn labels_that_no_series_can_have() {
    let mut message = Vec::new();
    wire::message(&mut message, 1, |out| {
        for _ in 0..2 {
            wire::message(out, 1, |out| {
                wire::string(out, 1, b"a");
                wire::string(out, 2, b"b");
            });
        }
    });
    wire::message(&mut message, 1, |out| {
        wire::message(out, 1, |out| wire::string(out, 1, b"\xff"));
    });
    let errors: Vec<_> =
        Request::new(&message).series().map(|s| s.unwrap().label_set().unwrap_err().to_string()).collect();
    assert_eq!(errors, ["label name \"a\" is not unique", "label name or value is not UTF-8"]);
}

#[test]
fn a_cut_message_is_an_error_at_every_length_that_breaks_it() {
    let labels = labels();
    let mut builder = RequestBuilder::default();
    builder.series(&Series { samples: &[(300, 1.5)], ..Series::new(&labels) });
    let message = builder.finish();
    for cut in 1..message.len() {
        let error = Request::new(&message[..cut]).check().unwrap_err();
        assert!(error.offset <= cut, "{error}");
    }
    Request::new(&message).check().unwrap();
}

#[test]
fn unknown_fields_and_groups_are_skipped() {
    let mut message = vec![0x7b, 0x08, 0x05, 0x7c]; // group 15 with a varint inside
    message.extend([0x15, 1, 2, 3, 4]); // fixed32, field 2
    wire::message(&mut message, 1, |out| wire::uint64(out, 99, 7));
    let request = Request::new(&message);
    request.check().unwrap();
    assert_eq!(request.series().count(), 1);
    let wrong = [0x08, 0x01]; // the series field as a varint
    assert_eq!(
        Request::new(&wrong).check().unwrap_err().to_string(),
        "byte 0 of the message: wrong wire type for field 1"
    );
}
