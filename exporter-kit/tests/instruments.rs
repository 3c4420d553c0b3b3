//! Every instrument on one page, in every format, read back by others.
#![allow(clippy::unwrap_used)]

mod everything;

use everything::page;

const OPEN_METRICS: &str = r#"# HELP t_ages Ages.
# TYPE t_ages gaugehistogram
t_ages_bucket{zone="eu",le="1.0"} 1
t_ages_bucket{zone="eu",le="+Inf"} 2
t_ages_gsum{zone="eu"} 2.5
t_ages_gcount{zone="eu"} 2
# HELP t_build Build.
# TYPE t_build info
t_build_info{zone="eu",version="1.2"} 1
# HELP t_free Free.
# TYPE t_free gauge
t_free{zone="eu"} +Inf
# HELP t_hits Hits.
# TYPE t_hits counter
t_hits_total{zone="eu"} 7.0
# HELP t_latency_seconds Latency.
# TYPE t_latency_seconds histogram
# UNIT t_latency_seconds seconds
t_latency_seconds_bucket{zone="eu",le="0.1"} 0
t_latency_seconds_bucket{zone="eu",le="1.0"} 1 # {trace_id="4bf92f35"} 0.5 1.7000000005e+09
t_latency_seconds_bucket{zone="eu",le="+Inf"} 2
t_latency_seconds_sum{zone="eu"} 3.5
t_latency_seconds_count{zone="eu"} 2
# HELP t_load Load.
# TYPE t_load gauge
t_load{zone="eu"} -0.25
# HELP t_sent_bytes Sent.
# TYPE t_sent_bytes counter
# UNIT t_sent_bytes bytes
t_sent_bytes_total{zone="eu"} 2.0 # {trace_id="4bf92f35"} 2.0 1.7000000005e+09
# HELP t_size Sizes.
# TYPE t_size summary
t_size{zone="eu",quantile="0.5"} 0.0
t_size_sum{zone="eu"} 0.0
t_size_count{zone="eu"} 1
# HELP t_state State.
# TYPE t_state stateset
t_state{zone="eu",t_state="ready"} 1
t_state{zone="eu",t_state="draining"} 0
# EOF
"#;

#[test]
fn open_metrics_shows_all() {
    let (_, page) = page("application/openmetrics-text;version=1.0.0");
    assert_eq!(String::from_utf8(page).unwrap(), OPEN_METRICS);
}

#[test]
fn protobuf_shows_native_buckets() {
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,*/*;q=0.1";
    let (content_type, page) = page(accept);
    assert!(content_type.starts_with("application/vnd.google.protobuf; proto="), "{content_type}");
    let mut parser = expo_format::PageParser::new(expo_format::Format::Protobuf, &page);
    let mut native = None;
    while let Some(event) = parser.next_event().unwrap() {
        if let expo_format::Event::Histogram(h) = event {
            native = Some(format!("{h:?}"));
        }
    }
    assert!(native.unwrap().contains("schema: 0"));
}
