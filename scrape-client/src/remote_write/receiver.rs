//! The receiving end: an HTTP request in, samples into a store, an HTTP response out.

use std::sync::Arc;

use bytes::Bytes;
use expo_format::remote_write::v1::{Request as Message, TimeSeries};
use expo_format::remote_write::{
    HistogramSample, LabelsError, Message as Kind, SnappyError, Written, decompress,
};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use metrics_core::{Append, AppendError, Batch, LabelSet, SeriesRef, Timestamp};

use super::partial;
use crate::stats::Count;

/// Largest body, packed and unpacked; senders stay far below.
const MAX_BODY: usize = 32 << 20;
/// Samples further ahead of the receiver's clock than this are refused.
const MAX_AHEAD_MS: Timestamp = 10 * 60 * 1000;

/// What is said of such samples.
pub(super) const TOO_FAR_AHEAD: &str = "out of bounds: timestamp is too far in the future";

/// Takes the requests of senders: `POST /api/v1/write`.
///
/// Takes remote write 1.0 and 2.0. Answers as the original does: 204 when all is kept; 400 when the sender must not try again (broken bodies,
/// samples out of order, invalid histograms), and then nothing of a 1.0 request is kept, and of a 2.0 request what the
/// response headers say; 415 for other formats
/// and compressions, which lets senders fall back to snappy; 500 when the store failed.
///
/// ```
/// use expo_format::remote_write::{compress, v1::{RequestBuilder, Series}};
/// use metrics_core::{LabelSet, MemStore};
/// use scrape_client::remote_write::Receiver;
///
/// let mut message = RequestBuilder::default();
/// let labels = LabelSet::from_pairs([("__name__", "m")]);
/// message.series(&Series { samples: &[(1000, 1.0)], ..Series::new(&labels) });
/// let request = http::Request::post("/api/v1/write").body(compress(&message.finish()).into()).unwrap();
///
/// let store = MemStore::default();
/// let response = Receiver::default().handle(&store, &request, 2000);
/// assert_eq!(response.status(), 204);
/// assert_eq!(store.dump().len(), 1);
/// ```
#[derive(Debug, Default)]
pub struct Receiver {
    stats: Arc<ReceiverStats>,
    type_and_unit_labels: bool,
}

/// What a receiver counts.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Samples kept.
    pub samples: Count,
    /// Series left out for their labels: `prometheus_api_remote_write_invalid_labels_samples_total`.
    pub invalid_labels: Count,
}

/// A request that is refused, perhaps after a part of it was written.
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    written: Option<Written>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), written: None }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Answers in the headers that nothing was written, unless it says itself what was.
    fn nothing_written(mut self) -> Self {
        self.written.get_or_insert_default();
        self
    }
}

impl Receiver {
    /// Gives the series of 2.0 requests their metric's type and unit as labels `__type__` and `__unit__`, which
    /// overrule what the sender says there. Default: no.
    #[must_use]
    pub fn type_and_unit_labels(mut self, given: bool) -> Self {
        self.type_and_unit_labels = given;
        self
    }

    /// What has been counted.
    pub fn stats(&self) -> Arc<ReceiverStats> {
        self.stats.clone()
    }

    /// Takes a request. `now` is the receiver's clock in milliseconds.
    pub fn handle(&self, store: &dyn Append, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let (status, body, written) = match self.take(store, request, now) {
            Ok(written) => (StatusCode::NO_CONTENT, Bytes::new(), written),
            Err(refusal) => {
                tracing::error!(component = "web", err = %refusal.message, "Error decoding remote write request");
                (refusal.status, Bytes::from(refusal.message + "\n"), refusal.written)
            }
        };
        let has_body = !body.is_empty();
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if has_body {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, text);
        }
        for (name, value) in written.iter().flat_map(Written::headers) {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn take(
        &self,
        store: &dyn Append,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Option<Written>, Refusal> {
        let kind = check_head(request)?;
        let body = request.body();
        if body.len() > MAX_BODY {
            let message = format!("request body exceeds the {MAX_BODY} bytes limit");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        let body = decompress(body, MAX_BODY).map_err(|error| match error {
            SnappyError::TooLarge { .. } => {
                Refusal::bad(format!("decoded size exceeds the {MAX_BODY} bytes limit"))
            }
            _ => Refusal::bad("snappy: corrupt input"),
        })?;
        let latest = now.saturating_add(MAX_AHEAD_MS);
        match kind {
            Kind::V1 => self.take_v1(store, &body, latest).map(|()| None),
            Kind::V2 => self.take_v2(store, &body, latest).map(Some).map_err(Refusal::nothing_written),
        }
    }

    /// All or nothing.
    fn take_v1(&self, store: &dyn Append, body: &[u8], latest: Timestamp) -> Result<(), Refusal> {
        let message = Message::new(body);
        message.check().map_err(broken)?;
        let mut batch = store.batch();
        match self.append(&mut *batch, &message, latest) {
            Ok(samples) => {
                batch.commit().map_err(refusal_of)?;
                self.stats.samples.add(samples);
                Ok(())
            }
            Err(refusal) => {
                batch.rollback();
                Err(refusal)
            }
        }
    }

    /// What can be written is written; the answer says how much, and why the rest was refused.
    fn take_v2(&self, store: &dyn Append, body: &[u8], latest: Timestamp) -> Result<Written, Refusal> {
        let message = expo_format::remote_write::v2::Request::new(body).map_err(broken)?;
        message.check().map_err(broken)?;
        let mut batch = store.batch();
        let outcome = match partial::append(&mut *batch, &message, latest, self.type_and_unit_labels) {
            Ok(outcome) => outcome,
            Err(refusal) => {
                batch.rollback();
                return Err(refusal);
            }
        };
        batch.commit().map_err(refusal_of)?;
        self.stats.samples.add(outcome.written.samples + outcome.written.histograms);
        self.stats.invalid_labels.add(outcome.invalid_labels);
        match outcome.errors.is_empty() {
            true => Ok(outcome.written),
            false => {
                Err(Refusal { written: Some(outcome.written), ..Refusal::bad(outcome.errors.join("\n")) })
            }
        }
    }

    /// Appends a message and answers with the number of its samples.
    fn append(
        &self,
        batch: &mut dyn Batch,
        message: &Message<'_>,
        latest: Timestamp,
    ) -> Result<u64, Refusal> {
        let mut count = 0;
        for series in message.series() {
            let series = series.map_err(broken)?;
            let labels = match series.label_set() {
                Ok(labels) if labels.metric_name().is_some() => labels,
                Err(LabelsError::Wire(e)) => return Err(broken(e)),
                other => {
                    let reason = other.err().map_or("missing metric name".to_owned(), |e| e.to_string());
                    tracing::warn!(component = "web", reason, "Invalid labels for series.");
                    self.stats.invalid_labels.add(1);
                    continue;
                }
            };
            count += append_series(batch, &series, &labels, latest)?;
        }
        Ok(count)
    }
}

/// Checks method, content type and compression.
fn check_head(request: &Request<Bytes>) -> Result<Kind, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"));
    }
    let header = |name: HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let unsupported = |message: String| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let encoding = header(CONTENT_ENCODING);
    if !matches!(encoding, "" | "snappy") {
        return unsupported(format!(
            "{encoding} encoding (compression) is not accepted by this server; only snappy is acceptable"
        ));
    }
    let content_type = header(CONTENT_TYPE).trim();
    let media = content_type.split(';').next().unwrap_or("");
    if !matches!(media, "" | "application/x-protobuf") {
        return unsupported(format!(
            "expected application/x-protobuf as the first (media) part, got {content_type} content-type"
        ));
    }
    match Kind::of_body(content_type) {
        Some(kind) => Ok(kind),
        None if content_type.is_empty() => Ok(Kind::V1),
        None => {
            let proto = content_type.rsplit_once("proto=").map_or("", |(_, proto)| proto);
            unsupported(format!(
                "got {content_type} content type; unknown type for remote write protobuf message {proto}, \
                 supported: prometheus.WriteRequest, io.prometheus.write.v2.Request"
            ))
        }
    }
}

fn append_series(
    batch: &mut dyn Batch,
    series: &TimeSeries<'_>,
    labels: &LabelSet,
    latest: Timestamp,
) -> Result<u64, Refusal> {
    let check = |time: Timestamp| if time > latest { Err(Refusal::bad(TOO_FAR_AHEAD)) } else { Ok(()) };
    let (mut reference, mut count) = (SeriesRef::UNKNOWN, 0);
    for sample in series.samples() {
        let sample = sample.map_err(broken)?;
        check(sample.timestamp)?;
        reference =
            batch.append_float(reference, labels, sample.timestamp, sample.value).map_err(refusal_of)?;
        count += 1;
    }
    for exemplar in series.exemplars().flatten() {
        if exemplar.timestamp.is_some_and(|time| time > latest) {
            tracing::debug!(component = "web", series = %labels, err = TOO_FAR_AHEAD, "Error while adding exemplar");
            continue;
        }
        if let Err(error) = batch.append_exemplar(reference, labels, &exemplar) {
            tracing::debug!(component = "web", series = %labels, err = %error, "Error while adding exemplar");
        }
    }
    for histogram in series.histograms() {
        let HistogramSample { timestamp, value, .. } = histogram.map_err(broken)?;
        check(timestamp)?;
        reference = batch.append(reference, labels, timestamp, &value).map_err(refusal_of)?;
        count += 1;
    }
    Ok(count)
}

pub(super) fn broken(error: impl std::fmt::Display) -> Refusal {
    Refusal::bad(format!("proto: {error}"))
}

/// What the store's refusal means to a sender: try again only where the sample is not to blame.
pub(super) fn refusal_of(error: AppendError) -> Refusal {
    let status = match error {
        AppendError::OutOfOrder
        | AppendError::OutOfBounds
        | AppendError::TooOld
        | AppendError::Duplicate
        | AppendError::InvalidHistogram(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    // Of a failure of the store the cause is told.
    let message = match error {
        AppendError::Store(cause) => cause.to_string(),
        error => error.to_string(),
    };
    Refusal::new(status, message)
}

#[cfg(test)]
mod tests {
    use expo_format::remote_write::compress;
    use expo_format::remote_write::v1::{RequestBuilder, Series};
    use metrics_core::{Exemplar, Histogram, MemStore, Span, Value};

    use super::*;

    fn labels(name: &str) -> LabelSet {
        LabelSet::from_pairs([("__name__", name), ("job", "j")])
    }

    fn message(series: &[(&LabelSet, &[(Timestamp, f64)])]) -> Vec<u8> {
        let mut builder = RequestBuilder::default();
        for (labels, samples) in series {
            builder.series(&Series { samples, ..Series::new(labels) });
        }
        builder.finish()
    }

    fn post(store: &MemStore, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, String) {
        let mut request = Request::post("/api/v1/write").body(Bytes::from(body)).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let response = Receiver::default().handle(store, &request, 1_000_000);
        (response.status().as_u16(), String::from_utf8(response.into_body().to_vec()).unwrap())
    }

    const HEADERS: [(&str, &str); 2] =
        [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];

    #[test]
    fn samples_and_histograms_are_kept() {
        let store = MemStore::default();
        let (a, h) = (labels("a"), labels("h"));
        let histogram = Histogram {
            schema: 1,
            count: 3,
            sum: 5.0,
            positive_spans: vec![Span { offset: 0, length: 2 }],
            positive_buckets: vec![1, 1],
            ..Histogram::default()
        };
        let value = Value::Histogram(Arc::new(histogram));
        let exemplar = Exemplar { labels: LabelSet::empty(), value: 1.0, timestamp: Some(5) };
        let mut builder = RequestBuilder::default();
        builder.series(&Series {
            samples: &[(1000, 1.0), (2000, f64::from_bits(metrics_core::STALE_NAN_BITS))],
            exemplars: &[exemplar],
            ..Series::new(&a)
        });
        builder.series(&Series { histograms: &[(1000, value.clone())], ..Series::new(&h) });
        assert_eq!(post(&store, &HEADERS, compress(&builder.finish())), (204, String::new()));
        let dump = store.dump();
        assert!(dump[0].1[1].value.is_stale());
        assert_eq!((dump[1].0.metric_name(), &dump[1].1[0].value), (Some("h"), &value));
    }

    #[test]
    fn other_formats_are_refused_so_that_senders_fall_back() {
        let store = MemStore::default();
        let body = || compress(&message(&[(&labels("a"), &[(1000, 1.0)])]));
        for (name, value, expected) in [
            (
                "content-encoding",
                "zstd",
                "zstd encoding (compression) is not accepted by this server; only snappy is acceptable\n",
            ),
            (
                "content-type",
                "yolo",
                "expected application/x-protobuf as the first (media) part, got yolo content-type\n",
            ),
            (
                "content-type",
                "application/x-protobuf;proto=yolo",
                "got application/x-protobuf;proto=yolo content type; unknown type for remote write protobuf message yolo, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request\n",
            ),
        ] {
            assert_eq!(post(&store, &[(name, value)], body()), (415, expected.to_owned()));
        }
        assert_eq!(post(&store, &[], body()).0, 204);
        let get = Request::get("/api/v1/write").body(Bytes::new()).unwrap();
        assert_eq!(Receiver::default().handle(&store, &get, 0).status(), 405);
    }

    #[test]
    fn of_a_second_version_request_what_can_be_written_is() {
        use expo_format::remote_write::v2::RequestBuilder;
        use metrics_core::Metadata;
        let store = MemStore::default();
        let (a, b) = (labels("a"), labels("b"));
        let metadata = Metadata::default();
        let mut builder = RequestBuilder::default();
        builder.series(&Series { samples: &[(2000, 1.0), (1000, 2.0)], ..Series::new(&a) }, &metadata, None);
        builder.series(&Series { samples: &[(1000, 3.0)], ..Series::new(&b) }, &metadata, None);
        builder.series(
            &Series { samples: &[(1000, 3.0)], ..Series::new(&LabelSet::from_pairs([("x", "y")])) },
            &metadata,
            None,
        );
        let body = compress(&builder.finish());
        let request = Request::post("/api/v1/write")
            .header("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
            .body(Bytes::from(body))
            .unwrap();
        let response = Receiver::default().handle(&store, &request, 1_000_000);
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["x-prometheus-remote-write-samples-written"], "2");
        let text = String::from_utf8(response.into_body().to_vec()).unwrap();
        assert_eq!(
            text,
            "out of order sample for series {__name__=\"a\", job=\"j\"}\ninvalid metric name or labels, got {x=\"y\"}\n"
        );
        assert_eq!(store.dump().len(), 2);
    }

    #[test]
    fn types_and_units_of_second_version_requests_are_labels_if_asked_for() {
        use expo_format::remote_write::v2::RequestBuilder;
        use metrics_core::{Metadata, MetricType};
        let told = LabelSet::from_pairs([("__name__", "a"), ("__type__", "x"), ("__unit__", "y")]);
        let untold = LabelSet::from_pairs([("__name__", "b"), ("__type__", "x")]);
        let metadata = Metadata { metric_type: MetricType::Gauge, ..Metadata::default() };
        let mut builder = RequestBuilder::default();
        builder.series(&Series { samples: &[(1, 1.0)], ..Series::new(&told) }, &metadata, None);
        builder.series(&Series { samples: &[(1, 1.0)], ..Series::new(&untold) }, &Metadata::default(), None);
        let request = Request::post("/api/v1/write")
            .header("content-type", Kind::V2.content_type())
            .body(Bytes::from(compress(&builder.finish())))
            .unwrap();
        let store = MemStore::default();
        let receiver = Receiver::default().type_and_unit_labels(true);
        assert_eq!(receiver.handle(&store, &request, 1000).status(), 204);
        let series: Vec<_> = store.dump().into_iter().map(|(labels, _)| labels.to_string()).collect();
        assert_eq!(series, ["a{__type__=\"gauge\"}", "b{__type__=\"x\"}"]);
    }

    #[test]
    fn broken_bodies_are_the_senders_fault() {
        let store = MemStore::default();
        assert_eq!(post(&store, &HEADERS, b"\xff\xff\xff".to_vec()).0, 400);
        let mut cut = message(&[(&labels("a"), &[(1000, 1.0)])]);
        cut.truncate(cut.len() - 3);
        assert_eq!(post(&store, &HEADERS, compress(&cut)).0, 400);
        let bomb = compress(&vec![0; MAX_BODY + 1]);
        assert_eq!(
            post(&store, &HEADERS, bomb),
            (400, "decoded size exceeds the 33554432 bytes limit\n".to_owned())
        );
        assert!(store.dump().is_empty());
    }

    #[test]
    fn samples_out_of_order_refuse_the_whole_request() {
        let store = MemStore::default();
        let (a, b) = (labels("a"), labels("b"));
        assert_eq!(post(&store, &HEADERS, compress(&message(&[(&a, &[(2000, 1.0)])]))).0, 204);
        let late = message(&[(&b, &[(2000, 1.0)]), (&a, &[(1000, 1.0)])]);
        assert_eq!(post(&store, &HEADERS, compress(&late)), (400, "out of order sample\n".to_owned()));
        let twice = message(&[(&a, &[(2000, 9.0)])]);
        assert_eq!(post(&store, &HEADERS, compress(&twice)).1, "duplicate sample for timestamp\n");
        let future = message(&[(&a, &[(1_000_000 + MAX_AHEAD_MS + 1, 9.0)])]);
        assert_eq!(post(&store, &HEADERS, compress(&future)), (400, format!("{TOO_FAR_AHEAD}\n")));
        assert_eq!(store.dump().len(), 1, "nothing of the refused requests is kept");
    }

    #[test]
    fn series_without_a_name_are_left_out() {
        let store = MemStore::default();
        let nameless = LabelSet::from_pairs([("job", "j")]);
        let body = message(&[(&nameless, &[(1000, 1.0)]), (&labels("a"), &[(1000, 1.0)])]);
        assert_eq!(post(&store, &HEADERS, compress(&body)).0, 204);
        assert_eq!(store.dump().len(), 1);
    }
}
