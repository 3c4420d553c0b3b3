//! Messages of remote write taken for those of the other version, and answers of remote read.
//!
//! Of `TestReadClient` the answer with samples is run. The others need what is not here: chunks are the store's
//! to decode, and timeouts and content types are a client's business.

use expo_format::remote_read::{
    Chunk, ChunkEncoding, ChunkedSeries, FrameError, Response, ResponseBuilder, frames, write_frame,
};
use expo_format::remote_write::{Series, v1, v2};
use metrics_core::{LabelSet, Metadata, Timestamp};
use serde_json::Value as Json;

use crate::corpus::{Tally, float, go_tables};

fn each(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

fn agrees(is_right: bool, found: impl std::fmt::Debug) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(format!("{found:?}")) }
}

/// A message of version 2.0 as a case lays it out.
fn second_version(incoming: &Json) -> Vec<u8> {
    if incoming["Symbols"].is_null() {
        // The builder never leaves out the empty symbol.
        return Vec::new();
    }
    let symbol = |number: &Json| {
        let number = usize::try_from(number.as_u64().unwrap()).unwrap();
        incoming["Symbols"][number].as_str().unwrap()
    };
    let mut builder = v2::RequestBuilder::default();
    for series in each(&incoming["Timeseries"]) {
        let texts: Vec<_> = each(&series["LabelsRefs"]).map(symbol).collect();
        let labels = LabelSet::from_pairs(texts.chunks(2).map(|pair| (pair[0], pair[1])));
        let sample = |s: &Json| (s["Timestamp"].as_i64().unwrap(), float(&s["Value"]));
        let samples: Vec<_> = each(&series["Samples"]).map(sample).collect();
        builder.series(&Series { samples: &samples, ..Series::new(&labels) }, &Metadata::default(), None);
    }
    builder.finish()
}

#[test]
fn conformance_gotables_remote_write_interop() {
    let Some(tables) = go_tables("prometheus_prompb_io_prometheus_write_v2.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES remote write interop");
    for case in each(&tables["TestInteropV2UnmarshalWithV1_DeterministicEmpty"]) {
        let message = second_version(&case["incoming"]);
        let request = v1::Request::new(&message);
        let found = (request.check(), request.series().count(), request.metadata().count());
        tally.case(case, agrees(found == (Ok(()), 0, 0), &found));
    }
    for case in each(&tables["TestInteropV1UnmarshalWithV2_DeterministicEmpty"]) {
        // The only case is the empty message; the unit tests of `v2` have one with a series.
        assert!(case["incoming"]["Timeseries"].is_null() && case["incoming"]["Metadata"].is_null());
        let message = v1::RequestBuilder::default().finish();
        let request = v2::Request::new(&message).unwrap();
        let found = (request.check(), request.series().count());
        tally.case(case, agrees(found == (Ok(()), 0), &found));
    }
    tally.finish();
}

/// The table's messages are plain text, which here travels as the data of a chunk. The limit is the original's.
fn framed(texts: &[&str]) -> Result<(), String> {
    const LIMIT: usize = 20;
    let mut stream = Vec::new();
    for text in texts {
        let chunk =
            Chunk { min_time: 0, max_time: 0, encoding: ChunkEncoding::Unknown, data: text.as_bytes() };
        write_frame(&mut stream, &ChunkedSeries { query: 0, labels: LabelSet::empty(), chunks: vec![chunk] });
    }
    let read: Result<Vec<_>, FrameError> = frames(&stream, LIMIT).collect();
    let found: Vec<_> = read.map_err(|e| e.to_string())?.iter().map(|s| s.chunks[0].data.to_vec()).collect();
    agrees(found.iter().eq(texts.iter().map(|t| t.as_bytes())), &found)
}

/// The answer with samples of `TestReadClient`: series in the order in which they were sent.
fn sampled(case: &Json) -> Result<(), String> {
    let time = |text: &Json| (text.as_str().unwrap().parse::<f64>().unwrap() * 1e3).round() as Timestamp;
    let sample = |s: &Json| (time(&s["Timestamp"]), float(&s["Value"]));
    let wanted: Vec<(LabelSet, Vec<_>)> = each(&case["expectedLabels"])
        .zip(each(&case["expectedSamples"]))
        .map(|(labels, samples)| {
            let pairs = labels.as_object().unwrap().iter().map(|(n, v)| (n.as_str(), v.as_str().unwrap()));
            (LabelSet::from_pairs(pairs), each(samples).map(sample).collect())
        })
        .collect();
    let mut builder = ResponseBuilder::default();
    builder.result(wanted.iter().map(|(labels, samples)| Series { samples, ..Series::new(labels) }));
    let message = builder.finish();
    let result = Response::new(&message).results().next().ok_or("no result")?.map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    for series in result.series() {
        let series = series.map_err(|e| e.to_string())?;
        let samples = series.samples().map(|s| s.map(|s| (s.timestamp, s.value)));
        let samples: Vec<_> = samples.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        found.push((series.label_set().map_err(|e| e.to_string())?, samples));
    }
    agrees(found == wanted, &found)
}

#[test]
fn conformance_gotables_remote_read() {
    let Some(tables) = go_tables("prometheus_storage_remote.json") else { return };
    let mut tally = Tally::new("CONFORMANCE_GOTABLES remote read");
    let texts: Vec<_> =
        each(&tables["TestChunkedReaderCanReadFromChunkedWriter"]).map(|t| t.as_str().unwrap()).collect();
    for text in &texts {
        tally.case(text, framed(&[text]));
    }
    tally.case("all frames", framed(&texts));
    for case in each(&tables["TestReadClient"]).filter(|c| c["name"] == "unsorted sampled response") {
        tally.case(&case["name"], sampled(case));
    }
    tally.finish();
}
