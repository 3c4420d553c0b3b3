use metrics_core::{LabelSet, TimeRange};

use super::*;
use crate::remote_write::Series;

#[test]
fn requests_survive_the_round_trip() {
    let hints = Hints {
        step: 15_000,
        function: "rate".to_owned(),
        start: -1,
        end: 9,
        grouping: vec!["job".to_owned(), "instance".to_owned()],
        by: true,
        range: 300_000,
    };
    let matcher = |kind| LabelMatcher { kind, name: "a".to_owned(), value: "b".to_owned() };
    let matchers =
        [MatchKind::Equal, MatchKind::NotEqual, MatchKind::Regex, MatchKind::NotRegex].map(matcher).to_vec();
    let query = Query { range: TimeRange::ALL, matchers, hints: Some(hints) };
    let empty = Query { range: TimeRange::new(0, 0), matchers: vec![], hints: None };
    let request =
        Request { queries: vec![query, empty], accepts: vec![ResponseKind::Chunks, ResponseKind::Samples] };
    assert_eq!(Request::read(&request.write()), Ok(request.clone()));
    assert_eq!(request.preferred(), ResponseKind::Chunks);
    assert_eq!(Request::default().preferred(), ResponseKind::Samples);
    assert!(Request::read(&request.write()[..5]).is_err());
}

#[test]
fn samples_come_back_by_query() {
    let labels = LabelSet::from_pairs([("__name__", "up")]);
    let mut builder = ResponseBuilder::default();
    builder.result([Series { samples: &[(1, 1.0), (2, 0.0)], ..Series::new(&labels) }]).result([]);
    let message = builder.finish();
    let results: Vec<_> = Response::new(&message).results().collect::<Result<_, _>>().unwrap();
    let counts: Vec<_> = results.iter().map(|r| r.series().count()).collect();
    assert_eq!(counts, [1, 0]);
    let series = results[0].series().next().unwrap().unwrap();
    assert_eq!(series.label_set().unwrap(), labels);
    let samples: Vec<_> = series.samples().map(|s| s.map(|s| (s.timestamp, s.value)).unwrap()).collect();
    assert_eq!(samples, [(1, 1.0), (2, 0.0)]);
}

fn stream() -> (Vec<u8>, Vec<ChunkedSeries<'static>>) {
    let chunk = |encoding, data| Chunk { min_time: -7, max_time: 1000, encoding, data };
    let series: Vec<_> =
        [vec![chunk(ChunkEncoding::Xor, &b"abc"[..]), chunk(ChunkEncoding::FloatHistogram, b"")], vec![]]
            .into_iter()
            .zip(0..)
            .map(|(chunks, query)| ChunkedSeries {
                query,
                labels: LabelSet::from_pairs([("a", "b")]),
                chunks,
            })
            .collect();
    let mut out = Vec::new();
    series.iter().for_each(|s| write_frame(&mut out, s));
    (out, series)
}

#[test]
fn frames_survive_the_round_trip() {
    let (stream, series) = stream();
    let read: Vec<_> = frames(&stream, 1000).collect::<Result<_, _>>().unwrap();
    assert_eq!(read, series);
}

#[test]
fn broken_streams_are_refused() {
    let (stream, series) = stream();
    let first = 5 + usize::from(stream[0]);
    for cut in 1..stream.len() {
        let read: Vec<_> = frames(&stream[..cut], 1000).collect();
        if cut == first {
            assert_eq!(read, [Ok(series[0].clone())]);
        } else {
            assert_eq!(read.last(), Some(&Err(FrameError::Truncated)), "{cut}");
        }
    }
    assert_eq!(
        frames(&stream, 8).next(),
        Some(Err(FrameError::TooLarge { size: stream[0].into(), limit: 8 }))
    );
    for at in 1..first {
        let mut flipped = stream.clone();
        flipped[at] ^= 1;
        assert_eq!(frames(&flipped, 1000).next(), Some(Err(FrameError::Checksum)), "{at}");
    }
}
