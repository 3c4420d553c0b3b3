//! What the scraping itself counts, for a program's own page.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of all scrapes of a manager. Each is named after the `prometheus_target_…_total` metric of the
/// original that shows it.
#[cfg(feature = "http")]
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ScrapeStats {
    /// Samples that the store took: a part of `prometheus_tsdb_head_samples_appended_total`.
    pub samples_appended: Count,
    /// `prometheus_target_scrapes_exceeded_sample_limit_total`.
    pub exceeded_sample_limit: Count,
    /// `prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total`.
    pub exceeded_bucket_limit: Count,
    /// `prometheus_target_scrapes_exceeded_body_size_limit_total`.
    pub exceeded_body_size_limit: Count,
    /// `prometheus_target_scrape_pool_exceeded_target_limit_total`.
    pub exceeded_target_limit: Count,
    /// `prometheus_target_scrape_pool_exceeded_label_limits_total`.
    pub exceeded_label_limits: Count,
    /// `prometheus_target_scrapes_sample_out_of_order_total`.
    pub sample_out_of_order: Count,
    /// `prometheus_target_scrapes_sample_duplicate_timestamp_total`.
    pub sample_duplicate: Count,
    /// `prometheus_target_scrapes_sample_out_of_bounds_total`.
    pub sample_out_of_bounds: Count,
    /// `prometheus_target_scrapes_exemplar_out_of_order_total`.
    pub exemplar_out_of_order: Count,
    /// `prometheus_target_scrapes_cache_flush_forced_total`.
    pub cache_flush_forced: Count,
    /// `prometheus_target_scrape_pool_reloads_total`.
    pub pool_reloads: Count,
    /// `prometheus_target_scrape_pool_reloads_failed_total`.
    pub pool_reloads_failed: Count,
    /// `prometheus_target_scrape_pools_total`.
    pub pools: Count,
    /// `prometheus_target_scrape_pools_failed_total`.
    pub pools_failed: Count,
    /// `prometheus_target_scrape_pool_sync_total`.
    pub pool_syncs: Count,
    /// `prometheus_target_sync_failed_total`.
    pub sync_failed: Count,
}
