//! What the receiver of remote write answers and keeps.
//!
//! Of `prometheus_storage_remote.json` the other tables are about what is not here: sending
//! (`TestStoreHTTPErrorHandling`, `TestClient…`, `TestRetryAfterDuration`, `TestBasicContentNegotiation`,
//! `TestSampleDelivery…`, `Test…Reshard…`, `TestQueueFilledDeadlock`, `TestReleaseNoninternedString`,
//! `TestProcessExternalLabels`, `TestCalculateDesiredShardsDetail`, `TestDropOldTimeSeries`, `TestBuildTimeSeries`,
//! `TestWriteStorageApplyConfig_…`), and asking others by remote read (`TestReadClient`,
//! `TestValidateLabelsAndMetricName`, `TestMergeLabels`, `TestDialContextWithRandomConnections`,
//! `TestNoDuplicateReadConfigs`, `TestExternalLabelsQuerier…`, `TestSeriesSetFilter`,
//! `TestSampleAndChunkQueryableClient`). The frames of `TestChunkedReaderCanReadFromChunkedWriter` are
//! `expo-format`'s.

use expo_format::remote_write::{Message, Series, compress, v1, v2};
use http::{HeaderName, Request, Response};
use metrics_core::{Exemplar, Histogram, LabelSet, MemStore, Timestamp, Value as SampleValue};
use scrape_client::remote_write::Receiver;
use serde_json::Value;

use crate::store::{Kind, StrictStore};
use crate::tables;
use crate::write_request::write_request;

const NOW: Timestamp = 1_000_000;

/// What the receiver answers to each set of headers.
#[test]
fn conformance_gotables_remote_write_headers() {
    let Some(tables) = tables("prometheus_storage_remote.json") else { return };
    let labels = LabelSet::from_pairs([("__name__", "up")]);
    let series = Series { samples: &[(1000, 1.0)], ..Series::new(&labels) };
    let (mut old, mut new) = (v1::RequestBuilder::default(), v2::RequestBuilder::default());
    old.series(&series);
    new.series(&series, &metrics_core::Metadata::default(), None);
    // The handler of that test takes the new message only; without a type a message is of the old version.
    let is_other_handler = |case: &Value| case["name"] == "no headers";
    let (mut agree, mut all) = (0, 0);
    for (table, message) in [("V1", old.finish()), ("V2", new.finish())] {
        let body = bytes::Bytes::from(compress(&message));
        let cases =
            tables[format!("TestRemoteWriteHandlerHeadersHandling_{table}Message")].as_array().unwrap();
        for case in cases.iter().filter(|case| !is_other_handler(case)) {
            let mut request = Request::post("/api/v1/write").body(body.clone()).unwrap();
            for (name, value) in case["reqHeaders"].as_object().unwrap() {
                let value = value.as_str().unwrap().parse().unwrap();
                request.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value);
            }
            let response = Receiver::default().handle(&MemStore::default(), &request, 1_000_000);
            all += 1;
            let is_right = u64::from(response.status().as_u16()) == case["expectedCode"].as_u64().unwrap();
            agree += usize::from(is_right);
            if !is_right {
                println!("{table} differs: {case}, got {}", response.status());
            }
        }
    }
    println!("CONFORMANCE_GOTABLES remote write headers: {agree} of {all} cases agree");
    assert_eq!(agree, all);
}

/// The texts to which the series of `TestRemoteWriteHandler_V2Message` refer; the table itself has only numbers.
const SYMBOLS: [&str; 18] = [
    "",
    "__name__",
    "test_metric1",
    "b",
    "c",
    "baz",
    "qux",
    "d",
    "e",
    "foo",
    "bar",
    "f",
    "g",
    "h",
    "i",
    "help 1",
    "unit",
    "help 2",
];

fn post(store: &StrictStore, kind: Message, message: &[u8]) -> Response<bytes::Bytes> {
    let request = Request::post("/api/v1/write")
        .header("content-type", kind.content_type())
        .header("content-encoding", "snappy")
        .body(bytes::Bytes::from(compress(message)))
        .unwrap();
    Receiver::default().handle(store, &request, NOW)
}

/// The numbers of samples, histograms and exemplars that were written, as the headers tell.
fn written(response: &Response<bytes::Bytes>) -> [Option<&str>; 3] {
    ["samples", "histograms", "exemplars"].map(|what| {
        let value = response.headers().get(format!("x-prometheus-remote-write-{what}-written"));
        value.map(|v| v.to_str().unwrap())
    })
}

/// A sample's time, what it is, and its value or, of a histogram, its sum.
type Kept = (Timestamp, Kind, f64);

/// What a store should have kept of series that are all good.
fn expected_samples(all: &Value) -> Vec<Kept> {
    let mut expected = Vec::new();
    for series in all.as_array().unwrap() {
        let list = |name: &str| series[name].as_array().cloned().unwrap_or_default();
        let kept = |json: &Value, kind, number| {
            (json["Timestamp"].as_i64().unwrap(), kind, json[number].as_f64().unwrap())
        };
        expected.extend(list("Samples").iter().map(|s| kept(s, Kind::Float, "Value")));
        let kind = |h: &Value| match h["Count"]["CountInt"].is_u64() {
            true => Kind::Histogram,
            false => Kind::FloatHistogram,
        };
        expected.extend(list("Histograms").iter().map(|h| kept(h, kind(h), "Sum")));
    }
    expected
}

fn kept_samples(store: &StrictStore) -> Vec<Kept> {
    let number = |value: &SampleValue| match value {
        SampleValue::Float(value) => *value,
        SampleValue::Histogram(histogram) => histogram.sum,
        SampleValue::FloatHistogram(histogram) => histogram.sum,
        other => panic!("no table has {other:?}"),
    };
    store.kept.lock().samples.iter().map(|(_, time, v)| (*time, Kind::of(v), number(v))).collect()
}

/// Why a case of `TestRemoteWriteHandler_V2Message` disagrees; `good` are the series of which its request consists
/// beside what is refused.
fn version_two(case: &Value, good: &Value) -> Result<(), String> {
    let failure = |field: &str| case[field]["$error"].as_str().map(str::to_owned);
    let store = StrictStore {
        sample_failure: failure("appendSampleErr"),
        exemplar_failure: failure("appendExemplarErr"),
        metadata_failure: failure("updateMetadataErr"),
        commit_failure: failure("commitErr"),
        ..StrictStore::default()
    };
    let response = post(&store, Message::V2, &write_request(&SYMBOLS, &case["input"]));
    let status = u64::from(response.status().as_u16());
    let body = String::from_utf8_lossy(response.body());
    if case["expectedCode"] != status || case["expectedRespBody"] != *body {
        return Err(format!("answered {status} {body:?}"));
    }
    let (counts, samples) = match status {
        500 => ([Some("0"); 3], Vec::new()),
        _ => ([Some("2"), Some("8"), Some("2")], expected_samples(good)),
    };
    if written(&response) != counts {
        return Err(format!("told {:?}", written(&response)));
    }
    if kept_samples(&store) != samples {
        return Err(format!("kept {:?}", kept_samples(&store)));
    }
    Ok(())
}

#[test]
fn conformance_gotables_remote_write_messages() {
    let Some(tables) = tables("prometheus_storage_remote.json") else { return };
    let (mut agree, mut all) = (0, 0);
    let mut tally = |name: &Value, found: Result<(), String>| {
        all += 1;
        match found {
            Ok(()) => agree += 1,
            Err(why) => println!("{name} differs: {why}"),
        }
    };
    let cases = tables["TestRemoteWriteHandler_V2Message"].as_array().unwrap();
    let good = &cases.iter().find(|case| case["expectedCode"] == 204).unwrap()["input"];
    for case in cases {
        tally(&case["desc"], version_two(case, good));
    }
    // The series has samples up to this time already. Exemplars are not worth a refusal to version 1.0.
    let labels = LabelSet::from_pairs([("__name__", "test_metric")]);
    for (table, status) in [("Sample", 400), ("Histogram", 400), ("Exemplar", 204)] {
        for case in tables[format!("TestOutOfOrder{table}_V1Message")].as_array().unwrap() {
            let store = StrictStore::with_newest(&labels, 100);
            let time = case["Timestamp"].as_i64().unwrap();
            let mut series = Series::new(&labels);
            let samples = [(time, 1.0)];
            let histograms = [(time, SampleValue::Histogram(Histogram::default().into()))];
            let exemplar = Exemplar {
                labels: LabelSet::from_pairs([("foo", "bar")]),
                value: 1.0,
                timestamp: Some(time),
            };
            match table {
                "Sample" => series.samples = &samples,
                "Histogram" => series.histograms = &histograms,
                _ => series.exemplars = std::slice::from_ref(&exemplar),
            }
            let mut message = v1::RequestBuilder::default();
            message.series(&series);
            let response = post(&store, Message::V1, &message.finish());
            let is_right = response.status() == status && written(&response) == [None; 3];
            let is_right = is_right && kept_samples(&store).is_empty();
            tally(&case["Name"], is_right.then_some(()).ok_or(format!("{table}: {response:?}")));
        }
    }
    println!("CONFORMANCE_GOTABLES remote write messages: {agree} of {all} cases agree");
    assert_eq!(agree, all);
}

/// Beside the tables: the headers are there whatever failed, once a body is unpacked.
#[test]
fn headers_tell_what_was_written_on_every_failure() {
    let labels = LabelSet::from_pairs([("__name__", "m"), ("b", "c")]);
    let message = |samples: &[(Timestamp, f64)], exemplars: &[Timestamp]| {
        let exemplar = |time: &Timestamp| Exemplar {
            labels: LabelSet::from_pairs([("trace_id", "1")]),
            value: 1.0,
            timestamp: Some(*time),
        };
        let exemplars: Vec<_> = exemplars.iter().map(exemplar).collect();
        let mut builder = v2::RequestBuilder::default();
        let series = Series { samples, exemplars: &exemplars, ..Series::new(&labels) };
        builder.series(&series, &metrics_core::Metadata::default(), None);
        builder.finish()
    };
    let answer = |store: &StrictStore, message: &[u8]| {
        let response = post(store, Message::V2, message);
        let counts = written(&response).map(|v| v.unwrap().to_owned()).join(" ");
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (response.status().as_u16(), counts, body)
    };
    let expected = |status: u16, counts: &str, body: &str| (status, counts.to_owned(), body.to_owned());
    let store = StrictStore::default();
    assert_eq!(
        answer(&store, &message(&[(1, 1.0), (NOW + 600_001, 1.0)], &[5, 4, NOW + 600_001])),
        expected(
            400,
            "1 0 1",
            "out of bounds: timestamp is too far in the future for series {__name__=\"m\", b=\"c\"}\n\
             out of order exemplar for series {__name__=\"m\", b=\"c\"}\n"
        )
    );
    assert_eq!(
        answer(&store, &message(&[], &[])),
        expected(
            400,
            "0 0 0",
            "TimeSeries must contain at least one sample or histogram for series {__name__=\"m\", b=\"c\"}\n"
        )
    );
    let broken = answer(&store, &message(&[(2, 1.0)], &[])[..20]);
    assert_eq!((broken.0, broken.1.as_str()), (400, "0 0 0"));

    let failure = || Some("disk full".to_owned());
    let store = StrictStore { exemplar_failure: failure(), ..StrictStore::default() };
    assert_eq!(answer(&store, &message(&[(1, 1.0)], &[5])), expected(204, "1 0 0", ""));
    let store = StrictStore { commit_failure: failure(), ..StrictStore::default() };
    assert_eq!(answer(&store, &message(&[(1, 1.0)], &[5])), expected(500, "0 0 0", "disk full\n"));
    assert!(kept_samples(&store).is_empty());
}
