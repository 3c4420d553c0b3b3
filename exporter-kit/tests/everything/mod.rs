//! Every instrument, for tests that read them back.

use std::future::Future;
use std::time::Duration;

use exporter_kit::Endpoint;
use exporter_kit::instrument::{
    Buckets, Counter, CounterFn, Desc, GaugeFn, GaugeHistogram, Histogram, Info, Native, Registry, StateSet,
    Summary,
};
use http::Request;
use http_body_util::BodyExt;
use metrics_core::{Exemplar, LabelSet};

/// A registry with one of everything.
pub(crate) fn everything() -> Registry {
    let registry = Registry::new().const_label("zone", "eu");
    let trace = |value| Exemplar {
        labels: LabelSet::from_pairs([("trace_id", "4bf92f35")]),
        value,
        timestamp: Some(1_700_000_000_500),
    };
    let counter = Counter::new();
    counter.add_exemplar(trace(2.0));
    registry.register(Desc::new("t_sent", "Sent.").unit("bytes"), counter).unwrap();
    registry.gauge("t_load", "Load.").unwrap().set(-0.25);
    let histogram = Histogram::with_native(Buckets::new([0.1, 1.0]).unwrap(), Native::new(2.0));
    histogram.observe_exemplar(trace(0.5));
    histogram.observe(3.0);
    registry.register(Desc::new("t_latency", "Latency.").unit("seconds"), histogram).unwrap();
    let summary = Summary::with_quantiles([0.5], Duration::from_secs(60), || 0);
    summary.observe(0.0);
    registry.register(("t_size", "Sizes."), summary).unwrap();
    registry.register(("t_build", "Build."), Info::new([("version", "1.2")])).unwrap();
    let states = StateSet::new(["ready", "draining"]);
    states.only("ready");
    registry.register(("t_state", "State."), states).unwrap();
    let ages = GaugeHistogram::new(Buckets::new([1.0]).unwrap());
    ages.replace([0.5, 2.0]);
    registry.register(("t_ages", "Ages."), ages).unwrap();
    registry.register(("t_hits", "Hits."), CounterFn::new(|| 7.0)).unwrap();
    registry.register(("t_free", "Free."), GaugeFn::new(|| f64::INFINITY)).unwrap();
    registry
}

/// The page that a scraper with this header gets, and its content type.
pub(crate) fn page(accept: &str) -> (String, Vec<u8>) {
    let request = Request::get("/metrics").header("accept", accept).body(()).unwrap();
    let response = Endpoint::new(&everything()).respond(&request);
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, body(response))
}

/// The whole of a response.
pub(crate) fn body(response: http::Response<http_body_util::Full<bytes::Bytes>>) -> Vec<u8> {
    let waker = std::task::Waker::noop();
    let mut collect = std::pin::pin!(response.into_body().collect());
    match collect.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
        std::task::Poll::Ready(body) => body.unwrap().to_bytes().to_vec(),
        std::task::Poll::Pending => panic!("the body is there as a whole"),
    }
}
