//! The queries of the Go bench.

/// A query, and how much data it touches.
#[derive(Debug)]
pub(super) struct BenchQuery {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) steps: Steps,
    /// Series that are read.
    pub(super) series: f64,
    /// Seconds of each series that are read.
    pub(super) window: f64,
}

/// When a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// Once, twenty hours after the start.
    Once,
    /// Every minute of the six hours before.
    SixHours,
    /// Every five minutes of the day.
    Day,
}

const SIX_HOURS: f64 = 6.0 * 3600.0;

const fn query(name: &'static str, text: &'static str, steps: Steps, series: f64, window: f64) -> BenchQuery {
    BenchQuery { name, text, steps, series, window }
}

/// In the order in which they are asked.
#[rustfmt::skip] // a table
pub(super) const QUERIES: [BenchQuery; 18] = [
    query("instant_1of10k", r#"node_cpu_seconds_total{instance="host-42",cpu="2",mode="idle"}"#, Steps::Once, 1.0, 15.0),
    query("instant_all_4k", "node_cpu_seconds_total", Steps::Once, 4000.0, 15.0),
    query("instant_sum_rate_4k", "sum(rate(node_cpu_seconds_total[5m]))", Steps::Once, 4000.0, 300.0),
    query("range_1series_rate", r#"rate(node_cpu_seconds_total{instance="host-42",cpu="2",mode="idle"}[5m])"#, Steps::SixHours, 1.0, SIX_HOURS + 300.0),
    query("sum_rate_4k", "sum(rate(node_cpu_seconds_total[5m]))", Steps::SixHours, 4000.0, SIX_HOURS + 300.0),
    query("sum_by_instance_rate_4k", "sum by (instance)(rate(node_cpu_seconds_total[5m]))", Steps::SixHours, 4000.0, SIX_HOURS + 300.0),
    query("hist_quantile_1.2k", "histogram_quantile(0.99, sum by (le)(rate(http_request_duration_seconds_bucket[5m])))", Steps::SixHours, 1200.0, SIX_HOURS + 300.0),
    query("topk5_1.5k", "topk(5, node_memory_usage)", Steps::SixHours, 1500.0, SIX_HOURS),
    query("regex_name_instance_sum", r#"sum({__name__=~".*cpu.*",instance=~"host-[0-9]+"})"#, Steps::SixHours, 4000.0, SIX_HOURS),
    query("regex_instant", r#"{__name__=~".*cpu.*",instance=~"host-[0-9]+"}"#, Steps::Once, 4000.0, 15.0),
    query("div_group_left_1.5k", r#"node_memory_usage / on(instance) group_left node_load_exact{id="0"}"#, Steps::SixHours, 1600.0, SIX_HOURS),
    query("max_over_time_1h_1.5k", "max_over_time(node_memory_usage[1h])", Steps::SixHours, 1500.0, SIX_HOURS + 3600.0),
    query("quantile_over_time_1h_1.5k", "quantile_over_time(0.9, node_memory_usage[1h])", Steps::SixHours, 1500.0, SIX_HOURS + 3600.0),
    query("subquery_1.8k", "max_over_time(rate(node_network_bytes_total[5m])[1h:1m])", Steps::SixHours, 1800.0, SIX_HOURS + 3900.0),
    query("count_by_4k", "count by (instance,cpu,mode)(node_cpu_seconds_total)", Steps::SixHours, 4000.0, SIX_HOURS),
    query("count_by_name_10k", r#"count by (__name__)({job="node"})"#, Steps::SixHours, 10_000.0, SIX_HOURS),
    query("rate_1h_window_4k", "sum(rate(node_cpu_seconds_total[1h]))", Steps::SixHours, 4000.0, SIX_HOURS + 3600.0),
    query("rate_24h_step5m_4k", "sum(rate(node_cpu_seconds_total[5m]))", Steps::Day, 4000.0, 86_400.0),
];
