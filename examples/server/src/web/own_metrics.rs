//! What the server says about itself at `/metrics`, under the original's names.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use exporter_kit::instrument::{CollectError, Counter, Family, RegisterError, Registry};
use exporter_kit::{Endpoint, ProcessCollector};
use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};
use parking_lot::Mutex;
use promql::GroupStatus;
use promql::rules::GroupCounts;
use scrape_client::remote_write::ReceiverStats;
use scrape_client::{ScrapeStats, StatusWatcher};

use super::status::VERSION;
use crate::app::Loaded;
use crate::notify::{Delivery, Notifier};
use crate::rules::Rules;
use crate::store::Store;

/// The registry of the server itself.
pub(crate) struct OwnMetrics {
    endpoint: Endpoint,
    requests: Family<[&'static str; 2], Counter>,
}

/// What the metrics are about.
pub(crate) struct Sources {
    pub(crate) store: Arc<Store>,
    pub(crate) watcher: StatusWatcher,
    pub(crate) scrapes: Arc<ScrapeStats>,
    pub(crate) received: Arc<ReceiverStats>,
    pub(crate) notifier: Notifier,
    pub(crate) rules: Arc<Rules>,
    pub(crate) loaded: Arc<Mutex<Loaded>>,
}

impl OwnMetrics {
    pub(crate) fn new(sources: Sources) -> Result<Self, RegisterError> {
        let registry = Registry::new();
        let requests = registry.counter_family(
            "prometheus_http_requests",
            "Counter of HTTP requests.",
            ["handler", "code"],
        )?;
        registry.register_collector("process", ProcessCollector::new())?;
        registry.register_collector("prometheus", move |families: &mut Vec<MetricFamily>| {
            sources.collect(families);
            Ok::<(), CollectError>(())
        })?;
        Ok(Self { endpoint: Endpoint::new(&registry), requests })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Counts a request. Paths of the user's choice count as one, so that nobody fills the registry.
    pub(crate) fn count(&self, path: &str, code: u16) {
        let handler = match path {
            _ if code == 404 => "/*",
            path if path.starts_with("/api/v1/label/") => "/api/v1/label/:name/values",
            path => path,
        };
        self.requests.get([handler, &code.to_string()]).inc();
    }
}

/// Collects families of one series each.
struct Page<'a>(&'a mut Vec<MetricFamily>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, [(LabelSet::empty(), value)]);
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (LabelSet, f64)>) {
        let mut family = MetricFamily::new(name, help, MetricType::Gauge);
        for (labels, value) in values {
            family.push(labels, MetricValue::Gauge(value));
        }
        self.0.push(family);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help, [(LabelSet::empty(), value)]);
    }

    fn counters(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (LabelSet, u64)>) {
        let mut family = MetricFamily::new(name, help, MetricType::Counter);
        for (labels, value) in values {
            family.push(labels, MetricValue::Counter { total: value as f64, exemplar: None });
        }
        self.0.push(family);
    }
}

impl Sources {
    fn collect(&self, families: &mut Vec<MetricFamily>) {
        let mut page = Page(families);
        let build = LabelSet::from_pairs([
            ("version", VERSION),
            ("revision", env!("CARGO_PKG_VERSION")),
            ("branch", "pullstack"),
        ]);
        page.gauges(
            "prometheus_build_info",
            "A metric with a constant '1' value labeled by version, revision and branch.",
            [(build, 1.0)],
        );
        page.gauge(
            "prometheus_ready",
            "Whether Prometheus startup was fully completed and the server is ready for normal operation.",
            1.0,
        );
        self.config(&mut page);
        self.store(&mut page);
        self.scrapes(&mut page);
        self.rules(&mut page);
        self.notifications(&mut page);
    }

    fn config(&self, page: &mut Page<'_>) {
        let loaded = self.loaded.lock();
        let worked = f64::from(u8::from(loaded.last_reload_worked));
        let at = loaded.at.duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        page.gauge(
            "prometheus_config_last_reload_successful",
            "Whether the last configuration reload attempt was successful.",
            worked,
        );
        page.gauge(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "Timestamp of the last successful configuration reload.",
            at,
        );
    }

    fn store(&self, page: &mut Page<'_>) {
        let db = &self.store.db;
        let blocks = db.blocks();
        page.gauge(
            "prometheus_tsdb_head_series",
            "Total number of series in the head block.",
            db.head_series() as f64,
        );
        if let Some(range) = db.head_range() {
            page.gauge(
                "prometheus_tsdb_head_min_time",
                "Minimum time bound of the head block. The unit is decided by the library consumer.",
                range.start as f64,
            );
            page.gauge(
                "prometheus_tsdb_head_max_time",
                "Maximum timestamp of the head block. The unit is decided by the library consumer.",
                range.end as f64,
            );
            page.gauge(
                "prometheus_tsdb_head_min_time_seconds",
                "Minimum time bound of the head block.",
                (range.start / 1000) as f64,
            );
            page.gauge(
                "prometheus_tsdb_head_max_time_seconds",
                "Maximum timestamp of the head block.",
                (range.end / 1000) as f64,
            );
            let lowest = blocks.iter().map(|b| b.min_time).min().unwrap_or(range.start);
            page.gauge(
                "prometheus_tsdb_lowest_timestamp_seconds",
                "Lowest timestamp value stored in the database.",
                (lowest / 1000) as f64,
            );
        }
        page.gauge(
            "prometheus_tsdb_blocks_loaded",
            "Number of currently loaded data blocks",
            blocks.len() as f64,
        );
        let limit = db.options().retention.map_or(0.0, |ms| ms as f64 / 1000.0);
        page.gauge(
            "prometheus_tsdb_retention_limit_seconds",
            "How long to retain samples in storage.",
            limit,
        );
        let bytes = db.options().retention_size.unwrap_or(0);
        page.gauge(
            "prometheus_tsdb_retention_limit_bytes",
            "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
            bytes as f64,
        );
        let appended = self.scrapes.samples_appended.get() + self.received.samples.get();
        page.counter(
            "prometheus_tsdb_head_samples_appended_total",
            "Total number of appended samples.",
            appended,
        );
        let counts = db.append_counts();
        for (name, help, count) in [
            (
                "prometheus_tsdb_head_out_of_order_samples_appended_total",
                "Total number of appended out of order samples.",
                counts.late,
            ),
            (
                "prometheus_tsdb_out_of_order_samples_total",
                "Total number of out of order samples ingestion failed attempts due to out of order being disabled.",
                counts.out_of_order,
            ),
            (
                "prometheus_tsdb_out_of_bound_samples_total",
                "Total number of out of bound samples ingestion failed attempts with out of order support disabled.",
                counts.out_of_bounds,
            ),
            (
                "prometheus_tsdb_too_old_samples_total",
                "Total number of out of order samples ingestion failed attempts with out of support enabled, but sample outside of time window.",
                counts.too_old,
            ),
        ] {
            page.counter(name, help, count);
        }
        page.counter("prometheus_api_remote_write_invalid_labels_samples_total", "The total number of received remote write samples and histogram samples which were rejected due to invalid labels.", self.received.invalid_labels.get());
    }

    fn scrapes(&self, page: &mut Page<'_>) {
        let s = &self.scrapes;
        for (name, help, count) in [
            (
                "prometheus_target_scrape_pools_total",
                "Total number of scrape pool creation attempts.",
                &s.pools,
            ),
            (
                "prometheus_target_scrape_pools_failed_total",
                "Total number of scrape pool creations that failed.",
                &s.pools_failed,
            ),
            (
                "prometheus_target_scrape_pool_reloads_total",
                "Total number of scrape pool reloads.",
                &s.pool_reloads,
            ),
            (
                "prometheus_target_scrape_pool_reloads_failed_total",
                "Total number of failed scrape pool reloads.",
                &s.pool_reloads_failed,
            ),
            (
                "prometheus_target_scrape_pool_exceeded_target_limit_total",
                "Total number of times scrape pools hit the target limit, during sync or config reload.",
                &s.exceeded_target_limit,
            ),
            (
                "prometheus_target_scrape_pool_exceeded_label_limits_total",
                "Total number of times scrape pools hit the label limits, during sync or config reload.",
                &s.exceeded_label_limits,
            ),
            (
                "prometheus_target_scrapes_exceeded_sample_limit_total",
                "Total number of scrapes that hit the sample limit and were rejected.",
                &s.exceeded_sample_limit,
            ),
            (
                "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
                "Total number of scrapes that hit the native histogram bucket limit and were rejected.",
                &s.exceeded_bucket_limit,
            ),
            (
                "prometheus_target_scrapes_exceeded_body_size_limit_total",
                "Total number of scrapes that hit the body size limit",
                &s.exceeded_body_size_limit,
            ),
            (
                "prometheus_target_scrapes_sample_out_of_order_total",
                "Total number of samples rejected due to not being out of the expected order.",
                &s.sample_out_of_order,
            ),
            (
                "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                "Total number of samples rejected due to duplicate timestamps but different values.",
                &s.sample_duplicate,
            ),
            (
                "prometheus_target_scrapes_sample_out_of_bounds_total",
                "Total number of samples rejected due to timestamp falling outside of the time bounds.",
                &s.sample_out_of_bounds,
            ),
            (
                "prometheus_target_scrapes_exemplar_out_of_order_total",
                "Total number of exemplar rejected due to not being out of the expected order.",
                &s.exemplar_out_of_order,
            ),
            (
                "prometheus_target_scrapes_cache_flush_forced_total",
                "How many times a scrape cache was flushed due to getting big while scrapes are failing.",
                &s.cache_flush_forced,
            ),
        ] {
            page.counter(name, help, count.get());
        }
        let status = self.watcher.status();
        let job = |name: &str| LabelSet::from_pairs([("scrape_job", name)]);
        let targets = status.iter().map(|(name, pool)| (job(name), pool.active.len() as f64));
        page.gauges(
            "prometheus_target_scrape_pool_targets",
            "Current number of targets in this scrape pool.",
            targets,
        );
        let discovered = status.iter().map(|(name, pool)| {
            let labels = LabelSet::from_pairs([("config", name.as_str()), ("name", "scrape")]);
            (labels, (pool.active.len() + pool.dropped_count) as f64)
        });
        page.gauges("prometheus_sd_discovered_targets", "Current number of discovered targets.", discovered);
    }

    fn rules(&self, page: &mut Page<'_>) {
        let (counts, status) = (self.rules.counts(), self.rules.status());
        let group = |file: &str, name: &str| LabelSet::from_pairs([("rule_group", format!("{file};{name}"))]);
        let by = |f: fn(&GroupCounts) -> u64| {
            counts.iter().map(move |c| (group(&c.file, &c.group), f(c))).collect::<Vec<_>>()
        };
        page.counters(
            "prometheus_rule_evaluations_total",
            "The total number of rule evaluations.",
            by(|c| c.evaluations),
        );
        page.counters(
            "prometheus_rule_evaluation_failures_total",
            "The total number of rule evaluation failures.",
            by(|c| c.failures),
        );
        page.counters(
            "prometheus_rule_group_iterations_missed_total",
            "The total number of rule group evaluations missed due to slow rule group evaluation.",
            by(|c| c.missed),
        );
        let of = |f: fn(&GroupStatus) -> f64| {
            status.iter().map(move |g| (group(&g.file, &g.name), f(g))).collect::<Vec<_>>()
        };
        page.gauges(
            "prometheus_rule_group_interval_seconds",
            "The interval of a rule group.",
            of(|g| g.interval.as_secs_f64()),
        );
        page.gauges("prometheus_rule_group_rules", "The number of rules.", of(|g| g.rules.len() as f64));
        page.gauges(
            "prometheus_rule_group_last_duration_seconds",
            "The duration of the last rule group evaluation.",
            of(|g| g.evaluation_time.as_secs_f64()),
        );
        page.gauges(
            "prometheus_rule_group_last_evaluation_timestamp_seconds",
            "The timestamp of the last rule group evaluation in seconds.",
            of(|g| g.last_evaluation.unwrap_or(0) as f64 / 1000.0),
        );
    }

    fn notifications(&self, page: &mut Page<'_>) {
        let stats = self.notifier.stats();
        let by = |f: fn(&Delivery) -> u64| {
            let label = |url: &str| LabelSet::from_pairs([("alertmanager", url)]);
            stats.deliveries.iter().map(move |d| (label(&d.url), f(d))).collect::<Vec<_>>()
        };
        page.gauge(
            "prometheus_notifications_alertmanagers_discovered",
            "The number of alertmanagers discovered and active.",
            stats.deliveries.len() as f64,
        );
        page.gauge(
            "prometheus_notifications_queue_capacity",
            "The capacity of the alert notifications queue.",
            stats.capacity as f64,
        );
        page.gauges(
            "prometheus_notifications_queue_length",
            "The number of alert notifications in the queue.",
            by(|d| d.waiting).into_iter().map(|(l, n)| (l, n as f64)),
        );
        page.counters("prometheus_notifications_sent_total", "Total number of alerts sent.", by(|d| d.sent));
        page.counters(
            "prometheus_notifications_errors_total",
            "Total number of sent alerts affected by errors.",
            by(|d| d.failed),
        );
        page.counters(
            "prometheus_notifications_dropped_total",
            "Total number of alerts dropped due to errors when sending to Alertmanager.",
            by(|d| d.dropped),
        );
    }
}
