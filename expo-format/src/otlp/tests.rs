use metrics_core::{Histogram, Span, Value, is_stale};

use super::*;
use crate::wire::{self, set_double, set_fixed64};

/// A `KeyValue` with text.
fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    wire::message(out, field, |out| {
        wire::string(out, 1, key.as_bytes());
        wire::message(out, 2, |out| wire::string(out, 1, value.as_bytes()));
    });
}

/// A request with one resource and one metric, whose parts `metric` writes.
fn request(metric: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    wire::message(&mut out, 1, |out| {
        wire::message(out, 1, |out| {
            attribute(out, 1, "service.name", "shop");
            attribute(out, 1, "service.namespace", "eu");
            attribute(out, 1, "service.instance.id", "i1");
            attribute(out, 1, "host.name", "h1");
        });
        wire::message(out, 2, |out| {
            wire::message(out, 1, |out| wire::string(out, 1, b"scope"));
            wire::message(out, 2, metric);
        });
    });
    out
}

const SECOND: u64 = 1_000_000_000;

fn times(out: &mut Vec<u8>) {
    set_fixed64(out, 2, SECOND);
    set_fixed64(out, 3, 5 * SECOND);
}

fn shown(message: &[u8], options: &Options) -> Vec<String> {
    let found = convert(message, options).unwrap();
    assert_eq!(found.problems, []);
    found
        .samples
        .iter()
        .map(|s| {
            let value = match &s.value {
                Value::Float(v) => v.to_string(),
                Value::Histogram(h) => h.to_string(),
                other => format!("{other:?}"),
            };
            format!("{} {value} @{} {:?} {}", s.labels, s.timestamp, s.created, s.family.1.metric_type)
        })
        .collect()
}

#[test]
fn sums_get_job_instance_and_target_info() {
    let message = request(|out| {
        wire::string(out, 1, b"http.requests");
        wire::string(out, 3, b"By");
        wire::message(out, 7, |out| {
            wire::message(out, 1, |out| {
                attribute(out, 7, "http.path", "/a");
                attribute(out, 7, "http_path", "/b");
                times(out);
                set_fixed64(out, 6, 7);
            });
            wire::int64(out, 2, 2);
            wire::int64(out, 3, 1);
        });
    });
    assert_eq!(
        shown(&message, &Options::default()),
        [
            r#"http_requests_bytes_total{http_path="/a;/b", instance="i1", job="eu/shop"} 7 @5000 Some(1000) counter"#,
            r#"target_info{host_name="h1", instance="i1", job="eu/shop"} 1 @5000 None gauge"#,
        ]
    );
    let mut options =
        Options { promote: vec!["host.name".into()], promote_scope: true, ..Options::default() };
    options.without_target_info = true;
    options.naming = Naming { utf8: true, suffixes: false, ..Naming::default() };
    let found = convert(&message, &options).unwrap();
    assert_eq!(
        found.samples[0].labels.to_string(),
        r#"{"http.requests", "host.name"="h1", "http.path"="/a", http_path="/b", instance="i1", job="eu/shop", otel_scope_name="scope"}"#
    );
}

#[test]
fn explicit_histograms_are_classic_or_custom() {
    let message = request(|out| {
        wire::string(out, 1, b"latency");
        wire::message(out, 9, |out| {
            wire::message(out, 1, |out| {
                times(out);
                set_fixed64(out, 4, 6);
                set_double(out, 5, 12.5);
                wire::packed(out, 6, [0u64, 4, 2].iter(), |out, n| out.extend_from_slice(&n.to_le_bytes()));
                wire::packed(out, 7, [0.5f64, 10.0].iter(), |out, n| out.extend_from_slice(&n.to_le_bytes()));
            });
            wire::int64(out, 2, 2);
        });
    });
    let options = Options { without_target_info: true, ..Options::default() };
    let labels = r#"instance="i1", job="eu/shop""#;
    let bucket = r#"instance="i1", job="eu/shop", le="#;
    assert_eq!(
        shown(&message, &options),
        [
            format!("latency_sum{{{labels}}} 12.5 @5000 Some(1000) histogram"),
            format!("latency_count{{{labels}}} 6 @5000 Some(1000) histogram"),
            format!("latency_bucket{{{bucket}\"0.5\"}} 0 @5000 Some(1000) histogram"),
            format!("latency_bucket{{{bucket}\"10\"}} 4 @5000 Some(1000) histogram"),
            format!("latency_bucket{{{bucket}\"+Inf\"}} 6 @5000 Some(1000) histogram"),
        ]
    );
    let options = Options { custom_buckets: true, ..options };
    let found = convert(&message, &options).unwrap();
    let Value::Histogram(h) = &found.samples[0].value else { panic!("{found:?}") };
    let wanted = Histogram {
        schema: -53,
        count: 6,
        sum: 12.5,
        positive_spans: vec![Span { offset: 1, length: 2 }],
        positive_buckets: vec![4, -2],
        custom_values: vec![0.5, 10.0],
        ..Histogram::default()
    };
    assert_eq!(**h, wanted);
}

#[test]
fn exponential_histograms_are_native() {
    let point = |scale: i32, flags: i64| {
        request(move |out| {
            wire::string(out, 1, b"e");
            wire::message(out, 10, |out| {
                wire::message(out, 1, |out| {
                    times(out);
                    set_fixed64(out, 4, 10);
                    wire::sint32(out, 6, scale);
                    set_fixed64(out, 7, 1);
                    wire::message(out, 8, |out| {
                        wire::sint32(out, 1, -2);
                        let counts = [1u64, 0, 2, 0, 0, 0, 6];
                        wire::packed(out, 2, counts.iter(), |out, n| wire::varint(out, *n));
                    });
                    wire::int64(out, 10, flags);
                });
                wire::int64(out, 2, 2);
            });
        })
    };
    let options = Options { without_target_info: true, ..Options::default() };
    let histogram = |message: &[u8]| {
        let found = convert(message, &options).unwrap();
        let Value::Histogram(h) = &found.samples[0].value else { panic!("{found:?}") };
        (**h).clone()
    };
    let found = histogram(&point(3, 0));
    assert_eq!((found.schema, found.count, found.zero_count, found.zero_threshold), (3, 10, 1, 1e-128));
    let spans = [Span { offset: -1, length: 3 }, Span { offset: 3, length: 1 }];
    assert_eq!(
        (found.positive_spans.as_slice(), found.positive_buckets.as_slice()),
        (&spans[..], &[1, -1, 2, 4][..])
    );
    // Two steps too fine: four neighbours become one.
    let merged = histogram(&point(10, 0));
    assert_eq!((merged.schema, merged.positive_buckets), (8, vec![1, 1, 4]));
    assert_eq!(merged.positive_spans, [Span { offset: 0, length: 3 }]);
    assert!(is_stale(histogram(&point(3, 1)).sum));
    let coarse = convert(&point(-5, 0), &options).unwrap();
    assert_eq!(coarse.problems, [Problem::Scale(-5)]);
}

#[test]
fn what_cannot_be_converted_is_told() {
    let sum = |temporality: i64| {
        request(move |out| {
            wire::string(out, 1, b"d");
            wire::message(out, 7, |out| {
                wire::message(out, 1, times);
                wire::int64(out, 2, temporality);
            });
        })
    };
    let problems = |message: &[u8], options: &Options| convert(message, options).unwrap().problems;
    let options = Options::default();
    assert_eq!(problems(&sum(1), &options), [Problem::Temporality("d".to_owned())]);
    assert_eq!(problems(&sum(1), &Options { allow_delta: true, ..Options::default() }), []);
    let none = request(|out| {
        wire::string(out, 1, b"n");
        wire::message(out, 5, |_| {});
    });
    assert_eq!(problems(&none, &options), [Problem::Empty("n".to_owned())]);
    let message = sum(2);
    assert!((1..message.len()).all(|cut| convert(&message[..cut], &options).is_err()));
}

/// A gauge whose attribute holds a list inside a list, and so on.
fn nested_lists(depth: usize) -> Vec<u8> {
    let mut value = Vec::new();
    wire::string(&mut value, 1, b"x");
    for _ in 0..depth {
        let inner = std::mem::take(&mut value);
        wire::message(&mut value, 5, |out| wire::message(out, 1, |out| out.extend_from_slice(&inner)));
    }
    request(|out| {
        wire::string(out, 1, b"g");
        wire::message(out, 5, |out| {
            wire::message(out, 1, |out| {
                times(out);
                wire::message(out, 7, |out| {
                    wire::string(out, 1, b"a");
                    wire::message(out, 2, |out| out.extend_from_slice(&value));
                });
            });
        });
    })
}

#[test]
fn values_nest_as_deep_as_the_limit_and_no_deeper() {
    let options = Options { nesting: 3, ..Options::default() };
    let found = convert(&nested_lists(3), &options).unwrap();
    assert_eq!(found.samples[0].labels.get("a"), Some(r#"[[["x"]]]"#));
    let error = convert(&nested_lists(4), &options).unwrap_err();
    assert_eq!(error.problem, crate::error::WireProblem::Nesting(3));
}

#[test]
fn types_and_units_become_labels_if_asked() {
    let message = request(|out| {
        wire::string(out, 1, b"size");
        wire::string(out, 3, b"By");
        wire::message(out, 5, |out| {
            wire::message(out, 1, |out| {
                times(out);
                attribute(out, 7, "__type__", "overruled");
            });
        });
    });
    let options = Options { type_and_unit_labels: true, without_target_info: true, ..Options::default() };
    let found = convert(&message, &options).unwrap();
    let labels = &found.samples[0].labels;
    assert_eq!((labels.get("__type__"), labels.get("__unit__")), (Some("gauge"), Some("bytes")));
}

#[test]
fn far_points_get_so_many_target_infos_and_no_more() {
    let message = request(|out| {
        wire::string(out, 1, b"g");
        wire::message(out, 5, |out| {
            for time in [SECOND, u64::MAX / 2] {
                wire::message(out, 1, |out| set_fixed64(out, 3, time));
            }
        });
    });
    let options = Options { max_target_info: 7, ..Options::default() };
    let found = convert(&message, &options).unwrap();
    let infos = found.samples.iter().filter(|s| s.labels.metric_name() == Some("target_info")).count();
    assert_eq!(infos, 8);
}
