//! The endpoint as a scraper sees it.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::time::Instant;

use bytes::Bytes;
use exporter_kit::instrument::{Buckets, Collect, CollectError, Registry};
use exporter_kit::{Endpoint, OnError, Site};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};

fn body(response: Response<Full<Bytes>>) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(response.into_body().collect()).unwrap().to_bytes().to_vec()
}

fn text(response: Response<Full<Bytes>>) -> String {
    String::from_utf8(body(response)).unwrap()
}

fn get(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    headers.iter().fold(Request::get(uri), |r, (name, value)| r.header(*name, *value)).body(()).unwrap()
}

fn shop() -> Registry {
    let registry = Registry::new();
    let requests = registry.counter_family("shop_requests", "Requests served.", ["method"]).unwrap();
    requests.get(["GET"]).add(2);
    requests.get(["PUT \"x\"\n\\"]).inc();
    registry.gauge("shop_load", "Load.").unwrap().set(0.5);
    let latency = registry.histogram("shop_latency_seconds", "Latency.", Buckets::new([0.1, 1.0]).unwrap());
    latency.unwrap().observe(0.25);
    registry
}

const TEXT: &str = "\
# HELP shop_latency_seconds Latency.
# TYPE shop_latency_seconds histogram
shop_latency_seconds_bucket{le=\"0.1\"} 0
shop_latency_seconds_bucket{le=\"1\"} 1
shop_latency_seconds_bucket{le=\"+Inf\"} 1
shop_latency_seconds_sum 0.25
shop_latency_seconds_count 1
# HELP shop_load Load.
# TYPE shop_load gauge
shop_load 0.5
# HELP shop_requests_total Requests served.
# TYPE shop_requests_total counter
shop_requests_total{method=\"GET\"} 2
shop_requests_total{method=\"PUT \\\"x\\\"\\n\\\\\"} 1
";

const OPEN_METRICS: &str = "\
# HELP shop_latency_seconds Latency.
# TYPE shop_latency_seconds histogram
shop_latency_seconds_bucket{le=\"0.1\"} 0
shop_latency_seconds_bucket{le=\"1.0\"} 1
shop_latency_seconds_bucket{le=\"+Inf\"} 1
shop_latency_seconds_sum 0.25
shop_latency_seconds_count 1
# HELP shop_load Load.
# TYPE shop_load gauge
shop_load 0.5
# HELP shop_requests Requests served.
# TYPE shop_requests counter
shop_requests_total{method=\"GET\"} 2.0
shop_requests_total{method=\"PUT \\\"x\\\"\\n\\\\\"} 1.0
# EOF
";

#[test]
fn the_scraper_chooses_format_and_compression() {
    let endpoint = Endpoint::new(&shop());
    let plain = endpoint.respond(&get("/metrics", &[]));
    assert_eq!(
        plain.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    );
    assert_eq!(plain.headers()["content-length"], TEXT.len().to_string());
    assert_eq!(text(plain), TEXT);

    let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;q=0.2";
    let open = endpoint.respond(&get("/metrics", &[("accept", accept)]));
    assert_eq!(
        open.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
    );
    assert_eq!(text(open), OPEN_METRICS);

    let packed = endpoint.respond(&get("/metrics", &[("accept-encoding", "gzip, deflate")]));
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let mut page = String::new();
    flate2::read::GzDecoder::new(&body(packed)[..]).read_to_string(&mut page).unwrap();
    assert_eq!(page, TEXT);
}

#[test]
fn names_can_be_chosen() {
    let endpoint = Endpoint::new(&shop());
    let one = text(endpoint.respond(&get("/metrics?name[]=shop_load&x=y", &[])));
    assert_eq!(one, "# HELP shop_load Load.\n# TYPE shop_load gauge\nshop_load 0.5\n");
    let two = text(endpoint.respond(&get("/metrics?name%5B%5D=shop_load&name[]=shop_requests_total", &[])));
    assert_eq!(two.matches("# TYPE").count(), 2);
    assert_eq!(text(endpoint.respond(&get("/metrics?name[]=none", &[]))), "");
}

#[test]
fn head_has_the_headers_alone() {
    let endpoint = Endpoint::new(&shop());
    let response = endpoint.respond(&Request::head("/metrics").body(()).unwrap());
    assert_eq!(response.headers()["content-length"], TEXT.len().to_string());
    assert!(body(response).is_empty());
}

#[test]
fn a_broken_collector_costs_its_own_part_or_the_page_as_wished() {
    let registry = shop();
    registry.register_collector("disk", |_: &mut Vec<_>| Err(CollectError::new("gone"))).unwrap();
    let reported = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&reported);
    let endpoint = Endpoint::new(&registry).report_errors(move |e| log.lock().unwrap().push(e.to_string()));
    assert_eq!(text(endpoint.respond(&get("/metrics", &[]))), TEXT);
    assert_eq!(*reported.lock().unwrap(), [r#"collector "disk" failed: gone"#]);
    let refused = endpoint.on_error(OnError::Fail).respond(&get("/metrics", &[]));
    assert_eq!(refused.status(), 500);
    assert!(text(refused).contains(r#"collector "disk" failed: gone"#));

    let nothing = Registry::new();
    nothing.register_collector("disk", |_: &mut Vec<_>| Err(CollectError::new("gone"))).unwrap();
    assert_eq!(Endpoint::new(&nothing).respond(&get("/metrics", &[])).status(), 500);
}

#[test]
fn the_endpoint_counts_itself_and_limits_what_is_in_flight() {
    let registry = Registry::new();
    let endpoint = Endpoint::new(&registry).max_in_flight(1).instrumented().unwrap();
    let inner = endpoint.clone();
    let nested = std::sync::Arc::new(std::sync::Mutex::new(None));
    let status = std::sync::Arc::clone(&nested);
    // A scrape during a scrape.
    registry
        .register_collector("again", move |_: &mut Vec<_>| {
            let response = inner.respond(&get("/metrics", &[]));
            *status.lock().unwrap() = Some(response.status());
            Ok(())
        })
        .unwrap();
    let page = text(endpoint.respond(&get("/metrics", &[])));
    assert_eq!(nested.lock().unwrap().unwrap(), 503);
    for line in [
        "promhttp_metric_handler_errors_total{cause=\"gathering\"} 0\n",
        "promhttp_metric_handler_requests_in_flight 1\n",
        "promhttp_metric_handler_requests_total{code=\"200\"} 0\n",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
    let page = text(endpoint.respond(&get("/metrics", &[])));
    assert!(page.contains("promhttp_metric_handler_requests_total{code=\"200\"} 1\n"), "{page}");
    assert!(page.contains("promhttp_metric_handler_requests_total{code=\"503\"} "), "{page}");
}

/// Shows for how long the scraper waits, rounded to tenths of a second.
struct Patience;

impl Collect for Patience {
    fn collect(&self, _: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        Err(CollectError::new("nobody waits"))
    }

    fn collect_until(
        &self,
        families: &mut Vec<MetricFamily>,
        deadline: Option<Instant>,
    ) -> Result<(), CollectError> {
        let Some(deadline) = deadline else { return self.collect(families) };
        let left = (deadline - Instant::now()).as_secs_f64();
        let mut family = MetricFamily::new("left", "Left.", MetricType::Gauge);
        family.push(LabelSet::empty(), MetricValue::Gauge((left * 10.0).round() / 10.0));
        families.push(family);
        Ok(())
    }
}

#[test]
fn collectors_know_how_long_the_scraper_waits() {
    let registry = Registry::new();
    registry.register_collector("patience", Patience).unwrap();
    let endpoint = Endpoint::new(&registry);
    let ask = |endpoint: &Endpoint, timeout: &str| {
        text(endpoint.respond(&get("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", timeout)])))
    };
    assert!(ask(&endpoint, "10").ends_with("\nleft 9.5\n"));
    assert!(ask(&endpoint, "0.3").ends_with("\nleft 0.3\n"));
    let hurried = endpoint.clone().timeout_offset(std::time::Duration::from_secs(2));
    assert!(ask(&hurried, "2.5").ends_with("\nleft 0.5\n"));
    for nonsense in ["", "soon", "-1", "0", "NaN", "1e300"] {
        assert!(ask(&endpoint, nonsense).contains("nobody waits"), "{nonsense}");
    }
}

#[test]
fn a_site_has_a_landing_page_metrics_and_nothing_else() {
    let site = Site::new("Shop <exporter>", "Orders & baskets.", Endpoint::new(&shop())).metrics_path("/m");
    let landing = text(site.respond(&get("/", &[])));
    assert!(landing.contains("<h1>Shop &lt;exporter&gt;</h1>"), "{landing}");
    assert!(landing.contains("Orders &amp; baskets.") && landing.contains("href=\"/m\""), "{landing}");
    assert_eq!(text(site.respond(&get("/m", &[]))), TEXT);
    assert_eq!(site.respond(&get("/metrics", &[])).status(), 404);
}
